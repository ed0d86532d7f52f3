//! A node's life: start leaves first, serve, stop edges first.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cluster::{Cluster, ClusterDeps, ClusterOptions, Timings};
use proto::rpc::peer_server::PeerServer;
use ractor::{Actor, ActorRef};
use storage::StorageError;
use storage::block::LocalBlocks;
use storage::cut::CutPolicy;
use storage::head::{Head, HeadOptions, ReplayProgress};
use tokio::sync::{mpsc, oneshot};

use crate::actors::compaction::{self, Times};
use crate::actors::root::{Root, Services};
use crate::blocks::Blocks;
use crate::config::NodeConfig;
use crate::damage::{self, Kept};
use crate::env::{Env, GrpcListener, Incoming, run_blocking};
use crate::error::NodeError;
use crate::http::serving::{HttpListener, HttpServing};
use crate::http::starting;
use crate::metrics::Metrics;
use crate::peer::pool::{MESSAGE_BYTES_MAX, Pool};
use crate::peer::service::{PeerParts, PeerService};
use crate::read::Blocking;
use crate::read::local::StorageHolder;
use crate::read::sources::LocalHolder;
use crate::readiness::Readiness;
use crate::write::lanes::{LaneReader, Lanes, run_lane};

mod edges;

use edges::Edges;

/// A connection of a peer that is silent for so long is asked for a sign of life, and closed when
/// none comes in as long again.
const PEER_KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Samples of a late part that make it due at once.
const LATE_SAMPLES_MAX: u64 = 10_000_000;

/// A running node.
pub struct Node {
    /// Where the admin and query edge listens.
    pub http_address: SocketAddr,
    /// Where the gRPC edge listens.
    pub grpc_address: SocketAddr,
    /// Where the write edge listens.
    pub write_address: SocketAddr,
    cluster: Cluster,
    head: Arc<Head>,
    local_blocks: Arc<LocalBlocks>,
    readiness: Arc<Readiness>,
    root: ActorRef<()>,
    servers: Vec<Box<dyn HttpServing>>,
    grpc_stop: Option<oneshot::Sender<()>>,
    grpc_done: tokio::task::JoinHandle<Result<(), tonic::transport::Error>>,
    fatal: mpsc::UnboundedReceiver<String>,
}

/// Where the node is reached; the connections of other nodes are handed on separately.
struct Listeners {
    http: Arc<dyn HttpListener>,
    grpc_address: SocketAddr,
    write: Arc<dyn HttpListener>,
}

/// Runs a node until it is told to stop: the whole of `granary node`.
pub async fn run_node(config: NodeConfig) -> Result<(), NodeError> {
    let env = Env::production()?;
    let _lock = lock_directory(&config.tsdb.path)?;
    let grace = config.http_grace_period;
    let mut node = Node::start(config, env).await?;
    let reason = tokio::select! {
        reason = node.failed() => Some(reason),
        () = stop_signal() => None,
    };
    node.stop(grace).await;
    reason.map_or(Ok(()), |text| Err(NodeError::Fatal(text)))
}

/// SIGTERM or SIGINT.
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let interrupt = tokio::signal::ctrl_c();
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            let _ = interrupt.await;
        }
    }
    tracing::info!("told to stop");
}

/// One process per data directory.
fn lock_directory(path: &Path) -> Result<std::fs::File, NodeError> {
    let failed =
        |reason: String| NodeError::DataDirectory { path: path.display().to_string(), reason };
    std::fs::create_dir_all(path).map_err(|e| failed(e.to_string()))?;
    let file = std::fs::File::create(path.join("lock")).map_err(|e| failed(e.to_string()))?;
    file.try_lock().map_err(|_| failed("another granary process uses it".to_owned()))?;
    Ok(file)
}

impl Node {
    /// Starts a node. It answers `/-/healthy` at once and gets ready in the background.
    pub async fn start(config: NodeConfig, env: Env) -> Result<Node, NodeError> {
        let listen = env.listen.clone();
        let address = config.http_address;
        let http = listen.http(address).await.map_err(refused(address, "--http-address"))?;
        let address = config.grpc_address;
        let grpc = listen.grpc(address).await.map_err(refused(address, "--grpc-address"))?;
        let address = config.remote_write_address;
        let write =
            listen.http(address).await.map_err(refused(address, "--remote-write.address"))?;
        let GrpcListener { address: grpc_address, incoming } = grpc;
        let listeners = Listeners { http, grpc_address, write };
        let progress = ReplayProgress::default();
        let early = listeners.http.serve(starting::app(progress.clone()))?;
        let started = Start::new(config, env, listeners).run(incoming, progress).await;
        early.stop(false).await;
        started
    }

    /// Waits until something fails that the node must not survive.
    pub async fn failed(&mut self) -> String {
        tokio::select! {
            Some(text) = self.fatal.recv() => text,
            error = self.cluster.fatal() => error,
            ended = &mut self.grpc_done => format!("the gRPC edge ended: {ended:?}"),
        }
    }

    /// This node's handle on its cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// What the node has in memory.
    pub fn head(&self) -> &Arc<Head> {
        &self.head
    }

    /// The blocks on its disk.
    pub fn local_blocks(&self) -> &Arc<LocalBlocks> {
        &self.local_blocks
    }

    /// Whether the node serves, or why not.
    pub fn ready(&self) -> Result<(), String> {
        self.readiness.check()
    }

    /// The same for whoever asks again and again.
    pub fn readiness(&self) -> &Arc<Readiness> {
        &self.readiness
    }

    /// Finishes what is in flight, syncs, and stops. The node stays in its ring.
    pub async fn stop(mut self, grace: Duration) {
        self.readiness.stop();
        let edges = futures::future::join_all(self.servers.iter().map(|s| s.stop(true)));
        if tokio::time::timeout(grace, edges).await.is_err() {
            tracing::warn!("requests were still in flight after --http-grace-period");
        }
        if let Some(stop) = self.grpc_stop.take() {
            // An error means that the edge has ended already.
            let _ = stop.send(());
        }
        let _ = tokio::time::timeout(grace.min(Duration::from_secs(5)), &mut self.grpc_done).await;
        self.cluster.shutdown().await;
        self.root.stop(None);
        let journal = self.head.journal();
        journal.close();
        if let Err(error) = journal.commit() {
            tracing::error!(%error, "the journal could not be synced on the way out");
        }
        tracing::info!("stopped");
    }
}

/// The error of a listener that was not to be had.
fn refused(address: SocketAddr, flag: &'static str) -> impl FnOnce(std::io::Error) -> NodeError {
    move |source| NodeError::Listen { address: address.to_string(), flag, source }
}

/// A node on its way up.
struct Start {
    config: NodeConfig,
    env: Env,
    listeners: Listeners,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
}

impl Start {
    fn new(config: NodeConfig, env: Env, listeners: Listeners) -> Start {
        let readiness = Arc::new(Readiness::starting("starting"));
        Start { config, env, listeners, metrics: Arc::new(Metrics::new()), readiness }
    }

    async fn run(self, incoming: Incoming, progress: ReplayProgress) -> Result<Node, NodeError> {
        let grpc_address = self.listeners.grpc_address;
        let http_address = self.listeners.http.address();
        let write_address = self.listeners.write.address();
        let cluster = self.open_cluster(grpc_address, http_address).await?;
        let peer_service = Arc::new(PeerService::new(cluster.clone()));
        let (grpc_stop, grpc_done) = serve_grpc(incoming, &cluster, peer_service.clone());
        cluster.start();
        let head = self.open_head(progress).await?;
        let (fatal_sender, fatal) = mpsc::unbounded_channel();
        let blocks = Blocks::open(&self.config, &self.env, &cluster).await?;
        // Before anything can give up a segment of the journal.
        let damaged_frames = self.note_damage(&head, &blocks).await?;
        let lanes = self.start_lanes(&head)?;
        let services = self.services(&cluster, &head, &blocks, fatal_sender);
        let (root, _) = Actor::spawn(None, Root, services)
            .await
            .map_err(|error| NodeError::Internal(error.to_string()))?;
        let threads = self.env.threads.clone();
        let blocking: Blocking = Arc::new(move |work| threads.block(work));
        let holder: Arc<dyn LocalHolder> = Arc::new(StorageHolder::new(
            head.clone(),
            blocks.local().clone(),
            damaged_frames,
            &self.config.receive.tenant_label,
            (blocking.clone(), self.env.threads.workers()),
        ));
        peer_service.open(PeerParts {
            lanes: lanes.clone(),
            head: head.clone(),
            holder: holder.clone(),
            peer_bytes_max: self.config.receive.peer_bytes_max as usize,
        });
        let pool = Arc::new(Pool::new(cluster.clone(), self.env.dial.clone()));
        let edges = Edges { cluster, head, blocks, lanes, holder, pool, blocking };
        let servers = self.serve_http(&edges)?;
        tracing::info!(
            http = %http_address, grpc = %grpc_address, remote_write = %write_address,
            node = %edges.cluster.node_id(), name = self.config.node_name, "granary is up"
        );
        Ok(Node {
            http_address,
            grpc_address,
            write_address,
            cluster: edges.cluster,
            head: edges.head,
            local_blocks: edges.blocks.local().clone(),
            readiness: self.readiness,
            root,
            servers,
            grpc_stop: Some(grpc_stop),
            grpc_done,
            fatal,
        })
    }

    async fn open_cluster(&self, grpc: SocketAddr, http: SocketAddr) -> Result<Cluster, NodeError> {
        let config = &self.config;
        let data_dir = config.tsdb.path.join("cluster");
        let kv_dir = data_dir.join("state");
        let open = self.env.key_value.clone();
        let kv = run_blocking(&*self.env.threads, move || open(&kv_dir)).await?;
        let kv = kv.map_err(|error| NodeError::DataDirectory {
            path: config.tsdb.path.display().to_string(),
            reason: format!("the cached cluster state: {error}"),
        })?;
        let options = ClusterOptions {
            data_dir,
            name: config.node_name.clone(),
            address: advertised(&config.cluster.advertise_address, grpc),
            http_address: Some(http.to_string()),
            seeds: config.cluster.seeds.clone(),
            bootstrap_expect: config.cluster.bootstrap_expect,
            hashring: config.hashring.clone(),
            replication_factor: config.receive.replication_factor,
            ack_copies: None,
            shards: cluster::state::SHARDS_DEFAULT,
            roles: roles(config),
            zone: config.node_zone.clone(),
            timings: Timings::default(),
            snapshot_entries: config.cluster.snapshot_entries,
        };
        let threads = self.env.threads.clone();
        let deps = ClusterDeps {
            files: self.env.files.clone(),
            kv,
            dial: self.env.dial.clone(),
            clock: self.env.clock.clone(),
            seed: self.env.seed,
            blocking: Arc::new(move |work| {
                let threads = threads.clone();
                Box::pin(async move {
                    // The work is done or the process is ending.
                    let _ = run_blocking(&*threads, work).await;
                })
            }),
        };
        Ok(Cluster::open(options, deps).await?)
    }

    async fn open_head(&self, progress: ReplayProgress) -> Result<Arc<Head>, NodeError> {
        let defaults = HeadOptions::default();
        let head = &self.config.head;
        let options = HeadOptions {
            partitions: if head.partitions == 0 { defaults.partitions } else { head.partitions },
            window_ms: millis(self.config.tsdb.window),
            series_max: head.series_max,
            incarnation: self.env.seed ^ 0x6865_6164,
            journal: journal::Options {
                segment_bytes: self.config.tsdb.wal_segment_bytes,
                salt_seed: self.env.seed ^ 0x7365_676d,
                ..journal::Options::default()
            },
        };
        let (files, dir) = (self.env.files.clone(), self.config.tsdb.path.join("head"));
        let open = move || Head::open(files, &dir, options, progress);
        Ok(Arc::new(run_blocking(&*self.env.threads, open).await??))
    }

    /// How many frames of the journal are missing.
    async fn note_damage(&self, head: &Head, blocks: &Blocks) -> Result<u64, NodeError> {
        // What was never fsynced was never acknowledged: a torn last group hides nothing.
        let found = head.recovery().damaged.iter().filter(|damage| !damage.maybe_unsynced);
        let (found, tsdb) = (found.count() as u64, &self.config.tsdb);
        let kept = Kept {
            lasts: (!tsdb.retention.is_zero()).then(|| tsdb.retention + 2 * tsdb.window),
            oldest_ms: blocks.local().list().iter().map(|block| block.min_time).min(),
        };
        let (files, path) = (self.env.files.clone(), tsdb.path.join("head").join("damage"));
        let now_ms = self.env.clock.now_ms();
        let note = move || {
            damage::note(&*files, &path, (found, now_ms), kept)
                .map_err(|error| StorageError::io(format!("writing {}", path.display()), error))
        };
        let damaged = run_blocking(&*self.env.threads, note).await??;
        if damaged > 0 {
            tracing::error!(
                damaged,
                "journal frames are damaged; their samples must come from other copies"
            );
        }
        self.metrics.journal_damaged_frames.set(i64::try_from(damaged).unwrap_or(i64::MAX));
        Ok(damaged)
    }

    fn start_lanes(&self, head: &Arc<Head>) -> Result<Option<Lanes>, NodeError> {
        if !self.config.roles.receive {
            return Ok(None);
        }
        let cores = self.env.threads.cores();
        let (lanes, readers) = Lanes::new(head.clone(), cores.min(head.partitions()));
        for (index, reader) in readers.into_iter().enumerate() {
            self.start_lane(index, head.clone(), reader)?;
        }
        Ok(Some(lanes))
    }

    fn start_lane(
        &self,
        index: usize,
        head: Arc<Head>,
        mut reader: LaneReader,
    ) -> Result<(), NodeError> {
        let work = Box::pin(async move { run_lane(&head, &mut reader).await });
        let started = self.env.threads.spawn(&format!("lane-{index}"), work);
        started.map_err(|error| NodeError::Internal(format!("no thread for a lane: {error}")))
    }

    fn services(
        &self,
        cluster: &Cluster,
        head: &Arc<Head>,
        blocks: &Arc<Blocks>,
        fatal: mpsc::UnboundedSender<String>,
    ) -> Services {
        let tsdb = &self.config.tsdb;
        Services {
            cluster: cluster.clone(),
            head: head.clone(),
            blocks: blocks.clone(),
            threads: self.env.threads.clone(),
            readiness: self.readiness.clone(),
            metrics: self.metrics.clone(),
            hashring: self.config.roles.receive.then(|| self.config.hashring.clone()),
            times: Times {
                cut: CutPolicy {
                    window_ms: head.window_ms(),
                    grace_ms: millis(tsdb.window_grace),
                    late_every_ms: millis(tsdb.late_part_interval),
                    late_samples_max: LATE_SAMPLES_MAX,
                },
                tick: compaction::tick(tsdb.window_grace),
            },
            sync_interval: self.config.store.sync_interval,
            retention_ms: millis(tsdb.retention),
            fatal,
        }
    }
}

/// Starts the gRPC edge on connections as they come.
fn serve_grpc(incoming: Incoming, cluster: &Cluster, peers: Arc<PeerService>) -> GrpcEdge {
    let peers = PeerServer::from_arc(peers)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(PEER_KEEP_ALIVE))
        .http2_keepalive_timeout(Some(PEER_KEEP_ALIVE))
        .add_service(cluster.service())
        .add_service(peers)
        .serve_with_incoming_shutdown(incoming, async move {
            // A dropped sender stops the edge too.
            let _ = stopped.await;
        });
    (stop, tokio::spawn(server))
}

type GrpcEdge = (oneshot::Sender<()>, tokio::task::JoinHandle<Result<(), tonic::transport::Error>>);

/// The address told to others; port 0 stands for the port that the listener got.
fn advertised(address: &str, grpc: SocketAddr) -> String {
    match address.strip_suffix(":0") {
        Some(host) => format!("{host}:{}", grpc.port()),
        None => address.to_owned(),
    }
}

fn roles(config: &NodeConfig) -> std::collections::BTreeSet<cluster::Role> {
    let roles = config.roles;
    let all = [
        (roles.receive, cluster::Role::Receive),
        (roles.store, cluster::Role::Store),
        (roles.query, cluster::Role::Query),
        (roles.compact, cluster::Role::Compact),
    ];
    all.into_iter().filter(|(on, _)| *on).map(|(_, role)| role).collect()
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
