//! rate, increase, delta, irate, idelta, resets and changes of histograms, and of floats whose
//! start timestamps are known.

use std::borrow::Cow;
use std::sync::Arc;

use proto::FloatHistogram;
use proto::histogram::CounterResetHint;

use super::{Kinds, Samples};
use crate::annotations::{Note, NoteSet, Operation};
use crate::eval::Value;
use crate::eval::kernels::{Call, Extent};
use crate::functions::Window;

/// Whether the start of a sample lies before the sample before, and is not that one's start.
fn overlaps(samples: &Samples<'_>, at: usize) -> bool {
    let start = samples.start(at);
    start != 0 && start < samples.time(at - 1) && start != samples.start(at - 1)
}

fn note_overlap(samples: &Samples<'_>, notes: &mut NoteSet) {
    let known = !samples.columns.start_timestamps.is_empty();
    if known && (1..samples.len()).any(|at| overlaps(samples, at)) {
        notes.start_overlaps += 1;
    }
}

/// rate, increase and delta of a window of one kind.
pub(super) fn extrapolated(
    call: &Call,
    step: usize,
    samples: &Samples<'_>,
    notes: &mut NoteSet,
) -> Option<Value> {
    let is_counter = call.function != Window::Delta;
    let last = samples.len() - 1;
    let mut value = match samples.kinds() {
        Kinds::Histograms if last == 0 => None,
        Kinds::Histograms => Some(histogram_increase(is_counter, samples, notes)?.into()),
        _ => Some(Value::Float(float_increase(is_counter, samples, notes))),
    };
    let started = Some(samples.start(0)).filter(|start| {
        let inside = *start > call.windows.start(step) && *start < samples.time(0);
        is_counter && *start != 0 && inside
    });
    if started.is_some() {
        value = Some(with_first(value, samples, notes)?);
    } else if last == 0 {
        return None;
    }
    let extent = Extent {
        window: (call.windows.start(step), call.windows.end(step)),
        first_ms: samples.time(0),
        last_ms: samples.time(last),
        samples: samples.len(),
        started_ms: started,
        zero: zero(is_counter, &value, samples),
    };
    let factor = extent.factor();
    let width = call.windows.width as f64 / 1000.0;
    let factor = if call.function == Window::Rate { factor / width } else { factor };
    match value? {
        Value::Float(increase) => Some(Value::Float(increase * factor)),
        Value::Histogram(mut increase) => {
            Arc::make_mut(&mut increase).scale(factor);
            Some(Value::Histogram(increase))
        }
    }
}

/// A counter's first value and its increase, if both say where it was zero.
fn zero(is_counter: bool, value: &Option<Value>, samples: &Samples<'_>) -> Option<(f64, f64)> {
    let (first, increase) = match value {
        Some(Value::Float(increase)) => (samples.float(0), *increase),
        Some(Value::Histogram(increase)) => (samples.histogram(0)?.count, increase.count),
        None => return None,
    };
    (is_counter && increase > 0.0 && first >= 0.0).then_some((first, increase))
}

/// The increase from zero, where the first sample's start lies within the window.
fn with_first(value: Option<Value>, samples: &Samples<'_>, notes: &mut NoteSet) -> Option<Value> {
    match value {
        Some(Value::Float(increase)) => Some(Value::Float(increase + samples.float(0))),
        Some(Value::Histogram(mut increase)) => {
            add(Arc::make_mut(&mut increase), samples.histogram(0)?, notes)?;
            Some(Value::Histogram(increase))
        }
        None => samples.histogram(0).cloned().map(Value::Histogram),
    }
}

fn float_increase(is_counter: bool, samples: &Samples<'_>, notes: &mut NoteSet) -> f64 {
    let increase = samples.float(samples.len() - 1) - samples.float(0);
    if !is_counter {
        return increase;
    }
    note_overlap(samples, notes);
    increase + samples.resets().map(|at| samples.float(at - 1)).sum::<f64>()
}

pub(super) fn add(
    to: &mut FloatHistogram,
    other: &FloatHistogram,
    notes: &mut NoteSet,
) -> Option<()> {
    merge(to.add(other), Operation::Addition, notes)
}

pub(super) fn subtract(
    from: &mut FloatHistogram,
    other: &FloatHistogram,
    notes: &mut NoteSet,
) -> Option<()> {
    merge(from.subtract(other), Operation::Subtraction, notes)
}

/// Notes what a combination tells; `None` if the two cannot be combined. Hints that contradict
/// each other are no matter here: resets are seen to apart.
fn merge(
    merged: Result<proto::histogram::Merged, proto::histogram::Incompatible>,
    operation: Operation,
    notes: &mut NoteSet,
) -> Option<()> {
    match merged {
        Ok(merged) => notes.add_merged(merged, operation),
        Err(_) => {
            notes.add(Note::MixedSchemas);
            return None;
        }
    }
    Some(())
}

/// The difference of the last and first histogram, for counters with all resets made good; at
/// least two samples, all of them histograms.
fn histogram_increase(
    is_counter: bool,
    samples: &Samples<'_>,
    notes: &mut NoteSet,
) -> Option<FloatHistogram> {
    let end = samples.len() - 1;
    let (first, last) = (samples.histogram(0)?, samples.histogram(end)?);
    let mut first = Cow::Borrowed(first.as_ref());
    if is_counter && samples.resets().next() == Some(1) {
        // What the first sample holds is of no matter, its layout neither.
        first = Cow::Owned(empty_like(samples.histogram(1)?));
    }
    let schema = check_layouts(is_counter, &first, samples, notes)?;
    let mut increase = last.as_ref().clone();
    if schema < increase.schema {
        increase.reduce_resolution(schema);
    }
    subtract(&mut increase, &first, notes)?;
    if is_counter {
        note_overlap(samples, notes);
        // Before a reset at the second sample there is nothing, as the first one is empty then.
        for at in samples.resets().filter(|at| *at > 1) {
            add(&mut increase, samples.histogram(at - 1)?, notes)?;
        }
    }
    increase.counter_reset_hint = CounterResetHint::Gauge;
    increase.compact();
    Some(increase)
}

/// The least schema of the histograms that count, of which the first is given apart; none if
/// exponential and custom buckets meet. Tells of gauges that should be counters and the reverse.
fn check_layouts(
    is_counter: bool,
    first: &FloatHistogram,
    samples: &Samples<'_>,
    notes: &mut NoteSet,
) -> Option<i32> {
    if is_counter && samples.history.uniform_counters {
        return Some(first.schema);
    }
    let points = samples.histograms();
    note_gauges(is_counter, &points, notes);
    let inner = if is_counter { &points[1..points.len() - 1] } else { &[] };
    let others = inner.iter().chain(points.last());
    if others.clone().any(|point| point.is_custom() != first.is_custom()) {
        notes.add(Note::MixedSchemas);
        return None;
    }
    others.map(|point| point.schema).chain([first.schema]).min()
}

/// Counters should not be gauges, and gauges should be.
fn note_gauges(is_counter: bool, points: &[&FloatHistogram], notes: &mut NoteSet) {
    let is_gauge = |point: &&FloatHistogram| point.counter_reset_hint == CounterResetHint::Gauge;
    let ends = [points[0], points[points.len() - 1]];
    if is_counter && points.iter().any(is_gauge) {
        notes.add(Note::NotCounter);
    } else if !is_counter && !ends.iter().all(is_gauge) {
        notes.add(Note::NotGauge);
    }
}

fn empty_like(histogram: &FloatHistogram) -> FloatHistogram {
    FloatHistogram {
        schema: histogram.schema,
        custom_values: histogram.custom_values.clone(),
        ..FloatHistogram::default()
    }
}

/// irate and idelta: the last two samples.
pub(super) fn last_two(is_rate: bool, samples: &Samples<'_>, notes: &mut NoteSet) -> Option<Value> {
    let at = samples.len().checked_sub(1).filter(|at| *at > 0)?;
    let seconds = samples.time(at).saturating_sub(samples.time(at - 1)) as f64 / 1000.0;
    let divisor = if is_rate { seconds } else { 1.0 };
    match (samples.histogram(at - 1), samples.histogram(at)) {
        (None, None) => {
            let (before, now) = (samples.float(at - 1), samples.float(at));
            let reset = is_rate && is_reset(samples, at);
            Some(Value::Float(if reset { now } else { now - before } / divisor))
        }
        (Some(before), Some(now)) => {
            note_gauges(is_rate, &[before, now], notes);
            let mut change = now.as_ref().clone();
            if !is_rate || !is_reset(samples, at) {
                subtract(&mut change, before, notes)?;
            }
            change.counter_reset_hint = CounterResetHint::Gauge;
            change.compact();
            if is_rate {
                change.divide(divisor);
            }
            Some(change.into())
        }
        _ => {
            notes.add(Note::MixedKinds);
            None
        }
    }
}

/// Whether a counter was reset before the sample at this position.
fn is_reset(samples: &Samples<'_>, at: usize) -> bool {
    samples.resets().any(|reset| reset == at)
}

/// resets and changes: neighbours that differ in kind always count.
pub(super) fn transitions(function: Window, samples: &Samples<'_>) -> f64 {
    if function == Window::Resets {
        return samples.resets().count() as f64;
    }
    let changes = |at: &usize| match (samples.histogram(at - 1), samples.histogram(*at)) {
        (None, None) => {
            let (before, now) = (samples.float(at - 1), samples.float(*at));
            now != before && !(now.is_nan() && before.is_nan())
        }
        (Some(before), Some(now)) => !now.same(before),
        _ => true,
    };
    (1..samples.len()).filter(changes).count() as f64
}
