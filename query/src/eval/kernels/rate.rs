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

/// How much longer the window is than the samples in it, as far as one may extrapolate: to the
/// window's end if that is near, else half a sample distance; never below zero for a counter.
fn extrapolation(
    call: &Call,
    columns: &Columns,
    step: usize,
    range: Range<usize>,
    increase: f64,
) -> f64 {
    let first_value = columns.values[range.start];
    let (first, last) = (columns.timestamps[range.start], columns.timestamps[range.end - 1]);
    let sampled = seconds(last.saturating_sub(first));
    let average = sampled / (range.len() - 1) as f64;
    let threshold = average * 1.1;
    let mut to_start = seconds(first.saturating_sub(call.windows.start(step)));
    let mut to_end = seconds(call.windows.end(step).saturating_sub(last));
    if to_start >= threshold {
        to_start = average / 2.0;
    }
    if call.function != Window::Delta && increase > 0.0 && first_value >= 0.0 {
        let to_zero = sampled * (first_value / increase);
        if to_zero < to_start {
            to_start = to_zero;
        }
    }
    if to_end >= threshold {
        to_end = average / 2.0;
    }
    (sampled + to_start + to_end) / sampled
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
