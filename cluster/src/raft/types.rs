//! Raft as this cluster configures it.

use std::fmt;
use std::sync::Arc;

use openraft::type_config::alias as al;
use openraft::{Config, SnapshotPolicy};
use serde::{Deserialize, Serialize};

use super::machine::Machine;
use crate::error::{ClusterError, Result};
use crate::options::Timings;
use crate::state::{Answer, Command};

/// Runtime whose randomness (election jitter) comes from a seed.
pub type Rt = openraft_rt::deterministic_rng::DeterministicRng<openraft_rt_tokio::TokioRuntime>;

openraft::declare_raft_types!(
    /// The types of this cluster's Raft.
    pub TypeConfig: D = Command, R = Answer, Node = Peer, AsyncRuntime = Rt,
);

/// The Raft node.
pub type Raft = openraft::Raft<TypeConfig, Arc<Machine>>;
/// Term, leader and index of an entry.
pub type LogId = al::LogIdOf<TypeConfig>;
/// Term and candidate.
pub type Vote = al::VoteOf<TypeConfig>;
/// One entry of the log.
pub type Entry = al::EntryOf<TypeConfig>;
/// A membership and the entry that made it.
pub type StoredMembership = al::StoredMembershipOf<TypeConfig>;
/// What a snapshot is of.
pub type SnapshotMeta = al::SnapshotMetaOf<TypeConfig>;
/// A whole encoded snapshot.
pub type SnapshotData = std::io::Cursor<Vec<u8>>;
/// A snapshot and what it is of.
pub type Snapshot = al::SnapshotOf<TypeConfig, SnapshotData>;

/// Deadline for a snapshot to be sent and installed.
const SNAPSHOT_DEADLINE_MS: u64 = 10_000;

/// A node as Raft's membership knows it. The address is where it was when it was added; where it
/// is now is in the cluster's state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// `host:port` of its gRPC edge.
    pub address: String,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

/// Raft's configuration for these timings, so many entries between two snapshots, and whether the
/// node may ask for votes from the start.
///
/// A leader that starts again is none: entries that it sent and did not write down yet may be on
/// other nodes, and it would write others in their place, in the same term. A follower may come
/// back with a shorter log, if its own was damaged; the leader then sends the rest again.
pub fn config(timings: &Timings, snapshot_entries: u64, may_elect: bool) -> Result<Arc<Config>> {
    let millis = |d: std::time::Duration| d.as_millis() as u64;
    let config = Config {
        cluster_name: "granary".to_owned(),
        heartbeat_interval: millis(timings.raft_heartbeat),
        election_timeout_min: millis(timings.election_min),
        election_timeout_max: millis(timings.election_max),
        enable_pre_vote: Some(true),
        enable_elect: may_elect,
        enable_leader_restore: Some(false),
        allow_log_reversion: Some(true),
        install_snapshot_timeout: SNAPSHOT_DEADLINE_MS,
        snapshot_policy: SnapshotPolicy::LogsSinceLast(snapshot_entries),
        max_in_snapshot_log_to_keep: snapshot_entries / 4,
        ..Config::default()
    };
    let config = config.validate().map_err(|e| ClusterError::Options(e.to_string()))?;
    Ok(Arc::new(config))
}
