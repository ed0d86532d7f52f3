//! The founding of a cluster: hosts, bucket, network, and the routes of hard tenants.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use node::config::NodeConfig;
use proto::TenantName;

use super::watching::Watch;
use super::{Life, Result, Stage, clients};
use crate::client;
use crate::error::SimulationError;
use crate::fleet::{Fleet, base_config};
use crate::host::{GRPC_PORT, HTTP_PORT, Host, Machine};
use crate::nemesis::{MakeHost, Nemesis};
use crate::plan::{ACCEPT_AGE, ACCEPT_AHEAD, HARD_RING, Plan};
use crate::random::Random;
use crate::trace::SharedTrace;
use crate::traffic::{TenantPlan, Traffic, TrafficOptions};
use crate::world::store::Store;

/// How long the founding may take, milliseconds.
const FOUNDING_MS_MAX: i64 = 60_000;
/// Size of the parts of uploads: some files of blocks are larger.
const PART_BYTES: u64 = 1 << 10;
/// `--receive.decoded-bytes-max` of the simulated nodes.
const DECODED_BYTES_MAX: u64 = 256 << 10;

/// Builds everything; the nodes start with the first step.
pub(super) fn found(seed: u64, plan: Rc<Plan>, mut random: Random, trace: SharedTrace) -> Life {
    let mut fleet = Fleet::new(random.bits(), plan.network);
    let store = Store::new(random.bits(), trace.clone());
    let hosts_seed = random.bits();
    let make = {
        let (plan, store, trace) = (plan.clone(), store.clone(), trace.clone());
        move |index: usize, ring: usize| {
            let config = config_of(&plan, index, ring);
            let seed = hosts_seed ^ (index as u64).rotate_left(48);
            let machine = Machine { cores: plan.cores, disk: plan.disk, cold_disk: plan.cold_disk };
            Arc::new(Host::new(config, Arc::new(store.clone()), machine, seed, trace.clone()))
        }
    };
    for (number, ring) in plan.rings.iter().enumerate() {
        for index in &ring.hosts {
            fleet.add(make(*index, number));
        }
    }
    let traffic = Traffic::new(traffic_of(&plan), Random::new(random.bits()));
    let stage = Stage::new(traffic, fleet.hosts.clone(), trace.clone());
    let make: MakeHost = Box::new(make);
    let draws = Random::new(random.bits());
    let nemesis = Nemesis::new(plan.clone(), draws, store.clone(), make, trace.clone());
    let stage = Rc::new(RefCell::new(stage));
    Life { seed, plan, fleet, nemesis, stage, trace, store, watch: Watch::default(), audits: 0 }
}

/// What the node of a host is told.
fn config_of(plan: &Plan, index: usize, ring: usize) -> NodeConfig {
    let seeds: Vec<String> = plan.hosts.iter().map(|name| format!("{name}:{GRPC_PORT}")).collect();
    let expect = plan.hosts.len();
    let mut config = base_config(&format!("node-{index}"), &seeds, expect);
    config.hashring = plan.rings[ring].name.to_owned();
    config.tsdb.window = plan.window;
    config.tsdb.window_grace = plan.window_grace;
    config.tsdb.late_part_interval = plan.late_part_interval;
    config.tsdb.retention = plan.retention;
    config.store.sync_interval = plan.sync_interval;
    config.tsdb.wal_segment_bytes = plan.segment_bytes;
    config.store.part_bytes = PART_BYTES;
    config.cluster.snapshot_entries = plan.snapshot_entries;
    config.head.partitions = plan.partitions;
    config.receive.accept_age = ACCEPT_AGE;
    config.receive.accept_ahead = ACCEPT_AHEAD;
    config.receive.decoded_bytes_max = DECODED_BYTES_MAX;
    config.receive.default_tenant = tenant("cluster");
    config
}

fn tenant(name: &str) -> TenantName {
    TenantName::new(name).expect("a valid name")
}

fn traffic_of(plan: &Plan) -> TrafficOptions {
    let has_hard = plan.rings.iter().any(|ring| ring.name == HARD_RING);
    let hard = has_hard.then(|| HARD_RING.to_owned());
    TrafficOptions {
        tenants: vec![
            TenantPlan { name: tenant("cluster"), hard_ring: None },
            TenantPlan { name: tenant("a"), hard_ring: hard.clone() },
            TenantPlan { name: tenant("b"), hard_ring: hard },
        ],
        default_tenant: Some(tenant("cluster")),
        clients_per_tenant: plan.clients_per_tenant,
        series_per_client: plan.series_per_client,
        replica_label: "replica",
        spans: plan.spans(),
        refused_percent: 6,
        retry_percent: 80,
        decoded_bytes_max: DECODED_BYTES_MAX,
    }
}

impl Life {
    /// Steps until every node serves, and routes the hard tenants.
    pub(super) fn wait_until_founded(&mut self) -> Result<()> {
        if !self.step_until(FOUNDING_MS_MAX, |life| life.unready().is_empty())? {
            return Err(SimulationError::Stuck(format!(
                "the cluster was not founded in {FOUNDING_MS_MAX} ms: {}",
                self.unready().join("; ")
            )));
        }
        self.trace.event(format!("founded after {} ms", self.fleet.elapsed_ms()));
        let hard = self.stage.borrow().traffic.tenants().to_vec();
        let routes: Vec<(TenantName, String)> =
            hard.into_iter().filter_map(|t| Some((t.name, t.hard_ring?))).collect();
        if routes.is_empty() {
            return Ok(());
        }
        let done = Rc::new(RefCell::new(false));
        self.fleet.sim.client("operator", route(routes, done.clone(), self.trace.clone()));
        let routed = self.step_until(FOUNDING_MS_MAX, |_| *done.borrow())?;
        if routed { Ok(()) } else { Err(SimulationError::Stuck("tenants were not routed".into())) }
    }

    /// Nodes that do not serve, and why.
    pub(super) fn unready(&self) -> Vec<String> {
        let obstacle = |host: &Arc<Host>| match host.running() {
            None => Some(format!("{} does not run", host.name)),
            Some(running) => {
                let why = running.ready().err()?;
                Some(format!("{} is not ready: {why}", host.name))
            }
        };
        self.fleet.hosts.iter().filter_map(obstacle).collect()
    }
}

/// Routes tenants as an operator does.
async fn route(
    routes: Vec<(TenantName, String)>,
    done: Rc<RefCell<bool>>,
    trace: SharedTrace,
) -> turmoil::Result {
    for (tenant, ring) in routes {
        loop {
            let request = clients::route_request(tenant.as_str(), &ring).ok_or("a valid route")?;
            let limit = Duration::from_secs(10);
            match client::send("node-0", HTTP_PORT, request, limit, &trace).await {
                Ok(answer) if answer.status == 200 => break,
                _ => tokio::time::sleep(Duration::from_millis(500)).await,
            }
        }
    }
    *done.borrow_mut() = true;
    Ok(())
}
