//! I18: a healed cluster converges within a bound.
//!
//! Once all faults have ended, in at most so long: all nodes name one leader, no membership is
//! joint, nothing waits to be uploaded that is due, and every node acknowledges a fresh write and
//! gives a complete answer that has it.
//!
//! And while faults last: a well node with its lease refuses no write of a hashring of which one
//! node at most is not well, as long as W others are. A fallback takes what that one cannot.

use std::collections::{BTreeMap, BTreeSet};

use super::Violation;

/// What a node is like after healing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeHealed {
    /// Whom it takes for the leader.
    pub leader: Option<u64>,
    /// Whether the membership that it has applied is a joint one.
    pub is_joint: bool,
    /// Blocks that are due and not in the bucket.
    pub uploads_due: u64,
    /// Whether it acknowledged a write that was sent to it after healing.
    pub has_acked: bool,
    /// Whether it gave a complete answer with that write.
    pub has_answered: bool,
}

/// Whether the cluster has converged; an error when it has not and the time is over.
pub fn check(
    nodes: &BTreeMap<String, NodeHealed>,
    healed_ms: i64,
    now_ms: i64,
    converge_ms_max: i64,
) -> Result<bool, Violation> {
    let Some(why) = unfinished(nodes) else { return Ok(true) };
    if now_ms - healed_ms <= converge_ms_max {
        return Ok(false);
    }
    let since = now_ms - healed_ms;
    Err(Violation::new("I18", format!("{since} ms after healing, at {now_ms}: {why}")))
}

/// A write that a node refused although it was well and had its lease all the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which write, whom it was sent to, and when.
    pub about: String,
    /// Nodes of the hashring.
    pub nodes: usize,
    /// Those that were well all the time.
    pub well: usize,
    /// Copies that an ack needs (W).
    pub copies_needed: usize,
}

/// Checks that there was a reason to refuse a write.
pub fn check_refusal(refusal: &Refusal) -> Result<(), Violation> {
    let Refusal { about, nodes, well, copies_needed } = refusal;
    if *well < *copies_needed || nodes - well > 1 {
        return Ok(());
    }
    Err(Violation::new("I18", format!("{about} was refused, although {well} of {nodes} were well")))
}

fn unfinished(nodes: &BTreeMap<String, NodeHealed>) -> Option<String> {
    let leaders: BTreeSet<_> = nodes.values().map(|node| node.leader).collect();
    if leaders.len() != 1 || leaders.contains(&None) {
        return Some(format!("the leaders are {leaders:?}"));
    }
    nodes.iter().find_map(|(name, node)| {
        let why = match node {
            NodeHealed { is_joint: true, .. } => "has a joint membership",
            NodeHealed { has_acked: false, .. } => "has acknowledged no write",
            NodeHealed { has_answered: false, .. } => "has given no complete answer with it",
            NodeHealed { uploads_due: 1.., .. } => "has blocks that are not uploaded",
            _ => return None,
        };
        Some(format!("{name} {why}: {node:?}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn well() -> NodeHealed {
        let (has_acked, has_answered) = (true, true);
        NodeHealed { leader: Some(1), has_acked, has_answered, ..NodeHealed::default() }
    }

    #[test]
    fn a_write_is_refused_only_when_more_than_one_node_is_unwell() {
        let refusal = |nodes, well| {
            check_refusal(&Refusal { about: "a push".to_owned(), nodes, well, copies_needed: 2 })
        };
        refusal(2, 1).unwrap();
        refusal(5, 3).unwrap();
        assert!(refusal(3, 2).is_err());
        assert!(refusal(3, 3).is_err());
        assert!(refusal(2, 2).is_err());
    }

    #[test]
    fn each_thing_that_is_not_done_is_waited_for_until_the_bound() {
        let nodes = |second| BTreeMap::from([("a".to_owned(), well()), ("b".to_owned(), second)]);
        assert_eq!(check(&nodes(well()), 0, 100, 50), Ok(true));
        for second in [
            NodeHealed { leader: None, ..well() },
            NodeHealed { leader: Some(2), ..well() },
            NodeHealed { is_joint: true, ..well() },
            NodeHealed { uploads_due: 1, ..well() },
            NodeHealed { has_acked: false, ..well() },
            NodeHealed { has_answered: false, ..well() },
        ] {
            assert_eq!(check(&nodes(second.clone()), 0, 50, 50), Ok(false));
            assert_eq!(check(&nodes(second), 0, 51, 50).unwrap_err().invariant, "I18");
        }
    }
}
