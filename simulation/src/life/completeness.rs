//! Whether answers are right to call themselves complete, or not (I5).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use cluster::ClusterState;
use proto::NodeId;
use tokio::time::sleep;

use super::{SharedStage, Stage};
use crate::host::Running;
use crate::invariants::i05_completeness::{QueryConditions, RingDuring, check};
use crate::world::clock::true_ms;

/// How long a host has to be well until the others surely get on with it, milliseconds.
pub(super) const WELL_MS: i64 = 15_000;
/// How long the bucket has to be well until nodes have surely listed it, milliseconds.
const BUCKET_WELL_MS: i64 = 30_000;
/// Until what happened to a lease was surely written down.
const LEASE_NOTED: Duration = Duration::from_millis(1_200);
/// By how much the end of a lease may be written down wrongly, milliseconds.
const LEASE_SLACK_MS: i64 = 10;

/// What was known when a query was sent.
pub struct View {
    host: usize,
    started_ms: i64,
    /// The start of the node that is asked, and what it had agreed on.
    asked: Option<(u64, Arc<ClusterState>)>,
    lease_until_ms: i64,
}

impl View {
    /// What is known of a host now.
    pub fn of(host: usize, stage: &SharedStage) -> View {
        let running = stage.borrow().hosts[host].running();
        let lease_until_ms = running.as_ref().map_or(i64::MIN, |running| running.lease_until_ms());
        let asked = running.map(|running| (running.start, running.cluster.state()));
        View { host, started_ms: true_ms(), asked, lease_until_ms }
    }
}

/// Judges whether an answer that was just given is right about being complete.
pub async fn judge(view: View, is_complete: bool, stage: &SharedStage) {
    let ended_ms = true_ms();
    let conditions = conditions(&view, ended_ms, &stage.borrow());
    let Some(mut conditions) = conditions else { return };
    if is_complete && view.lease_until_ms < view.started_ms {
        sleep(LEASE_NOTED).await;
        let running = stage.borrow().hosts[view.host].running();
        let is_same = |start: u64| view.asked.as_ref().is_some_and(|(asked, _)| *asked == start);
        conditions.had_no_lease = running.is_some_and(|running| {
            let until_ms = running.lease_until_ms() + LEASE_SLACK_MS;
            is_same(running.start) && until_ms < view.started_ms
        });
    }
    let mut stage = stage.borrow_mut();
    let anyone_down = stage
        .health
        .hosts
        .iter()
        .any(|host| host.down_since_ms.is_some_and(|since_ms| since_ms <= view.started_ms));
    if !is_complete {
        stage.sometimes("query flagged incomplete");
    } else if anyone_down {
        stage.sometimes("query complete with a node down");
    }
    stage.checked("I5");
    if conditions.had_lease && conditions.had_bucket {
        stage.sometimes("query had to be complete, but for its holders");
    }
    let judged = check(&conditions, is_complete);
    stage.judged(judged);
}

/// What is certain of a query; `None` when the cluster changed meanwhile.
fn conditions(view: &View, ended_ms: i64, stage: &Stage) -> Option<QueryConditions> {
    let host = &stage.hosts[view.host];
    let (start, before) = view.asked.as_ref()?;
    let running = host.running().filter(|running| running.start == *start)?;
    let state = running.cluster.state();
    let holders = |state: &ClusterState| -> Vec<(String, BTreeSet<NodeId>)> {
        state.hashrings.values().map(|ring| (ring.name.clone(), ring.nodes.clone())).collect()
    };
    if holders(before) != holders(&state) {
        return None;
    }
    let well_since_ms = view.started_ms - WELL_MS;
    let is_asked_well = stage.health.hosts.get(view.host)?.is_well_since(well_since_ms);
    let able = if is_asked_well { able(stage, well_since_ms) } else { BTreeSet::new() };
    let unable = unable(stage, view.started_ms);
    let rings = state.hashrings.values().map(|ring| RingDuring {
        name: ring.name.clone(),
        copies_needed: ring.ack_copies as usize,
        holders: names(&ring.nodes),
        surely_able: names(&able),
        surely_unable: names(&ring.nodes.intersection(&unable).copied().collect()),
    });
    let bucket_since_ms = stage.health.bucket_calm_since_ms;
    Some(QueryConditions {
        about: format!("a query to {} from {} to {ended_ms}", host.name, view.started_ms),
        rings: rings.collect(),
        had_lease: view.lease_until_ms > ended_ms + LEASE_SLACK_MS,
        had_no_lease: false,
        had_bucket: bucket_since_ms.is_some_and(|at| at <= view.started_ms - BUCKET_WELL_MS),
    })
}

/// Nodes that could answer all the time.
pub(super) fn able(stage: &Stage, since_ms: i64) -> BTreeSet<NodeId> {
    let hosts = stage.hosts.iter().zip(&stage.health.hosts);
    let well = hosts.filter(|(host, health)| health.is_well_since(since_ms) && !host.is_stopping());
    well.filter_map(|(host, _)| Some(host.running()?.cluster.node_id())).collect()
}

/// Nodes that could not at any time: none served on their host, or another one, or they miss
/// frames of their journal, or are on an old copy of their disk.
fn unable(stage: &Stage, since_ms: i64) -> BTreeSet<NodeId> {
    let mut possible = BTreeSet::new();
    for (host, health) in stage.hosts.iter().zip(&stage.health.hosts) {
        let is_whole = |running: &Running| !running.has_damaged_frames() && !health.has_old_disk;
        let was_running = health.running_since.is_some_and(|(at_ms, _)| at_ms <= since_ms);
        let was_idle = health.idle_since_ms.is_some_and(|at_ms| at_ms <= since_ms);
        match host.running() {
            Some(running) if was_running => {
                possible.extend(is_whole(&running).then(|| running.cluster.node_id()));
            }
            None if was_idle => {}
            _ => possible.extend(&health.nodes),
        }
    }
    let known = stage.health.hosts.iter().flat_map(|health| health.nodes.iter().copied());
    known.filter(|node| !possible.contains(node)).collect()
}

fn names(nodes: &BTreeSet<NodeId>) -> BTreeSet<String> {
    nodes.iter().map(|node| node.to_string()).collect()
}
