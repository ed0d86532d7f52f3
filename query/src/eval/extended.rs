//! `anchored` and `smoothed` selectors: which functions take them, and what they yield by
//! themselves.

use std::ops::Range;
use std::sync::Arc;

use proto::histogram::CounterResetHint;

use super::kernels::{ends, interpolated};
use super::row::{Value, put};
use super::windows::{Reach, Windows};
use super::{ABSENT, Row, Run, Sink, Values, is_present, mixed};
use crate::annotations::{Note, NoteSet};
use crate::error::QueryError;
use crate::functions::Function;
use crate::histogram_column::HistogramColumn;
use crate::plan::Grid;
use crate::queryable::Columns;
use crate::syntax::{Expr, ExprKind, Extension, Selector};

const ANCHORED_FUNCTIONS: [&str; 5] = ["changes", "delta", "increase", "rate", "resets"];
const SMOOTHED_FUNCTIONS: [&str; 3] = ["delta", "increase", "rate"];

/// Refuses extended ranges as arguments of functions that do not know what to do with them.
pub(super) fn check_arguments(function: &Function, args: &[Expr]) -> Result<(), QueryError> {
    for arg in args {
        let ExprKind::Range { selector, .. } = &arg.without_parens().kind else { continue };
        let (extension, allowed) = match selector.extension {
            None => continue,
            Some(kind @ Extension::Anchored) => (kind, &ANCHORED_FUNCTIONS[..]),
            Some(kind @ Extension::Smoothed) => (kind, &SMOOTHED_FUNCTIONS[..]),
        };
        if !allowed.contains(&function.name) {
            let (allowed, name) = (allowed.join(", "), function.name);
            return Err(QueryError::execution(format!(
                "{extension} modifier can only be used with: {allowed} - not with {name}"
            )));
        }
    }
    Ok(())
}

/// The samples of an extended range with one at each end of its only window.
pub(super) fn bounded(
    columns: &Columns,
    seen: Range<usize>,
    windows: &Windows,
    reach: Reach,
    out: &mut Columns,
) -> Result<(), QueryError> {
    if !columns.histograms.is_empty() {
        let extension = if reach.smoothed { Extension::Smoothed } else { Extension::Anchored };
        let text = format!("{extension} modifier is not supported with histograms");
        return Err(QueryError::execution(text));
    }
    let ends = ends(windows, (0, reach), columns, seen, false);
    out.push(windows.start(0), ends.left);
    out.append(columns, ends.inner);
    out.push(windows.end(0), ends.right);
    Ok(())
}

impl Run<'_> {
    /// Rows of a smoothed instant selector: values on the line between the samples around a step,
    /// or the last one where none follows.
    pub(super) fn smoothed_rows(
        &mut self,
        selector: &Selector,
        (grid, at): (Grid, usize),
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        self.check_row(grid)?;
        let reach = Reach { lookback: self.plan.options.lookback_ms, smoothed: true };
        let windows = Windows { reach: Some(reach), ..self.windows(&selector.shift, grid, 0) };
        let mut values = vec![ABSENT; grid.count];
        self.selected_ranges(selector, windows, &mut |run, row| {
            let (mut histograms, mut notes) = (HistogramColumn::default(), NoteSet::default());
            for step in 0..grid.count {
                let visible = windows.visible(reach, step, &row.columns.timestamps);
                let value = smoothed(row.columns, visible, windows.end(step), &mut notes);
                put(value, step, &mut values, &mut histograms);
            }
            run.add_notes(at, notes, row.labels);
            let (labels, drop_name) = (row.labels, row.drop_name);
            match values.iter().any(|value| is_present(*value)) {
                true => {
                    let values = Values::Lent(&mut values);
                    sink(run, Row { labels, drop_name, values, histograms })
                }
                false => Ok(()),
            }
        })
    }
}

/// The value at `time` by the samples that are visible from there.
fn smoothed(
    columns: &Columns,
    visible: Range<usize>,
    time: i64,
    notes: &mut NoteSet,
) -> Option<Value> {
    let histogram = |at: usize| columns.histograms.get(at).map(Arc::as_ref);
    let count = visible.clone().filter(|at| histogram(*at).is_some()).count();
    if count > 0 && count < visible.len() {
        notes.add(Note::MixedKinds);
        return None;
    }
    let next = columns.timestamps.partition_point(|t| *t < time);
    let next_time = columns.timestamps.get(next).filter(|_| visible.contains(&next)).copied();
    let before = next.checked_sub(1).filter(|at| visible.contains(at));
    let point = |at: usize| (columns.timestamps[at], columns.values[at]);
    let value_at = |at: usize| match histogram(at) {
        Some(histogram) => histogram.clone().into(),
        None => Value::Float(columns.values[at]),
    };
    match (before, next_time) {
        (_, Some(exact)) if exact == time => Some(value_at(next)),
        (Some(before), Some(next_time)) => match (histogram(before), histogram(next)) {
            (Some(from), Some(to)) => {
                let from = (columns.timestamps[before], from);
                mixed::smoothed(from, (next_time, to), time, notes).map(Value::from)
            }
            _ => Some(Value::Float(interpolated(point(before), point(next), time, false))),
        },
        (Some(before), None) => Some(match value_at(before) {
            // The hint is about neighbours, not about the value.
            Value::Histogram(mut histogram) => {
                Arc::make_mut(&mut histogram).counter_reset_hint = CounterResetHint::Unknown;
                Value::Histogram(histogram)
            }
            float => float,
        }),
        (None, _) => None,
    }
}
