//! One host: its disk, clock and settings outlive the node that runs on it, again and again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use cluster::Cluster;
use node::config::NodeConfig;
use node::env::Env;
use node::readiness::Readiness;
use node::run::Node;
use object_store::ObjectStore;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::nemesis::CrashKind;
use crate::random::Random;
use crate::trace::SharedTrace;
use crate::world::clock::Clock;
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
    readiness: Arc<Readiness>,
}

impl Running {
    /// Whether it serves, or why not.
    pub fn ready(&self) -> Result<(), String> {
        self.readiness.check()
    }
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
    running: Mutex<Option<Running>>,
    exits: Mutex<Vec<String>>,
    stop: Notify,
}

impl Host {
    /// A host that was never started.
    pub fn new(
        config: NodeConfig,
        bucket: Arc<dyn ObjectStore>,
        cores: usize,
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
            slowness: Slowness::default(),
            bucket,
            cores,
            seed,
            trace,
            starts: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            running: Mutex::default(),
            exits: Mutex::default(),
            stop: Notify::new(),
        }
    }

    /// The node, while it runs.
    pub fn running(&self) -> Option<Running> {
        self.running.lock().clone()
    }

    /// Has the node stop as SIGTERM does.
    pub fn ask_to_stop(&self) {
        self.stop.notify_one();
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
        *self.running.lock() = None;
        self.ended.store(false, Ordering::Relaxed);
        self.disk.crash(kind);
        if kind != CrashKind::ProcessKill {
            let starts = self.starts.load(Ordering::Relaxed);
            self.key_value.crash(&mut Random::new(self.seed ^ starts));
        }
    }

    /// One life of the process: what runs on the host from its start until it ends or is killed.
    pub async fn run(self: Arc<Self>) {
        let start = self.starts.fetch_add(1, Ordering::Relaxed);
        self.trace.event(format!("{} starts, life {start}", self.name));
        let seed = Random::new(self.seed ^ start.rotate_left(32)).bits();
        match Node::start(self.config.clone(), self.env(seed)).await {
            Ok(node) => self.serve(node).await,
            Err(error) => self.exited(format!("{NOT_STARTED}: {error}")),
        }
        *self.running.lock() = None;
        self.ended.store(true, Ordering::Relaxed);
    }

    async fn serve(&self, mut node: Node) {
        let (cluster, readiness) = (node.cluster().clone(), node.readiness().clone());
        *self.running.lock() = Some(Running { cluster, readiness });
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
