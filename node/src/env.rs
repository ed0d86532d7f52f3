//! The seams: everything that differs between production and simulation, in one value.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use cluster::kv::KeyValue;
use cluster::{Dial, WallClock};
use futures::future::BoxFuture;
use journal::files::Files;
use object_store::ObjectStore;
use query::Workers;

use crate::NodeError;
use crate::http::serving::HttpListener;

mod connection;
mod os;

pub use connection::{Connection, GrpcListener, Incoming, Socket};
pub use os::{SystemClock, wall_clock_ms};

/// A computation that may block.
pub type Blocking = Box<dyn FnOnce() + Send>;

/// Where threads come from, and where blocking work goes.
pub trait Threads: Send + Sync {
    /// Runs work on a thread of its own (under simulation: a task) for as long as the node lives.
    /// The work may block between its awaits.
    fn spawn(&self, name: &str, work: BoxFuture<'static, ()>) -> std::io::Result<()>;
    /// Runs work that blocks for a while.
    fn block(&self, work: Blocking);
    /// How many threads can run at once.
    fn cores(&self) -> usize;
    /// The threads that one computation may take, whose results do not depend on them. Only the
    /// caller's own under simulation.
    fn workers(&self) -> Workers {
        Workers::one()
    }
}

/// Where a node listens.
#[async_trait]
pub trait Listen: Send + Sync {
    /// Listens for calls of other nodes.
    async fn grpc(&self, address: SocketAddr) -> std::io::Result<GrpcListener>;
    /// Listens for HTTP.
    async fn http(&self, address: SocketAddr) -> std::io::Result<Arc<dyn HttpListener>>;
}

/// Opens the key-value store of a directory.
pub type OpenKeyValue = Arc<dyn Fn(&Path) -> std::io::Result<Arc<dyn KeyValue>> + Send + Sync>;

/// The outside world of a node.
#[derive(Clone)]
pub struct Env {
    /// The disk.
    pub files: Arc<dyn Files>,
    /// The key-value store for metadata that can be rebuilt.
    pub key_value: OpenKeyValue,
    /// The wall clock.
    pub clock: Arc<dyn WallClock>,
    /// How other nodes are reached.
    pub dial: Arc<dyn Dial>,
    /// How this node is reached.
    pub listen: Arc<dyn Listen>,
    /// The bucket; `None` builds it from the configuration.
    pub bucket: Option<Arc<dyn ObjectStore>>,
    /// Threads and blocking work.
    pub threads: Arc<dyn Threads>,
    /// Seed of all randomness of this process.
    pub seed: u64,
}

impl Env {
    /// Production: real disk, clock, sockets, threads, and a seed from the operating system.
    pub fn production() -> Result<Env, NodeError> {
        os::production()
    }
}

/// Runs a computation that blocks and waits for it without blocking.
pub async fn run_blocking<T: Send + 'static>(
    threads: &dyn Threads,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, NodeError> {
    let (reply, answer) = tokio::sync::oneshot::channel();
    threads.block(Box::new(move || {
        // The asker may be gone.
        let _ = reply.send(work());
    }));
    answer.await.map_err(|_| NodeError::Internal("blocking work ended without a result".to_owned()))
}
