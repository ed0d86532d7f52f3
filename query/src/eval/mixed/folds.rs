//! sum_over_time and avg_over_time, of floats or histograms.

use proto::FloatHistogram;
use proto::histogram::{CompensatedHistogram, CounterResetHint, Incompatible, Merged};

use super::Samples;
use crate::annotations::{Note, NoteSet, Operation};
use crate::eval::Value;
use crate::functions::Window;

/// Which of two hints that contradict each other were seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HintsSeen {
    reset: bool,
    not_reset: bool,
}

impl HintsSeen {
    pub(crate) fn see(&mut self, histogram: &FloatHistogram) {
        self.reset |= histogram.counter_reset_hint == CounterResetHint::Reset;
        self.not_reset |= histogram.counter_reset_hint == CounterResetHint::NotReset;
    }

    pub(crate) fn conflict(self) -> bool {
        self.reset && self.not_reset
    }
}

/// A mean of histograms: the compensated sum by the count, until the sum overflows; from then on
/// the mean itself is carried along.
#[derive(Clone, Debug)]
pub(crate) struct HistogramMean {
    sum: CompensatedHistogram,
    count: f64,
    incremental: bool,
}

impl HistogramMean {
    pub(crate) fn new(first: FloatHistogram) -> HistogramMean {
        HistogramMean { sum: CompensatedHistogram::new(first), count: 1.0, incremental: false }
    }

    pub(crate) fn add(&mut self, histogram: &FloatHistogram) -> Result<Merged, Incompatible> {
        self.count += 1.0;
        if !self.incremental {
            if !self.sum.may_overflow_with(histogram) {
                return self.sum.add(histogram);
            }
            let mut next = self.sum.clone();
            let merged = next.add(histogram)?;
            if !next.histogram().has_overflow() {
                self.sum = next;
                return Ok(merged);
            }
            self.incremental = true;
            self.sum.divide(self.count - 1.0);
        }
        self.sum.scale((self.count - 1.0) / self.count);
        let mut share = histogram.clone();
        share.divide(self.count);
        self.sum.add(&share)
    }

    pub(crate) fn finish(mut self) -> FloatHistogram {
        if !self.incremental {
            self.sum.divide(self.count);
        }
        self.sum.finish()
    }
}

/// The sum or mean of a window of one kind.
pub(super) fn fold(function: Window, samples: &Samples<'_>, notes: &mut NoteSet) -> Option<Value> {
    let histograms = samples.histograms();
    if histograms.is_empty() {
        let values = &samples.columns.values[samples.range.clone()];
        return Some(Value::Float(match function {
            Window::Sum => proto::kahan::Sum::of(values),
            _ => crate::eval::accumulators::Mean::of(values),
        }));
    }
    let mut of_window = NoteSet::default();
    let folded = match function {
        Window::Sum => sum(&histograms, &mut of_window),
        _ => mean(&histograms, &mut of_window),
    };
    if folded.is_err() {
        notes.add(Note::MixedSchemas);
        return None;
    }
    let mut hints = HintsSeen::default();
    histograms.iter().for_each(|histogram| hints.see(histogram));
    if hints.conflict() {
        notes.add(Note::ResetsConflict(Operation::Aggregation));
    }
    of_window.notes.into_iter().for_each(|note| notes.add(note));
    folded.ok().map(Value::from)
}

fn sum(
    histograms: &[&FloatHistogram],
    notes: &mut NoteSet,
) -> Result<FloatHistogram, Incompatible> {
    let mut sum = CompensatedHistogram::new(histograms[0].clone());
    for histogram in &histograms[1..] {
        notes.add_merged(sum.add(histogram)?, Operation::Aggregation);
    }
    Ok(sum.finish())
}

fn mean(
    histograms: &[&FloatHistogram],
    notes: &mut NoteSet,
) -> Result<FloatHistogram, Incompatible> {
    let mut mean = HistogramMean::new(histograms[0].clone());
    for histogram in &histograms[1..] {
        notes.add_merged(mean.add(histogram)?, Operation::Aggregation);
    }
    Ok(mean.finish())
}
