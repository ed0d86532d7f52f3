//! rate, increase and delta of `anchored` and `smoothed` ranges: no extrapolation. At the ends of
//! the window stand the samples next to them, or values interpolated between two.

use std::ops::Range;

use super::super::windows::{Reach, Windows};
use super::Call;
use crate::functions::Window;
use crate::queryable::Columns;

/// A sample.
type Point = (i64, f64);

/// The value at `time` on the line between two samples. A counter that was reset in between
/// started from zero.
pub(crate) fn interpolated(before: Point, after: Point, time: i64, is_counter: bool) -> f64 {
    let from = if is_counter && after.1 < before.1 { 0.0 } else { before.1 };
    let part = time.saturating_sub(before.0) as f64 / after.0.saturating_sub(before.0) as f64;
    from + (after.1 - from) * part
}

/// What an extended window is computed from.
pub(crate) struct Ends {
    /// Value at its start.
    pub left: f64,
    /// Value at its end.
    pub right: f64,
    /// The samples in between.
    pub inner: Range<usize>,
}

/// Values at the ends of window `index`, which sees the samples `seen`.
pub(crate) fn ends(
    windows: &Windows,
    (index, reach): (usize, Reach),
    columns: &Columns,
    seen: Range<usize>,
    is_counter: bool,
) -> Ends {
    let (start, end) = (windows.start(index), windows.end(index));
    let point = |at: usize| (columns.timestamps[at], columns.values[at]);
    let (first, last) = (seen.start, seen.end - 1);
    let mut inner = seen.clone();
    let mut left = point(first).1;
    if reach.smoothed && point(first).0 < start {
        left = interpolated(point(first), point(first + 1), start, is_counter);
    }
    let mut right = point(last).1;
    if reach.smoothed && last > first && point(last).0 > end {
        right = interpolated(point(last - 1), point(last), end, is_counter);
    }
    inner.start += usize::from(point(first).0 <= start);
    inner.end -= usize::from(point(last).0 >= end);
    inner.end = inner.end.max(inner.start);
    Ends { left, right, inner }
}

pub(super) fn increase(call: &Call, reach: Reach, columns: &Columns, out: &mut [f64]) {
    call.windows.sweep(&columns.timestamps, |step, seen| {
        out[step] = increase_of(call, reach, step, columns, seen);
    });
}

/// The function's value over the floats that window `step` sees.
pub(crate) fn increase_of(
    call: &Call,
    reach: Reach,
    step: usize,
    columns: &Columns,
    seen: Range<usize>,
) -> f64 {
    let is_counter = call.function != Window::Delta;
    let ends = ends(&call.windows, (step, reach), columns, seen, is_counter);
    let mut increase = ends.right - ends.left;
    if is_counter {
        increase += lost(&ends, &columns.values);
    }
    let seconds = call.windows.width as f64 / 1000.0;
    if call.function == Window::Rate { increase / seconds } else { increase }
}

/// What a counter's resets between the ends took away.
fn lost(ends: &Ends, values: &[f64]) -> f64 {
    let (mut lost, mut before) = (0.0, ends.left);
    for value in values[ends.inner.clone()].iter().chain([&ends.right]) {
        if *value < before {
            lost += before;
        }
        before = *value;
    }
    lost
}
