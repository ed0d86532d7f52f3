//! The rows that an answer may have.

use std::collections::BTreeMap;

use proto::Labels;

use super::Aggregation;
use crate::invariants::Violation;

/// Error that sums of fractions may have, relative to the sum of their sizes.
const TOLERANCE: f64 = 1e-9;

/// What a row may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    /// Whether it may be missing.
    pub may_be_absent: bool,
    /// Least value.
    pub low: f64,
    /// Greatest value.
    pub high: f64,
    /// How far off it may be besides: 0 where every step is exact.
    pub slack: f64,
}

impl Bound {
    /// A row that has one of these values; `None` if there are none, so that there is no row.
    pub(super) fn of(values: &[f64], may_be_absent: bool) -> Option<Bound> {
        let low = values.iter().copied().reduce(f64::min)?;
        let high = values.iter().copied().reduce(f64::max)?;
        Some(Bound { may_be_absent, low, high, slack: 0.0 })
    }

    /// Whether there is one right answer.
    pub fn is_exact(&self) -> bool {
        !self.may_be_absent && self.low == self.high
    }

    fn takes(&self, value: f64) -> bool {
        self.low - self.slack <= value && value <= self.high + self.slack
    }

    /// The sum of two series, each with or without the one that may be absent.
    fn plus(self, other: Bound) -> Bound {
        let least = |b: Bound| if b.may_be_absent { b.low.min(0.0) } else { b.low };
        let most = |b: Bound| if b.may_be_absent { b.high.max(0.0) } else { b.high };
        Bound {
            may_be_absent: self.may_be_absent && other.may_be_absent,
            low: least(self) + least(other),
            high: most(self) + most(other),
            slack: self.slack + other.slack,
        }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Expected {
    invariant: &'static str,
    about: String,
    rows: BTreeMap<Labels, Bound>,
}

impl Expected {
    pub(super) fn new(invariant: &'static str, about: String) -> Expected {
        Expected { invariant, about, rows: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, row: Labels, bound: Bound, aggregation: Aggregation) {
        match (self.rows.get_mut(&row), aggregation) {
            (Some(sum), Aggregation::Count | Aggregation::Sum) => *sum = sum.plus(bound),
            _ => {
                self.rows.insert(row, bound);
            }
        }
    }

    /// The invariant that a wrong answer breaks.
    pub fn invariant(&self) -> &'static str {
        self.invariant
    }

    /// The rows, by labels.
    pub fn rows(&self) -> &BTreeMap<Labels, Bound> {
        &self.rows
    }

    /// Whether there is one right answer.
    pub fn is_exact(&self) -> bool {
        self.rows.values().all(Bound::is_exact)
    }

    /// Compares the rows of an answer.
    pub fn check(&self, found: &[(Labels, f64)]) -> Result<(), Violation> {
        let mut seen = BTreeMap::new();
        for (labels, value) in found {
            if seen.insert(labels, *value).is_some() {
                return Err(self.broken(format!("the row {labels} is there twice")));
            }
            let Some(bound) = self.rows.get(labels) else {
                return Err(self.broken(format!("the row {labels} with {value} must not be there")));
            };
            if !bound.takes(*value) {
                let Bound { low, high, .. } = bound;
                let text = format!("the row {labels} is {value}, not within {low}..={high}");
                return Err(self.broken(text));
            }
        }
        let needed = self.rows.iter().find(|(row, b)| !b.may_be_absent && !seen.contains_key(row));
        match needed {
            None => Ok(()),
            Some((row, Bound { low, high, .. })) => {
                Err(self.broken(format!("the row {row} with {low}..={high} is missing")))
            }
        }
    }

    fn broken(&self, text: String) -> Violation {
        Violation::new(self.invariant, format!("{}: {text}", self.about))
    }
}

/// The slack of values of this size.
pub(super) fn slack_of(value: f64) -> f64 {
    value.abs() * TOLERANCE
}
