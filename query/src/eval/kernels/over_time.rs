//! The `*_over_time` functions.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::ops::Range;

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
    if call.function == Window::Mad {
        return call.windows.sweep(&columns.timestamps, |step, range| {
            values.clear();
            values.extend_from_slice(&columns.values[range]);
            out[step] = absolute_deviation(values);
        });
    }
    let mut seen = 0..0;
    call.windows.sweep(&columns.timestamps, |step, range| {
        slide(values, &columns.values, seen.clone(), range.clone());
        seen = range;
        out[step] = quantile_of_sorted(call.params[0].at(step), values);
    });
}

/// Turns the sorted values of one window into those of the next.
fn slide(sorted: &mut Vec<f64>, all: &[f64], from: Range<usize>, to: Range<usize>) {
    let changes = to.start.abs_diff(from.start) + to.end.abs_diff(from.end);
    if to.start < from.start || to.end < from.end || changes * 2 > to.len() {
        sorted.clear();
        sorted.extend_from_slice(&all[to]);
        sorted.sort_unstable_by(ascending);
        return;
    }
    for value in &all[from.end..to.end] {
        let at = sorted.partition_point(|other| ascending(other, value).is_lt());
        sorted.insert(at, *value);
    }
    for value in &all[from.start..to.start] {
        // Equal in this order are equal bits: whichever goes, the same values stay.
        let at = sorted.partition_point(|other| ascending(other, value).is_lt());
        sorted.remove(at);
    }
}

fn absolute_deviation(values: &mut [f64]) -> f64 {
    if values.iter().any(|v| v.is_nan()) {
        return f64::NAN;
    }
    let median = quantile(0.5, values);
    values.iter_mut().for_each(|v| *v = (*v - median).abs());
    quantile(0.5, values)
}

/// NaN is the least value.
fn ascending(a: &f64, b: &f64) -> Ordering {
    (!a.is_nan()).cmp(&!b.is_nan()).then(a.total_cmp(b))
}

/// The `q`-quantile, interpolated between ranks; NaN is the least value. Sorts the values.
pub(crate) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    values.sort_unstable_by(ascending);
    quantile_of_sorted(q, values)
}

fn quantile_of_sorted(q: f64, values: &[f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
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

    #[test]
    fn a_window_that_slides_has_the_values_of_one_that_is_sorted() {
        let mut noise = 7u64;
        let all: Vec<f64> = (0..300)
            .map(|i| {
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                [f64::NAN, -0.0, 0.0, f64::INFINITY, i as f64][(noise >> 60) as usize % 5]
            })
            .collect();
        let (mut values, mut from) = (Vec::new(), 0..0);
        for to in [0..40, 1..41, 5..50, 5..50, 49..51, 50..120, 51..121, 60..121, 200..300, 3..9] {
            slide(&mut values, &all, from, to.clone());
            let mut expected = all[to.clone()].to_vec();
            expected.sort_unstable_by(ascending);
            let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&values), bits(&expected), "{to:?}");
            from = to;
        }
    }
}
