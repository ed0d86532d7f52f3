//! The `*_over_time` functions.

use std::collections::VecDeque;

use super::Call;
use crate::eval::accumulators::Mean;
use crate::functions::Window;
use crate::queryable::Columns;
use proto::kahan::Sum;

/// count, present, first, last and their times.
pub(super) fn ends(call: &Call, columns: &Columns, out: &mut [f64]) {
    let function = call.function;
    call.windows.sweep(&columns.timestamps, |step, range| {
        let (first, last) = (range.start, range.end - 1);
        out[step] = match function {
            Window::Count => range.len() as f64,
            Window::First => columns.values[first],
            Window::Last => columns.values[last],
            Window::TimeOfFirst => columns.timestamps[first] as f64 / 1000.0,
            Window::TimeOfLast => columns.timestamps[last] as f64 / 1000.0,
            _ => 1.0,
        };
    });
}

/// sum, avg, stddev and stdvar, compensated.
pub(super) fn moments(call: &Call, columns: &Columns, out: &mut [f64]) {
    let function = call.function;
    call.windows.sweep(&columns.timestamps, |step, range| {
        let values = &columns.values[range];
        out[step] = match function {
            Window::Sum => Sum::of(values),
            Window::Avg => Mean::of(values),
            Window::Stddev => variance(values).sqrt(),
            _ => variance(values),
        };
    });
}

/// Population variance by Welford's method with compensated sums.
fn variance(values: &[f64]) -> f64 {
    let (mut mean, mut squares) = (Sum::default(), Sum::default());
    for (index, value) in values.iter().enumerate() {
        let delta = value - mean.both();
        mean.add(delta / (index + 1) as f64);
        squares.add(delta * (value - mean.both()));
    }
    squares.both() / values.len() as f64
}

/// min, max and their times by a monotone queue: its front is the window's extreme. A NaN gives
/// way to any number.
pub(super) fn extremes(
    call: &Call,
    columns: &Columns,
    queue: &mut VecDeque<usize>,
    out: &mut [f64],
) {
    let function = call.function;
    let least = matches!(function, Window::Min | Window::TimeOfMin);
    // Of equal values the time is that of the latest.
    let gives_way =
        |old: f64, new: f64| old.is_nan() || if least { new <= old } else { new >= old };
    queue.clear();
    let mut taken = 0;
    call.windows.sweep(&columns.timestamps, |step, range| {
        for index in taken.max(range.start)..range.end {
            let value = columns.values[index];
            while queue.back().is_some_and(|back| gives_way(columns.values[*back], value)) {
                queue.pop_back();
            }
            queue.push_back(index);
        }
        taken = taken.max(range.end);
        while queue.front().is_some_and(|front| *front < range.start) {
            queue.pop_front();
        }
        let front = *queue.front().expect("the window's last sample is in the queue");
        out[step] = match function {
            Window::Min | Window::Max => columns.values[front],
            _ => columns.timestamps[front] as f64 / 1000.0,
        };
    });
}

/// quantile and the median absolute deviation.
pub(super) fn sorted(call: &Call, columns: &Columns, values: &mut Vec<f64>, out: &mut [f64]) {
    let mad = call.function == Window::Mad;
    call.windows.sweep(&columns.timestamps, |step, range| {
        values.clear();
        values.extend_from_slice(&columns.values[range]);
        out[step] = match mad {
            true => absolute_deviation(values),
            false => quantile(call.params[0].at(step), values),
        };
    });
}

fn absolute_deviation(values: &mut [f64]) -> f64 {
    if values.iter().any(|v| v.is_nan()) {
        return f64::NAN;
    }
    let median = quantile(0.5, values);
    values.iter_mut().for_each(|v| *v = (*v - median).abs());
    quantile(0.5, values)
}

/// The `q`-quantile, interpolated between ranks; NaN is the least value. Sorts the values.
pub(crate) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    let key = |a: &f64, b: &f64| (!a.is_nan()).cmp(&!b.is_nan()).then(a.total_cmp(b));
    values.sort_unstable_by(key);
    let rank = q * (values.len() - 1) as f64;
    let lower = rank.floor();
    let weight = rank - lower;
    let lower = lower as usize;
    let upper = (lower + 1).min(values.len() - 1);
    values[lower] * (1.0 - weight) + values[upper] * weight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_interpolate_and_nan_is_least() {
        assert_eq!(quantile(0.5, &mut [4.0, 0.0, 1.0]), 1.0);
        assert_eq!(quantile(0.75, &mut [0.0, 1.0]), 0.75);
        assert_eq!(quantile(1.0, &mut [f64::NAN, 1.0]), 1.0);
        assert!(quantile(0.0, &mut [f64::NAN, 1.0]).is_nan());
        assert_eq!(quantile(2.0, &mut [1.0]), f64::INFINITY);
    }
}
