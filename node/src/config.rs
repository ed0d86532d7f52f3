//! Configuration: what a node runs with, resolved once; nothing downstream checks it again.
//!
//! Settings are declared in one table, which drives the flags, the environment variables, the keys
//! of the configuration file and `docs/flags.md`. A flag beats the environment, which beats the
//! file.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use proto::TenantName;

mod contradictions;
mod effective;
mod error;
mod file;
mod layers;
mod reference;
mod resolve;
mod suggest;
pub mod table;
#[cfg(test)]
mod tests;
mod value;

pub use effective::{Effective, MASK};
pub use error::{ConfigError, Origin};
pub use layers::{FILE_BYTES_MAX, Given, Inputs, Layer};
pub use reference::flags_page;

/// Everything that a node is told from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeConfig {
    /// Listener of the admin, query and UI HTTP edge. Port 0 takes a free one.
    pub http_address: SocketAddr,
    /// Listener of the node-to-node and Thanos gRPC edge. Port 0 takes a free one.
    pub grpc_address: SocketAddr,
    /// Listener of the remote write HTTP edge. Port 0 takes a free one.
    pub remote_write_address: SocketAddr,
    /// How long requests in flight may take to finish once the node was told to stop.
    pub http_grace_period: Duration,
    /// What this node does.
    pub roles: Roles,
    /// Name of the node, unique in its cluster; default the host name.
    pub node_name: String,
    /// Zone (rack, availability zone) that replicas are spread over; may be empty.
    pub node_zone: String,
    /// The hashring that this node receives for.
    pub hashring: String,
    /// External labels, by name; never empty.
    pub external_labels: BTreeMap<String, String>,
    /// Local storage.
    pub tsdb: TsdbConfig,
    /// The write edge.
    pub receive: ReceiveConfig,
    /// The head.
    pub head: HeadConfig,
    /// Reading from the bucket.
    pub store: StoreConfig,
    /// Where blocks are uploaded to.
    pub bucket: BucketConfig,
    /// The other nodes.
    pub cluster: ClusterConfig,
    /// The query edge.
    pub query: QueryConfig,
    /// Logging.
    pub log: LogConfig,
}

/// The roles of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles {
    /// Takes writes and owns shards.
    pub receive: bool,
    /// Serves blocks out of the bucket.
    pub store: bool,
    /// Answers queries.
    pub query: bool,
    /// Compacts blocks in the bucket.
    pub compact: bool,
}

/// Local storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TsdbConfig {
    /// The data directory.
    pub path: PathBuf,
    /// How long blocks stay on local disk; at least a window. They never go before they are in the
    /// bucket.
    pub retention: Duration,
    /// Length of a window, the time range of one block; divides a day and is at least 10 s.
    pub window: Duration,
    /// How long past its end a window stays open.
    pub window_grace: Duration,
    /// How often samples of closed windows are cut into a block of their own.
    pub late_part_interval: Duration,
    /// Size of a journal segment: a multiple of 512, 1 MiB to 1 GiB.
    pub wal_segment_bytes: u64,
}

/// The write edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiveConfig {
    /// HTTP header that names the tenant; a valid header name, in the case it was given.
    pub tenant_header: String,
    /// Tenant of requests without that header.
    pub default_tenant: TenantName,
    /// Label by which the tenant shows in answers and blocks; a valid label name.
    pub tenant_label: String,
    /// Copies of each sample; counts when the hashring is created, at least 1.
    pub replication_factor: u32,
    /// Oldest sample that is accepted, back from cluster time.
    pub accept_age: Duration,
    /// Newest sample that is accepted, ahead of cluster time.
    pub accept_ahead: Duration,
    /// Largest request body as it comes, compressed.
    pub request_bytes_max: u64,
    /// Largest request body after decompression.
    pub decoded_bytes_max: u64,
    /// Budget of all client requests in flight, decompressed; at least one largest request.
    pub inflight_bytes_max: u64,
    /// Budget of all writes in flight that came from peers.
    pub peer_bytes_max: u64,
    /// Deadline of a write request.
    pub request_timeout: Duration,
    /// How long an owner may take before a fallback is sent beside it; less than the deadline.
    pub fallback_after: Duration,
}

/// The head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadConfig {
    /// Partitions, each with a thread of its own; 0 chooses by the number of cores.
    pub partitions: usize,
    /// Most series in the head of this node.
    pub series_max: u64,
}

/// Reading from the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreConfig {
    /// Memory for index and chunk bytes read from the bucket.
    pub cache_bytes: u64,
    /// Files of blocks up to this size are uploaded by one request, larger ones in parts of it.
    pub part_bytes: u64,
    /// How often the bucket is listed and uploads are tried again; more than zero.
    pub sync_interval: Duration,
    /// Older samples are not served from the bucket; `None` is no limit.
    pub min_time: Option<TimeBound>,
    /// Newer samples are not served from the bucket; `None` is no limit.
    pub max_time: Option<TimeBound>,
}

/// One end of the time range that a node serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeBound {
    /// Milliseconds since 1970.
    At(i64),
    /// Milliseconds relative to cluster time at the moment of asking; negative is the past.
    FromNow(i64),
}

impl TimeBound {
    /// The bound in milliseconds since 1970, when it is now `now_ms`.
    pub fn resolve(self, now_ms: i64) -> i64 {
        match self {
            TimeBound::At(at_ms) => at_ms,
            TimeBound::FromNow(offset_ms) => now_ms.saturating_add(offset_ms),
        }
    }
}

/// Where blocks are uploaded to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BucketConfig {
    /// No bucket was configured: a directory, `bucket` below the data directory.
    Directory(PathBuf),
    /// Thanos' objstore YAML as it was given; it may hold secrets.
    Objstore(String),
}

/// The other nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterConfig {
    /// gRPC addresses (`host:port`) that are asked for a cluster to join; without any the node
    /// makes a cluster of its own.
    pub seeds: Vec<String>,
    /// Found a cluster as soon as so many nodes promised; more than half of the seeds.
    pub bootstrap_expect: Option<usize>,
    /// gRPC address (`host:port`) that is told to the others. Port 0 stands for the port that the
    /// gRPC listener got.
    pub advertise_address: String,
    /// Entries of Raft's log between two snapshots. No flag: simulated nodes make more of them.
    pub snapshot_entries: u64,
}

/// The query edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryConfig {
    /// Deadline of a query.
    pub timeout: Duration,
    /// Most samples that one query may hold in memory.
    pub samples_max: u64,
    /// How far back an instant selector looks for the newest sample.
    pub lookback: Duration,
    /// Most queries that are evaluated at the same time.
    pub concurrent_max: usize,
    /// Labels that only tell replicas apart.
    pub replica_labels: Vec<String>,
    /// A query sees only the tenant that its header names, and must name one.
    pub enforce_tenancy: bool,
    /// Answer with what is there, flagged, when the answer cannot be complete.
    pub partial_response: bool,
}

/// Logging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogConfig {
    /// Least important level that is written.
    pub level: LogLevel,
    /// How a line is written.
    pub format: LogFormat,
}

/// Levels of a log line, the most important first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Something failed and needs a person.
    Error,
    /// Something is odd and was dealt with.
    Warn,
    /// What the node does.
    Info,
    /// How it does it.
    Debug,
    /// Every step.
    Trace,
}

/// How a log line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// `ts=... level=info msg="..." key=value`.
    Logfmt,
    /// One JSON object a line.
    Json,
}

impl Default for NodeConfig {
    /// What a node runs with when nothing is given, on a host called `localhost`: one node, one
    /// copy, everything on loopback.
    fn default() -> NodeConfig {
        let inputs = Inputs {
            flags: Layer::new(),
            environment: Vec::new(),
            host_name: "localhost".to_owned(),
            read: &|_| Err(std::io::ErrorKind::NotFound.into()),
        };
        load(&inputs).expect("the table's defaults go together, and a test says so")
    }
}

impl LogLevel {
    const ALL: [LogLevel; 5] =
        [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug, LogLevel::Trace];

    /// The name in lower case.
    pub fn name(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
            LogLevel::Trace => "trace",
        }
    }

    fn from_name(name: &str) -> Option<LogLevel> {
        LogLevel::ALL.into_iter().find(|level| level.name() == name)
    }
}

impl LogFormat {
    /// The name in lower case.
    pub fn name(self) -> &'static str {
        match self {
            LogFormat::Logfmt => "logfmt",
            LogFormat::Json => "json",
        }
    }

    fn from_name(name: &str) -> Option<LogFormat> {
        [LogFormat::Logfmt, LogFormat::Json].into_iter().find(|format| format.name() == name)
    }
}

/// Puts file, environment and flags on top of each other and resolves them.
pub fn load(inputs: &Inputs<'_>) -> Result<NodeConfig, ConfigError> {
    resolve::resolve(&layers::merge(inputs)?, inputs)
}
