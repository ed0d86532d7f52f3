//! deriv, predict_linear and double exponential smoothing.

use super::Call;
use crate::functions::Window;
use crate::queryable::Columns;
use proto::kahan::Sum;

/// deriv and predict_linear: least squares over the window.
pub(super) fn linear(call: &Call, columns: &Columns, out: &mut [f64]) {
    call.windows.sweep(&columns.timestamps, |step, range| {
        if range.len() < 2 {
            return;
        }
        let (times, values) = (&columns.timestamps[range.clone()], &columns.values[range]);
        out[step] = if call.function == Window::Deriv {
            regression(times, values, times[0]).0
        } else {
            let (slope, intercept) = regression(times, values, call.grid.at(step));
            slope * call.params[0].at(step) + intercept
        };
    });
}

/// Slope a second, and value at `origin_ms`.
fn regression(times: &[i64], values: &[f64], origin_ms: i64) -> (f64, f64) {
    let first = values[0];
    if values.iter().all(|value| *value == first) {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let [mut sum_x, mut sum_y, mut sum_xy, mut sum_x2] = [Sum::default(); 4];
    for (time, value) in times.iter().zip(values) {
        let x = time.saturating_sub(origin_ms) as f64 / 1000.0;
        sum_x.add(x);
        sum_y.add(*value);
        sum_xy.add(x * value);
        sum_x2.add(x * x);
    }
    let n = values.len() as f64;
    let (x, y, xy, x2) = (sum_x.both(), sum_y.both(), sum_xy.both(), sum_x2.both());
    let slope = (xy - x * y / n) / (x2 - x * x / n);
    (slope, y / n - slope * x / n)
}

/// Holt's linear method: a smoothed value and a smoothed trend.
pub(super) fn smoothing(call: &Call, columns: &Columns, out: &mut [f64]) {
    call.windows.sweep(&columns.timestamps, |step, range| {
        if range.len() < 2 {
            return;
        }
        let values = &columns.values[range];
        let (factor, trend_factor) = (call.params[0].at(step), call.params[1].at(step));
        let (mut before, mut now) = (0.0, values[0]);
        let mut trend = values[1] - values[0];
        for (index, value) in values.iter().enumerate().skip(1) {
            if index > 1 {
                trend = trend_factor * (now - before) + (1.0 - trend_factor) * trend;
            }
            let next = factor * value + (1.0 - factor) * (now + trend);
            (before, now) = (now, next);
        }
        out[step] = now;
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_slope() {
        let (slope, at) = regression(&[0, 1000, 2000], &[1.0, 3.0, 5.0], 3000);
        assert!((slope - 2.0).abs() < 1e-12 && (at - 7.0).abs() < 1e-12);
        assert_eq!(regression(&[0, 1000], &[4.0, 4.0], 0), (0.0, 4.0));
        assert!(regression(&[0, 1], &[f64::INFINITY; 2], 0).0.is_nan());
    }
}
