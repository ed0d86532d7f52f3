//! The applied Raft state: who is in, which hashrings there are, who owns which shard, which
//! tenant belongs where. Samples are not here.
//!
//! Readers hold an `Arc<ClusterState>` that never changes; every applied command makes a new one.

use std::collections::{BTreeMap, BTreeSet};

use proto::{ClusterId, NodeId, TenantName};
use serde::{Deserialize, Serialize};

mod apply;
mod command;
mod glob;
mod hashring;
mod member;

pub(crate) use apply::check_wish;
pub use command::{Answer, Command, HashringWish, Registration};
pub use hashring::Hashring;
pub use member::{Member, MemberState, Role};

/// Ring of every tenant that no route names.
pub const DEFAULT_HASHRING: &str = "default";
/// Shards of a ring that nobody asked another number for.
pub const SHARDS_DEFAULT: u32 = 256;
/// Fewest shards of a ring.
pub const SHARDS_MIN: u32 = 64;
/// Most shards of a ring.
pub const SHARDS_MAX: u32 = 4096;
/// Most members of a cluster.
pub const MEMBERS_MAX: usize = 1024;
/// Most hashrings of a cluster.
pub const HASHRINGS_MAX: usize = 256;
/// Most exact tenant routes of a cluster.
pub const ROUTES_MAX: usize = 100_000;
/// Most tenant globs of a cluster.
pub const GLOBS_MAX: usize = 256;
/// Longest name, address or zone in bytes.
pub const NAME_BYTES_MAX: usize = 253;
/// Most copies of a sample.
pub const REPLICATION_FACTOR_MAX: u32 = 9;

/// A number that nobody should read in a log.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub u64);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("secret")
    }
}

/// What the cluster has agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterState {
    /// The cluster; `None` until it is founded.
    #[serde(with = "crate::identity::hex_cluster_id")]
    pub cluster_id: Option<ClusterId>,
    /// Secret seed of the tenants' series ids (see [`proto::ids::tenant_seed`]).
    pub cluster_seed: Secret,
    /// The nodes that founded the cluster. No ring has a table before all of them registered.
    pub founders: BTreeSet<NodeId>,
    /// Every node that is in.
    pub members: BTreeMap<NodeId, Member>,
    /// Every hashring by name.
    pub hashrings: BTreeMap<String, Hashring>,
    /// Exact tenant name to ring.
    pub routes: BTreeMap<String, String>,
    /// Tenant glob (`*` and `?`) to ring.
    pub globs: BTreeMap<String, String>,
}

impl ClusterState {
    /// The ring that takes a tenant's writes: an exact route wins, then the most specific glob,
    /// then the default ring. `None` if that ring does not exist (yet).
    pub fn ring_of(&self, tenant: &TenantName) -> Option<&Hashring> {
        self.hashrings.get(self.ring_name_of(tenant))
    }

    /// Name of the ring of a tenant, existing or not.
    pub fn ring_name_of(&self, tenant: &TenantName) -> &str {
        if let Some(ring) = self.routes.get(tenant.as_str()) {
            return ring;
        }
        let matching = self.globs.iter().filter(|(g, _)| glob::matches(g, tenant.as_str()));
        let best = matching.max_by_key(|(g, _)| (glob::literals(g), std::cmp::Reverse(*g)));
        best.map_or(DEFAULT_HASHRING, |(_, ring)| ring)
    }

    /// Names and globs of the hard tenants of a ring, sorted.
    pub fn hard_tenants(&self, ring: &str) -> Vec<&str> {
        let routes = self.routes.iter().chain(&self.globs);
        let mut names: Vec<&str> =
            routes.filter(|(_, to)| *to == ring).map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// Nodes that may hold samples of a ring: its members, leaving ones included. A query for the
    /// ring asks all of them.
    pub fn holders<'a>(&'a self, ring: &'a str) -> impl Iterator<Item = NodeId> + 'a {
        self.hashrings.get(ring).into_iter().flat_map(|r| r.nodes.iter().copied())
    }

    /// Address of a member's gRPC edge.
    pub fn address_of(&self, id: NodeId) -> Option<&str> {
        self.members.get(&id).map(|m| m.address.as_str())
    }

    /// Whether every founder has registered, so that rings may have tables.
    pub fn is_complete(&self) -> bool {
        self.cluster_id.is_some() && self.founders.iter().all(|id| self.members.contains_key(id))
    }
}

#[cfg(test)]
mod tests;
