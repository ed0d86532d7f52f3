//! What makes a histogram valid.

use super::{Buckets, EXPONENTIAL_SCHEMA_MAX, EXPONENTIAL_SCHEMA_MIN, FloatHistogram};

/// Why a histogram is refused: whoever sent it must change it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum HistogramError {
    /// The schema is none that is known.
    #[error(
        "histogram has an invalid schema, which must be between -4 and 8 for exponential buckets, \
         or -53 for custom buckets, got schema {0}"
    )]
    Schema(i32),
    /// Spans and counts do not belong together.
    #[error(
        "histogram spans specify different number of buckets than provided: \
             spans need {needed} buckets, have {given} buckets"
    )]
    BucketsMismatch {
        /// Buckets of the spans.
        needed: u64,
        /// Counts.
        given: usize,
    },
    /// A span goes back.
    #[error("histogram has a span whose offset is negative: {0}")]
    NegativeOffset(i32),
    /// An index does not fit in 32 bits.
    #[error("histogram has a bucket index beyond 32 bits")]
    IndexOverflow,
    /// A count is below zero.
    #[error("histogram has a negative observation count: {0}")]
    NegativeCount(f64),
    /// Custom bounds do not ascend or are no finite numbers.
    #[error("histogram custom bounds must be finite and in strictly increasing order")]
    CustomBounds,
    /// A bucket lies beyond the custom bounds.
    #[error("histogram custom bounds are too few: {bounds} for bucket {index}")]
    CustomBoundsTooFew {
        /// Number of bounds.
        bounds: usize,
        /// Index of the bucket.
        index: i32,
    },
    /// Custom buckets come with a zero bucket or negative buckets.
    #[error("custom buckets: must have neither a zero bucket nor negative buckets")]
    CustomWithZeroOrNegative,
    /// Exponential buckets come with custom bounds.
    #[error("histogram with exponential schema must not have custom bounds")]
    ExponentialWithBounds,
}

impl FloatHistogram {
    /// Checks schema, bounds and counts. Whether the total is that of the buckets is not checked:
    /// floats need not add up, and NaN observations are in no bucket.
    pub fn validate(&self) -> Result<(), HistogramError> {
        if self.is_custom() {
            self.validate_custom()?;
        } else if !(EXPONENTIAL_SCHEMA_MIN..=EXPONENTIAL_SCHEMA_MAX).contains(&self.schema) {
            return Err(HistogramError::Schema(self.schema));
        } else if !self.custom_values.is_empty() {
            return Err(HistogramError::ExponentialWithBounds);
        }
        let sides = [&self.positive, &self.negative];
        let counts = sides.into_iter().flat_map(Buckets::counts).copied();
        match counts.chain([self.zero_count, self.count]).find(|count| *count < 0.0) {
            Some(count) => Err(HistogramError::NegativeCount(count)),
            None => Ok(()),
        }
    }

    fn validate_custom(&self) -> Result<(), HistogramError> {
        let bounds = &self.custom_values;
        if !bounds.is_sorted_by(|a, b| a < b) || bounds.iter().any(|bound| !bound.is_finite()) {
            return Err(HistogramError::CustomBounds);
        }
        if self.zero_count != 0.0 || self.zero_threshold != 0.0 || !self.negative.is_empty() {
            return Err(HistogramError::CustomWithZeroOrNegative);
        }
        let beyond = |index: &&i32| usize::try_from(**index).map_or(true, |i| i > bounds.len());
        match self.positive.indices().iter().find(beyond) {
            Some(index) => {
                Err(HistogramError::CustomBoundsTooFew { bounds: bounds.len(), index: *index })
            }
            None => Ok(()),
        }
    }
}
