//! One hashring: its nodes and the table of shard owners.

use std::collections::{BTreeMap, BTreeSet};

use proto::ids::{tenant_seed, tenant_start};
use proto::{Epoch, NodeId, SeriesId, TenantName};
use serde::{Deserialize, Serialize};

/// A named set of nodes with its own tenants, replication factor and shard table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hashring {
    /// Its name.
    pub name: String,
    /// Version of `shards`; 0 before the first table.
    pub epoch: Epoch,
    /// Owners of each shard.
    pub replication_factor: u32,
    /// Durable copies that an ack needs (W).
    pub ack_copies: u32,
    /// Number of shards, fixed when the ring is made.
    pub shards_count: u32,
    /// Owners of each shard in order, the first is primary; empty until the ring has a table.
    pub shards: Vec<Vec<NodeId>>,
    /// Every node that may hold samples of this ring, owner or not.
    pub nodes: BTreeSet<NodeId>,
    /// Set before the first write is acked; from then on the table changes only in steps.
    pub used: bool,
    /// Shards a tenant is spread over, where that is not all of them.
    pub widths: BTreeMap<String, u32>,
}

impl Hashring {
    /// Durable copies that an ack needs unless the ring says otherwise: all for one and two,
    /// the majority above.
    pub fn ack_copies_default(replication_factor: u32) -> u32 {
        if replication_factor <= 2 { replication_factor } else { replication_factor / 2 + 1 }
    }

    /// Whether there is a table, so that writes can be taken.
    pub fn has_table(&self) -> bool {
        !self.shards.is_empty()
    }

    /// Owners of a shard in order; empty before there is a table.
    pub fn owners(&self, shard: u32) -> &[NodeId] {
        self.shards.get(shard as usize).map_or(&[], Vec::as_slice)
    }

    /// Shards that a tenant is spread over.
    pub fn width_of(&self, tenant: &TenantName) -> u32 {
        self.widths.get(tenant.as_str()).copied().unwrap_or(self.shards_count)
    }

    /// How the shard of each series of a tenant is found.
    pub fn router(&self, tenant: &TenantName, cluster_seed: u64) -> ShardRouter {
        ShardRouter {
            start: tenant_start(tenant_seed(tenant, cluster_seed)),
            width: self.width_of(tenant),
            shards: self.shards_count,
        }
    }

    /// Nodes to send a shard's write to beside an owner that does not answer: the ring's next
    /// nodes in table order, the live ones only, no owners among them.
    pub fn fallbacks<'a>(
        &'a self,
        shard: u32,
        live: &'a BTreeSet<NodeId>,
    ) -> impl Iterator<Item = NodeId> + 'a {
        let owners = self.owners(shard);
        let next = (shard as usize + 1).min(self.shards.len());
        let in_table_order = self.shards[next..].iter().chain(&self.shards[..next]).flatten();
        let mut seen = BTreeSet::new();
        in_table_order
            .chain(&self.nodes)
            .copied()
            .filter(move |id| !owners.contains(id) && live.contains(id) && seen.insert(*id))
    }
}

/// Finds the shard of each series of one tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardRouter {
    start: u32,
    width: u32,
    shards: u32,
}

impl ShardRouter {
    /// Shard of a series.
    #[inline]
    pub fn shard(&self, id: SeriesId) -> u32 {
        id.shard(self.start, self.width, self.shards)
    }
}
