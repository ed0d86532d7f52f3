//! rate, increase, delta, irate, idelta, resets, changes.

use std::ops::Range;

use super::Call;
use crate::functions::Window;
use crate::queryable::Columns;

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

/// rate, increase and delta: the difference of the last and first sample, for counters with all
/// resets in between made good, extrapolated to the ends of the window.
pub(super) fn extrapolated(call: &Call, columns: &Columns, sums: &mut Vec<f64>, out: &mut [f64]) {
    let is_counter = call.function != Window::Delta;
    let prefix = is_counter && reset_sums(&columns.values, sums);
    call.windows.sweep(&columns.timestamps, |step, range| {
        if range.len() < 2 {
            return;
        }
        let (first, last) = (range.start, range.end - 1);
        let mut increase = columns.values[last] - columns.values[first];
        if is_counter {
            increase += match prefix {
                true => sums[last] - sums[first],
                false => resets_within(&columns.values[range.clone()]),
            };
        }
        let scale = extrapolation(call, columns, step, range, increase);
        let width = seconds(call.windows.width);
        out[step] = increase * if call.function == Window::Rate { scale / width } else { scale };
    });
}

/// Fills `sums` with what resets up to each sample add; false if that is no finite number, so
/// that differences of sums say nothing.
fn reset_sums(values: &[f64], sums: &mut Vec<f64>) -> bool {
    sums.clear();
    let (mut sum, mut previous) = (0.0, f64::NAN);
    for value in values {
        if *value < previous {
            sum += previous;
        }
        previous = *value;
        sums.push(sum);
    }
    sum.is_finite()
}

fn resets_within(values: &[f64]) -> f64 {
    values.windows(2).filter(|two| two[1] < two[0]).map(|two| two[0]).sum()
}

/// How much more than its samples a window has, as far as one may extrapolate: to the window's
/// end if that is near, else half a sample distance; never below zero for a counter.
fn extrapolation(
    call: &Call,
    columns: &Columns,
    step: usize,
    range: Range<usize>,
    increase: f64,
) -> f64 {
    let first = columns.values[range.start];
    let has_zero = call.function != Window::Delta && increase > 0.0 && first >= 0.0;
    let extent = Extent {
        window: (call.windows.start(step), call.windows.end(step)),
        first_ms: columns.timestamps[range.start],
        last_ms: columns.timestamps[range.end - 1],
        samples: range.len(),
        started_ms: None,
        zero: has_zero.then_some((first, increase)),
    };
    extent.factor()
}

/// What extrapolation depends on.
pub(crate) struct Extent {
    /// Start and end of the window.
    pub window: (i64, i64),
    pub first_ms: i64,
    pub last_ms: i64,
    pub samples: usize,
    /// When the counter began within the window, if that is known.
    pub started_ms: Option<i64>,
    /// First value and increase of a counter: they say when it was zero.
    pub zero: Option<(f64, f64)>,
}

impl Extent {
    /// How much more than the increase between its samples the window has.
    #[inline]
    pub(crate) fn factor(&self) -> f64 {
        let sampled = seconds(self.last_ms.saturating_sub(self.first_ms));
        let average = if self.samples > 1 { sampled / (self.samples - 1) as f64 } else { 0.0 };
        let threshold = average * 1.1;
        let mut to_end = seconds(self.window.1.saturating_sub(self.last_ms));
        if to_end >= threshold {
            to_end = average / 2.0;
        }
        if let Some(started) = self.started_ms {
            let counted = seconds(self.last_ms.saturating_sub(started));
            return (counted + to_end) / counted;
        }
        let mut to_start = seconds(self.first_ms.saturating_sub(self.window.0));
        if to_start >= threshold {
            to_start = average / 2.0;
        }
        if let Some((first, increase)) = self.zero {
            let to_zero = sampled * (first / increase);
            if to_zero < to_start {
                to_start = to_zero;
            }
        }
        (sampled + to_start + to_end) / sampled
    }
}

/// irate and idelta.
pub(super) fn last_two(call: &Call, columns: &Columns, out: &mut [f64]) {
    let is_rate = call.function == Window::Irate;
    call.windows.sweep(&columns.timestamps, |step, range| {
        if range.len() < 2 {
            return;
        }
        let last = range.end - 1;
        let (value, previous) = (columns.values[last], columns.values[last - 1]);
        let distance = columns.timestamps[last].saturating_sub(columns.timestamps[last - 1]);
        let change = if is_rate && value < previous { value } else { value - previous };
        out[step] = if is_rate { change / seconds(distance) } else { change };
    });
}

/// resets and changes: transitions between neighbours, by prefix counts.
pub(super) fn transitions(call: &Call, columns: &Columns, sums: &mut Vec<f64>, out: &mut [f64]) {
    let resets = call.function == Window::Resets;
    let counts = |previous: f64, value: f64| match resets {
        true => value < previous,
        false => value != previous && !(value.is_nan() && previous.is_nan()),
    };
    sums.clear();
    let mut count = 0.0;
    for (index, value) in columns.values.iter().enumerate() {
        if index > 0 && counts(columns.values[index - 1], *value) {
            count += 1.0;
        }
        sums.push(count);
    }
    call.windows.sweep(&columns.timestamps, |step, range| {
        out[step] = sums[range.end - 1] - sums[range.start];
    });
}
