//! Payloads of the control plane's calls: `version (1) | target node, little endian (8) | JSON`.
//!
//! The target keeps a call from being taken by a node that has another one's old address; 0 means
//! whoever answers.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use proto::{ClusterId, Life, NodeId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tonic::Status;

use crate::identity::{Promise, hex_cluster_id};
use crate::state::{Answer, Command};

/// Format of the payloads.
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 9;
/// Largest message of the control plane, snapshots included (`RPC_BYTES_MAX`).
pub const RPC_BYTES_MAX: usize = 64 << 20;
/// A target that is whoever answers.
pub const ANYONE: NodeId = NodeId(0);

/// Bytes of a payload for one node.
pub fn encode<T: Serialize>(target: NodeId, message: &T) -> Result<Bytes, Status> {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&target.0.to_le_bytes());
    let written = serde_json::to_writer(&mut bytes, message);
    written.map_err(|e| Status::internal(format!("a message could not be encoded: {e}")))?;
    Ok(bytes.into())
}

/// The target and the message of a payload.
pub fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<(NodeId, T), Status> {
    let (target, json) = split(payload)?;
    let message = serde_json::from_slice(json).map_err(|e| unreadable(&e.to_string()))?;
    Ok((target, message))
}

/// The target of a payload.
pub fn target(payload: &[u8]) -> Result<NodeId, Status> {
    split(payload).map(|(target, _)| target)
}

fn split(payload: &[u8]) -> Result<(NodeId, &[u8]), Status> {
    let Some((header, json)) = payload.split_first_chunk::<HEADER_BYTES>() else {
        return Err(unreadable("cut short"));
    };
    let [version, target @ ..] = *header;
    if version != VERSION {
        return Err(unreadable(&format!("version {version}, known is {VERSION}")));
    }
    Ok((NodeId(u64::from_le_bytes(target)), json))
}

fn unreadable(why: &str) -> Status {
    Status::invalid_argument(format!("a payload is unreadable: {why}"))
}

/// Where a node can be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// The node.
    pub id: NodeId,
    /// `host:port` of its gRPC edge.
    pub address: String,
    /// The life in which it said so.
    pub life: Life,
}

/// The leader's heartbeat to one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// The leader's term.
    pub term: u64,
    /// Counts up within the term, over restarts of the leader too.
    pub round: u64,
    /// The lease, if the leader may give one.
    pub grant: Option<Grant>,
    /// Index of the log that the leader had applied one beat before. Who is further behind does
    /// not know the current tables and takes no lease.
    pub applied: u64,
    /// Lives of nodes that the leader saw advance lately: whoever follows it knows them even if
    /// those nodes never call it.
    #[serde(default)]
    pub lives: BTreeMap<NodeId, Life>,
}

/// A lease on the agreed state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The receiver's last answer that the leader heard. The lease lasts from when the receiver
    /// gave it, so that a late message cannot lengthen it.
    pub heard_round: u64,
    /// Cluster time when the beat was sent.
    pub cluster_time_ms: i64,
    /// Who is alive.
    pub live: BTreeSet<NodeId>,
}

/// Answer to a beat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeatAnswer {
    /// Highest term the node had a beat of.
    pub term: u64,
    /// Its wall clock.
    pub wall_ms: i64,
    /// Cluster time as it last knew it: a new leader goes on from there.
    pub known: Option<KnownTime>,
}

/// Cluster time as a node knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownTime {
    /// Milliseconds since 1970.
    pub time_ms: i64,
    /// For how long it has stood still, because the node's lease ran out, milliseconds.
    pub stood_ms: u64,
}

/// Answer to a proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Proposed {
    /// It was applied, as entry `index`.
    Applied {
        /// What became of it.
        answer: Answer,
        /// Index of its entry.
        index: u64,
    },
    /// Nothing was done: ask the leader, if there is one.
    NotLeader(Option<Contact>),
    /// It may or may not be applied.
    Unknown(String),
}

/// A proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// What is proposed.
    pub command: Command,
}

/// What a node without a cluster, or one that came back, asks a seed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Discover {
    /// Who are you? This is where I am.
    Hello {
        /// The caller.
        me: Contact,
    },
    /// Will you found this cluster with me?
    Promise(Promise),
}

/// Who answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discovered {
    /// The node.
    pub me: Contact,
    /// Its cluster.
    #[serde(with = "hex_cluster_id")]
    pub cluster: Option<ClusterId>,
    /// Where its cluster's members are.
    pub members: Vec<Contact>,
    /// Nodes without a cluster that it reached in its last round of discovery.
    pub sees: BTreeSet<NodeId>,
    /// The cluster it tries to found.
    #[serde(with = "hex_cluster_id")]
    pub candidacy: Option<ClusterId>,
    /// Whether its promise is the one asked for.
    pub promised: bool,
}

/// Whether a call with this target is one for this node.
pub fn is_for(target: NodeId, me: NodeId) -> bool {
    target == ANYONE || target == me
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_checked() {
        let answer =
            BeatAnswer { term: 1, wall_ms: 2, known: Some(KnownTime { time_ms: 3, stood_ms: 4 }) };
        let bytes = encode(NodeId(7), &answer).unwrap();
        assert_eq!(decode::<BeatAnswer>(&bytes).unwrap(), (NodeId(7), answer));
        for cut in 0..bytes.len() {
            assert!(decode::<BeatAnswer>(&bytes[..cut]).is_err(), "{cut} bytes");
        }
        let mut newer = bytes.to_vec();
        newer[0] = 2;
        assert!(decode::<BeatAnswer>(&newer).unwrap_err().message().contains("version 2"));
    }
}
