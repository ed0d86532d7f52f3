//! Nodes that can be started, killed and started again, also elsewhere.

use std::sync::Arc;
use std::time::Duration;

use cluster::kv::SledStore;
use cluster::{Cluster, ClusterDeps, ClusterError, ClusterOptions, Dial, Timings, WallClock};
use journal::files::OsFiles;
use journal::files::faulty::{Faults, FaultyFiles};
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Endpoint, Server};

/// How much faster than the product the tests run.
const FASTER: u32 = 4;
/// Nothing here should take longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Addresses that cannot be reached at the moment, by anybody.
#[derive(Clone, Debug, Default)]
pub struct Cut(Arc<Mutex<Vec<String>>>);

impl Cut {
    /// Nobody reaches these.
    pub fn set(&self, addresses: &[&str]) {
        *self.0.lock() = addresses.iter().map(|a| (*a).to_owned()).collect();
    }

    fn contains(&self, address: &str) -> bool {
        self.0.lock().iter().any(|a| a == address)
    }
}

/// Dials over loopback, unless one of both ends is cut off.
#[derive(Debug)]
struct Loopback {
    me: String,
    cut: Cut,
}

impl Dial for Loopback {
    fn channel(&self, address: &str) -> cluster::Result<cluster::Line> {
        let endpoint = Endpoint::new(format!("http://{address}"))
            .map_err(|e| ClusterError::Options(e.to_string()))?
            .connect_timeout(Duration::from_millis(200));
        let (me, to, cut) = (self.me.clone(), address.to_owned(), self.cut.clone());
        let watched = Watched { me, to, cut };
        let channel = endpoint.connect_with_connector_lazy(watched.connector());
        Ok(tower::util::BoxCloneSyncService::new(channel))
    }
}

/// One connection that fails while it is cut.
#[derive(Clone)]
struct Watched {
    me: String,
    to: String,
    cut: Cut,
}

impl Watched {
    fn is_cut(&self) -> bool {
        self.cut.contains(&self.me) || self.cut.contains(&self.to)
    }

    fn connector(
        self,
    ) -> impl tonic::codegen::Service<
        tonic::codegen::http::Uri,
        Response = hyper_util::rt::TokioIo<Line>,
        Error = std::io::Error,
        Future = futures::future::BoxFuture<
            'static,
            std::io::Result<hyper_util::rt::TokioIo<Line>>,
        >,
    > + Send
    + 'static {
        tower::service_fn(move |_| {
            let watched = self.clone();
            let dialled: futures::future::BoxFuture<'static, _> = Box::pin(async move {
                if watched.is_cut() {
                    return Err(std::io::ErrorKind::HostUnreachable.into());
                }
                let stream = tokio::net::TcpStream::connect(&watched.to).await?;
                Ok(hyper_util::rt::TokioIo::new(Line { stream, watched }))
            });
            dialled
        })
    }
}

/// A stream that breaks when one of its ends is cut off.
pub struct Line {
    stream: tokio::net::TcpStream,
    watched: Watched,
}

impl Line {
    fn check(&self) -> std::io::Result<()> {
        match self.watched.is_cut() {
            true => Err(std::io::ErrorKind::ConnectionReset.into()),
            false => Ok(()),
        }
    }
}

mod io {
    //! `Line` passes everything on while it is whole.

    use std::io::Result;
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};

    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    use super::Line;

    impl AsyncRead for Line {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<Result<()>> {
            ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
            Poll::Ready(self.check())
        }
    }

    impl AsyncWrite for Line {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<Result<usize>> {
            self.check()?;
            Pin::new(&mut self.stream).poll_write(cx, bytes)
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
            Pin::new(&mut self.stream).poll_flush(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
            Pin::new(&mut self.stream).poll_shutdown(cx)
        }
    }
}

/// The machine's clock.
#[derive(Debug)]
struct Clock;

impl WallClock for Clock {
    #[allow(clippy::disallowed_methods)] // a test stands in for the node's environment
    fn now_ms(&self) -> i64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.unwrap().as_millis() as i64
    }
}

/// A place for a node: its folder survives the node.
pub struct Place {
    folder: TempDir,
    name: String,
    ring: String,
    seed: u64,
    cut: Cut,
}

/// A node that runs.
pub struct Node {
    pub cluster: Cluster,
    pub address: String,
    /// What goes wrong with its disk.
    pub faults: Arc<Faults>,
    server: JoinHandle<()>,
}

impl Place {
    pub fn new(name: &str, ring: &str, seed: u64, cut: &Cut) -> Place {
        Place {
            folder: tempfile::tempdir().unwrap(),
            name: name.to_owned(),
            ring: ring.to_owned(),
            seed,
            cut: cut.clone(),
        }
    }

    /// Starts a node on a listener of its own.
    pub async fn start(&mut self, listener: TcpListener, seeds: &[String], expect: usize) -> Node {
        self.start_with(listener, seeds, expect, |_| {}).await
    }

    /// The same, with options changed.
    pub async fn start_with(
        &mut self,
        listener: TcpListener,
        seeds: &[String],
        expect: usize,
        change: impl FnOnce(&mut ClusterOptions),
    ) -> Node {
        self.seed += 1000;
        let address = listener.local_addr().unwrap().to_string();
        let data_dir = self.folder.path().join("data");
        let mut options = ClusterOptions::single(data_dir, &self.name, &address);
        options.seeds = seeds.to_vec();
        options.bootstrap_expect = (expect > 0).then_some(expect);
        options.hashring = self.ring.clone();
        options.replication_factor = 2;
        options.timings = Timings::faster(FASTER);
        change(&mut options);
        let files = Arc::new(FaultyFiles::new(Arc::new(OsFiles)));
        let dial = Loopback { me: address.clone(), cut: self.cut.clone() };
        let deps = ClusterDeps {
            files: files.clone(),
            kv: Arc::new(SledStore::open(&self.folder.path().join("kv")).unwrap()),
            dial: Arc::new(dial),
            clock: Arc::new(Clock),
            seed: self.seed,
            blocking: Arc::new(|work| {
                Box::pin(async move { tokio::task::spawn_blocking(work).await.unwrap() })
            }),
        };
        let cluster = Cluster::open(options, deps).await.unwrap();
        let server = serve(&cluster, listener);
        cluster.start();
        Node { cluster, address, faults: files.faults(), server }
    }
}

impl Place {
    /// Turns over a bit of these bytes wherever they are in the Raft log. Answers how often.
    pub fn damage_log(&self, bytes: &[u8]) -> usize {
        let mut found = 0;
        for entry in std::fs::read_dir(self.folder.path().join("data/raft/log")).unwrap() {
            let path = entry.unwrap().path();
            let mut content = std::fs::read(&path).unwrap();
            for at in 0..content.len() {
                if content[at..].starts_with(bytes) {
                    content[at] ^= 1;
                    found += 1;
                }
            }
            std::fs::write(&path, content).unwrap();
        }
        found
    }
}

fn serve(cluster: &Cluster, listener: TcpListener) -> JoinHandle<()> {
    let service = cluster.service();
    let incoming = TcpListenerStream::new(listener);
    tokio::spawn(async move {
        Server::builder().add_service(service).serve_with_incoming(incoming).await.unwrap();
    })
}

impl Node {
    /// Stops the node and everything that answered for it.
    pub async fn kill(self) {
        self.server.abort();
        self.cluster.shutdown().await;
    }
}

pub async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// Waits until `what` holds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "still not: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Starts a node in each place, all of them seeds and founders.
pub async fn start_all(places: &mut [Place]) -> Vec<Node> {
    let mut listeners = Vec::new();
    for _ in places.iter() {
        listeners.push(listen().await);
    }
    let seeds: Vec<String> =
        listeners.iter().map(|l| l.local_addr().unwrap().to_string()).collect();
    let expect = places.len();
    let mut nodes = Vec::new();
    for (place, listener) in places.iter_mut().zip(listeners) {
        nodes.push(place.start(listener, &seeds, expect).await);
    }
    nodes
}

/// Waits until all nodes are members, know it, and hold leases with everybody alive.
pub async fn until_ready(nodes: &[Node]) {
    let ready = || {
        nodes.iter().all(|node| {
            let state = node.cluster.state();
            let known = nodes.iter().all(|n| state.members.contains_key(&n.cluster.node_id()));
            let live = node.cluster.lease().live().len();
            known && node.cluster.lease().valid() && live >= nodes.len()
        })
    };
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !ready() {
        let seen: Vec<_> = nodes.iter().map(|n| n.cluster.status()).collect();
        assert!(tokio::time::Instant::now() < deadline, "not ready: {seen:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
