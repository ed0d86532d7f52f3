//! rate, increase and delta of `anchored` and `smoothed` ranges that hold native histograms.

use std::borrow::Cow;
use std::ops::Range;

use proto::FloatHistogram;
use proto::histogram::CounterResetHint;

use super::counters::{add, subtract};
use super::history::History;
use super::{Kinds, Output, put};
use crate::annotations::{Note, NoteSet};
use crate::eval::kernels::{self, Call};
use crate::eval::row::Value;
use crate::eval::windows::Reach;
use crate::functions::Window;
use crate::queryable::Columns;

/// A histogram sample.
type Point<'h> = (i64, &'h FloatHistogram);

/// Fills `out` with the function's value at each step. A window that sees both kinds has none.
pub(super) fn increase(
    call: &Call,
    reach: Reach,
    columns: &Columns,
    history: &History,
    out: &mut Output<'_>,
) {
    call.windows.sweep(&columns.timestamps, |step, seen| {
        let visible = call.windows.visible(reach, step, &columns.timestamps);
        let value = match history.kinds(&visible) {
            Kinds::Floats => {
                Some(Value::Float(kernels::increase_of(call, reach, step, columns, seen)))
            }
            Kinds::Histograms => {
                let window = Extended { call, reach, step, columns, seen };
                window.increase(out.notes).map(Value::from)
            }
            Kinds::Both => {
                out.notes.add(Note::MixedKinds);
                None
            }
        };
        put(value, step, out.values, out.histograms);
    });
}

/// A window of histograms only.
struct Extended<'c> {
    call: &'c Call,
    reach: Reach,
    step: usize,
    columns: &'c Columns,
    seen: Range<usize>,
}

impl<'c> Extended<'c> {
    fn point(&self, at: usize) -> Option<Point<'c>> {
        let histogram = self.columns.histograms.get(at)?;
        Some((self.columns.timestamps[at], histogram.as_ref()))
    }

    fn is_counter(&self) -> bool {
        self.call.function != Window::Delta
    }

    fn increase(&self, notes: &mut NoteSet) -> Option<FloatHistogram> {
        self.check_kind(notes)?;
        let (left, right) = (self.left(notes)?, self.right(notes)?);
        let gauges = [&left, &right].iter().all(|end| is_gauge(end));
        if !self.is_counter() && !gauges {
            notes.add(Note::NotGauge);
        }
        let mut increase = right.as_ref().clone();
        subtract(&mut increase, &left, notes)?;
        if self.is_counter()
            && let Some(lost) = self.lost(&left, &right, notes)?
        {
            add(&mut increase, &lost, notes)?;
        }
        if self.call.function == Window::Rate {
            increase.divide(self.call.windows.width as f64 / 1000.0);
        }
        increase.counter_reset_hint = CounterResetHint::Gauge;
        increase.compact();
        Some(increase)
    }

    /// All have exponential buckets, or all custom ones.
    fn check_kind(&self, notes: &mut NoteSet) -> Option<()> {
        let custom = self.point(self.seen.start)?.1.is_custom();
        for at in self.seen.clone() {
            let (_, histogram) = self.point(at)?;
            if histogram.is_custom() != custom {
                notes.add(Note::MixedSchemas);
                return None;
            }
            if self.is_counter() && is_gauge(histogram) {
                notes.add(Note::NotCounter);
            }
        }
        Some(())
    }

    fn starts_before_window(&self) -> bool {
        self.columns.timestamps[self.seen.start] < self.call.windows.start(self.step)
    }

    fn left(&self, notes: &mut NoteSet) -> Option<Cow<'c, FloatHistogram>> {
        let first = self.point(self.seen.start)?;
        if !self.reach.smoothed || !self.starts_before_window() {
            return Some(Cow::Borrowed(first.1));
        }
        let next = self.point(self.seen.start + 1)?;
        let start = self.call.windows.start(self.step);
        interpolated(first, next, start, self.is_counter(), notes).map(Cow::Owned)
    }

    fn right(&self, notes: &mut NoteSet) -> Option<Cow<'c, FloatHistogram>> {
        let last = self.point(self.seen.end - 1)?;
        let end = self.call.windows.end(self.step);
        if !self.reach.smoothed || last.0 <= end || self.seen.len() < 2 {
            return Some(Cow::Borrowed(last.1));
        }
        let before = self.point(self.seen.end - 2)?;
        interpolated(before, last, end, self.is_counter(), notes).map(Cow::Owned)
    }

    /// What resets between the ends took away. The ends stand for the first and the last sample.
    fn lost(
        &self,
        left: &FloatHistogram,
        right: &FloatHistogram,
        notes: &mut NoteSet,
    ) -> Option<Option<FloatHistogram>> {
        let (mut first, last) = (self.seen.start + 1, self.seen.end - 1);
        let mut before = left;
        if self.reach.smoothed && self.starts_before_window() {
            let next = self.point(first)?.1;
            if next.is_reset_after(self.point(self.seen.start)?.1) {
                // The left end has seen to this reset.
                before = next;
                first += 1;
            }
        }
        let mut lost: Option<FloatHistogram> = None;
        if first > last {
            return Some(None);
        }
        let inner: Option<Vec<_>> = (first..last).map(|at| Some(self.point(at)?.1)).collect();
        for now in inner?.into_iter().chain([right]) {
            if now.is_reset_after(before) {
                match &mut lost {
                    Some(lost) => add(lost, before, notes)?,
                    None => lost = Some(before.clone()),
                }
            }
            before = now;
        }
        Some(lost)
    }
}

fn is_gauge(histogram: &FloatHistogram) -> bool {
    histogram.counter_reset_hint == CounterResetHint::Gauge
}

/// The histogram at `time` on the line between two. A counter that was reset in between started
/// from zero.
pub(crate) fn interpolated(
    before: Point<'_>,
    after: Point<'_>,
    time: i64,
    is_counter: bool,
    notes: &mut NoteSet,
) -> Option<FloatHistogram> {
    if time == before.0 {
        return Some(before.1.clone());
    }
    let mut out = after.1.clone();
    if time == after.0 {
        return Some(out);
    }
    let part = time.saturating_sub(before.0) as f64 / after.0.saturating_sub(before.0) as f64;
    if is_counter && out.is_reset_after(before.1) {
        out.scale(part);
        return Some(out);
    }
    subtract(&mut out, before.1, notes)?;
    out.scale(part);
    add(&mut out, before.1, notes)?;
    Some(out)
}

/// The histogram of a smoothed selector between two samples.
pub(crate) fn smoothed(
    before: Point<'_>,
    after: Point<'_>,
    time: i64,
    notes: &mut NoteSet,
) -> Option<FloatHistogram> {
    if before.1.is_custom() != after.1.is_custom() {
        notes.add(Note::MixedSchemas);
        return None;
    }
    let is_counter = !is_gauge(before.1) || !is_gauge(after.1);
    interpolated(before, after, time, is_counter, notes)
}
