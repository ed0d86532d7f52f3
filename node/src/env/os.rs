//! Production's side of the seams.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cluster::kv::{KeyValue, SledStore};
use cluster::{ClusterError, Dial, Line, WallClock};
use futures::future::BoxFuture;
use futures::{StreamExt, stream};
use journal::files::OsFiles;
use query::Workers;
use tonic::transport::Endpoint;
use tower::util::BoxCloneSyncService;

use super::{Blocking, Connection, Env, GrpcListener, Listen, Threads};
use crate::NodeError;
use crate::http::serving::{HttpListener, TcpHttp};

/// Exit status of a process whose thread panicked.
const EXIT_PANIC: i32 = 70;
/// A connection attempt takes at most this long.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_000);

pub(super) fn production() -> Result<Env, NodeError> {
    let handle = tokio::runtime::Handle::try_current()
        .map_err(|error| NodeError::Internal(error.to_string()))?;
    Ok(Env {
        files: Arc::new(OsFiles),
        key_value: Arc::new(open_sled),
        clock: Arc::new(SystemClock),
        dial: Arc::new(TcpDial),
        listen: Arc::new(TcpListen),
        bucket: None,
        threads: Arc::new(OsThreads { handle }),
        seed: rand::random(),
    })
}

fn open_sled(directory: &Path) -> io::Result<Arc<dyn KeyValue>> {
    Ok(Arc::new(SledStore::open(directory)?))
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
struct TcpDial;

impl Dial for TcpDial {
    fn channel(&self, address: &str) -> cluster::Result<Line> {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .map_err(|error| ClusterError::Options(format!("address {address:?}: {error}")))?;
        let channel = endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(5))
            .keep_alive_timeout(Duration::from_secs(5))
            .keep_alive_while_idle(true)
            .connect_lazy();
        Ok(BoxCloneSyncService::new(channel))
    }
}

/// Listeners over TCP.
struct TcpListen;

#[async_trait]
impl Listen for TcpListen {
    async fn grpc(&self, address: SocketAddr) -> io::Result<GrpcListener> {
        let listener = tokio::net::TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let accept = |listener: tokio::net::TcpListener| async move {
            let accepted = listener.accept().await.and_then(|(stream, _)| {
                stream.set_nodelay(true)?;
                Ok(Connection::new(stream))
            });
            Some((accepted, listener))
        };
        Ok(GrpcListener { address, incoming: stream::unfold(listener, accept).boxed() })
    }

    async fn http(&self, address: SocketAddr) -> io::Result<Arc<dyn HttpListener>> {
        Ok(Arc::new(TcpHttp::bind(address)?))
    }
}

/// Threads of the operating system.
struct OsThreads {
    handle: tokio::runtime::Handle,
}

impl Threads for OsThreads {
    fn spawn(&self, name: &str, work: BoxFuture<'static, ()>) -> io::Result<()> {
        let label = name.to_owned();
        let handle = self.handle.clone();
        let guarded = move || {
            let work = std::panic::AssertUnwindSafe(|| handle.block_on(work));
            if std::panic::catch_unwind(work).is_err() {
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

    fn cores(&self) -> usize {
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
    }

    fn workers(&self) -> Workers {
        Workers { count: self.cores(), spread }
    }
}

/// Threads that live as long as one step of a query: starting them costs less than what they are
/// asked for, and they may borrow.
fn spread(helpers: usize, help: &(dyn Fn() + Sync), lead: &mut dyn FnMut()) {
    std::thread::scope(|scope| {
        for _ in 0..helpers {
            // Without a further thread the work takes longer, no more.
            let _ = std::thread::Builder::new().name("query".to_owned()).spawn_scoped(scope, help);
        }
        lead();
    });
}
