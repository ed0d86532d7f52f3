//! The seams: everything that differs between production and simulation, in one value.

use std::sync::Arc;

use cluster::{ClusterError, Dial, WallClock};
use journal::files::{Files, OsFiles};
use object_store::ObjectStore;
use tonic::transport::{Channel, Endpoint};

use crate::NodeError;

/// A computation that may block.
pub type Blocking = Box<dyn FnOnce() + Send>;

/// Where threads come from, and where blocking work goes.
pub trait Threads: Send + Sync {
    /// Starts a thread that lives as long as the node.
    fn spawn(&self, name: &str, work: Blocking) -> std::io::Result<()>;
    /// Runs work that blocks for a while.
    fn block(&self, work: Blocking);
}

/// The outside world of a node.
#[derive(Clone)]
pub struct Env {
    /// The disk.
    pub files: Arc<dyn Files>,
    /// The wall clock.
    pub clock: Arc<dyn WallClock>,
    /// How other nodes are reached.
    pub dial: Arc<dyn Dial>,
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
        let handle = tokio::runtime::Handle::try_current()
            .map_err(|error| NodeError::Internal(error.to_string()))?;
        Ok(Env {
            files: Arc::new(OsFiles),
            clock: Arc::new(SystemClock),
            dial: Arc::new(TcpDial),
            bucket: None,
            threads: Arc::new(OsThreads { handle }),
            seed: rand::random(),
        })
    }
}

/// The system's wall clock.
#[derive(Debug)]
pub struct SystemClock;

impl WallClock for SystemClock {
    fn now_ms(&self) -> i64 {
        wall_clock_ms()
    }
}

/// Milliseconds since 1970 by the system's clock.
#[allow(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub fn wall_clock_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}

/// Connections over TCP, made when they are first used.
#[derive(Debug)]
pub struct TcpDial;

/// Exit status of a process whose thread panicked.
const EXIT_PANIC: i32 = 70;

/// A connection attempt takes at most this long.
const CONNECT_TIMEOUT: std::time::Duration = std::time::Duration::from_millis(1_000);

impl Dial for TcpDial {
    fn channel(&self, address: &str) -> cluster::Result<Channel> {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .map_err(|error| ClusterError::Options(format!("address {address:?}: {error}")))?;
        Ok(endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(std::time::Duration::from_secs(5))
            .keep_alive_timeout(std::time::Duration::from_secs(5))
            .connect_lazy())
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

/// Threads of the operating system.
struct OsThreads {
    handle: tokio::runtime::Handle,
}

impl Threads for OsThreads {
    fn spawn(&self, name: &str, work: Blocking) -> std::io::Result<()> {
        let label = name.to_owned();
        let guarded = move || {
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err() {
                // Whoever waits for this thread would wait for ever; recovery at the next start
                // decides what is on the disk.
                tracing::error!(thread = label, "a thread of the node panicked; the process ends");
                std::process::exit(EXIT_PANIC);
            }
        };
        std::thread::Builder::new().name(name.to_owned()).spawn(guarded).map(|_| ())
    }

    fn block(&self, work: Blocking) {
        self.handle.spawn_blocking(work);
    }
}
