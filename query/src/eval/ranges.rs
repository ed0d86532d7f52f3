//! Range selectors and subqueries: series as columns of samples, to be seen through windows.

use std::sync::Arc;

use proto::FloatHistogram;
use proto::histogram::CounterResetHint;

use super::each_series::Seen;
use super::windows::{Reach, Windows};
use super::{Run, extended, is_present};
use crate::dictionary::PairId;
use crate::error::QueryError;
use crate::plan::Grid;
use crate::queryable::Columns;
use crate::result::{RangeSeries, ResultValue};
use crate::syntax::{Expr, ExprKind, Extension, Selector, TimeShift};

/// One series of a range expression. No stale markers.
pub(crate) struct RangeRow<'r> {
    pub labels: &'r [PairId],
    pub drop_name: bool,
    pub columns: &'r Columns,
}

pub(crate) type RangeSink<'s> =
    dyn FnMut(&mut Run<'_>, RangeRow<'_>) -> Result<(), QueryError> + 's;

impl Run<'_> {
    /// Where the windows of a range expression lie.
    pub(crate) fn range_windows(&self, expr: &Expr, grid: Grid) -> Result<Windows, QueryError> {
        match &expr.without_parens().kind {
            ExprKind::Range { selector, range_ms, .. } => {
                Ok(self.selector_windows(selector, grid, *range_ms))
            }
            ExprKind::Subquery { range_ms, shift, .. } => Ok(self.windows(shift, grid, *range_ms)),
            _ => Err(QueryError::execution("the expression is no range vector")),
        }
    }

    pub(super) fn selector_windows(
        &self,
        selector: &Selector,
        grid: Grid,
        range_ms: i64,
    ) -> Windows {
        let reach = selector.extension.map(|extension| Reach {
            lookback: self.plan.options.lookback_ms,
            smoothed: extension == Extension::Smoothed,
        });
        Windows { reach, ..self.windows(&selector.shift, grid, range_ms) }
    }

    /// Streams the series of a range expression, with all samples that some window sees.
    pub(crate) fn range_rows(
        &mut self,
        expr: &Expr,
        grid: Grid,
        sink: &mut RangeSink<'_>,
    ) -> Result<(), QueryError> {
        match &expr.without_parens().kind {
            ExprKind::Range { selector, range_ms, .. } => {
                let windows = self.selector_windows(selector, grid, *range_ms);
                self.selected_ranges(selector, windows, sink)
            }
            ExprKind::Subquery { expr, range_ms, step_ms, shift, .. } => {
                let step = step_ms.unwrap_or(self.plan.options.subquery_step_ms);
                let inner = self.subquery_grid(shift, grid, *range_ms, step);
                self.subquery_ranges(expr, inner, sink)
            }
            _ => Err(QueryError::execution("the expression is no range vector")),
        }
    }

    pub(super) fn selected_ranges(
        &mut self,
        selector: &Selector,
        windows: Windows,
        sink: &mut RangeSink<'_>,
    ) -> Result<(), QueryError> {
        let (start, end) = (windows.first_seen(), windows.last_seen());
        let counted = self.plan.options.count_samples.then_some(&windows);
        let mut columns = Columns::default();
        for batch in &self.selected(selector).batches {
            for index in 0..batch.len() {
                self.check_cancel()?;
                columns.clear();
                batch.read(index, start, end, &mut columns)?;
                remove_stale(&mut columns);
                if self.plan.needs_statistics_only(selector) {
                    columns.histograms.keep_statistics();
                }
                self.check_samples(columns.samples())?;
                self.count_read(Seen::All.counts(&columns, counted));
                if !columns.is_empty() {
                    let labels = batch.labels(index);
                    sink(self, RangeRow { labels, drop_name: false, columns: &columns })?;
                }
            }
        }
        Ok(())
    }

    /// Inner times of a subquery: multiples of its step, for all steps of the outer grid.
    fn subquery_grid(&self, shift: &TimeShift, grid: Grid, range: i64, step: i64) -> Option<Grid> {
        let windows = self.windows(shift, grid, range);
        let (after, end) = (windows.start(0), windows.last_end());
        let start = after.div_euclid(step).saturating_add(1).saturating_mul(step);
        if start > end {
            return None;
        }
        let count = usize::try_from((end.abs_diff(start) / step.unsigned_abs()).saturating_add(1));
        Some(Grid { start_ms: start, step_ms: step, count: count.unwrap_or(usize::MAX) })
    }

    fn subquery_ranges(
        &mut self,
        expr: &Expr,
        inner: Option<Grid>,
        sink: &mut RangeSink<'_>,
    ) -> Result<(), QueryError> {
        let Some(inner) = inner else { return Ok(()) };
        self.check_row(inner)?;
        let mut columns = Columns::default();
        self.stream(expr, inner, &mut |run, row| {
            columns.clear();
            let present = row.values.iter().enumerate().filter(|(_, v)| is_present(**v));
            for (step, value) in present {
                match row.histograms.get(step) {
                    Some(histogram) => {
                        columns.push_histogram(inner.at(step), without_hint(histogram));
                    }
                    None => columns.push(inner.at(step), *value),
                }
            }
            let (labels, drop_name) = (row.labels, row.drop_name);
            sink(run, RangeRow { labels, drop_name, columns: &columns })
        })
    }

    /// The answer to an instant query for a range vector.
    pub(super) fn root_ranges(
        &mut self,
        expr: &Expr,
        grid: Grid,
    ) -> Result<ResultValue, QueryError> {
        let windows = self.range_windows(expr, grid)?;
        let mut series: Vec<RangeSeries> = Vec::new();
        self.range_rows(expr, grid, &mut |run, row| {
            let mut seen = 0..0;
            windows.sweep(&row.columns.timestamps, |_, range| seen = range);
            if seen.is_empty() {
                return Ok(());
            }
            let labels = match row.drop_name {
                true => run.without_metadata(row.labels).to_vec(),
                false => row.labels.to_vec(),
            };
            let mut columns = Columns::default();
            match windows.reach {
                Some(reach) => extended::bounded(row.columns, seen, &windows, reach, &mut columns)?,
                None => columns.append(row.columns, seen),
            }
            run.charge(columns.samples())?;
            series.push(RangeSeries { labels, columns });
            Ok(())
        })?;
        self.sort_ranges(&mut series)?;
        Ok(ResultValue::Ranges { series })
    }

    fn sort_ranges(&self, series: &mut [RangeSeries]) -> Result<(), QueryError> {
        let ranks = self.names.ranks();
        let key =
            |s: &RangeSeries| s.labels.iter().map(|pair| ranks[*pair as usize]).collect::<Vec<_>>();
        series.sort_by_cached_key(key);
        if series.windows(2).any(|two| two[0].labels == two[1].labels) {
            return Err(QueryError::execution(super::SAME_LABELSET));
        }
        Ok(())
    }
}

/// Leaves out the stale markers.
pub(super) fn remove_stale(columns: &mut Columns) {
    if columns.values.iter().all(|v| is_present(*v)) {
        return;
    }
    let all = std::mem::take(columns);
    let fresh = all.values.iter().enumerate().filter(|(_, v)| is_present(**v));
    fresh.for_each(|(index, _)| columns.append(&all, index..index + 1));
}

/// A histogram of a subquery, which may leave samples out or repeat them: what is known of a
/// counter reset before it says nothing any more.
fn without_hint(histogram: &Arc<FloatHistogram>) -> Arc<FloatHistogram> {
    let mut histogram = Arc::clone(histogram);
    match histogram.counter_reset_hint {
        CounterResetHint::Unknown | CounterResetHint::Gauge => {}
        CounterResetHint::Reset | CounterResetHint::NotReset => {
            Arc::make_mut(&mut histogram).counter_reset_hint = CounterResetHint::Unknown;
        }
    }
    histogram
}
