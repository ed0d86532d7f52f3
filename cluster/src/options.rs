//! What a node is told, and what it is given: settings are data, clocks, disks and sockets are
//! arguments.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use journal::files::Files;
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tower::util::BoxCloneSyncService;

use crate::error::{ClusterError, Result};
use crate::kv::KeyValue;
use crate::state::{
    DEFAULT_HASHRING, HashringWish, NAME_BYTES_MAX, Role, SHARDS_DEFAULT, check_wish,
};

/// Entries of Raft's log between two snapshots, unless a test wants more snapshots.
pub const SNAPSHOT_ENTRIES: u64 = 256;

/// Most seeds a node may be given.
pub const SEEDS_MAX: usize = 64;

/// Settings of the cluster part of a node.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// Folder for identity, Raft log and snapshot.
    pub data_dir: PathBuf,
    /// The node's name (`--node.name`).
    pub name: String,
    /// `host:port` under which other nodes reach this node's gRPC edge.
    pub address: String,
    /// `host:port` of the HTTP edge, told to the others.
    pub http_address: Option<String>,
    /// `host:port` of nodes to look for a cluster at (`--cluster.seeds`), the same list on every
    /// node, itself included. Empty: a cluster of its own.
    pub seeds: Vec<String>,
    /// Found a cluster when this many nodes have found each other (`--cluster.bootstrap-expect`);
    /// more than half of the seeds. `None`: only ever join one.
    pub bootstrap_expect: Option<usize>,
    /// The ring this node receives for (`--hashring`).
    pub hashring: String,
    /// Copies of each sample, if this node is the first of its ring.
    pub replication_factor: u32,
    /// Durable copies that an ack needs, if this node is the first of its ring; `None`: the rule.
    pub ack_copies: Option<u32>,
    /// Shards, if this node is the first of its ring.
    pub shards: u32,
    /// What the node does.
    pub roles: BTreeSet<Role>,
    /// Failure zone; `""` for none.
    pub zone: String,
    /// How long things may take.
    pub timings: Timings,
    /// Entries of Raft's log between two snapshots; a quarter of them is kept behind a snapshot,
    /// for members that lag a little.
    pub snapshot_entries: u64,
}

impl ClusterOptions {
    /// A node on its own: no seeds, ring `default`, one copy, all roles.
    pub fn single(data_dir: PathBuf, name: &str, address: &str) -> ClusterOptions {
        ClusterOptions {
            data_dir,
            name: name.to_owned(),
            address: address.to_owned(),
            http_address: None,
            seeds: Vec::new(),
            bootstrap_expect: None,
            hashring: DEFAULT_HASHRING.to_owned(),
            replication_factor: 1,
            ack_copies: None,
            shards: SHARDS_DEFAULT,
            roles: Role::all(),
            zone: String::new(),
            timings: Timings::default(),
            snapshot_entries: SNAPSHOT_ENTRIES,
        }
    }

    /// The ring as this node would make it.
    pub(crate) fn wish(&self) -> HashringWish {
        HashringWish {
            name: self.hashring.clone(),
            replication_factor: self.replication_factor,
            ack_copies: self.ack_copies,
            shards: self.shards,
        }
    }

    /// Checks what can be checked without other nodes.
    pub(crate) fn check(&self) -> Result<()> {
        let bad = |text: String| Err(ClusterError::Options(text));
        for (what, text) in [("--node.name", &self.name), ("the gRPC address", &self.address)] {
            if text.is_empty() || text.len() > NAME_BYTES_MAX {
                return bad(format!("{what} must have 1 to {NAME_BYTES_MAX} bytes"));
            }
        }
        if let Err(why) = check_wish(&self.wish()) {
            return bad(format!("{why} (--hashring, --receive.replication-factor)"));
        }
        if self.seeds.len() > SEEDS_MAX {
            let given = self.seeds.len();
            return bad(format!("--cluster.seeds has {given} entries, at most {SEEDS_MAX}"));
        }
        self.check_expect()?;
        self.timings.check()
    }

    fn check_expect(&self) -> Result<()> {
        let (Some(expect), seeds) = (self.bootstrap_expect, self.seeds.len()) else {
            return Ok(());
        };
        if seeds == 0 && expect == 1 {
            return Ok(());
        }
        if expect == 0 || expect * 2 <= seeds || expect > seeds + 1 {
            return Err(ClusterError::Options(format!(
                "--cluster.bootstrap-expect is {expect}: with {seeds} seeds (--cluster.seeds) it \
                 must be more than half of them and at most all of them"
            )));
        }
        Ok(())
    }
}

/// How long things may take. The defaults are the product's; tests scale them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timings {
    /// Raft heartbeat.
    pub raft_heartbeat: Duration,
    /// Shortest election timeout.
    pub election_min: Duration,
    /// Longest election timeout.
    pub election_max: Duration,
    /// The leader's heartbeat to every node: leases, liveness, cluster time.
    pub beat: Duration,
    /// How long a lease lasts; longer than the worst election.
    pub lease: Duration,
    /// A node that answered no heartbeat for so long is down.
    pub down_after: Duration,
    /// Between two rounds of discovery.
    pub discover: Duration,
    /// Deadline of discovery calls.
    pub discover_deadline: Duration,
    /// Deadline of a proposal with all its retries.
    pub propose_deadline: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Timings {
            raft_heartbeat: Duration::from_millis(250),
            election_min: Duration::from_millis(1000),
            election_max: Duration::from_millis(2000),
            beat: Duration::from_secs(1),
            lease: Duration::from_secs(10),
            down_after: Duration::from_secs(3),
            discover: Duration::from_millis(500),
            discover_deadline: Duration::from_secs(1),
            propose_deadline: Duration::from_secs(10),
        }
    }
}

impl Timings {
    /// All of them divided by `by`: for tests.
    pub fn faster(by: u32) -> Timings {
        let whole = Timings::default();
        Timings {
            raft_heartbeat: whole.raft_heartbeat / by,
            election_min: whole.election_min / by,
            election_max: whole.election_max / by,
            beat: whole.beat / by,
            lease: whole.lease / by,
            down_after: whole.down_after / by,
            discover: whole.discover / by,
            discover_deadline: whole.discover_deadline,
            propose_deadline: whole.propose_deadline,
        }
    }

    fn check(&self) -> Result<()> {
        let sound = self.raft_heartbeat < self.election_min
            && self.election_min < self.election_max
            && self.beat * 2 < self.down_after
            && self.down_after < self.lease
            && self.election_max < self.lease;
        if sound {
            return Ok(());
        }
        Err(ClusterError::Options(format!("the timings contradict each other: {self:?}")))
    }
}

/// A connection to another node's gRPC edge: gRPC's channel, or one with layers around it.
pub type Line = BoxCloneSyncService<Request<Body>, Response<Body>, tonic::transport::Error>;

/// The net seam: how another node's gRPC edge is reached.
pub trait Dial: Send + Sync + Debug {
    /// A channel that connects when it is first used. Its own connect timeout should be short.
    fn channel(&self, address: &str) -> Result<Line>;
}

/// The wall clock seam.
pub trait WallClock: Send + Sync + Debug {
    /// Milliseconds since 1970.
    fn now_ms(&self) -> i64;
}

/// The one function for work that blocks (fsync): a thread pool in production, [`run_inline`]
/// under simulation. The future ends when the work is done.
pub type Blocking = Arc<dyn Fn(Box<dyn FnOnce() + Send>) -> BoxFuture<'static, ()> + Send + Sync>;

/// [`Blocking`] that does the work where it is.
pub fn run_inline() -> Blocking {
    Arc::new(|work| {
        work();
        Box::pin(std::future::ready(()))
    })
}

/// What a node is given.
#[derive(Clone)]
pub struct ClusterDeps {
    /// The disk.
    pub files: Arc<dyn Files>,
    /// Cache of the applied state.
    pub kv: Arc<dyn KeyValue>,
    /// Connections to other nodes.
    pub dial: Arc<dyn Dial>,
    /// The wall clock.
    pub clock: Arc<dyn WallClock>,
    /// Where all randomness comes from; another one at each start (from the OS in production).
    pub seed: u64,
    /// Where blocking work runs.
    pub blocking: Blocking,
}

impl Debug for ClusterDeps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClusterDeps").finish_non_exhaustive()
    }
}
