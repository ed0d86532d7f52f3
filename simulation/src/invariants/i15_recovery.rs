//! I15: a node that starts has what its disk held, and nothing that was never sent.
//!
//! What was durable on the disk is there after a replay, unless damage took it; damage that was
//! done to it is reported, and a torn tail is no damage. A second replay of the same disk gives
//! the same.

use super::{Contents, Violation, first_difference, missing_from};
use crate::ledger::Ledger;

/// A start of a node.
#[derive(Clone, Debug, Default)]
pub struct Recovery {
    /// Who started.
    pub node: String,
    /// When it was done.
    pub at_ms: i64,
    /// What was durable on the disk before.
    pub before: Contents,
    /// What it has now, before anything new was sent to it.
    pub after: Contents,
    /// What another replay of the same disk gave, if one was made.
    pub again: Option<Contents>,
    /// Places of the disk that were damaged since its last start, torn tails not counted.
    pub damages_done: u64,
    /// Places that the node reported as damaged.
    pub damages_reported: u64,
}

/// Checks a start.
pub fn check(recovery: &Recovery, ledger: &Ledger) -> Result<(), Violation> {
    let Recovery { node, at_ms, before, after, .. } = recovery;
    let broken =
        |text: String| Err(Violation::new("I15", format!("{node}, started at {at_ms}: {text}")));
    if recovery.damages_reported == 0
        && let Some((key, t)) = missing_from(before, after)
    {
        return broken(format!("{key} at {t} was durable and is gone, no damage was reported"));
    }
    if recovery.damages_reported > 0 && recovery.damages_done == 0 {
        let reported = recovery.damages_reported;
        return broken(format!("{reported} damages reported on a disk that has none"));
    }
    for (key, samples) in after {
        let slots = ledger.series().get(key);
        let is_tried = |t: &i64, bits: &u64| {
            slots.and_then(|slots| slots.get(t)).is_some_and(|slot| slot.get(*bits).is_some())
        };
        if let Some((t, _)) = samples.iter().find(|(t, bits)| !is_tried(t, bits)) {
            return broken(format!("{key} at {t} has a value that nobody sent"));
        }
    }
    match recovery.again.as_ref().and_then(|again| first_difference(after, again)) {
        Some((key, t)) => broken(format!("a second replay differs in {key} at {t}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fakes::{acked, bits, contents};
    use super::*;

    #[test]
    fn replays_lose_nothing_and_invent_nothing() {
        let (ledger, _) = acked(&[(5, 1), (6, 2)]);
        let both = contents(&[(5, bits(1)), (6, bits(2))]);
        let one = contents(&[(5, bits(1))]);
        let phantom = contents(&[(5, bits(1)), (6, bits(3))]);
        let start = |before: &Contents, after: &Contents, done, reported| Recovery {
            node: "n1".to_owned(),
            before: before.clone(),
            after: after.clone(),
            damages_done: done,
            damages_reported: reported,
            ..Recovery::default()
        };
        check(&start(&one, &both, 0, 0), &ledger).unwrap();
        check(&start(&both, &one, 1, 1), &ledger).unwrap();
        assert!(check(&start(&both, &one, 0, 0), &ledger).is_err());
        assert!(check(&start(&both, &one, 1, 0), &ledger).is_err());
        assert!(check(&start(&both, &both, 0, 1), &ledger).is_err());
        assert!(check(&start(&one, &phantom, 0, 0), &ledger).is_err());
        let twice = Recovery { again: Some(both.clone()), ..start(&one, &both, 0, 0) };
        check(&twice, &ledger).unwrap();
        let twice = Recovery { again: Some(one.clone()), ..twice };
        assert!(check(&twice, &ledger).is_err());
    }
}
