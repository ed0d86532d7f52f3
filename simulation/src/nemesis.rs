//! The faults of a life: what can be done to a cluster, when, and for how long.
//!
//! Destructive faults (those that can take a durable copy away) go to one host of each ring for a
//! whole life: nothing repairs copies yet, so that a second one could take the last copy of an
//! acknowledged sample. The profile `beyond-budget` does not keep to that.

mod apply;
mod copies;
mod draw;
mod links;
mod reach;

use std::fmt;

use crate::world::disk::{Area, Barrier};

pub use apply::{MakeHost, Nemesis};
pub use draw::draw_faults;
pub use reach::Reach;

/// What is done. Hosts are indexes.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// No message passes between two groups of hosts, both ways.
    Partition {
        /// One side; the other is every other host.
        side: Vec<usize>,
    },
    /// Messages from one host to another get lost; the other way they pass.
    PartitionOneWay {
        /// From here,
        from: usize,
        /// to there.
        to: usize,
    },
    /// No client reaches a host; the other hosts do.
    CutClients {
        /// The host.
        host: usize,
    },
    /// Nothing reaches or leaves a host, without any connection being reset, and everything comes
    /// late: a process that is paused, as the others see it.
    Hold {
        /// The host.
        host: usize,
    },
    /// Messages between two hosts take up to so long.
    Latency {
        /// One,
        a: usize,
        /// and the other.
        b: usize,
        /// Milliseconds.
        ms: u64,
    },
    /// Of a hundred messages between two hosts so many get lost; connections break of it.
    Loss {
        /// One,
        a: usize,
        /// and the other.
        b: usize,
        /// Per hundred.
        percent: u64,
    },
    /// Calls of a host to others are made twice, now and then.
    Duplicate {
        /// The host.
        host: usize,
        /// Per hundred.
        percent: u64,
    },
    /// A host loses power or its process is killed; it comes back when the fault ends.
    Crash {
        /// The host.
        host: usize,
        /// How.
        kind: CrashKind,
    },
    /// All hosts of a ring crash at once.
    CrashRing {
        /// Index of the ring.
        ring: usize,
        /// How.
        kind: CrashKind,
    },
    /// Two hosts of a ring crash at once, and come back at once: as many copies as an answer must
    /// not do without.
    CrashTwo {
        /// The hosts.
        pair: [usize; 2],
        /// How.
        kind: CrashKind,
    },
    /// A host crashes again and again, shortly after each start.
    CrashLoop {
        /// The host.
        host: usize,
        /// How often.
        times: u32,
    },
    /// A host crashes when its node comes to a certain place.
    CrashAt {
        /// The host.
        host: usize,
        /// The place.
        barrier: Barrier,
        /// The how-manieth time.
        nth: u64,
    },
    /// The node is told to stop, stops, and is started again.
    Restart {
        /// The host.
        host: usize,
    },
    /// All nodes, one after the other.
    RollingRestart,
    /// The wall clock of a host is off.
    Skew {
        /// The host.
        host: usize,
        /// Milliseconds; negative is behind.
        ms: i64,
    },
    /// Every write to the disk and every fsync takes so long.
    SlowDisk {
        /// The host.
        host: usize,
        /// Milliseconds.
        ms: u64,
    },
    /// Some reads, writes or looks at the disk fail.
    FailingDisk {
        /// The host.
        host: usize,
        /// What fails.
        what: DiskFault,
        /// Per thousand.
        permille: u64,
    },
    /// The next fsyncs fail, and what they should have made durable is forgotten.
    FailingSync {
        /// The host.
        host: usize,
    },
    /// The disk is full.
    FullDisk {
        /// The host.
        host: usize,
        /// Bytes that are still free.
        free_bytes: u64,
    },
    /// Something on the disk is damaged while the node is down.
    Damage {
        /// The host.
        host: usize,
        /// Where.
        area: Area,
    },
    /// The disk is lost; the node comes back with an empty one.
    LoseDisk {
        /// The host.
        host: usize,
    },
    /// The disk is what it was when the fault began, a while ago.
    OldDisk {
        /// The host.
        host: usize,
    },
    /// The bucket misbehaves.
    Bucket {
        /// How.
        how: BucketFault,
    },
    /// A host that nobody knew joins the cluster.
    Join {
        /// Index of the ring it receives for.
        ring: usize,
    },
}

/// Every kind of fault, as it is counted, in the order of [`Fault`].
pub const KINDS: [&str; 35] = [
    "partition",
    "one-way partition",
    "clients cut off",
    "hold and release",
    "latency",
    "loss",
    "duplicated calls",
    "power cut",
    "torn power cut",
    "process kill",
    "crash of a ring",
    "crash of two",
    "crash loop",
    "crash at a barrier",
    "restart",
    "rolling restart",
    "clock skew",
    "slow disk",
    "failing reads",
    "failing writes",
    "failing metadata",
    "failing fsync",
    "full disk",
    "damage at rest",
    "lost disk",
    "old disk",
    "bucket errors",
    "bucket timeouts",
    "bucket short reads",
    "bucket multipart",
    "bucket lagging lists",
    "bucket credentials",
    "bucket unreachable",
    "bucket slow",
    "join",
];

/// How a life of a process is cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CrashKind {
    /// The power fails and nothing that was not synced survives.
    PowerCut,
    /// The power fails and a random part of what was not synced survives.
    TornPowerCut,
    /// The process is killed; the page cache stays.
    ProcessKill,
}

impl CrashKind {
    /// All of them.
    pub const ALL: [CrashKind; 3] =
        [CrashKind::PowerCut, CrashKind::TornPowerCut, CrashKind::ProcessKill];
}

/// What fails on a failing disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DiskFault {
    /// Reading.
    Reads,
    /// Writing.
    Writes,
    /// Names, directories, sizes.
    Metadata,
}

/// How the bucket misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BucketFault {
    /// It says 500 and 503 to some requests.
    Errors,
    /// Requests time out, before or after they were carried out.
    Timeouts,
    /// Bodies break off.
    ShortReads,
    /// Parts of large uploads get lost, or their completion fails.
    Multipart,
    /// Lists lag behind.
    LaggingLists,
    /// Credentials are expired.
    Forbidden,
    /// It is not reached at all.
    Unreachable,
    /// It is slow.
    Slow,
}

/// A fault and when it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// When it begins, in milliseconds after the faults' phase began.
    pub at_ms: i64,
    /// How long it lasts.
    pub lasts_ms: i64,
    /// What is done.
    pub fault: Fault,
}

impl Fault {
    /// The kind, as it is counted.
    pub fn kind(&self) -> &'static str {
        match self {
            Fault::Partition { .. } => "partition",
            Fault::PartitionOneWay { .. } => "one-way partition",
            Fault::CutClients { .. } => "clients cut off",
            Fault::Hold { .. } => "hold and release",
            Fault::Latency { .. } => "latency",
            Fault::Loss { .. } => "loss",
            Fault::Duplicate { .. } => "duplicated calls",
            Fault::Crash { kind: CrashKind::PowerCut, .. } => "power cut",
            Fault::Crash { kind: CrashKind::TornPowerCut, .. } => "torn power cut",
            Fault::Crash { kind: CrashKind::ProcessKill, .. } => "process kill",
            Fault::CrashRing { .. } => "crash of a ring",
            Fault::CrashTwo { .. } => "crash of two",
            Fault::CrashLoop { .. } => "crash loop",
            Fault::CrashAt { .. } => "crash at a barrier",
            Fault::Restart { .. } => "restart",
            Fault::RollingRestart => "rolling restart",
            Fault::Skew { .. } => "clock skew",
            Fault::SlowDisk { .. } => "slow disk",
            Fault::FailingDisk { what: DiskFault::Reads, .. } => "failing reads",
            Fault::FailingDisk { what: DiskFault::Writes, .. } => "failing writes",
            Fault::FailingDisk { what: DiskFault::Metadata, .. } => "failing metadata",
            Fault::FailingSync { .. } => "failing fsync",
            Fault::FullDisk { .. } => "full disk",
            Fault::Damage { .. } => "damage at rest",
            Fault::LoseDisk { .. } => "lost disk",
            Fault::OldDisk { .. } => "old disk",
            Fault::Bucket { how: BucketFault::Errors } => "bucket errors",
            Fault::Bucket { how: BucketFault::Timeouts } => "bucket timeouts",
            Fault::Bucket { how: BucketFault::ShortReads } => "bucket short reads",
            Fault::Bucket { how: BucketFault::Multipart } => "bucket multipart",
            Fault::Bucket { how: BucketFault::LaggingLists } => "bucket lagging lists",
            Fault::Bucket { how: BucketFault::Forbidden } => "bucket credentials",
            Fault::Bucket { how: BucketFault::Unreachable } => "bucket unreachable",
            Fault::Bucket { how: BucketFault::Slow } => "bucket slow",
            Fault::Join { .. } => "join",
        }
    }

    /// Whether it can take a durable copy away.
    pub fn is_destructive(&self) -> bool {
        matches!(self, Fault::Damage { .. } | Fault::LoseDisk { .. } | Fault::OldDisk { .. })
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {} ms for {} ms: {:?}", self.at_ms, self.lasts_ms, self.fault)
    }
}
