//! Window functions over series that hold native histograms or start timestamps.
//!
//! Series of plain floats never come here: they go through `kernels`. Functions of floats alone
//! go through them here too, over the series' floats.

mod counters;
mod extended;
mod folds;
mod history;

pub(crate) use extended::smoothed;
pub(super) use folds::{HintsSeen, HistogramMean};

use std::ops::Range;
use std::sync::Arc;

use proto::FloatHistogram;

use history::History;

use super::kernels::{self, Call, Scratch};
use super::{ABSENT, Value, put};
use crate::annotations::{Note, NoteSet};
use crate::functions::Window;
use crate::histogram_column::HistogramColumn;
use crate::queryable::Columns;

/// What the samples of a window are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kinds {
    Floats,
    Histograms,
    Both,
}

/// Some samples of a series, all of a window.
struct Samples<'c> {
    columns: &'c Columns,
    range: Range<usize>,
    history: &'c History,
}

impl<'c> Samples<'c> {
    fn time(&self, at: usize) -> i64 {
        self.columns.timestamps[self.range.start + at]
    }

    fn start(&self, at: usize) -> i64 {
        self.columns.start_timestamp(self.range.start + at)
    }

    fn float(&self, at: usize) -> f64 {
        self.columns.values[self.range.start + at]
    }

    fn histogram(&self, at: usize) -> Option<&'c Arc<FloatHistogram>> {
        self.columns.histograms.get(self.range.start + at)
    }

    fn kinds(&self) -> Kinds {
        self.history.kinds(&self.range)
    }

    /// Positions of the samples before which a counter was reset.
    fn resets(&self) -> impl Iterator<Item = usize> + '_ {
        self.history.resets(&self.range).iter().map(|at| at - self.range.start)
    }

    fn len(&self) -> usize {
        self.range.len()
    }

    /// The histograms, of a window that holds nothing else.
    fn histograms(&self) -> Vec<&'c FloatHistogram> {
        (0..self.len()).filter_map(|at| self.histogram(at)).map(Arc::as_ref).collect()
    }
}

/// Where a function writes its values.
pub(crate) struct Output<'o> {
    pub values: &'o mut [f64],
    pub histograms: &'o mut HistogramColumn,
    pub notes: &'o mut NoteSet,
}

/// Whether a series must be computed here.
pub(crate) fn concerns(function: Window, columns: &Columns) -> bool {
    use Window::*;
    let starts = || columns.start_timestamps.iter().any(|start| *start != 0);
    let counter = || matches!(function, Rate | Increase | Irate | Resets);
    !columns.histograms.is_empty() || (starts() && counter())
}

fn counts_resets(call: &Call) -> bool {
    use Window::*;
    match call.function {
        Rate | Increase => call.windows.reach.is_none(),
        function => matches!(function, Irate | Resets),
    }
}

/// Fills `out` with the function's value at each step.
pub(crate) fn compute(call: &Call, columns: &Columns, scratch: &mut Scratch, mut out: Output<'_>) {
    use Window::*;
    out.values.fill(ABSENT);
    let history = History::of(columns, counts_resets(call));
    match call.function {
        Count | Present | TimeOfFirst | TimeOfLast => {
            kernels::compute(call, columns, scratch, out.values);
        }
        First | Last => {
            let first = call.function == First;
            call.windows.sweep(&columns.timestamps, |step, range| {
                let at = if first { range.start } else { range.end - 1 };
                out.values[step] = columns.values[at];
                if let Some(histogram) = columns.histograms.get(at) {
                    out.histograms.set(step, Arc::clone(histogram));
                }
            });
        }
        Rate | Increase | Delta if let Some(reach) = call.windows.reach => {
            extended::increase(call, reach, columns, &history, &mut out);
        }
        Rate | Increase | Delta | Irate | Idelta | Resets | Changes | Sum | Avg => {
            call.windows.sweep(&columns.timestamps, |step, range| {
                let samples = Samples { columns, range, history: &history };
                let value = of_window(call, step, &samples, out.notes);
                put(value, step, out.values, out.histograms);
            });
        }
        _ => over_floats(call, columns, &history, scratch, &mut out),
    }
}

fn of_window(
    call: &Call,
    step: usize,
    samples: &Samples<'_>,
    notes: &mut NoteSet,
) -> Option<Value> {
    use Window::*;
    let function = call.function;
    match function {
        Resets | Changes => Some(Value::Float(counters::transitions(function, samples))),
        Irate | Idelta => counters::last_two(function == Irate, samples, notes),
        _ if samples.kinds() == Kinds::Both => {
            notes.add(Note::MixedKinds);
            None
        }
        Sum | Avg => folds::fold(function, samples, notes),
        _ => counters::extrapolated(call, step, samples, notes),
    }
}

/// A function of floats alone: histograms are passed over.
fn over_floats(
    call: &Call,
    columns: &Columns,
    history: &History,
    scratch: &mut Scratch,
    out: &mut Output<'_>,
) {
    let mut floats = Columns::default();
    for at in (0..columns.len()).filter(|at| columns.histograms.get(*at).is_none()) {
        floats.push(columns.timestamps[at], columns.values[at]);
    }
    kernels::compute(call, &floats, scratch, out.values);
    call.windows.sweep(&columns.timestamps, |_, range| {
        if history.kinds(&range) == Kinds::Both {
            out.notes.add(Note::IgnoredInRange);
        }
    });
}
