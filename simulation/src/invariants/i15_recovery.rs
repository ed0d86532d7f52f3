//! I15: a node that starts has what it had when it stopped, and nothing that was never sent.
//!
//! What was durable when a node went down is there when it is up again: in its head, or in a block.
//! Damage may take what it touches: one place of a journal lies in a few frames, so that no more
//! of them are lost, and they are reported, but for those in the last group of a journal: nothing
//! on the disk says that they were ever synced, so that damage there looks like a torn tail, which
//! is no damage. No node gives up a disk of which nothing was taken.

use super::{Contents, Violation, missing_from};
use crate::ledger::Ledger;

/// Frames that one damaged sector may lie in: a frame has at least a header.
pub const FRAMES_PER_DAMAGE_MAX: u64 = 14;

/// A start of a node.
#[derive(Clone, Debug, Default)]
pub struct Recovery {
    /// Who started.
    pub node: String,
    /// When it was done.
    pub at_ms: i64,
    /// What was durable when it went down.
    pub before: Contents,
    /// What it has now.
    pub after: Contents,
    /// Frames of its journal when it went down.
    pub frames_before: u64,
    /// How many of them nothing on the disk says to be durable: the last group.
    pub frames_unproven: u64,
    /// Frames that were read at the start.
    pub frames_after: u64,
    /// Places of the disk that were damaged in the meantime.
    pub damages: u64,
    /// Places that were ever damaged.
    pub damages_ever: u64,
    /// Places that the node reports as damaged.
    pub damages_reported: u64,
}

impl Recovery {
    /// Whether damage took only what could as well have been torn: frames of the last group.
    pub fn looks_torn(&self) -> bool {
        let lost = self.frames_before.saturating_sub(self.frames_after);
        self.damages > 0 && (1..=self.frames_unproven).contains(&lost)
    }
}

/// Checks a start.
pub fn check(recovery: &Recovery, ledger: &Ledger) -> Result<(), Violation> {
    check_kept(recovery)?;
    let broken = |text: String| Err(violation(recovery, text));
    let Recovery { damages_reported: reported, damages_ever, .. } = recovery;
    if *reported > 0 && *damages_ever == 0 {
        return broken(format!("{reported} damages reported on a disk that has none"));
    }
    for (key, samples) in &recovery.after {
        let slots = ledger.series().get(key);
        let is_tried = |t: &i64, bits: &u64| {
            slots.and_then(|slots| slots.get(t)).is_some_and(|slot| slot.get(*bits).is_some())
        };
        if let Some((t, _)) = samples.iter().find(|(t, bits)| !is_tried(t, bits)) {
            return broken(format!("{key} at {t} has a value that nobody sent"));
        }
    }
    Ok(())
}

/// Checks that a node which gives up its disk for good has a reason to.
pub fn check_given_up(node: &str, at_ms: i64, damages: usize, why: &str) -> Result<(), Violation> {
    if damages > 0 {
        return Ok(());
    }
    let text = format!("at {at_ms} {node} gives up a disk of which nothing was taken: {why}");
    Err(Violation::new("I15", text))
}

fn check_kept(recovery: &Recovery) -> Result<(), Violation> {
    let Recovery { before, after, frames_before, frames_after, damages, .. } = recovery;
    let lost = frames_before.saturating_sub(*frames_after);
    if recovery.damages_reported == 0
        && !recovery.looks_torn()
        && let Some((key, t)) = missing_from(before, after)
    {
        let text = format!("{key} at {t} was durable and is gone, no damage is reported");
        return Err(violation(recovery, text));
    }
    if lost > damages * FRAMES_PER_DAMAGE_MAX {
        let text =
            format!("{lost} of {frames_before} frames are gone for {damages} damaged places");
        return Err(violation(recovery, text));
    }
    Ok(())
}

fn violation(recovery: &Recovery, text: String) -> Violation {
    Violation::new("I15", format!("{}, started at {}: {text}", recovery.node, recovery.at_ms))
}

#[cfg(test)]
mod tests {
    use super::super::fakes::{acked, bits, contents};
    use super::*;

    #[test]
    fn starts_lose_nothing_and_invent_nothing() {
        let (ledger, _) = acked(&[(5, 1), (6, 2)]);
        let both = contents(&[(5, bits(1)), (6, bits(2))]);
        let one = contents(&[(5, bits(1))]);
        let phantom = contents(&[(5, bits(1)), (6, bits(3))]);
        let start = |before: &Contents, after: &Contents, damages, damages_reported| Recovery {
            node: "n1".to_owned(),
            before: before.clone(),
            after: after.clone(),
            damages,
            damages_ever: damages,
            damages_reported,
            ..Recovery::default()
        };
        check(&start(&one, &both, 0, 0), &ledger).unwrap();
        check(&start(&both, &one, 1, 1), &ledger).unwrap();
        assert!(check(&start(&both, &one, 0, 0), &ledger).is_err());
        assert!(check(&start(&both, &one, 1, 0), &ledger).is_err());
        assert!(check(&start(&both, &both, 0, 1), &ledger).is_err());
        assert!(check(&start(&one, &phantom, 0, 0), &ledger).is_err());
    }

    #[test]
    fn damage_in_the_last_group_may_look_like_a_torn_tail() {
        let (ledger, _) = acked(&[(5, 1), (6, 2)]);
        let (both, one) = (contents(&[(5, bits(1)), (6, bits(2))]), contents(&[(5, bits(1))]));
        let start = |damages, frames_after, frames_unproven| Recovery {
            before: both.clone(),
            after: one.clone(),
            frames_before: 9,
            frames_after,
            frames_unproven,
            damages,
            damages_ever: damages,
            ..Recovery::default()
        };
        check(&start(1, 8, 1), &ledger).unwrap();
        assert!(check(&start(0, 8, 1), &ledger).is_err(), "nothing was damaged");
        assert!(check(&start(1, 7, 1), &ledger).is_err(), "a frame before the group is gone");
        assert!(check(&start(1, 9, 1), &ledger).is_err(), "no frame is gone");
    }

    #[test]
    fn a_damaged_place_takes_few_frames() {
        let (ledger, _) = acked(&[]);
        let start = |frames_after, damages| Recovery {
            frames_before: 100,
            frames_after,
            damages,
            ..Recovery::default()
        };
        check(&start(100, 0), &ledger).unwrap();
        check(&start(100 - FRAMES_PER_DAMAGE_MAX, 1), &ledger).unwrap();
        assert!(check(&start(99, 0), &ledger).is_err());
        assert!(check(&start(99 - FRAMES_PER_DAMAGE_MAX, 1), &ledger).is_err());
    }

    #[test]
    fn only_a_disk_that_was_touched_is_given_up() {
        check_given_up("a", 1, 1, "it is old").unwrap();
        assert_eq!(check_given_up("a", 1, 0, "it is old").unwrap_err().invariant, "I15");
    }
}
