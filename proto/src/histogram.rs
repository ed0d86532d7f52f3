//! Native histograms: a sample that counts observations in buckets.
//!
//! A [`FloatHistogram`] has float counts, so that it can hold what a query computes; histograms
//! with integer counts convert to it without loss up to 2^53 ([`integer`]). Two kinds exist:
//!
//! - *exponential* (schema −4 to 8): bucket `i` of schema `s` ends at 2^(i · 2^−s); there are
//!   buckets for positive and negative values and a zero bucket between.
//! - *custom* (schema −53): bucket `i` ends at `custom_values[i]`, the last one at infinity.
//!
//! Semantics are those of Prometheus 3.14 (`model/histogram`): [addition](FloatHistogram::add)
//! brings both sides to the lower resolution, the wider zero bucket or the bounds that both have.

mod add;
mod bounds;
mod buckets;
mod compensated;
pub mod integer;
mod resets;
mod resolution;
mod trim;
mod validity;

pub use add::{Incompatible, Merged};
pub use bounds::Bucket;
pub use buckets::{Buckets, Span};
pub use compensated::CompensatedHistogram;
pub use trim::Trim;
pub use validity::HistogramError;

use std::sync::Arc;

use crate::sample::same_value;

/// Schema of histograms with custom buckets.
pub const CUSTOM_SCHEMA: i32 = -53;
/// Lowest resolution of exponential buckets.
pub const EXPONENTIAL_SCHEMA_MIN: i32 = -4;
/// Highest resolution of exponential buckets.
pub const EXPONENTIAL_SCHEMA_MAX: i32 = 8;

/// What is known of a counter reset between a histogram and the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CounterResetHint {
    /// Nothing: whoever needs to know compares the two.
    #[default]
    Unknown,
    /// There was one.
    Reset,
    /// There was none.
    NotReset,
    /// The histogram is a gauge: it may go down.
    Gauge,
}

/// A native histogram with float counts.
#[derive(Clone, Debug, Default)]
pub struct FloatHistogram {
    /// What is known of a counter reset before it.
    pub counter_reset_hint: CounterResetHint,
    /// [`CUSTOM_SCHEMA`], or the resolution of exponential buckets.
    pub schema: i32,
    /// Observations up to this distance from zero are in the zero bucket.
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: f64,
    /// All observations, NaN ones too.
    pub count: f64,
    /// Sum of all observations.
    pub sum: f64,
    /// Buckets of positive values, or custom buckets.
    pub positive: Buckets,
    /// Buckets of negative values; none in the custom kind.
    pub negative: Buckets,
    /// Upper bounds of custom buckets, strictly ascending, finite; shared between histograms.
    pub custom_values: Arc<[f64]>,
}

impl FloatHistogram {
    /// Whether its buckets have bounds of their own.
    #[inline]
    pub fn is_custom(&self) -> bool {
        self.schema == CUSTOM_SCHEMA
    }

    /// Multiplies all counts and the sum. A negative factor makes a gauge.
    pub fn scale(&mut self, factor: f64) {
        self.map_counts(|count| count * factor);
        if factor < 0.0 {
            self.counter_reset_hint = CounterResetHint::Gauge;
        }
    }

    /// Divides all counts and the sum. By zero, the buckets vanish; a negative divisor makes a
    /// gauge.
    pub fn divide(&mut self, divisor: f64) {
        if divisor == 0.0 {
            (self.positive, self.negative) = Default::default();
        }
        self.map_counts(|count| count / divisor);
        if divisor < 0.0 {
            self.counter_reset_hint = CounterResetHint::Gauge;
        }
    }

    fn map_counts(&mut self, f: impl Fn(f64) -> f64) {
        for count in [&mut self.zero_count, &mut self.count, &mut self.sum] {
            *count = f(*count);
        }
        let buckets = self.positive.counts_mut().iter_mut().chain(self.negative.counts_mut());
        buckets.for_each(|count| *count = f(*count));
    }

    /// Removes empty buckets.
    pub fn compact(&mut self) {
        self.positive.compact();
        self.negative.compact();
    }

    /// Whether a count, the sum or a bound is infinite.
    pub fn has_overflow(&self) -> bool {
        let totals = [self.zero_count, self.count, self.sum];
        let buckets = self.positive.counts().iter().chain(self.negative.counts());
        totals.iter().chain(buckets).chain(self.custom_values.iter()).any(|v| v.is_infinite())
    }

    /// Whether two histograms are the same bit for bit, empty buckets included; the counter reset
    /// hint does not count.
    pub fn same(&self, other: &FloatHistogram) -> bool {
        self.schema == other.schema
            && same_value(self.count, other.count)
            && same_value(self.sum, other.sum)
            && self.zero_threshold == other.zero_threshold
            && same_value(self.zero_count, other.zero_count)
            && self.has_bounds_of(other)
            && self.positive.same(&other.positive)
            && self.negative.same(&other.negative)
    }

    /// Whether two histograms have the same custom bounds.
    #[inline]
    pub(crate) fn has_bounds_of(&self, other: &FloatHistogram) -> bool {
        Arc::ptr_eq(&self.custom_values, &other.custom_values)
            || self.custom_values == other.custom_values
    }

    /// Bytes that it holds, for budgets.
    pub fn bytes(&self) -> usize {
        size_of::<FloatHistogram>()
            + self.positive.bytes()
            + self.negative.bytes()
            + size_of_val(&*self.custom_values)
    }
}

#[cfg(test)]
mod tests;
