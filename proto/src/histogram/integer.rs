//! Histograms with integer counts, as clients send them and chunks store them.

use std::sync::Arc;

use super::{Buckets, CounterResetHint, FloatHistogram, HistogramError, Span};

/// A histogram whose buckets are given as the differences of successive counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IntegerHistogram {
    /// What is known of a counter reset before it.
    pub counter_reset_hint: CounterResetHint,
    /// As in [`FloatHistogram`].
    pub schema: i32,
    /// As in [`FloatHistogram`].
    pub zero_threshold: f64,
    /// Observations in the zero bucket.
    pub zero_count: u64,
    /// All observations.
    pub count: u64,
    /// Sum of all observations.
    pub sum: f64,
    /// Spans and deltas of positive or custom buckets.
    pub positive: (Vec<Span>, Vec<i64>),
    /// Spans and deltas of negative buckets.
    pub negative: (Vec<Span>, Vec<i64>),
    /// Upper bounds of custom buckets.
    pub custom_values: Arc<[f64]>,
}

impl IntegerHistogram {
    /// The same with float counts.
    pub fn to_float(&self) -> Result<FloatHistogram, HistogramError> {
        Ok(FloatHistogram {
            counter_reset_hint: self.counter_reset_hint,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero_count as f64,
            count: self.count as f64,
            sum: self.sum,
            positive: absolute(&self.positive)?,
            negative: absolute(&self.negative)?,
            custom_values: Arc::clone(&self.custom_values),
        })
    }
}

fn absolute((spans, deltas): &(Vec<Span>, Vec<i64>)) -> Result<Buckets, HistogramError> {
    let mut count = 0i64;
    let counts = deltas.iter().map(|delta| {
        count = count.wrapping_add(*delta);
        count as f64
    });
    Buckets::from_spans(spans, counts.collect())
}
