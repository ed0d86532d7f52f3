//! Which nodes a series goes to: a ring's shard table, folded into groups of equal owners.

use std::collections::{BTreeMap, BTreeSet};

use proto::{Epoch, NodeId, SeriesId};

/// A ring's table as the router uses it; built once per epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RingView {
    /// Name of the ring.
    pub name: String,
    /// Version of its table.
    pub epoch: Epoch,
    /// Durable copies that an ack needs.
    pub ack_copies: usize,
    /// All nodes of the ring.
    pub nodes: BTreeSet<NodeId>,
    /// Shards with the same owners form one group.
    pub groups: Vec<Group>,
    group_of_shard: Vec<u16>,
}

/// Owners that some shards share, and who stands in for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Owners in order; the first is the primary.
    pub owners: Vec<NodeId>,
    /// The other nodes of the ring in table order: the candidates for fallback copies.
    pub reserves: Vec<NodeId>,
}

impl RingView {
    /// Folds a shard table (owners in order, for each shard). `members` are all nodes of the ring:
    /// one that owns nothing yet can still stand in.
    pub fn new(
        name: &str,
        epoch: Epoch,
        ack_copies: usize,
        shards: &[Vec<NodeId>],
        members: &BTreeSet<NodeId>,
    ) -> RingView {
        let mut index: BTreeMap<&[NodeId], u16> = BTreeMap::new();
        let mut groups = Vec::new();
        let mut group_of_shard = Vec::with_capacity(shards.len());
        for (shard, owners) in shards.iter().enumerate() {
            let group = *index.entry(owners).or_insert_with(|| {
                groups.push(Group {
                    owners: owners.clone(),
                    reserves: reserves(shards, shard, members),
                });
                (groups.len() - 1) as u16
            });
            group_of_shard.push(group);
        }
        let nodes = shards.iter().flatten().chain(members).copied().collect();
        RingView { name: name.to_owned(), epoch, ack_copies, nodes, groups, group_of_shard }
    }

    /// Whether the ring has a table at all.
    pub fn is_empty(&self) -> bool {
        self.group_of_shard.is_empty()
    }

    /// The group that a series belongs to. `start` and `width` are the tenant's.
    #[inline]
    pub fn group_of(&self, id: SeriesId, start: u32, width: u32) -> usize {
        let shards = self.group_of_shard.len() as u32;
        usize::from(self.group_of_shard[id.shard(start, width, shards) as usize])
    }

    /// Indexes of `ids` by group; groups that nothing falls into are left out.
    pub fn split(&self, ids: &[SeriesId], start: u32, width: u32) -> Vec<(usize, Vec<u32>)> {
        let mut by_group: Vec<Vec<u32>> = vec![Vec::new(); self.groups.len()];
        for (index, id) in ids.iter().enumerate() {
            by_group[self.group_of(*id, start, width)].push(index as u32);
        }
        by_group.into_iter().enumerate().filter(|(_, series)| !series.is_empty()).collect()
    }
}

/// Nodes that follow a shard's owners in the table, each once, then those without a shard.
fn reserves(shards: &[Vec<NodeId>], shard: usize, members: &BTreeSet<NodeId>) -> Vec<NodeId> {
    let owners = &shards[shard];
    let mut reserves = Vec::new();
    let following = shards.iter().cycle().skip(shard + 1).take(shards.len()).flatten();
    for node in following.chain(members) {
        if !owners.contains(node) && !reserves.contains(node) {
            reserves.push(*node);
        }
    }
    reserves
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(ids: &[u64]) -> Vec<NodeId> {
        ids.iter().map(|id| NodeId(*id)).collect()
    }

    #[test]
    fn shards_with_equal_owners_share_a_group() {
        let shards = [nodes(&[1, 2]), nodes(&[2, 3]), nodes(&[1, 2]), nodes(&[3, 1])];
        let members = nodes(&[1, 2, 3, 4]).into_iter().collect();
        let view = RingView::new("default", Epoch(1), 2, &shards, &members);
        assert_eq!(view.groups.len(), 3);
        assert_eq!(view.groups[0].owners, nodes(&[1, 2]));
        assert_eq!(view.groups[0].reserves, nodes(&[3, 4]));
        assert_eq!(view.nodes, members);
    }

    #[test]
    fn every_series_lands_in_the_group_of_its_shard() {
        let shards = [nodes(&[1, 2]), nodes(&[2, 3])];
        let view = RingView::new("default", Epoch(1), 2, &shards, &BTreeSet::new());
        let ids: Vec<SeriesId> = (0..4u128).map(|top| SeriesId(top << 96)).collect();
        assert_eq!(view.split(&ids, 0, 0), [(0, vec![0, 2]), (1, vec![1, 3])]);
    }
}
