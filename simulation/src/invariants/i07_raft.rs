//! I7: Raft is safe.
//!
//! - *Election safety*: a term has at most one leader. Terms are pairs here (a number, and who
//!   leads or wants to), totally ordered, as the product's Raft has them.
//! - *Votes*: a node's vote never goes back, not by a start either.
//! - *Monotone*: while a node runs, what it knows as committed and has applied never goes back.
//! - *Order*: purged, applied, committed and last entry of a node are in this order, and what is
//!   purged is in its snapshot.
//! - *Log matching*: entries with the same index and term are the same, and so is all before them.
//! - *Committed on a quorum*: an entry that a node knows to be committed is on a majority of
//!   voters, and durable on the disks of a majority.
//! - *Committed is for ever*: an entry that was committed is never another one.
//! - *Leader completeness*: the leader of a later term has every committed entry.
//! - *State machine safety*: nodes that applied the same entries have the same state and the same
//!   membership, however they came to it.
//! - *Old disks*: a node on an old copy of its disk, which may have forgotten a vote, has no part
//!   in the cluster and gets no lease.
//!
//! Observe every node at the same time, as often as is affordable: what happens in between is not
//! seen. A node that is down may be given as its disk has it, with the number of its next start;
//! quorums are counted only when all voters are given.

use std::collections::{BTreeMap, BTreeSet};

use super::Violation;

/// A term: its number, and the node that leads it or asked for votes in it.
pub type Term = (u64, u64);
/// An entry of the log: its term, and a hash over its content.
pub type EntryHash = (Term, u64);

/// A node's Raft state at a time. Indexes are 0 before any entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RaftSeen {
    /// Whose.
    pub node: u64,
    /// Which start of it.
    pub boot: u64,
    /// The last term that it voted in or follows.
    pub vote: Term,
    /// Whether it takes itself for the leader of this term.
    pub is_leader: bool,
    /// Term and index of its last entry.
    pub last: (Term, u64),
    /// Index up to which it knows entries to be committed.
    pub committed: u64,
    /// Index up to which it has applied them.
    pub applied: u64,
    /// Index up to which its log was purged.
    pub purged: u64,
    /// Its entries behind that, by index.
    pub entries: BTreeMap<u64, EntryHash>,
    /// Hash over its state machine.
    pub state_hash: u64,
    /// What it last cached: up to which index that is applied, and a hash over state and
    /// membership.
    pub cached: Option<(u64, u64)>,
    /// Index up to which its snapshot goes; `None` when it was not looked at.
    pub snapshot: Option<u64>,
    /// The voters of its last membership; empty while that is a joint one.
    pub voters: BTreeSet<u64>,
}

/// An entry that some node knew to be committed.
#[derive(Clone, Copy, Debug)]
struct Committed {
    entry: EntryHash,
    /// The least term of a node that knew.
    known_in_term: Term,
    node: u64,
}

/// Everything that was seen so far.
#[derive(Clone, Debug, Default)]
pub struct RaftHistory {
    leaders: BTreeMap<Term, u64>,
    /// Last seen of each node, across starts.
    last: BTreeMap<u64, RaftSeen>,
    entries: BTreeMap<(u64, Term), (u64, u64)>,
    committed: BTreeMap<u64, Committed>,
    states: BTreeMap<u64, (u64, u64)>,
    cached: BTreeMap<u64, (u64, u64)>,
}

fn broken<T>(at_ms: i64, text: String) -> Result<T, Violation> {
    Err(Violation::new("I7", format!("at {at_ms}: {text}")))
}

impl RaftHistory {
    /// Takes in all nodes that run, as of one time.
    pub fn observe(&mut self, at_ms: i64, nodes: &[&RaftSeen]) -> Result<(), Violation> {
        for seen in nodes {
            self.check_progress(at_ms, seen)?;
            self.check_entries(at_ms, seen)?;
            self.check_election(at_ms, seen)?;
            self.check_state(at_ms, seen)?;
        }
        for (index, seen) in nodes.iter().enumerate() {
            for other in &nodes[index + 1..] {
                check_matching(at_ms, seen, other)?;
            }
        }
        nodes.iter().try_for_each(|seen| self.check_quorum(at_ms, seen, nodes))?;
        nodes.iter().try_for_each(|seen| self.check_commits(at_ms, seen))?;
        nodes.iter().try_for_each(|seen| self.check_leader(at_ms, seen))?;
        self.last.extend(nodes.iter().map(|seen| (seen.node, (*seen).clone())));
        Ok(())
    }

    /// The last entry that any node knew as committed; 0 before the first.
    pub fn last_committed(&self) -> u64 {
        self.committed.last_key_value().map_or(0, |(index, _)| *index)
    }

    /// Terms that nodes were seen to lead in: for coverage.
    pub fn terms_led(&self) -> usize {
        self.leaders.len()
    }

    fn check_progress(&self, at_ms: i64, seen: &RaftSeen) -> Result<(), Violation> {
        let RaftSeen { node, purged, applied, committed, last, .. } = seen;
        if !(purged <= applied && applied <= committed && *committed <= last.1) {
            let order = format!("purged {purged}, applied {applied}, committed {committed}");
            return broken(at_ms, format!("node {node} has {order}, last {}", last.1));
        }
        if let Some(snapshot) = seen.snapshot.filter(|snapshot| snapshot < purged) {
            let text = format!("node {node} purged up to {purged}, its snapshot is {snapshot}");
            return broken(at_ms, text);
        }
        let Some(before) = self.last.get(node) else { return Ok(()) };
        if seen.vote < before.vote {
            let (was, is) = (before.vote, seen.vote);
            return broken(at_ms, format!("node {node} went from vote {was:?} to {is:?}"));
        }
        let went_back = seen.applied < before.applied || seen.committed < before.committed;
        if seen.boot == before.boot && went_back {
            let (was, is) = ((before.applied, before.committed), (seen.applied, seen.committed));
            return broken(
                at_ms,
                format!("node {node} went from applied and committed {was:?} to {is:?}"),
            );
        }
        Ok(())
    }

    fn check_entries(&mut self, at_ms: i64, seen: &RaftSeen) -> Result<(), Violation> {
        for (index, (term, hash)) in &seen.entries {
            let first = (*hash, seen.node);
            let (known, by) = *self.entries.entry((*index, *term)).or_insert(first);
            if known != *hash {
                let text =
                    format!("entry {index} of term {term:?} differs on {by} and {}", seen.node);
                return broken(at_ms, text);
            }
        }
        Ok(())
    }

    fn check_election(&mut self, at_ms: i64, seen: &RaftSeen) -> Result<(), Violation> {
        if !seen.is_leader {
            return Ok(());
        }
        let leader = *self.leaders.entry(seen.vote).or_insert(seen.node);
        if leader != seen.node {
            let text = format!("{leader} and {} both lead term {:?}", seen.node, seen.vote);
            return broken(at_ms, text);
        }
        Ok(())
    }

    fn check_state(&mut self, at_ms: i64, seen: &RaftSeen) -> Result<(), Violation> {
        let first = (seen.state_hash, seen.node);
        let (known, by) = *self.states.entry(seen.applied).or_insert(first);
        if known != seen.state_hash {
            let (node, applied) = (seen.node, seen.applied);
            let text = format!("{node} and {by} applied up to {applied} and differ");
            return broken(at_ms, text);
        }
        let Some((applied, hash)) = seen.cached else { return Ok(()) };
        let (known, by) = *self.cached.entry(applied).or_insert((hash, seen.node));
        if known != hash {
            let node = seen.node;
            let text = format!("{node} and {by} cached state and membership up to {applied}");
            return broken(at_ms, format!("{text} and differ"));
        }
        Ok(())
    }

    /// What is newly known as committed, is on a majority.
    fn check_quorum(
        &self,
        at_ms: i64,
        seen: &RaftSeen,
        nodes: &[&RaftSeen],
    ) -> Result<(), Violation> {
        let voters: Vec<_> =
            nodes.iter().copied().filter(|n| seen.voters.contains(&n.node)).collect();
        let is_agreed = voters.iter().all(|voter| voter.voters == seen.voters);
        if voters.is_empty() || voters.len() != seen.voters.len() || !is_agreed {
            return Ok(());
        }
        for (index, entry) in seen.entries.range(..=seen.committed) {
            if self.committed.contains_key(index) {
                continue;
            }
            let has = |n: &&&RaftSeen| n.purged >= *index || n.entries.get(index) == Some(entry);
            let count = voters.iter().filter(has).count();
            if count * 2 <= voters.len() {
                let (node, all) = (seen.node, voters.len());
                let text = format!("{node} committed entry {index}, which {count} of {all} have");
                return broken(at_ms, text);
            }
        }
        Ok(())
    }

    fn check_commits(&mut self, at_ms: i64, seen: &RaftSeen) -> Result<(), Violation> {
        for (index, entry) in seen.entries.range(..=seen.committed) {
            let now = Committed { entry: *entry, known_in_term: seen.vote, node: seen.node };
            let known = self.committed.entry(*index).or_insert(now);
            if known.entry != *entry {
                let text = format!(
                    "entry {index} was committed as {:?} by {} and is {entry:?} on {}",
                    known.entry, known.node, seen.node
                );
                return broken(at_ms, text);
            }
            known.known_in_term = known.known_in_term.min(seen.vote);
        }
        Ok(())
    }

    fn check_leader(&self, at_ms: i64, seen: &RaftSeen) -> Result<(), Violation> {
        if !seen.is_leader {
            return Ok(());
        }
        for (index, committed) in self.committed.range(seen.purged + 1..) {
            let is_there = seen.entries.get(index) == Some(&committed.entry);
            if committed.known_in_term < seen.vote && !is_there {
                let (leader, term) = (seen.node, seen.vote);
                let text = format!(
                    "{leader} leads term {term:?} without entry {index}, which {} knew as committed",
                    committed.node
                );
                return broken(at_ms, text);
            }
        }
        Ok(())
    }
}

/// Checks that a committed entry is durable on a majority of voters. `durable` is, of each voter,
/// up to which index a power cut now would leave its log.
pub fn check_durable(
    at_ms: i64,
    index: u64,
    durable: &BTreeMap<u64, u64>,
) -> Result<(), Violation> {
    let count = durable.values().filter(|last| **last >= index).count();
    if count * 2 > durable.len() || durable.is_empty() {
        return Ok(());
    }
    broken(at_ms, format!("entry {index} is committed, and logs are durable up to {durable:?}"))
}

/// Where two logs agree on the term of an entry, they agree on all before.
fn check_matching(at_ms: i64, a: &RaftSeen, b: &RaftSeen) -> Result<(), Violation> {
    let mut is_matched = false;
    for (index, (term, hash)) in a.entries.iter().rev() {
        let Some((other_term, other_hash)) = b.entries.get(index) else { continue };
        if is_matched && (term, hash) != (other_term, other_hash) {
            let text =
                format!("{} and {} differ in entry {index} below one they share", a.node, b.node);
            return broken(at_ms, text);
        }
        is_matched |= term == other_term;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
