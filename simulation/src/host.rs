//! One host: its disk, clock and settings outlive the node that runs on it, again and again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use cluster::{Cluster, Lease};
use node::config::NodeConfig;
use node::env::Env;
use node::readiness::Readiness;
use node::run::Node;
use object_store::ObjectStore;
use parking_lot::Mutex;
use storage::block::LocalBlocks;
use storage::head::Head;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::nemesis::CrashKind;
use crate::random::Random;
use crate::trace::SharedTrace;
use crate::world::clock::{Clock, true_ms};
use crate::world::disk::Disk;
use crate::world::duplication::Duplication;
use crate::world::kv;
use crate::world::net::Network;
use crate::world::threads::{Slowness, Tasks};

/// Port of the gRPC edge of every host.
pub const GRPC_PORT: u16 = 10901;
/// Port of the query and administration edge of every host.
pub const HTTP_PORT: u16 = 10902;
/// Port of the write edge of every host.
pub const WRITE_PORT: u16 = 19291;

/// How the reason begins when a node did not come up.
pub const NOT_STARTED: &str = "it did not start";

/// A node that runs.
#[derive(Clone)]
pub struct Running {
    /// Its part in the cluster.
    pub cluster: Cluster,
    /// What it has in memory.
    pub head: Arc<Head>,
    /// The blocks on its disk.
    pub blocks: Arc<LocalBlocks>,
    /// Which start of the host's process it is.
    pub start: u64,
    readiness: Arc<Readiness>,
    noted: Arc<Noted>,
}

/// What a host takes down about its node's lease every second: only the host's own runtime knows
/// its time.
struct Noted {
    /// Until when it lasts or lasted, in true time.
    until_ms: AtomicI64,
    /// How far its cluster time was ahead of true time.
    ahead_ms: AtomicI64,
}

impl Default for Noted {
    fn default() -> Noted {
        Noted { until_ms: AtomicI64::new(i64::MIN), ahead_ms: AtomicI64::new(i64::MIN) }
    }
}

impl Running {
    /// Until when its lease lasts or lasted, in true time as of the last second.
    pub fn lease_until_ms(&self) -> i64 {
        self.noted.until_ms.load(Ordering::Relaxed)
    }

    /// How far its cluster time was ahead of true time within the last second; very negative when
    /// it knew none.
    pub fn cluster_ahead_ms(&self) -> i64 {
        self.noted.ahead_ms.load(Ordering::Relaxed)
    }

    /// Whether it misses frames of its journal that were surely durable.
    pub fn has_damaged_frames(&self) -> bool {
        self.head.recovery().damaged.iter().any(|damage| !damage.maybe_unsynced)
    }

    /// Whether it serves, or why not.
    pub fn ready(&self) -> Result<(), String> {
        self.readiness.check()
    }
}

/// What a host is like.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// Threads that its node believes to have.
    pub cores: usize,
    /// How long every turn of its disk takes.
    pub disk: Duration,
    /// How long at least while a process starts.
    pub cold_disk: Duration,
}

/// See the module.
pub struct Host {
    /// Its name in the network, and the node's.
    pub name: String,
    /// What the node is told.
    pub config: NodeConfig,
    /// Its disk.
    pub disk: Disk,
    /// Its key-value store.
    pub key_value: kv::Store,
    /// Its wall clock.
    pub clock: Clock,
    /// Which of its calls are made twice.
    pub duplication: Duplication,
    /// How slow its disk is.
    pub slowness: Slowness,
    /// The bucket as it sees it.
    pub bucket: Arc<dyn ObjectStore>,
    /// Threads that its node believes to have.
    pub cores: usize,
    /// Where its seeds come from.
    pub seed: u64,
    trace: SharedTrace,
    starts: AtomicU64,
    ended: AtomicBool,
    has_process: AtomicBool,
    is_stopping: AtomicBool,
    running: Mutex<Option<Running>>,
    /// The head of the node that ran last, until somebody has looked at it.
    left: Mutex<Option<Arc<Head>>>,
    exits: Mutex<Vec<String>>,
    stop: Notify,
}

impl Host {
    /// A host that was never started.
    pub fn new(
        config: NodeConfig,
        bucket: Arc<dyn ObjectStore>,
        machine: Machine,
        seed: u64,
        trace: SharedTrace,
    ) -> Host {
        Host {
            name: config.node_name.clone(),
            config,
            disk: Disk::new(seed, trace.clone()),
            key_value: kv::Store::default(),
            clock: Clock::default(),
            duplication: Duplication::new(seed),
            slowness: Slowness::new(machine.disk, machine.cold_disk),
            bucket,
            cores: machine.cores,
            seed,
            trace,
            starts: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            has_process: AtomicBool::new(false),
            is_stopping: AtomicBool::new(false),
            running: Mutex::default(),
            left: Mutex::default(),
            exits: Mutex::default(),
            stop: Notify::new(),
        }
    }

    /// The node, while it runs.
    pub fn running(&self) -> Option<Running> {
        self.running.lock().clone()
    }

    /// Whether there is a process that could still do something; one that ended by itself counts
    /// until it is cleared away.
    pub fn has_process(&self) -> bool {
        self.has_process.load(Ordering::Relaxed)
    }

    /// Whether a process was started whose node does not serve yet.
    pub fn is_starting(&self) -> bool {
        self.has_process() && !self.has_ended() && self.running.lock().is_none()
    }

    /// The head of the node that ran last, once, if it is down.
    pub fn take_left(&self) -> Option<Arc<Head>> {
        self.left.lock().take()
    }

    /// How often a process was started.
    pub fn starts(&self) -> u64 {
        self.starts.load(Ordering::Relaxed)
    }

    /// Has the node stop as SIGTERM does.
    pub fn ask_to_stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
        self.stop.notify_one();
    }

    /// Whether the node was told to stop: from then on it refuses what it is asked.
    pub fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    /// Whether the process ended by itself, and nobody has seen to it.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Why the node ended by itself, since this was asked last.
    pub fn take_exits(&self) -> Vec<String> {
        std::mem::take(&mut *self.exits.lock())
    }

    /// The process is gone, however it went; disk and store forget what they may.
    pub fn crashed(&self, kind: CrashKind) {
        self.no_longer_runs();
        self.ended.store(false, Ordering::Relaxed);
        self.has_process.store(false, Ordering::Relaxed);
        self.disk.crash(kind);
        if kind != CrashKind::ProcessKill {
            let starts = self.starts.load(Ordering::Relaxed);
            self.key_value.crash(&mut Random::new(self.seed ^ starts));
        }
    }

    /// One life of the process: what runs on the host from its start until it ends or is killed.
    pub async fn run(self: Arc<Self>) {
        let start = self.starts.fetch_add(1, Ordering::Relaxed);
        self.has_process.store(true, Ordering::Relaxed);
        self.is_stopping.store(false, Ordering::Relaxed);
        self.trace.event(format!("{} starts, life {start}", self.name));
        let seed = Random::new(self.seed ^ start.rotate_left(32)).bits();
        // The first start has nothing to read.
        self.slowness.set_starting(start > 0);
        let started = Node::start(self.config.clone(), self.env(seed)).await;
        self.slowness.set_starting(false);
        match started {
            Ok(node) => self.serve(node, start).await,
            Err(error) => self.exited(format!("{NOT_STARTED}: {error}")),
        }
        self.no_longer_runs();
        self.ended.store(true, Ordering::Relaxed);
    }

    fn no_longer_runs(&self) {
        if let Some(running) = self.running.lock().take() {
            *self.left.lock() = Some(running.head);
        }
    }

    async fn serve(&self, mut node: Node, start: u64) {
        let (cluster, readiness) = (node.cluster().clone(), node.readiness().clone());
        let noted = Arc::<Noted>::default();
        tokio::spawn(follow_lease(cluster.lease(), noted.clone()));
        let (head, blocks) = (node.head().clone(), node.local_blocks().clone());
        *self.running.lock() = Some(Running { cluster, head, blocks, start, readiness, noted });
        tokio::select! {
            biased;
            reason = node.failed() => self.exited(reason),
            () = self.stop.notified() => {
                node.stop(Duration::from_secs(5)).await;
                self.exited("told to stop".to_owned());
            }
        }
    }

    fn exited(&self, reason: String) {
        self.trace.event(format!("{} ends: {reason}", self.name));
        self.exits.lock().push(reason);
    }

    fn env(&self, seed: u64) -> Env {
        let key_value = self.key_value.clone();
        let network = Network { trace: self.trace.clone(), duplication: self.duplication.clone() };
        Env {
            files: self.disk.files(),
            key_value: Arc::new(move |_| Ok(Arc::new(key_value.clone()))),
            clock: Arc::new(self.clock.clone()),
            dial: Arc::new(network.clone()),
            listen: Arc::new(network),
            bucket: Some(self.bucket.clone()),
            threads: Arc::new(Tasks { cores: self.cores, slowness: self.slowness.clone() }),
            seed,
        }
    }
}

/// Takes down every second until when a lease lasts, and cluster time.
async fn follow_lease(lease: Lease, noted: Arc<Noted>) {
    loop {
        if let Some(until) = lease.until() {
            let now = Instant::now();
            let left = until.saturating_duration_since(now).as_millis() as i64;
            let past = now.saturating_duration_since(until).as_millis() as i64;
            noted.until_ms.store(true_ms() + left - past, Ordering::Relaxed);
        }
        if let Some(time_ms) = lease.cluster_time_ms() {
            noted.ahead_ms.store(time_ms - true_ms(), Ordering::Relaxed);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
