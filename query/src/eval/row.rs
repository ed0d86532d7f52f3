//! Presence of a value at a step: the stale marker, which no evaluation yields, says "none".

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use proto::{FloatHistogram, STALE_NAN_BITS};

use crate::histogram_column::HistogramColumn;

/// No value at this step.
pub(crate) const ABSENT: f64 = f64::from_bits(STALE_NAN_BITS);

/// Whether there is a value.
#[inline]
pub(crate) fn is_present(value: f64) -> bool {
    value.to_bits() != STALE_NAN_BITS
}

/// The values of a row.
#[derive(Debug)]
pub(crate) enum Values<'v> {
    /// Some that are used again for the next row.
    Lent(&'v mut [f64]),
    /// Some that whoever keeps the row need not copy.
    Given(Box<[f64]>),
}

impl Values<'_> {
    /// The values, to be kept.
    pub(crate) fn keep(self) -> Box<[f64]> {
        match self {
            Values::Lent(values) => Box::from(&*values),
            Values::Given(values) => values,
        }
    }
}

impl Deref for Values<'_> {
    type Target = [f64];

    #[inline]
    fn deref(&self) -> &[f64] {
        match self {
            Values::Lent(values) => values,
            Values::Given(values) => values,
        }
    }
}

impl DerefMut for Values<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [f64] {
        match self {
            Values::Lent(values) => values,
            Values::Given(values) => values,
        }
    }
}

/// A value of either kind.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Float(f64),
    Histogram(Arc<FloatHistogram>),
}

impl From<FloatHistogram> for Value {
    fn from(histogram: FloatHistogram) -> Value {
        Value::Histogram(Arc::new(histogram))
    }
}

/// A value that is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ValueRef<'v> {
    Float(f64),
    Histogram(&'v Arc<FloatHistogram>),
}

impl<'v> ValueRef<'v> {
    /// That of a step.
    #[inline]
    pub(crate) fn at(value: f64, histograms: &'v HistogramColumn, step: usize) -> ValueRef<'v> {
        histograms.get(step).map_or(ValueRef::Float(value), ValueRef::Histogram)
    }
}

/// Writes a value into a step.
pub(crate) fn put(
    value: Option<Value>,
    step: usize,
    values: &mut [f64],
    histograms: &mut HistogramColumn,
) {
    match value {
        None => values[step] = ABSENT,
        Some(Value::Float(value)) => {
            values[step] = value;
            histograms.unset(step);
        }
        Some(Value::Histogram(histogram)) => {
            values[step] = 0.0;
            histograms.set(step, histogram);
        }
    }
}
