//! Detection of counter resets.

use std::borrow::Cow;

use super::add::beyond_zero;
use super::resolution::common_bounds;
use super::{Buckets, CounterResetHint, FloatHistogram};

impl FloatHistogram {
    /// Whether a counter was reset between `previous` and this histogram. The hint decides if it
    /// says; else a count that fell, a populated bucket that is gone, a higher resolution or a
    /// narrower zero bucket tell of a reset. The sum does not count.
    pub fn is_reset_after(&self, previous: &FloatHistogram) -> bool {
        match self.counter_reset_hint {
            CounterResetHint::Reset => return true,
            CounterResetHint::NotReset => return false,
            CounterResetHint::Unknown | CounterResetHint::Gauge => {}
        }
        if self.count < previous.count || self.is_custom() != previous.is_custom() {
            return true;
        }
        if self.is_custom() { self.custom_fell(previous) } else { self.exponential_fell(previous) }
    }

    fn custom_fell(&self, previous: &FloatHistogram) -> bool {
        if self.has_bounds_of(previous) {
            return fell(&self.positive, &previous.positive, 0);
        }
        let common = common_bounds(&self.custom_values, &previous.custom_values);
        let [current, previous] = [self, previous].map(|histogram| {
            let mut copy = histogram.clone();
            copy.reduce_bounds(&common, None);
            copy
        });
        fell(&current.positive, &previous.positive, 0)
    }

    fn exponential_fell(&self, previous: &FloatHistogram) -> bool {
        if self.schema > previous.schema || self.zero_threshold < previous.zero_threshold {
            return true;
        }
        let (zero, threshold) = previous.widened_zero(self.zero_threshold, None);
        if threshold != self.zero_threshold || self.zero_count < zero.sum {
            return true;
        }
        let mut previous = Cow::Borrowed(previous);
        if previous.schema != self.schema {
            previous.to_mut().reduce_resolution(self.schema);
        }
        let beyond = |side: &Buckets| beyond_zero(side, self.schema, self.zero_threshold);
        fell(&self.positive, &previous.positive, beyond(&previous.positive))
            || fell(&self.negative, &previous.negative, beyond(&previous.negative))
    }
}

/// Whether a bucket holds less than before, those of `previous` counted from position `start`.
fn fell(current: &Buckets, previous: &Buckets, start: usize) -> bool {
    let mut now = current.iter().peekable();
    previous.iter().skip(start).any(|(index, before)| {
        while now.next_if(|(other, _)| *other < index).is_some() {}
        match now.peek() {
            Some((other, count)) if *other == index => *count < before,
            _ => before != 0.0,
        }
    })
}
