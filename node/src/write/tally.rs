//! Counting durable copies of one request, and choosing who is asked next. Pure: no clock, no I/O.
//!
//! Every group of series needs `needed` durable copies. Owners are asked first. An owner that is
//! known to be down, fails, or is slow gets a fallback beside it: the next live node of the ring,
//! at most [`FALLBACKS_MAX`] for a group. Late answers are harmless.

use journal::planted;
use proto::NodeId;

use super::split::Group;

/// Most fallback copies that are asked for in one group.
pub const FALLBACKS_MAX: usize = 2;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Waiting,
    Durable,
    Failed,
}

#[derive(Debug)]
struct GroupTally {
    asked: Vec<(NodeId, State)>,
    reserves: Vec<NodeId>,
    fallbacks: usize,
}

/// A send that the tally asks for: one node, and which groups go to it.
#[derive(Debug, PartialEq, Eq)]
pub struct Ask {
    /// The node.
    pub node: NodeId,
    /// Indexes into the groups that the tally was made from.
    pub groups: Vec<usize>,
}

/// Where a request stands.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Decision {
    /// Answers are outstanding that can still decide.
    Waiting,
    /// Every group has enough durable copies; `copies` is the smallest number.
    Durable {
        /// Copies of the group with the fewest.
        copies: usize,
    },
    /// Some group cannot get enough copies any more.
    Exhausted,
}

/// Copies of all groups of one request.
#[derive(Debug)]
pub struct Tally {
    needed: usize,
    groups: Vec<GroupTally>,
}

impl Tally {
    /// Starts with the groups that the request touches, and says whom to ask first.
    pub fn new(
        needed: usize,
        groups: &[&Group],
        live: impl Fn(NodeId) -> bool,
    ) -> (Tally, Vec<Ask>) {
        let needed = if planted!("M1") { 1 } else { needed };
        let mut tally = Tally { needed, groups: Vec::new() };
        let mut asks = Asks::default();
        for (index, group) in groups.iter().enumerate() {
            let reserves = if planted!("M2") { &group.owners } else { &group.reserves };
            tally.groups.push(GroupTally {
                asked: Vec::new(),
                reserves: reserves.iter().copied().filter(|n| live(*n)).rev().collect(),
                fallbacks: 0,
            });
            let (up, down): (Vec<NodeId>, Vec<NodeId>) =
                group.owners.iter().partition(|node| live(**node));
            for node in up {
                tally.groups[index].ask(node, index, &mut asks);
            }
            for _ in &down {
                tally.groups[index].ask_fallback(index, &mut asks);
            }
            // Liveness may be wrong: when there is nobody else, a node believed dead is asked too.
            let missing = needed.saturating_sub(tally.groups[index].asked.len());
            for node in down.into_iter().take(missing) {
                tally.groups[index].ask(node, index, &mut asks);
            }
        }
        (tally, asks.0)
    }

    /// Records a node's answer for the groups it was asked about; says whom to ask next.
    pub fn answer(&mut self, node: NodeId, groups: &[usize], durable: bool) -> Vec<Ask> {
        let mut asks = Asks::default();
        for index in groups {
            let group = &mut self.groups[*index];
            let asked = group.asked.iter_mut().find(|(n, s)| *n == node && *s == State::Waiting);
            let Some(entry) = asked else { continue };
            entry.1 = if durable || planted!("G1") { State::Durable } else { State::Failed };
            if !durable && group.durable() < self.needed {
                group.ask_fallback(*index, &mut asks);
            }
        }
        asks.0
    }

    /// The time for a fallback has come: one beside each node that has not answered.
    pub fn slow(&mut self) -> Vec<Ask> {
        let mut asks = Asks::default();
        for (index, group) in self.groups.iter_mut().enumerate() {
            let missing = self.needed.saturating_sub(group.durable());
            for _ in 0..missing.min(group.waiting()) {
                group.ask_fallback(index, &mut asks);
            }
        }
        asks.0
    }

    /// Where the request stands.
    pub fn decision(&self) -> Decision {
        let copies = self.groups.iter().map(GroupTally::durable).min().unwrap_or(self.needed);
        if copies >= self.needed {
            return Decision::Durable { copies };
        }
        let hopeless = |group: &GroupTally| group.durable() + group.waiting() < self.needed;
        if self.groups.iter().any(hopeless) { Decision::Exhausted } else { Decision::Waiting }
    }
}

impl GroupTally {
    fn ask(&mut self, node: NodeId, index: usize, asks: &mut Asks) {
        self.asked.push((node, State::Waiting));
        asks.add(node, index);
    }

    fn ask_fallback(&mut self, index: usize, asks: &mut Asks) {
        if self.fallbacks < FALLBACKS_MAX
            && !planted!("G13")
            && let Some(node) = self.reserves.pop()
        {
            self.fallbacks += 1;
            self.ask(node, index, asks);
        }
    }

    fn count(&self, state: State) -> usize {
        self.asked.iter().filter(|(_, s)| *s == state).count()
    }

    fn durable(&self) -> usize {
        self.count(State::Durable)
    }

    fn waiting(&self) -> usize {
        self.count(State::Waiting)
    }
}

#[derive(Default)]
struct Asks(Vec<Ask>);

impl Asks {
    fn add(&mut self, node: NodeId, group: usize) {
        match self.0.iter_mut().find(|ask| ask.node == node) {
            Some(ask) => ask.groups.push(group),
            None => self.0.push(Ask { node, groups: vec![group] }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Script: owners, reserves, dead nodes, then events; the wanted decision after each event.
    /// Events: `+n` node n durable, `-n` node n failed, `~` the time for fallbacks has come.
    fn play(needed: usize, owners: &[u64], reserves: &[u64], dead: &[u64], script: &str) {
        let ids = |ids: &[u64]| ids.iter().map(|n| NodeId(*n)).collect::<Vec<_>>();
        let group = Group { owners: ids(owners), reserves: ids(reserves) };
        let (mut tally, first) = Tally::new(needed, &[&group], |n| !dead.contains(&n.0));
        let mut asked: Vec<u64> = first.iter().map(|ask| ask.node.0).collect();
        for step in script.split(';') {
            let (event, wanted) = step.split_once("=>").unwrap();
            let event = event.trim();
            let more = match event.split_at(1) {
                ("~", _) => tally.slow(),
                (sign, node) => {
                    let node = node.parse().unwrap();
                    assert!(asked.contains(&node), "{script}: {node} was never asked: {asked:?}");
                    tally.answer(NodeId(node), &[0], sign == "+")
                }
            };
            asked.extend(more.iter().map(|ask| ask.node.0));
            let found = match tally.decision() {
                Decision::Waiting => "wait".to_owned(),
                Decision::Durable { copies } => format!("ack {copies}"),
                Decision::Exhausted => "fail".to_owned(),
            };
            assert_eq!(found, wanted.trim(), "{script}: after {event}");
        }
    }

    #[test]
    fn quorum_table() {
        play(1, &[1], &[], &[], "+1 => ack 1");
        play(1, &[1], &[], &[], "-1 => fail");
        play(2, &[1, 2], &[3], &[], "+1 => wait; +2 => ack 2");
        play(2, &[1, 2], &[3], &[], "+1 => wait; -2 => wait; +3 => ack 2");
        play(2, &[1, 2], &[3], &[2], "+1 => wait; +3 => ack 2");
        play(2, &[1, 2], &[3], &[], "+1 => wait; ~ => wait; +3 => ack 2; +2 => ack 3");
        play(2, &[1, 2], &[3], &[], "-1 => wait; -2 => fail");
        play(2, &[1, 2], &[3, 4], &[], "-1 => wait; -2 => wait; +3 => wait; +4 => ack 2");
        play(2, &[1, 2], &[3, 4, 5], &[], "-1 => wait; -2 => wait; -3 => fail");
        play(2, &[1, 2], &[], &[], "+1 => wait; -2 => fail");
        play(2, &[1, 2], &[3], &[2, 3], "+1 => wait; +2 => ack 2");
        play(2, &[1, 2, 3], &[4], &[], "+1 => wait; -2 => wait; +3 => ack 2");
        play(2, &[1, 2, 3], &[4], &[1, 2, 3], "+4 => wait; -1 => fail");
    }

    #[test]
    fn one_send_carries_all_groups_of_a_node() {
        let group =
            |owners: [u64; 2]| Group { owners: owners.map(NodeId).to_vec(), reserves: Vec::new() };
        let (a, b) = (group([1, 2]), group([2, 3]));
        let (mut tally, asks) = Tally::new(2, &[&a, &b], |_| true);
        let two = asks.iter().find(|ask| ask.node == NodeId(2)).unwrap();
        assert_eq!(two.groups, [0, 1]);
        tally.answer(NodeId(2), &[0, 1], true);
        tally.answer(NodeId(1), &[0], true);
        assert_eq!(tally.decision(), Decision::Waiting);
        tally.answer(NodeId(3), &[1], true);
        assert_eq!(tally.decision(), Decision::Durable { copies: 2 });
    }

    #[test]
    fn an_answer_counts_once() {
        let group = Group { owners: vec![NodeId(1), NodeId(2)], reserves: Vec::new() };
        let (mut tally, _) = Tally::new(2, &[&group], |_| true);
        tally.answer(NodeId(1), &[0], true);
        tally.answer(NodeId(1), &[0], true);
        assert_eq!(tally.decision(), Decision::Waiting);
    }
}
