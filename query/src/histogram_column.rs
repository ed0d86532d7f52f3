//! Histograms beside a column of floats.

use std::sync::Arc;

use proto::FloatHistogram;
use proto::histogram::CounterResetHint;

/// Bytes of a float sample: time and value.
const SAMPLE_BYTES: usize = 16;

/// How many float samples a histogram weighs, for the limit on samples.
pub(crate) fn weight(histogram: &FloatHistogram) -> usize {
    histogram.bytes() / SAMPLE_BYTES
}

/// The histograms among samples or steps. It is no longer than the values beside it; where it
/// ends, or holds none, the value is a float. Without any histogram it is empty, costs nothing,
/// and tells by that that all values are floats. Where a histogram is, the value is 0; what it
/// holds beside an absent value means nothing.
#[derive(Clone, Debug, Default)]
pub struct HistogramColumn {
    slots: Vec<Option<Arc<FloatHistogram>>>,
}

impl HistogramColumn {
    /// Whether there is no histogram at all, so that all values are floats.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The histogram at `index`, if the value there is one.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&Arc<FloatHistogram>> {
        self.slots.get(index).and_then(Option::as_ref)
    }

    /// The first histogram.
    pub(crate) fn first(&self) -> Option<&Arc<FloatHistogram>> {
        self.slots.iter().flatten().next()
    }

    /// Puts a histogram at `index`.
    pub fn set(&mut self, index: usize, histogram: Arc<FloatHistogram>) {
        if self.slots.len() <= index {
            self.slots.resize(index + 1, None);
        }
        self.slots[index] = Some(histogram);
    }

    /// Makes the value at `index` a float.
    pub(crate) fn unset(&mut self, index: usize) {
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = None;
        }
    }

    /// Takes the histogram at `index` away.
    pub(crate) fn take(&mut self, index: usize) -> Option<Arc<FloatHistogram>> {
        self.slots.get_mut(index).and_then(Option::take)
    }

    /// Makes room for a value before that at `index`, which is no histogram.
    pub(crate) fn shift(&mut self, index: usize) {
        if index < self.slots.len() {
            self.slots.insert(index, None);
        }
    }

    /// Removes all histograms.
    pub fn clear(&mut self) {
        self.slots.clear();
    }

    /// Appends those at `range` of another column, to lie beside values from `at` on.
    pub(crate) fn append(
        &mut self,
        at: usize,
        other: &HistogramColumn,
        range: std::ops::Range<usize>,
    ) {
        let end = range.end.min(other.slots.len());
        if range.start >= end {
            return;
        }
        self.slots.resize(at, None);
        self.slots.extend_from_slice(&other.slots[range.start..end]);
    }

    /// Reduces histograms to their counts and sums, for functions that need no more. As buckets go,
    /// counter resets are looked for now and told by the hints.
    pub(crate) fn keep_statistics(&mut self) {
        let mut last: Option<Arc<FloatHistogram>> = None;
        for slot in self.slots.iter_mut().flatten() {
            let hint = match (slot.counter_reset_hint, &last) {
                (CounterResetHint::Unknown, Some(last)) if slot.is_reset_after(last) => {
                    CounterResetHint::Reset
                }
                (CounterResetHint::Unknown, Some(_)) => CounterResetHint::NotReset,
                (hint, _) => hint,
            };
            let statistics = FloatHistogram {
                counter_reset_hint: hint,
                schema: slot.schema,
                count: slot.count,
                sum: slot.sum,
                ..FloatHistogram::default()
            };
            last = Some(std::mem::replace(slot, Arc::new(statistics)));
        }
    }

    /// What the histograms weigh. One that is repeated counts once.
    pub(crate) fn samples(&self) -> usize {
        let mut last: Option<&Arc<FloatHistogram>> = None;
        let fresh = self.slots.iter().flatten().filter(|histogram| {
            let again = last.is_some_and(|last| Arc::ptr_eq(last, histogram));
            last = Some(histogram);
            !again
        });
        fresh.map(|histogram| weight(histogram)).sum()
    }

    /// Bytes of the histograms, for budgets.
    pub(crate) fn bytes(&self) -> usize {
        let histograms = self.slots.iter().flatten().map(|histogram| histogram.bytes());
        self.slots.len() * size_of::<Option<Arc<FloatHistogram>>>() + histograms.sum::<usize>()
    }
}
