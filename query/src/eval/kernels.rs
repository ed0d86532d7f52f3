//! Kernels of the window functions: one series' samples to one value a step.
//!
//! Each goes over the whole range once, with two pointers; what can be had from prefix sums costs
//! the same whatever the width of the window.

mod extended;
mod over_time;
mod rate;
mod regression;

pub(crate) use extended::{ends, increase_of, interpolated};
pub(crate) use over_time::quantile;
pub(crate) use rate::Extent;

use super::windows::Windows;
use super::{ABSENT, Scalar};
use crate::functions::Window;
use crate::plan::Grid;
use crate::queryable::Columns;

/// What a kernel needs beside the samples.
pub(crate) struct Call {
    pub function: Window,
    pub windows: Windows,
    /// Times of the steps.
    pub grid: Grid,
    /// Scalar arguments in order; those a function does not take are zero.
    pub params: [Scalar; 2],
}

/// What is used again from series to series of one call.
#[derive(Default)]
pub(crate) struct Scratch {
    /// Prefix sums.
    sums: Vec<f64>,
    /// Where the windows of the series before lie.
    layout: rate::Layout,
    /// A window's values, to be sorted.
    values: Vec<f64>,
    /// Indices of a monotone queue.
    queue: std::collections::VecDeque<usize>,
}

/// Fills `out` with the function's value at each step.
pub(crate) fn compute(call: &Call, columns: &Columns, scratch: &mut Scratch, out: &mut [f64]) {
    use Window::*;
    out.fill(ABSENT);
    match call.function {
        Rate | Increase | Delta if let Some(reach) = call.windows.reach => {
            extended::increase(call, reach, columns, out);
        }
        Rate | Increase | Delta => rate::extrapolated(call, columns, scratch, out),
        Irate | Idelta => rate::last_two(call, columns, out),
        Resets | Changes => rate::transitions(call, columns, &mut scratch.sums, out),
        Deriv | PredictLinear => regression::linear(call, columns, out),
        Smoothing => regression::smoothing(call, columns, out),
        Min | Max | TimeOfMin | TimeOfMax => {
            over_time::extremes(call, columns, &mut scratch.queue, out);
        }
        Quantile | Mad => over_time::sorted(call, columns, &mut scratch.values, out),
        Sum | Avg | Stddev | Stdvar => over_time::moments(call, columns, out),
        Count | Present | First | Last | TimeOfFirst | TimeOfLast => {
            over_time::ends(call, columns, out);
        }
    }
}
