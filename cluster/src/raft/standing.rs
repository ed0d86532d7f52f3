//! How far a node's log is, in plain numbers: for support and for audits of a cluster.

use std::collections::BTreeSet;

use proto::NodeId;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use super::log::RaftLog;
use super::types::{LogId, Vote};

/// A term, and the node that leads it or asked for votes in it. Terms are totally ordered: two
/// nodes may lead one after the other under the same number, the greater id last.
pub type Term = (u64, NodeId);

/// An entry of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct EntryId {
    /// The term that it was written in.
    pub term: Term,
    /// Its place, from 0.
    pub index: u64,
}

/// Where a node stands in the log. Of places, `None` is before the first entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The last term that it voted in or follows, as it is on the disk.
    pub vote: Term,
    /// Whether it takes itself for the leader of that term.
    pub leads: bool,
    /// Its last entry.
    pub last: Option<EntryId>,
    /// Up to where it knows entries to be committed.
    pub committed: Option<u64>,
    /// Up to where it has applied them.
    pub applied: Option<u64>,
    /// Up to where its log was purged.
    pub purged: Option<u64>,
}

/// A node's log in short.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LogOutline {
    /// The entries that were not purged, in order.
    pub entries: Vec<EntryId>,
    /// The voters of the last membership, committed or not.
    pub voters: BTreeSet<NodeId>,
    /// Whether that membership is on its way to another one.
    pub is_joint: bool,
}

impl From<LogId> for EntryId {
    fn from(id: LogId) -> EntryId {
        let leader = id.leader_id;
        EntryId { term: (leader.term, NodeId(leader.node_id)), index: id.index }
    }
}

/// The term of a vote; the least of all without one.
pub(super) fn term_of(vote: Option<&Vote>) -> Term {
    vote.map(|vote| (vote.leader_id.term, NodeId(vote.leader_id.node_id))).unwrap_or_default()
}

impl RaftLog {
    /// All of it but for what Raft itself and the state machine know.
    pub(super) fn standing(&self) -> Standing {
        self.with_image(|image| Standing {
            vote: term_of(image.vote.as_ref()),
            leads: false,
            last: image.last().map(EntryId::from),
            committed: image.committed.map(|id| id.index),
            applied: None,
            purged: image.purged.map(|id| id.index),
        })
    }

    /// Hash (xxh3) over an entry with its content; `None` if the log does not have it (any more).
    pub(super) fn entry_hash(&self, index: u64) -> Option<u64> {
        self.with_image(|image| {
            let bytes = serde_json::to_vec(image.entries.get(&index)?).ok()?;
            Some(xxh3_64(&bytes))
        })
    }
}
