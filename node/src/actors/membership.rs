//! The membership actor: watches lease, ring table and readiness, and says so in log and metrics.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use cluster::Cluster;
use proto::NodeId;
use ractor::{Actor, ActorProcessingErr, ActorRef};

use crate::readiness::Readiness;

/// How often readiness is looked at anew.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What the membership actor is told.
#[derive(Debug)]
pub enum Message {
    /// Look at the cluster.
    Look,
}

/// What it works with.
pub struct Arguments {
    /// The cluster.
    pub cluster: Cluster,
    /// What it decides.
    pub readiness: Arc<Readiness>,
    /// The ring that this node receives for; `None` when it does not take writes.
    pub hashring: Option<String>,
}

/// What it remembers.
pub struct State {
    arguments: Arguments,
    last: Option<String>,
    epoch: u64,
    live: Arc<BTreeSet<NodeId>>,
}

/// The membership actor.
pub struct MembershipActor;

impl Actor for MembershipActor {
    type Msg = Message;
    type State = State;
    type Arguments = Arguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        arguments: Arguments,
    ) -> Result<State, ActorProcessingErr> {
        myself.send_interval(LOOK_EVERY, || Message::Look);
        Ok(State { arguments, last: Some(String::new()), epoch: 0, live: Arc::default() })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Message>,
        Message::Look: Message,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        state.look();
        Ok(())
    }
}

impl State {
    fn look(&mut self) {
        if self.arguments.readiness.is_stopping() {
            return;
        }
        let obstacle = self.obstacle();
        match &obstacle {
            None => self.arguments.readiness.set_ready(),
            Some(reason) => self.arguments.readiness.set_unready(reason),
        }
        if obstacle != self.last {
            match &obstacle {
                None => tracing::info!("ready"),
                Some(reason) => tracing::info!(reason, "not ready"),
            }
            self.last = obstacle;
        }
        self.report_epoch();
        self.report_liveness();
    }

    /// What keeps this node from serving, if anything.
    fn obstacle(&self) -> Option<String> {
        let cluster = &self.arguments.cluster;
        let lease = cluster.lease();
        if !lease.valid() {
            let status = cluster.status();
            let damage = match status.owes_entries {
                true => "; the Raft log is damaged, a leader has to send again what it lost",
                false => "",
            };
            let phase = status.phase.as_str();
            return Some(format!("no lease from a leader yet ({phase}){damage}"));
        }
        if lease.is_clock_skewed() {
            return Some("this node's clock is more than 30 s off the cluster's".to_owned());
        }
        let ring = self.arguments.hashring.as_ref()?;
        let state = cluster.state();
        let table = state.hashrings.get(ring).is_some_and(|r| r.has_table());
        (!table).then(|| format!("hashring {ring:?} has no shard table yet"))
    }

    fn report_liveness(&mut self) {
        let live = self.arguments.cluster.lease().live();
        if live == self.live {
            return;
        }
        let state = self.arguments.cluster.state();
        let name = |id: &NodeId| state.members.get(id).map_or("?", |member| member.name.as_str());
        for id in self.live.difference(&live) {
            tracing::warn!(node = %id, name = name(id), "a member of the cluster is down");
        }
        for id in live.difference(&self.live) {
            tracing::info!(node = %id, name = name(id), "a member of the cluster is up");
        }
        self.live = live;
    }

    fn report_epoch(&mut self) {
        let Some(name) = &self.arguments.hashring else { return };
        let state = self.arguments.cluster.state();
        let Some(ring) = state.hashrings.get(name) else { return };
        if ring.epoch.0 != self.epoch {
            self.epoch = ring.epoch.0;
            let (epoch, nodes) = (ring.epoch.0, ring.nodes.len());
            tracing::info!(hashring = name, epoch, nodes, "hashring has a new table");
        }
    }
}
