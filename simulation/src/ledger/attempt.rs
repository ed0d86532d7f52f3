//! One delivery of a push: where it went and what came back.

use std::fmt;

use super::{Ledger, greater_bits};
use crate::invariants::Violation;
use crate::traffic::{Expect, Fate, Outcome, Push};

/// See the module.
pub struct Attempt {
    client: String,
    kind: &'static str,
    node: String,
    first: u64,
    sent_ms: i64,
    settled: Option<(Outcome, i64)>,
}

impl Attempt {
    pub fn new(push: &Push, node: &str, sent_ms: i64) -> Attempt {
        Attempt {
            client: push.client_name.clone(),
            kind: push.kind,
            node: node.to_owned(),
            first: push.first,
            sent_ms,
            settled: None,
        }
    }

    pub fn settle(&mut self, outcome: Outcome, at_ms: i64) {
        self.settled = Some((outcome, at_ms));
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Attempt { client, kind, node, first, sent_ms, .. } = self;
        write!(f, "{kind} push of {client} (first {first}) to {node}, sent at {sent_ms}")?;
        match self.settled {
            None => write!(f, ", no word yet"),
            Some((Outcome::Unknown, at_ms)) => write!(f, ", given up at {at_ms}"),
            Some((Outcome::Status(status), at_ms)) => write!(f, ", answered {status} at {at_ms}"),
        }
    }
}

/// How old a sample may be to be in the head for sure, milliseconds: the least time that a window
/// stays open past its end.
const HEAD_MS: i64 = 4_000;

impl Ledger {
    /// Whether the status is one that the push may be answered with.
    pub(super) fn check_status(&self, push: &Push, outcome: Outcome) -> Result<(), Violation> {
        let Outcome::Status(status) = outcome else { return Ok(()) };
        if outcome.may_pass() {
            return Ok(());
        }
        let broken = match (push.expect, status) {
            (Expect::Taken, 200..=299) | (Expect::Partly, 400) => None,
            (Expect::Taken, 400) if self.may_reject(push) => None,
            (Expect::Refused(expected), _) if expected == status => None,
            (_, 200..=299) => Some(("I3", "it has samples that can never be accepted")),
            (Expect::Taken | Expect::Partly, _) => {
                Some(("I2", "everything in it that can be accepted is refused for good"))
            }
            (Expect::Refused(_), _) => Some(("I3", "it must be refused with another status")),
        };
        let Some((invariant, why)) = broken else { return Ok(()) };
        let attempt = self.describe_attempt(push.number);
        let evidence = format!("{attempt}: {why} (expected {:?})", push.expect);
        Err(Violation::new(invariant, evidence))
    }

    /// Whether a push without defects may lose samples: to cluster time, or to other values.
    /// Checks that no sample of a push that was taken lost against another value that had been
    /// acknowledged before and is in the head of its owners for sure. Only while the cluster was
    /// never disturbed: else the push may have gone to other nodes.
    pub fn check_conflicts(&self, push: &Push, now_ms: i64) -> Result<(), Violation> {
        for sample in push.samples.iter().filter(|sample| sample.t > now_ms - HEAD_MS) {
            let slot = self.series.get(&sample.series).and_then(|slots| slots.get(&sample.t));
            let Some((slot, tried)) = slot.and_then(|slot| Some((slot, slot.get(sample.bits)?)))
            else {
                continue;
            };
            let floor = slot.acked_floor(tried.sent_ms);
            if floor.is_some_and(|floor| greater_bits(floor, sample.bits) != sample.bits) {
                let slot = self.describe_slot(&sample.series, sample.t, slot);
                let attempt = self.describe_attempt(push.number);
                let text = format!("{attempt}: taken without a word of a greater value: {slot}");
                return Err(Violation::new("I3", text));
            }
        }
        Ok(())
    }

    fn may_reject(&self, push: &Push) -> bool {
        let is_open = push.samples.iter().any(|sample| sample.fate == Fate::Open);
        is_open || self.slots_of(push).any(|(_, _, slot)| slot.values() > 1)
    }
}
