//! rate, increase, delta, irate, idelta, resets, changes.

use super::{Call, Scratch};
use crate::functions::Window;
use crate::queryable::Columns;

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

/// Windows of which a layout is kept: those of more are placed anew for each series, since what is
/// kept counts towards no limit.
const LAYOUT_WINDOWS_MAX: usize = 1 << 16;

/// rate, increase and delta: the difference of the last and first sample, for counters with all
/// resets in between made good, extrapolated to the ends of the window.
pub(super) fn extrapolated(call: &Call, columns: &Columns, scratch: &mut Scratch, out: &mut [f64]) {
    let Scratch { sums, layout, .. } = scratch;
    let values = columns.values.as_slice();
    let difference = |first: usize, last: usize| values[last] - values[first];
    if call.function == Window::Delta {
        return layout.multiply(call, columns, difference, out);
    }
    match reset_sums(values, sums) {
        Resets::None => {
            layout.multiply(call, columns, |first, last| difference(first, last) + 0.0, out);
        }
        Resets::Summed => {
            let increase =
                |first: usize, last: usize| difference(first, last) + (sums[last] - sums[first]);
            layout.multiply(call, columns, increase, out);
        }
        Resets::Infinite => {
            let increase = |first: usize, last: usize| {
                difference(first, last) + resets_within(&values[first..=last])
            };
            layout.multiply(call, columns, increase, out);
        }
    }
}

/// The resets of a counter.
enum Resets {
    None,
    /// There is a sum for each sample.
    Summed,
    /// What they add is no finite number, so that differences of sums say nothing.
    Infinite,
}

/// Fills `sums` with what resets up to each sample add.
fn reset_sums(values: &[f64], sums: &mut Vec<f64>) -> Resets {
    if !values.array_windows().any(|[previous, value]| value < previous) {
        return Resets::None;
    }
    sums.clear();
    let (mut sum, mut previous) = (0.0, f64::NAN);
    for value in values {
        if *value < previous {
            sum += previous;
        }
        previous = *value;
        sums.push(sum);
    }
    if f64::is_finite(sum) { Resets::Summed } else { Resets::Infinite }
}

fn resets_within(values: &[f64]) -> f64 {
    values.array_windows().filter(|[before, after]| after < before).map(|[before, _]| before).sum()
}

/// Where the windows of a call lie among the samples, and how far each is extrapolated: the same
/// for all series that have their samples at the same times, as those of one target do.
#[derive(Default)]
pub(super) struct Layout {
    timestamps: Vec<i64>,
    windows: Vec<Placed>,
}

/// A window that has two samples or more.
struct Placed {
    step: usize,
    first: usize,
    last: usize,
    /// What an increase is multiplied by.
    factor: f64,
    /// A counter whose first value is more than so many times its increase was zero before all
    /// that the window is extrapolated to. It is a little more than it need be.
    zero_far: f64,
}

impl Layout {
    /// Makes this the layout of these times.
    fn fit(&mut self, call: &Call, timestamps: &[i64]) {
        if self.timestamps == timestamps {
            return;
        }
        timestamps.clone_into(&mut self.timestamps);
        self.windows.clear();
        place(call, timestamps, |placed| self.windows.push(placed));
    }

    /// Multiplies the increase of each window, from first to last sample.
    #[inline]
    fn multiply(
        &mut self,
        call: &Call,
        columns: &Columns,
        increase: impl Fn(usize, usize) -> f64,
        out: &mut [f64],
    ) {
        let is_counter = call.function != Window::Delta;
        let mut multiply = |placed: &Placed| {
            let Placed { step, first, last, factor: usual, zero_far } = placed;
            let (increase, value) = (increase(*first, *last), columns.values[*first]);
            let has_zero = is_counter && increase > 0.0 && value >= 0.0;
            let factor = if has_zero && value <= increase * zero_far {
                let extent = extent(call, &columns.timestamps, *step, (*first, *last));
                factor(call, &Extent { zero: Some((value, increase)), ..extent })
            } else {
                *usual
            };
            out[*step] = increase * factor;
        };
        if call.windows.count > LAYOUT_WINDOWS_MAX {
            return place(call, &columns.timestamps, |placed| multiply(&placed));
        }
        self.fit(call, &columns.timestamps);
        self.windows.iter().for_each(multiply);
    }
}

/// Hands over each window that has two samples or more.
#[inline]
fn place(call: &Call, timestamps: &[i64], mut take: impl FnMut(Placed)) {
    call.windows.sweep(timestamps, |step, range| {
        if range.len() < 2 {
            return;
        }
        let (first, last) = (range.start, range.end - 1);
        let extent = extent(call, timestamps, step, (first, last));
        let (sampled, (to_start, _)) = (extent.sampled(), extent.to_ends());
        let zero_far = to_start / sampled * (1.0 + 1e-9);
        let factor = factor(call, &extent);
        take(Placed { step, first, last, factor, zero_far });
    });
}

/// How far a window is extrapolated that has these samples, but for where a counter was zero.
fn extent(call: &Call, timestamps: &[i64], step: usize, (first, last): (usize, usize)) -> Extent {
    Extent {
        window: (call.windows.start(step), call.windows.end(step)),
        first_ms: timestamps[first],
        last_ms: timestamps[last],
        samples: last - first + 1,
        started_ms: None,
        zero: None,
    }
}

fn factor(call: &Call, extent: &Extent) -> f64 {
    let factor = extent.factor();
    if call.function == Window::Rate { factor / seconds(call.windows.width) } else { factor }
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
    /// Seconds from the first to the last sample.
    fn sampled(&self) -> f64 {
        seconds(self.last_ms.saturating_sub(self.first_ms))
    }

    /// Seconds from the samples as far as one may extrapolate: to the window's start and end if
    /// they are near, else half a sample distance.
    fn to_ends(&self) -> (f64, f64) {
        let average =
            if self.samples > 1 { self.sampled() / (self.samples - 1) as f64 } else { 0.0 };
        let threshold = average * 1.1;
        let near = |ms: i64| {
            let distance = seconds(ms);
            if distance >= threshold { average / 2.0 } else { distance }
        };
        let to_start = near(self.first_ms.saturating_sub(self.window.0));
        (to_start, near(self.window.1.saturating_sub(self.last_ms)))
    }

    /// How much more than the increase between its samples the window has; a counter is never
    /// extrapolated to below zero.
    pub(crate) fn factor(&self) -> f64 {
        let (sampled, (mut to_start, to_end)) = (self.sampled(), self.to_ends());
        if let Some(started) = self.started_ms {
            let counted = seconds(self.last_ms.saturating_sub(started));
            return (counted + to_end) / counted;
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
