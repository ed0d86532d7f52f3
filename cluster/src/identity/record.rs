//! What is in the identity file.

use std::collections::BTreeMap;

use proto::{ClusterId, Life, NodeId};
use serde::{Deserialize, Serialize};

use super::hex::{hex_cluster_id, hex_id};

/// A node's word that it will be a founder of this cluster and of no other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// The cluster to be.
    #[serde(with = "hex_id")]
    pub cluster: ClusterId,
    /// Who makes it.
    pub candidate: NodeId,
    /// All who were asked.
    pub founders: Vec<NodeId>,
}

/// A cluster this node makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Founding {
    /// The cluster to be.
    #[serde(with = "hex_id")]
    pub cluster: ClusterId,
    /// The founders and their addresses, itself included.
    pub founders: BTreeMap<NodeId, String>,
    /// Whether Raft was initialised with them.
    pub initialised: bool,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// This node, drawn once.
    pub node_id: NodeId,
    /// Advanced at each start, before each vote, and every few seconds.
    pub life: Life,
    /// The highest life that was seen of each other node.
    #[serde(default)]
    pub lives: BTreeMap<NodeId, Life>,
    /// Whether others saw later lives of this node: the disk is an old copy, for ever.
    #[serde(default)]
    pub is_outdated: bool,
    /// Its cluster.
    #[serde(with = "hex_cluster_id")]
    pub cluster_id: Option<ClusterId>,
    /// Its promise.
    pub promise: Option<Promise>,
    /// The cluster it makes or made.
    pub founding: Option<Founding>,
}

impl Record {
    /// A node that was never started.
    pub fn new(node_id: NodeId) -> Record {
        Record {
            node_id,
            life: Life(0),
            lives: BTreeMap::new(),
            is_outdated: false,
            cluster_id: None,
            promise: None,
            founding: None,
        }
    }

    /// Bytes of a slot.
    pub fn encode(&self) -> std::io::Result<Vec<u8>> {
        Ok(serde_json::to_vec_pretty(self)?)
    }

    /// Reads a slot.
    pub fn decode(bytes: &[u8]) -> serde_json::Result<Record> {
        serde_json::from_slice(bytes)
    }
}
