//! What can be agreed on. Every command may be applied twice without harm, so that a proposal
//! with an unknown outcome can be repeated.

use std::collections::BTreeSet;
use std::fmt;

use proto::{ClusterId, Life, NodeId};
use serde::{Deserialize, Serialize};

use super::{Role, Secret};

/// A change of the cluster's state. New kinds may be added at the end; fields never change their
/// meaning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Names the cluster. The first one wins.
    Found {
        /// The cluster.
        #[serde(with = "crate::identity::hex_cluster_id")]
        cluster_id: Option<ClusterId>,
        /// Seed of all series ids.
        cluster_seed: Secret,
        /// Nodes that must have registered before a ring gets a table.
        founders: BTreeSet<NodeId>,
    },
    /// A node says who it is, at each start and whenever that changes.
    RegisterMember(Registration),
    /// Makes a ring, or keeps the one there is.
    CreateHashring(HashringWish),
    /// Makes a tenant a hard tenant of a ring.
    RouteTenant {
        /// Exact name.
        tenant: String,
        /// The ring, which must exist.
        hashring: String,
    },
    /// Makes all tenants that match hard tenants of a ring.
    RouteGlob {
        /// `*` and `?`.
        glob: String,
        /// The ring, which must exist.
        hashring: String,
    },
    /// Takes a route away, exact or glob.
    Unroute {
        /// The name or the glob.
        tenant: String,
    },
    /// A write is about to be acked: the ring's table may no longer be made anew.
    MarkRingUsed {
        /// The ring.
        hashring: String,
    },
    /// A node is to be drained.
    SetLeaving {
        /// The node.
        node: NodeId,
        /// False takes it back.
        leaving: bool,
    },
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// A node that wants to be, or stay, a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The node.
    pub id: NodeId,
    /// Name its operator gave it.
    pub name: String,
    /// `host:port` of its gRPC edge.
    pub address: String,
    /// `host:port` of its HTTP edge.
    pub http_address: Option<String>,
    /// Failure zone; `""` for none.
    pub zone: String,
    /// What it does.
    pub roles: BTreeSet<Role>,
    /// The ring it receives for, made as wished if it is the first node of it.
    pub hashring: HashringWish,
    /// Its life number; a lower one than is known is refused.
    pub life: Life,
}

/// A ring as the first node of it wants it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HashringWish {
    /// Its name.
    pub name: String,
    /// Owners of each shard.
    pub replication_factor: u32,
    /// Durable copies that an ack needs; `None` for the rule of the replication factor.
    pub ack_copies: Option<u32>,
    /// Number of shards.
    pub shards: u32,
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// It holds.
    Done,
    /// It cannot be; nothing changed.
    Refused(String),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Done => f.write_str("done"),
            Answer::Refused(reason) => write!(f, "refused: {reason}"),
        }
    }
}
