//! The leader's side: whom it heard when, who is down, and whether it may hand out leases.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proto::NodeId;
use tokio::time::Instant;

use super::clock::ClusterClock;
use crate::wire::{Beat, BeatAnswer, Grant};

/// One term of one leader.
#[derive(Debug)]
pub struct Pulse {
    term: u64,
    /// The rounds are those after this.
    before: u64,
    round: u64,
    down_after: Duration,
    began: Instant,
    /// Nodes that were down under the last leader: they have no grace.
    down_before: BTreeSet<NodeId>,
    heard: BTreeMap<NodeId, Heard>,
    clock: ClusterClock,
}

/// The last answer of a node.
#[derive(Clone, Copy, Debug)]
struct Heard {
    round: u64,
    at: Instant,
    wall_ms: i64,
}

impl Pulse {
    /// A leader that was just elected, or started again within its term. Its rounds are those after
    /// `before`, which is after those of its earlier lives: answers to these are not taken for
    /// answers to its own. Nodes not known to be down are taken for alive until `down_after` has
    /// passed.
    pub fn new(
        (term, before): (u64, u64),
        now: Instant,
        down_after: Duration,
        down_before: BTreeSet<NodeId>,
    ) -> Pulse {
        let (heard, clock) = (BTreeMap::new(), ClusterClock::default());
        Pulse { term, before, round: before, down_after, began: now, down_before, heard, clock }
    }

    /// The term it leads.
    pub fn term(&self) -> u64 {
        self.term
    }

    /// The round that was begun last.
    pub fn round(&self) -> u64 {
        self.round
    }

    /// Takes note of a node's answer.
    pub fn hear(&mut self, id: NodeId, round: u64, now: Instant, answer: &BeatAnswer) {
        if let Some(known) = answer.known {
            let stood = Duration::from_millis(known.stood_ms);
            self.clock.follow(known.time_ms, now.checked_sub(stood).unwrap_or(now));
        }
        let newer = self.heard.get(&id).is_none_or(|h| h.round <= round);
        if newer && round <= self.round {
            self.heard.insert(id, Heard { round, at: now, wall_ms: answer.wall_ms });
        }
    }

    /// Whether a quorum of the voters answered this round or the one before.
    pub fn has_quorum(&self, voters: &BTreeSet<NodeId>) -> bool {
        let recent = |id: &&NodeId| self.heard.get(id).is_some_and(|h| h.round + 1 >= self.round);
        voters.iter().filter(recent).count() > voters.len() / 2
    }

    /// Begins a round: a beat for each node, with leases if a quorum answered the last round.
    pub fn beats(
        &mut self,
        now: Instant,
        nodes: &BTreeSet<NodeId>,
        voters: &BTreeSet<NodeId>,
    ) -> Vec<(NodeId, Beat)> {
        let may_grant = self.round > self.before && self.answered_last_round(voters);
        self.round += 1;
        let time = may_grant.then(|| self.time(now, voters)).flatten();
        let live = self.live(now, nodes);
        let grant = |id: &NodeId| {
            let heard = self.heard.get(id)?;
            let cluster_time_ms = time?;
            Some(Grant { heard_round: heard.round, cluster_time_ms, live: live.clone() })
        };
        let (term, round) = (self.term, self.round);
        let lives = BTreeMap::new();
        let bare = Beat { term, round, grant: None, applied: 0, lives };
        let beat = |id: &NodeId| Beat { grant: grant(id), ..bare.clone() };
        nodes.iter().map(|id| (*id, beat(id))).collect()
    }

    /// Whether a quorum of the voters answered the round that was begun last.
    pub fn answered_last_round(&self, voters: &BTreeSet<NodeId>) -> bool {
        let answered = |id: &&NodeId| self.heard.get(id).is_some_and(|h| h.round >= self.round);
        voters.iter().filter(answered).count() > voters.len() / 2
    }

    fn time(&mut self, now: Instant, voters: &BTreeSet<NodeId>) -> Option<i64> {
        let estimate = |h: &Heard| {
            let passed = now.saturating_duration_since(h.at).as_millis();
            h.wall_ms.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX))
        };
        let heard = voters.iter().filter_map(|id| self.heard.get(id));
        let mut clocks: Vec<i64> =
            heard.filter(|h| h.round + 2 > self.round).map(estimate).collect();
        self.clock.advance(now, &mut clocks)
    }

    /// Nodes that answered within `down_after`, or still have the grace of a new leader.
    fn live(&self, now: Instant, nodes: &BTreeSet<NodeId>) -> BTreeSet<NodeId> {
        let is_live = |id: &&NodeId| match self.heard.get(id) {
            Some(heard) => now.saturating_duration_since(heard.at) < self.down_after,
            None => {
                let grace = now.saturating_duration_since(self.began) < self.down_after;
                grace && !self.down_before.contains(id)
            }
        };
        nodes.iter().filter(is_live).copied().collect()
    }
}
