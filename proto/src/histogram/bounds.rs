//! Where buckets begin and end.

use super::FloatHistogram;

/// A bucket with its bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
    /// Whether the lower bound belongs to it.
    pub lower_inclusive: bool,
    /// Whether the upper bound belongs to it.
    pub upper_inclusive: bool,
    /// Observations in it.
    pub count: f64,
}

impl Bucket {
    /// The part of the bucket's width below `value`, which lies strictly within finite bounds:
    /// on a linear scale (custom and zero buckets) or a logarithmic one (exponential buckets).
    pub fn fraction_below(&self, value: f64, linear: bool) -> f64 {
        if linear {
            return (value - self.lower) / (self.upper - self.lower);
        }
        let [lower, upper, at] = [self.lower, self.upper, value].map(|v| v.abs().log2());
        if value > 0.0 {
            (at - lower) / (upper - lower)
        } else {
            1.0 - (at - upper) / (lower - upper)
        }
    }
}

/// Upper bound of the exponential bucket with this index, in absolute terms. The last bucket of
/// finite observations ends at the greatest float, the one after it at infinity.
pub(super) fn exponential_bound(index: i32, schema: i32) -> f64 {
    let exponent = f64::from(index) * (-f64::from(schema)).exp2();
    if exponent == 1024.0 { f64::MAX } else { exponent.exp2() }
}

impl FloatHistogram {
    /// Upper bound of a bucket, in absolute terms.
    pub(super) fn bound(&self, index: i32) -> f64 {
        if !self.is_custom() {
            return exponential_bound(index, self.schema);
        }
        match usize::try_from(index) {
            Ok(index) => self.custom_values.get(index).copied().unwrap_or(f64::INFINITY),
            Err(_) => f64::NEG_INFINITY,
        }
    }

    /// Buckets of positive values, or custom ones, in order of their bounds.
    pub fn positive_buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
        self.positive.iter().map(|(index, count)| {
            let (lower, upper) = (self.bound(index.saturating_sub(1)), self.bound(index));
            let lower_inclusive = if self.is_custom() { index == 0 } else { lower < 0.0 };
            let upper_inclusive = self.is_custom() || upper > 0.0;
            Bucket { lower, upper, lower_inclusive, upper_inclusive, count }
        })
    }

    /// Buckets of negative values, from zero away.
    pub fn negative_buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
        self.negative.iter().map(|(index, count)| {
            let (lower, upper) = (-self.bound(index), -self.bound(index.saturating_sub(1)));
            let (lower_inclusive, upper_inclusive) = (lower < 0.0, upper > 0.0);
            Bucket { lower, upper, lower_inclusive, upper_inclusive, count }
        })
    }

    /// The zero bucket.
    pub fn zero_bucket(&self) -> Bucket {
        Bucket {
            lower: -self.zero_threshold,
            upper: self.zero_threshold,
            lower_inclusive: true,
            upper_inclusive: true,
            count: self.zero_count,
        }
    }

    /// All buckets in order of their bounds, the zero bucket if it holds anything. What overlaps
    /// with the zero bucket is cut off there.
    pub fn all_buckets(&self) -> impl DoubleEndedIterator<Item = Bucket> + '_ {
        let zero = (self.zero_count > 0.0).then(|| self.zero_bucket());
        let cut = |bucket| self.cut(bucket);
        let positive = self.positive_buckets().map(cut);
        self.negative_buckets().rev().map(cut).chain(zero).chain(positive)
    }

    fn cut(&self, mut bucket: Bucket) -> Bucket {
        let threshold = self.zero_threshold;
        if bucket.upper < 0.0 && bucket.upper > -threshold {
            bucket.upper = -threshold;
        } else if bucket.lower > 0.0 && bucket.lower < threshold {
            bucket.lower = threshold;
        }
        bucket
    }
}
