//! Which nodes own which shards: a pure, deterministic function.
//!
//! [`table`] starts from the table there is, keeps every owner it can, and moves only what is
//! needed so that each shard has its owners on distinct nodes (and distinct zones where there are
//! enough), and no two nodes of a zone differ by more than one shard. The same input gives the
//! same table in every process: ties are broken by a hash of shard and node.

use std::collections::BTreeMap;

use proto::NodeId;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A node that may own shards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The node.
    pub id: NodeId,
    /// Its failure zone; nodes without one share the zone `""`.
    pub zone: String,
}

/// Owners of each of `shards` shards, `copies` distinct nodes in order, the first is primary.
///
/// `previous` is the table to stay close to (empty for none). With fewer candidates than `copies`
/// there is no table: the answer is empty.
pub fn table(
    previous: &[Vec<NodeId>],
    candidates: &[Candidate],
    copies: usize,
    shards: usize,
) -> Vec<Vec<NodeId>> {
    if copies == 0 || candidates.len() < copies {
        return Vec::new();
    }
    let mut draft = Draft::new(previous, candidates, copies, shards);
    draft.fill();
    draft.spread_zones();
    draft.balance();
    draft.balance_primaries();
    draft.owners
}

/// A table being made, with the load of every candidate.
struct Draft<'a> {
    owners: Vec<Vec<NodeId>>,
    zones: BTreeMap<NodeId, &'a str>,
    loads: BTreeMap<NodeId, usize>,
    copies: usize,
}

impl<'a> Draft<'a> {
    /// Keeps from `previous` what is still possible.
    fn new(
        previous: &[Vec<NodeId>],
        candidates: &'a [Candidate],
        copies: usize,
        shards: usize,
    ) -> Draft<'a> {
        let zones: BTreeMap<_, _> = candidates.iter().map(|c| (c.id, c.zone.as_str())).collect();
        let mut loads: BTreeMap<_, _> = zones.keys().map(|id| (*id, 0)).collect();
        let mut owners = vec![Vec::with_capacity(copies); shards];
        for (row, old) in owners.iter_mut().zip(previous) {
            for id in old {
                if row.len() < copies && zones.contains_key(id) && !row.contains(id) {
                    row.push(*id);
                    *loads.entry(*id).or_default() += 1;
                }
            }
        }
        Draft { owners, zones, loads, copies }
    }

    fn zone(&self, id: NodeId) -> &'a str {
        self.zones.get(&id).copied().unwrap_or_default()
    }

    fn load(&self, id: NodeId) -> usize {
        self.loads.get(&id).copied().unwrap_or_default()
    }

    /// Owners of the row, apart from `but`, that are in the zone of `id`.
    fn neighbours(&self, row: &[NodeId], id: NodeId, but: Option<NodeId>) -> usize {
        row.iter().filter(|o| Some(**o) != but && self.zone(**o) == self.zone(id)).count()
    }

    /// Gives every shard its missing owners: emptiest zone first, then the least loaded node.
    fn fill(&mut self) {
        for shard in 0..self.owners.len() {
            while self.owners[shard].len() < self.copies {
                let Some(id) = self.best_for(shard, None) else { return };
                self.owners[shard].push(id);
                *self.loads.entry(id).or_default() += 1;
            }
        }
    }

    /// The best further owner of a shard, if `leaving` were not one.
    fn best_for(&self, shard: usize, leaving: Option<NodeId>) -> Option<NodeId> {
        let row = &self.owners[shard];
        let free = self.zones.keys().copied().filter(|id| !row.contains(id));
        free.min_by_key(|id| {
            (self.neighbours(row, *id, leaving), self.load(*id), tie(shard, *id), *id)
        })
    }

    fn replace(&mut self, shard: usize, from: NodeId, to: NodeId) {
        for owner in self.owners[shard].iter_mut().filter(|o| **o == from) {
            *owner = to;
        }
        *self.loads.entry(from).or_default() -= 1;
        *self.loads.entry(to).or_default() += 1;
    }

    /// Where two owners share a zone and another zone is free, moves the more loaded of them.
    fn spread_zones(&mut self) {
        for shard in 0..self.owners.len() {
            for _ in 0..self.copies {
                let row = &self.owners[shard];
                let shared = row.iter().copied().filter(|o| self.neighbours(row, *o, Some(*o)) > 0);
                let Some(from) = shared.max_by_key(|o| (self.load(*o), *o)) else { break };
                let Some(to) = self.best_for(shard, Some(from)) else { break };
                let better = self.neighbours(row, to, Some(from));
                if better >= self.neighbours(row, from, Some(from)) {
                    break;
                }
                self.replace(shard, from, to);
            }
        }
    }

    /// Moves single shards from fuller to emptier nodes until no such move helps.
    fn balance(&mut self) {
        let moves_max = self.owners.len() * self.copies;
        for _ in 0..moves_max {
            let Some((shard, from, to)) = self.helpful_move() else { return };
            self.replace(shard, from, to);
        }
    }

    /// A move that evens two loads out and does not put more owners of a shard into one zone.
    fn helpful_move(&self) -> Option<(usize, NodeId, NodeId)> {
        let mut fullest: Vec<NodeId> = self.loads.keys().copied().collect();
        fullest.sort_by_key(|id| (std::cmp::Reverse(self.load(*id)), *id));
        for from in &fullest {
            for to in fullest.iter().rev() {
                if self.load(*from) < self.load(*to) + 2 {
                    break;
                }
                if let Some(shard) = self.movable(*from, *to) {
                    return Some((shard, *from, *to));
                }
            }
        }
        None
    }

    /// A shard that `to` could take over from `from`.
    fn movable(&self, from: NodeId, to: NodeId) -> Option<usize> {
        let fits = |shard: &usize| {
            let row = &self.owners[*shard];
            row.contains(&from)
                && !row.contains(&to)
                && self.neighbours(row, to, Some(from)) <= self.neighbours(row, from, Some(from))
        };
        (0..self.owners.len()).filter(fits).min_by_key(|shard| tie(*shard, to))
    }

    /// Reorders owners, which moves no data, until no swap evens the primaries out.
    fn balance_primaries(&mut self) {
        let mut primaries: BTreeMap<NodeId, usize> = self.zones.keys().map(|id| (*id, 0)).collect();
        for row in &self.owners {
            *primaries.entry(row[0]).or_default() += 1;
        }
        let swaps_max = self.owners.len() * self.copies;
        for _ in 0..swaps_max {
            let Some((shard, place)) = helpful_swap(&self.owners, &primaries) else { return };
            *primaries.entry(self.owners[shard][0]).or_default() -= 1;
            *primaries.entry(self.owners[shard][place]).or_default() += 1;
            self.owners[shard].swap(0, place);
        }
    }
}

/// The swap of a primary with another owner that evens two counts out the most.
fn helpful_swap(
    owners: &[Vec<NodeId>],
    primaries: &BTreeMap<NodeId, usize>,
) -> Option<(usize, usize)> {
    let count = |id: NodeId| primaries.get(&id).copied().unwrap_or_default();
    let swaps = owners.iter().enumerate().flat_map(|(shard, row)| {
        (1..row.len()).map(move |place| (shard, place, row[0], row[place]))
    });
    swaps
        .map(|(shard, place, from, to)| (count(from).saturating_sub(count(to)), shard, place))
        .filter(|(gain, ..)| *gain >= 2)
        .max_by_key(|(gain, shard, _)| (*gain, std::cmp::Reverse(*shard)))
        .map(|(_, shard, place)| (shard, place))
}

/// A number that orders nodes differently for each shard.
fn tie(shard: usize, id: NodeId) -> u64 {
    xxh3_64_with_seed(&id.0.to_le_bytes(), shard as u64)
}

/// The nodes that should vote: who votes now, and live learners, over zones, up to the largest odd
/// number that is at most `voters_max`. Nobody is demoted here.
pub fn voters(
    now: &[Candidate],
    learners: &[Candidate],
    voters_max: usize,
) -> std::collections::BTreeSet<NodeId> {
    let mut chosen: Vec<&Candidate> = now.iter().collect();
    let reachable = (now.len() + learners.len()).min(voters_max);
    let wanted = if reachable.is_multiple_of(2) { reachable.saturating_sub(1) } else { reachable };
    let mut rest: Vec<&Candidate> = learners.iter().collect();
    while chosen.len() < wanted && !rest.is_empty() {
        let crowd = |c: &Candidate| chosen.iter().filter(|v| v.zone == c.zone).count();
        rest.sort_by_key(|c| (crowd(c), c.id));
        chosen.push(rest.remove(0));
    }
    chosen.iter().map(|c| c.id).collect()
}

#[cfg(test)]
mod tests;
