//! Changes of the layout: lower resolution, a wider zero bucket, fewer custom bounds.

use std::sync::Arc;

use super::compensated::Compensation;
use super::{Buckets, FloatHistogram};
use crate::kahan::Sum;

/// Index at schema `to` of the bucket that holds the bucket `index` of schema `from`.
pub(super) fn target_index(index: i32, from: i32, to: i32) -> i32 {
    let shift = u32::try_from(from.saturating_sub(to)).unwrap_or(0).min(31);
    (index.saturating_sub(1) >> shift) + 1
}

/// Bounds that both have.
pub(super) fn common_bounds(a: &[f64], b: &[f64]) -> Arc<[f64]> {
    let mut rest = b.iter().peekable();
    let common = a.iter().copied().filter(|bound| {
        while rest.next_if(|other| **other < *bound).is_some() {}
        rest.peek().is_some_and(|other| **other == *bound)
    });
    common.collect()
}

/// Index of the bucket that holds the bucket `index` once only some bounds remain.
fn common_index(index: i32, bounds: &[f64], common: &[f64]) -> i32 {
    let bound = usize::try_from(index).ok().and_then(|index| bounds.get(index));
    let at = bound.map_or(common.len(), |b| common.partition_point(|other| other < b));
    at as i32
}

impl FloatHistogram {
    /// Merges buckets until the histogram has this lower schema. Both must be exponential.
    pub fn reduce_resolution(&mut self, schema: i32) {
        self.reduce_with(schema, None);
    }

    pub(super) fn reduce_with(&mut self, schema: i32, lost: Option<&mut Compensation>) {
        let from = self.schema;
        let target = |index| target_index(index, from, schema);
        let (positive, negative) = Compensation::sides(lost);
        self.positive.regroup(positive, target);
        self.negative.regroup(negative, target);
        self.schema = schema;
    }

    /// Merges custom buckets until only these bounds remain.
    pub(super) fn reduce_bounds(&mut self, common: &Arc<[f64]>, lost: Option<&mut Compensation>) {
        let (positive, _) = Compensation::sides(lost);
        let bounds = Arc::clone(&self.custom_values);
        self.positive.regroup(positive, |index| common_index(index, &bounds, common));
        self.custom_values = Arc::clone(common);
    }

    /// The zero count that the histogram would have with a zero threshold of at least `threshold`,
    /// and that threshold: it is raised to the end of a populated bucket that it would cut.
    pub(super) fn widened_zero(
        &self,
        mut threshold: f64,
        lost: Option<&Compensation>,
    ) -> (Sum, f64) {
        let (positive, negative) = lost.map_or((&[][..], &[][..]), |lost| {
            (lost.positive.as_slice(), lost.negative.as_slice())
        });
        loop {
            let compensation = lost.map_or(0.0, |lost| lost.zero_count);
            let mut zero = Sum { sum: self.zero_count, compensation };
            if threshold == self.zero_threshold {
                return (zero, threshold);
            }
            if let Some(end) = self.swallow(&self.positive, positive, threshold, &mut zero) {
                threshold = end;
            }
            match self.swallow(&self.negative, negative, threshold, &mut zero) {
                // The positive side has to be counted again.
                Some(end) => threshold = end,
                None => return (zero, threshold),
            }
        }
    }

    /// Adds the buckets below `threshold` to `zero`; the end of a populated one that lies only
    /// partly below.
    fn swallow(&self, side: &Buckets, lost: &[f64], threshold: f64, zero: &mut Sum) -> Option<f64> {
        for (at, (index, count)) in side.iter().enumerate() {
            if self.bound(index.saturating_sub(1)) >= threshold {
                return None;
            }
            zero.add(count);
            if let Some(lost) = lost.get(at) {
                zero.add(*lost);
            }
            let end = self.bound(index);
            if end > threshold {
                return (count != 0.0).then_some(end);
            }
        }
        None
    }

    /// Widens the zero bucket until it fits with the other's, and returns the zero count that the
    /// other would have.
    pub(super) fn reconcile_zero(
        &mut self,
        other: &FloatHistogram,
        mut lost: Option<&mut Compensation>,
    ) -> Sum {
        let mut zero = Sum { sum: other.zero_count, compensation: 0.0 };
        let mut threshold = other.zero_threshold;
        // Thresholds only grow, from bound to bound; NaN ones, which are invalid, end it.
        while threshold != self.zero_threshold {
            if self.zero_threshold > threshold {
                (zero, threshold) = other.widened_zero(self.zero_threshold, None);
            }
            if threshold > self.zero_threshold {
                self.widen_zero(threshold, lost.as_deref_mut());
            } else if threshold != self.zero_threshold {
                break;
            }
        }
        zero
    }

    fn widen_zero(&mut self, threshold: f64, lost: Option<&mut Compensation>) {
        let (zero, threshold) = self.widened_zero(threshold, lost.as_deref());
        self.zero_count = zero.sum;
        self.zero_threshold = threshold;
        let mut nothing = Compensation::default();
        let lost = lost.unwrap_or(&mut nothing);
        lost.zero_count = zero.compensation;
        for (side, lost) in [(true, &mut lost.positive), (false, &mut lost.negative)] {
            let indices = if side { self.positive.indices() } else { self.negative.indices() };
            let below = |index: &i32| self.bound(index.saturating_sub(1)) < threshold;
            let swallowed = indices.partition_point(below);
            let side = if side { &mut self.positive } else { &mut self.negative };
            side.counts_mut()[..swallowed].fill(0.0);
            lost.iter_mut().take(swallowed).for_each(|lost| *lost = 0.0);
            side.retain_with(lost, |count, lost| count != 0.0 || lost != 0.0);
        }
    }
}
