//! Instant selectors: the latest sample within the lookback, at each step.

use std::sync::Arc;

use super::each_series::Seen;
use super::mixed::Output;
use super::windows::Windows;
use super::{Run, Sink, is_present};
use crate::error::QueryError;
use crate::plan::Grid;
use crate::queryable::{Columns, SeriesSet};
use crate::syntax::{Extension, Selector, TimeShift};

/// A number of a sample.
pub(super) type Pick = fn(&Columns, usize) -> f64;

impl<'q> Run<'q> {
    /// What was selected for a selector.
    pub(super) fn selected(&self, selector: &Selector) -> &'q SeriesSet {
        &self.sets[self.plan.request_of(selector)]
    }

    /// Windows of this width at the steps of a grid, moved by `offset` and `@`.
    pub(super) fn windows(&self, shift: &TimeShift, grid: Grid, width: i64) -> Windows {
        let step = if shift.at.is_some() { 0 } else { grid.step_ms };
        let first_end = self.plan.shifted(shift, grid.start_ms);
        Windows { first_end, step, count: grid.count, width, reach: None }
    }

    /// Rows of an instant selector at byte `at` of the query.
    pub(super) fn selector_rows(
        &mut self,
        selector: &Selector,
        (grid, at): (Grid, usize),
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        match selector.extension {
            Some(Extension::Smoothed) => self.smoothed_rows(selector, (grid, at), sink),
            _ => self.instant_rows(selector, grid, None, sink),
        }
    }

    /// Rows of the samples that an instant selector finds, or of a number of each.
    pub(super) fn instant_rows(
        &mut self,
        selector: &Selector,
        grid: Grid,
        pick: Option<Pick>,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        self.check_row(grid)?;
        let windows = self.windows(&selector.shift, grid, self.plan.options.lookback_ms);
        self.each_series(
            selector,
            (&windows, Seen::Latest),
            &|columns, _, out| latest(columns, &windows, pick, out),
            &mut |run, row, _| sink(run, row),
        )
    }
}

/// Fills `out` with the latest sample of each window; whether there is any.
fn latest(columns: &Columns, windows: &Windows, pick: Option<Pick>, out: Output<'_>) -> bool {
    let mut any = false;
    windows.sweep(&columns.timestamps, |step, range| {
        let last = range.end - 1;
        let value = columns.values[last];
        if !is_present(value) {
            return;
        }
        any = true;
        if let Some(pick) = pick {
            out.values[step] = pick(columns, last);
            return;
        }
        out.values[step] = value;
        if let Some(histogram) = columns.histograms.get(last) {
            out.histograms.set(step, Arc::clone(histogram));
        }
    });
    any
}
