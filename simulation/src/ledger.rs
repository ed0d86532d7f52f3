//! The oracle of a cluster: every sample that was sent, what its client was told, and what a
//! reader may therefore see.
//!
//! A sample is *tried* when a request carries it, *acknowledged* when its client is told 2xx, or
//! 400 without it being one that can never be accepted. Everything else that was tried *may* be
//! there: the request may have been done although nobody said so. Of several values that were
//! tried for one timestamp of a series, the greatest acknowledged one is the *floor*: a reader sees
//! it or a greater one that was tried too, because everywhere the greater wins.
//!
//! - An answer that calls itself complete has every acknowledged sample that has not expired (I2).
//! - No answer has what nobody tried for that very tenant, series and timestamp, or what was
//!   rejected for good (I3; I4 when it is another tenant's).
//! - What only may be there and was shown stays while no node is disturbed (I3).
//! - A series and a timestamp are given once (I6).
//! - A request is judged as its samples deserve: no 2xx for what can never be accepted (I3), no
//!   rejection for good of what can (I2).

mod answer;
mod attempt;
mod evidence;
mod judge;
mod reply;
mod rest;
mod slot;

use std::collections::BTreeMap;

use crate::invariants::Violation;
use crate::traffic::{Fate, Outcome, Push, SeriesKey};
use attempt::Attempt;

pub use answer::{Answer, Question, ReadSeries};
pub use judge::Allowed;
pub use reply::{Reply, ReplyError};
pub use slot::{Slot, Tried, greater_bits};

/// What the ledger counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that were sent.
    pub pushes: u64,
    /// Samples in them.
    pub samples_sent: u64,
    /// Samples that were acknowledged, each time that they were.
    pub samples_acked: u64,
    /// Samples that were rejected for good.
    pub samples_rejected: u64,
    /// Timestamps of a series with more than one value tried.
    pub conflicts: u64,
    /// Answers that were judged.
    pub answers: u64,
    /// Those of them that called themselves complete.
    pub answers_complete: u64,
    /// Samples in the answers.
    pub samples_read: u64,
    /// Samples in answers that nobody had acknowledged.
    pub samples_unacked_shown: u64,
}

/// See the module.
#[derive(Default)]
pub struct Ledger {
    attempts: BTreeMap<u64, Attempt>,
    series: BTreeMap<SeriesKey, BTreeMap<i64, Slot>>,
    /// Where the value of each sample belongs, those that must be rejected included.
    places: BTreeMap<u64, (SeriesKey, i64, u64)>,
    /// Where counting stands.
    pub counts: Counts,
}

impl Ledger {
    /// Takes down a push before it is sent to a node.
    pub fn sent(&mut self, push: &Push, node: &str, at_ms: i64) {
        self.counts.pushes += 1;
        self.counts.samples_sent += push.samples.len() as u64;
        for sample in &push.samples {
            let place = (sample.series.clone(), sample.t, push.number);
            self.places.entry(sample.bits).or_insert(place);
            if sample.fate == Fate::Never {
                continue;
            }
            let slots = self.series.entry(sample.series.clone()).or_default();
            let slot = slots.entry(sample.t).or_default();
            let values = slot.values();
            slot.tried(sample.bits, push.number, at_ms);
            self.counts.conflicts += u64::from(values == 1 && slot.values() == 2);
        }
        self.attempts.insert(push.number, Attempt::new(push, node, at_ms));
    }

    /// Takes down what a client was told, and whether it was right to be told so.
    pub fn settled(&mut self, push: &Push, outcome: Outcome, at_ms: i64) -> Result<(), Violation> {
        if let Some(attempt) = self.attempts.get_mut(&push.number) {
            attempt.settle(outcome, at_ms);
        }
        self.check_status(push, outcome)?;
        let durable: &[Fate] = match outcome {
            Outcome::Status(200..=299) => &[Fate::Kept, Fate::Open],
            Outcome::Status(400) => &[Fate::Kept],
            _ => return Ok(()),
        };
        for sample in &push.samples {
            if sample.fate == Fate::Never {
                self.counts.samples_rejected += 1;
            } else if durable.contains(&sample.fate) {
                self.counts.samples_acked += 1;
                let slots = self.series.get_mut(&sample.series);
                let slot = slots.and_then(|slots| slots.get_mut(&sample.t));
                slot.into_iter().for_each(|slot| slot.acked(sample.bits, push.number, at_ms));
            }
        }
        Ok(())
    }

    /// A copy of what is at this place was lost without anything on a disk that could tell: nobody
    /// can promise any more that it is shown.
    pub fn lost_unnoticed(&mut self, key: &SeriesKey, t: i64) {
        let slot = self.series.get_mut(key).and_then(|slots| slots.get_mut(&t));
        slot.into_iter().for_each(Slot::forget);
    }

    /// Every timestamp of a series that anything was tried for.
    pub fn slots(&self) -> impl Iterator<Item = (&SeriesKey, i64, &Slot)> {
        self.series
            .iter()
            .flat_map(|(key, slots)| slots.iter().map(move |(t, slot)| (key, *t, slot)))
    }

    /// What was tried for the samples of a push that were not rejected: for checks at its ack.
    pub fn slots_of<'a>(
        &'a self,
        push: &'a Push,
    ) -> impl Iterator<Item = (&'a SeriesKey, i64, &'a Slot)> {
        push.samples.iter().filter_map(|sample| {
            let slot = self.series.get(&sample.series)?.get(&sample.t)?;
            Some((&sample.series, sample.t, slot))
        })
    }

    /// The series of a ledger with what was tried for them.
    pub fn series(&self) -> &BTreeMap<SeriesKey, BTreeMap<i64, Slot>> {
        &self.series
    }
}

#[cfg(test)]
mod tests;
