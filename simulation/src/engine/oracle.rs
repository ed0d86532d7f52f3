//! The oracle: what was sent, what was reported durable, and what a reader must therefore see.
//!
//! Between two crashes a reader sees exactly what the node took. After a crash
//!
//! - every acknowledged sample is there, with its value or a greater one that was sent too;
//! - nothing is there that was not sent, or that an earlier recovery had found to be lost;
//! - what is there is durable from then on, because opening made it so.

use std::collections::{BTreeMap, BTreeSet};

use journal::Position;
use proto::{Labels, SampleBatch};
use storage::head::Appended;
use storage::series::Selection;

use crate::engine::reading::{Answer, Samples, SeriesKey, greater_bits};
use crate::error::SimulationError;

/// A batch that nobody may call durable yet.
struct Pending {
    position: Position,
    samples: Vec<(SeriesKey, i64, u64)>,
}

/// See the module.
#[derive(Default)]
pub struct Oracle {
    /// What a reader sees now.
    now: Answer,
    /// What a reader sees at least, whatever crashes.
    acked: Answer,
    /// Values that may be read after a crash.
    possible: BTreeMap<SeriesKey, BTreeMap<i64, BTreeSet<u64>>>,
    pending: Vec<Pending>,
    /// Samples sent so far, those that were sent again included, those of refused series not.
    pub samples_attempted: u64,
    /// Samples acknowledged so far.
    pub samples_acked: u64,
    /// Samples compared with an answer so far.
    pub samples_checked: u64,
}

impl Oracle {
    /// Takes down a batch, whose labels are `labels` one for each series, and what the head said.
    /// Without an answer any part of the batch may have been taken.
    pub fn sent(&mut self, batch: &SampleBatch, labels: &[Labels], answer: Option<&Appended>) {
        let mut samples = Vec::new();
        for ((index, _, timestamps, values), labels) in batch.iter().zip(labels) {
            let index = index as u32;
            if answer.is_some_and(|a| a.unknown.contains(&index) || a.over_limit.contains(&index)) {
                continue;
            }
            self.samples_attempted += timestamps.len() as u64;
            let key = (batch.tenant.clone(), labels.clone());
            for (t, value) in timestamps.iter().zip(values) {
                samples.push((key.clone(), *t, value.to_bits()));
            }
        }
        for (key, t, bits) in &samples {
            let possible = self.possible.entry(key.clone()).or_default();
            possible.entry(*t).or_default().insert(*bits);
        }
        if let Some(answer) = answer {
            samples.iter().for_each(|sample| raise(&mut self.now, sample));
            self.pending.push(Pending { position: answer.position, samples });
        }
    }

    /// Asks for each waiting batch what its waiter is told: `Some(true)` acknowledges it,
    /// `Some(false)` means that it is not known to be durable.
    pub fn settle(&mut self, mut told: impl FnMut(Position) -> Option<bool>) {
        for pending in std::mem::take(&mut self.pending) {
            match told(pending.position) {
                Some(true) => {
                    self.samples_acked += pending.samples.len() as u64;
                    pending.samples.iter().for_each(|sample| raise(&mut self.acked, sample));
                }
                Some(false) => {}
                None => self.pending.push(pending),
            }
        }
    }

    /// The node crashed: nobody is told anything any more about what waited.
    pub fn crashed(&mut self) {
        self.pending.clear();
    }

    /// Between crashes: the answer is exactly what the node took.
    pub fn check(&mut self, answer: &Answer, selection: &Selection) -> Result<(), SimulationError> {
        let expected = selected(&self.now, selection);
        self.samples_checked += count(&expected);
        compare(&expected, answer, &|key, t, expected, found| match (expected, found) {
            (a, b) if a == b => None,
            _ => Some(("a reader sees exactly what was taken", describe(key, t, expected, found))),
        })
    }

    /// After a crash, an answer to a selection of everything; see the module. From here on it is
    /// what a reader must see.
    pub fn recovered(&mut self, answer: Answer) -> Result<(), SimulationError> {
        self.samples_checked += count(&answer).max(count(&self.acked));
        let possible = &self.possible;
        compare(&self.acked, &answer, &|key, t, acked, found| {
            let broken = |invariant| Some((invariant, describe(key, t, acked, found)));
            let Some(bits) = found else { return broken("an acknowledged sample is never lost") };
            let sent = possible.get(key).and_then(|samples| samples.get(&t));
            if !sent.is_some_and(|values| values.contains(&bits)) {
                return broken("nothing is read that was not sent, or was found lost before");
            }
            match acked {
                Some(acked) if greater_bits(acked, bits) != bits => {
                    broken("an acknowledged value is never replaced by a lesser one")
                }
                _ => None,
            }
        })?;
        let values = |samples: &Samples| samples.iter().map(|(t, b)| (*t, [*b].into())).collect();
        self.possible = answer.iter().map(|(key, found)| (key.clone(), values(found))).collect();
        self.acked = answer.clone();
        self.now = answer;
        Ok(())
    }

    /// With everything committed and no crash since, all that was taken is acknowledged.
    pub fn check_all_acked(&self) -> Result<(), SimulationError> {
        if !self.pending.is_empty() {
            let evidence = format!("{} batches still wait", self.pending.len());
            return Err(SimulationError::violation("what is committed is acknowledged", evidence));
        }
        compare(&self.now, &self.acked, &|key, t, now, acked| {
            let differs = now != acked;
            differs.then(|| ("what is committed is acknowledged", describe(key, t, now, acked)))
        })
    }
}

/// What one comparison says: nothing, or which invariant is broken and how.
type Verdict = Option<(&'static str, String)>;

/// Judges a sample: series, timestamp, value on the one side, value on the other.
type Judge<'a> = dyn Fn(&SeriesKey, i64, Option<u64>, Option<u64>) -> Verdict + 'a;

/// Looks at every sample of either side.
fn compare(expected: &Answer, found: &Answer, judge: &Judge<'_>) -> Result<(), SimulationError> {
    let none = Samples::new();
    let keys: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    for key in keys {
        let expected = expected.get(key).unwrap_or(&none);
        let found = found.get(key).unwrap_or(&none);
        let times: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
        for t in times {
            let verdict = judge(key, *t, expected.get(t).copied(), found.get(t).copied());
            if let Some((invariant, evidence)) = verdict {
                return Err(SimulationError::violation(invariant, evidence));
            }
        }
    }
    Ok(())
}

fn describe(
    (tenant, labels): &SeriesKey,
    t: i64,
    expected: Option<u64>,
    found: Option<u64>,
) -> String {
    let text = |bits: Option<u64>| {
        bits.map_or("nothing".to_owned(), |b| format!("{} ({b:016x})", f64::from_bits(b)))
    };
    format!("{tenant} {labels} at {t}: expected {}, read {}", text(expected), text(found))
}

/// Puts a sample in, unless a greater value is there.
fn raise(answer: &mut Answer, (key, t, bits): &(SeriesKey, i64, u64)) {
    let samples = answer.entry(key.clone()).or_default();
    let kept = samples.entry(*t).or_insert(*bits);
    *kept = greater_bits(*kept, *bits);
}

/// What a selection takes of an answer.
fn selected(all: &Answer, selection: &Selection) -> Answer {
    let taken = |(tenant, labels): &SeriesKey| {
        selection.takes_tenant(tenant) && selection.takes_labels(labels)
    };
    let of_time = |samples: &Samples| -> Samples {
        let range = samples.range(selection.start_ms..=selection.end_ms);
        range.map(|(t, bits)| (*t, *bits)).collect()
    };
    let series = all.iter().filter(|(key, _)| taken(key));
    let series = series.map(|(key, samples)| (key.clone(), of_time(samples)));
    series.filter(|(_, samples)| !samples.is_empty()).collect()
}

fn count(answer: &Answer) -> u64 {
    answer.values().map(|samples| samples.len() as u64).sum()
}

#[cfg(test)]
mod tests;
