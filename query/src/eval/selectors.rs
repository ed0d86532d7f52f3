//! Instant selectors: the latest sample within the lookback, at each step.

use std::sync::Arc;

use super::windows::Windows;
use super::{ABSENT, Row, Run, Sink, is_present};
use crate::error::QueryError;
use crate::histogram_column::HistogramColumn;
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
        let (start, end) = (windows.start(0).saturating_add(1), windows.last_end());
        let mut columns = Columns::default();
        let mut values = vec![ABSENT; grid.count];
        for batch in &self.selected(selector).batches {
            for index in 0..batch.len() {
                self.check_cancel()?;
                columns.clear();
                batch.read(index, start, end, &mut columns)?;
                if self.plan.needs_statistics_only(selector) {
                    columns.histograms.keep_statistics();
                }
                self.check_samples(columns.samples())?;
                self.count_read(&columns, &windows, true);
                let mut histograms = HistogramColumn::default();
                if latest(&columns, &windows, pick, (&mut values, &mut histograms)) {
                    let labels = batch.labels(index);
                    sink(self, Row { labels, drop_name: false, values: &mut values, histograms })?;
                }
            }
        }
        Ok(())
    }
}

/// Fills `out` with the latest sample of each window; whether there is any.
fn latest(
    columns: &Columns,
    windows: &Windows,
    pick: Option<Pick>,
    (out, histograms): (&mut [f64], &mut HistogramColumn),
) -> bool {
    out.fill(ABSENT);
    let mut any = false;
    windows.sweep(&columns.timestamps, |step, range| {
        let last = range.end - 1;
        let value = columns.values[last];
        if !is_present(value) {
            return;
        }
        any = true;
        if let Some(pick) = pick {
            out[step] = pick(columns, last);
            return;
        }
        out[step] = value;
        if let Some(histogram) = columns.histograms.get(last) {
            histograms.set(step, Arc::clone(histogram));
        }
    });
    any
}
