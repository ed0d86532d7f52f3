//! Addition and subtraction.

use super::bounds::exponential_bound;
use super::compensated::Compensation;
use super::resolution::common_bounds;
use super::{Buckets, CounterResetHint, FloatHistogram};
use crate::kahan::Sum;

/// Exponential and custom buckets have nothing in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot apply this operation on histograms with a mix of exponential and custom bucket schemas"
)]
pub struct Incompatible;

/// What a user should know of an addition or subtraction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// One side says that there was a counter reset, the other that there was none.
    pub resets_conflict: bool,
    /// Custom bounds differed: only those that both have remain.
    pub bounds_reconciled: bool,
}

impl FloatHistogram {
    /// Adds another histogram.
    pub fn add(&mut self, other: &FloatHistogram) -> Result<Merged, Incompatible> {
        self.combine(other, 1.0, None)
    }

    /// Takes another histogram away. The hint is merged as for [`FloatHistogram::add`].
    pub fn subtract(&mut self, other: &FloatHistogram) -> Result<Merged, Incompatible> {
        self.combine(other, -1.0, None)
    }

    /// Adds `sign` times the other histogram.
    pub(super) fn combine(
        &mut self,
        other: &FloatHistogram,
        sign: f64,
        mut lost: Option<&mut Compensation>,
    ) -> Result<Merged, Incompatible> {
        if self.is_custom() != other.is_custom() {
            return Err(Incompatible);
        }
        let mut merged = Merged { resets_conflict: self.merge_hint(other), ..Merged::default() };
        let zero = match self.is_custom() {
            true => Sum::default(),
            false => self.reconcile_zero(other, lost.as_deref_mut()),
        };
        self.add_totals(other, zero, sign, lost.as_deref_mut());
        if self.is_custom() {
            merged.bounds_reconciled = self.add_custom(other, sign, lost);
        } else {
            self.add_exponential(other, sign, lost);
        }
        Ok(merged)
    }

    fn add_totals(
        &mut self,
        other: &FloatHistogram,
        zero: Sum,
        sign: f64,
        lost: Option<&mut Compensation>,
    ) {
        let Some(lost) = lost else {
            self.zero_count += sign * zero.both();
            self.count += sign * other.count;
            self.sum += sign * other.sum;
            return;
        };
        compensate(&mut self.zero_count, &mut lost.zero_count, sign * zero.sum);
        compensate(&mut self.zero_count, &mut lost.zero_count, sign * zero.compensation);
        compensate(&mut self.count, &mut lost.count, sign * other.count);
        compensate(&mut self.sum, &mut lost.sum, sign * other.sum);
    }

    /// Whether bounds had to be reconciled.
    fn add_custom(
        &mut self,
        other: &FloatHistogram,
        sign: f64,
        mut lost: Option<&mut Compensation>,
    ) -> bool {
        if self.has_bounds_of(other) {
            let (positive, _) = Compensation::sides(lost);
            add_buckets(&mut self.positive, &other.positive, 0, sign, positive);
            return false;
        }
        let common = common_bounds(&self.custom_values, &other.custom_values);
        let mut other = other.clone();
        other.reduce_bounds(&common, None);
        self.reduce_bounds(&common, lost.as_deref_mut());
        let (positive, _) = Compensation::sides(lost);
        add_buckets(&mut self.positive, &other.positive, 0, sign, positive);
        true
    }

    fn add_exponential(
        &mut self,
        other: &FloatHistogram,
        sign: f64,
        mut lost: Option<&mut Compensation>,
    ) {
        let mut reduced = None;
        if other.schema < self.schema {
            self.reduce_with(other.schema, lost.as_deref_mut());
        } else if other.schema > self.schema {
            let mut copy = other.clone();
            copy.reduce_resolution(self.schema);
            reduced = Some(copy);
        }
        let other = reduced.as_ref().unwrap_or(other);
        let (schema, threshold) = (self.schema, self.zero_threshold);
        // What lies within the zero bucket is in the zero count already.
        let from = |side: &Buckets| beyond_zero(side, schema, threshold);
        let (positive, negative) = Compensation::sides(lost);
        let start = from(&other.positive);
        add_buckets(&mut self.positive, &other.positive, start, sign, positive);
        let start = from(&other.negative);
        add_buckets(&mut self.negative, &other.negative, start, sign, negative);
    }

    /// Makes the hint that of both; whether one says reset and the other that there was none.
    fn merge_hint(&mut self, other: &FloatHistogram) -> bool {
        use CounterResetHint::*;
        let (hint, conflict) = match (self.counter_reset_hint, other.counter_reset_hint) {
            (a, b) if a == b => (a, false),
            (Gauge, _) | (_, Gauge) => (Gauge, false),
            (Unknown, _) | (_, Unknown) => (Unknown, false),
            _ => (Unknown, true),
        };
        self.counter_reset_hint = hint;
        conflict
    }
}

/// Position of the first bucket that reaches beyond the zero bucket.
pub(super) fn beyond_zero(side: &Buckets, schema: i32, threshold: f64) -> usize {
    let within = |index: &i32| exponential_bound(*index, schema) <= threshold;
    match side.indices().first() {
        Some(first) if within(first) => side.indices().partition_point(within),
        _ => 0,
    }
}

/// Adds the buckets of `other` from position `start` on.
fn add_buckets(
    to: &mut Buckets,
    other: &Buckets,
    start: usize,
    sign: f64,
    mut lost: Option<&mut Vec<f64>>,
) {
    let (indices, counts) = (&other.indices()[start..], &other.counts()[start..]);
    to.widen(indices, lost.as_deref_mut());
    if lost.is_none() && to.len() == indices.len() {
        let slots = to.counts_mut().iter_mut().zip(counts);
        return slots.for_each(|(slot, count)| *slot += sign * count);
    }
    let mut at = 0;
    for (index, count) in indices.iter().zip(counts) {
        while to.indices()[at] != *index {
            at += 1;
        }
        let slot = &mut to.counts_mut()[at];
        match &mut lost {
            Some(lost) => compensate(slot, &mut lost[at], sign * count),
            None => *slot += sign * count,
        }
        at += 1;
    }
}

fn compensate(slot: &mut f64, lost: &mut f64, value: f64) {
    let mut sum = Sum { sum: *slot, compensation: *lost };
    sum.add(value);
    (*slot, *lost) = (sum.sum, sum.compensation);
}
