//! Where a node is on its way into the cluster: for `/-/ready` and `granary status`.

use proto::{ClusterId, NodeId};

use crate::membership::Membership;

/// How far a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It belongs to no cluster yet.
    Discovering,
    /// It belongs to one that has not (yet) registered it in this life.
    Joining,
    /// It is registered.
    Member,
}

impl Phase {
    /// Its name in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Discovering => "discovering",
            Phase::Joining => "joining",
            Phase::Member => "member",
        }
    }
}

/// A node's view of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// How far it is.
    pub phase: Phase,
    /// The node.
    pub node_id: NodeId,
    /// Its cluster.
    pub cluster_id: Option<ClusterId>,
    /// The leader as far as known.
    pub leader: Option<NodeId>,
    /// Raft's term.
    pub term: u64,
    /// Index of the last applied entry.
    pub last_applied: u64,
    /// Whether it may act on what it knows.
    pub has_lease: bool,
    /// Whether its wall clock is too far from the cluster's.
    pub is_clock_skewed: bool,
    /// Whether its Raft log was damaged and no leader has sent again yet what it lost. Until then
    /// the node does not lead; alone, it has to be replaced by an empty one.
    pub owes_entries: bool,
    /// The replication factor its ring has, if the node was started with another one.
    pub replication_factor_kept: Option<u32>,
    /// What it waits for, or why it was refused; empty when all is well.
    pub message: String,
}

impl Status {
    pub(crate) fn of(membership: &Membership) -> Status {
        let raft = &membership.raft;
        let state = raft.state();
        let cluster_id = membership.identity.cluster_id();
        let (term, leader) = raft.term_and_leader();
        let phase = match cluster_id {
            None => Phase::Discovering,
            Some(_) if membership.is_registered(&state) => Phase::Member,
            Some(_) => Phase::Joining,
        };
        let asked = membership.options.replication_factor;
        let ring = state.hashrings.get(&membership.options.hashring);
        let kept = ring.map(|r| r.replication_factor).filter(|kept| *kept != asked);
        Status {
            phase,
            node_id: membership.node_id(),
            cluster_id,
            leader,
            term,
            last_applied: *raft.watch_index().borrow(),
            has_lease: membership.lease.valid(),
            is_clock_skewed: membership.lease.is_clock_skewed(),
            owes_entries: raft.owes_entries(),
            replication_factor_kept: kept,
            message: membership.message(),
        }
    }
}
