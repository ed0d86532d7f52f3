//! From a query to what must be selected, and over which times it is evaluated.

mod grid;
mod info;
mod statistics;

use std::collections::BTreeSet;
use std::sync::Arc;

use proto::Matcher;

use crate::error::QueryError;
use crate::in_order::Workers;
use crate::queryable::SelectRequest;
use crate::syntax::{At, Expr, ExprKind, Extension, Selector, TimeShift, parse, resolve};
use grid::grid_of;
pub(crate) use grid::too_many_samples;
pub use grid::{Grid, QueryKind, QueryTimes};
use statistics::of_statistics;

/// Most different selectors of a query: each is a question to every holder.
pub const SELECTORS_MAX: usize = 256;

/// A query that was understood: what to select, and how to evaluate it.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) query: Arc<str>,
    pub(crate) expr: Expr,
    pub(crate) kind: QueryKind,
    pub(crate) grid: Grid,
    /// `end()`: for a range it need not lie on the grid.
    pub(crate) end_ms: i64,
    pub(crate) options: EngineOptions,
    requests: Vec<SelectRequest>,
    /// Selector id to index in `requests`.
    request_of: Vec<usize>,
    /// Ids of selectors whose histograms need no buckets.
    statistics_only: BTreeSet<usize>,
}

/// Settings of the engine.
#[derive(Clone, Copy, Debug)]
pub struct EngineOptions {
    /// How far an instant selector looks back (`--query.lookback-delta`).
    pub lookback_ms: i64,
    /// Most samples that a query may hold at one time (`--query.max-samples`).
    pub samples_max: usize,
    /// Step of a subquery that names none; the default is Prometheus' evaluation interval.
    pub subquery_step_ms: i64,
    /// Whether the samples that the windows of all steps see are counted.
    pub count_samples: bool,
    /// Whether the metric's name is dropped at the end of the query, not by each function.
    pub delayed_name_removal: bool,
    /// Threads that evaluate one query; the answer is the same for any number.
    pub workers: Workers,
}

impl Default for EngineOptions {
    fn default() -> EngineOptions {
        EngineOptions {
            lookback_ms: 5 * 60_000,
            samples_max: 50_000_000,
            subquery_step_ms: 60_000,
            count_samples: false,
            delayed_name_removal: false,
            workers: Workers::one(),
        }
    }
}

impl Plan {
    /// Understands a query.
    pub fn new(query: &str, times: QueryTimes, options: EngineOptions) -> Result<Plan, QueryError> {
        let mut expr = parse(query)?;
        let (kind, grid, end_ms) = grid_of(times, &expr, &options)?;
        resolve(query, &mut expr, grid.step_ms, end_ms.saturating_sub(grid.start_ms))?;
        info::complete(&mut expr);
        let (requests, request_of) = (Vec::new(), Vec::new());
        let query = Arc::from(query);
        let statistics_only = of_statistics(&expr);
        let mut plan = Plan {
            query,
            expr,
            kind,
            grid,
            end_ms,
            options,
            requests,
            request_of,
            statistics_only,
        };
        let mut found = Vec::new();
        plan.collect(&plan.expr, Times::of(grid), grid.step_ms, "", &mut found);
        for (id, request) in found {
            plan.add(id, request);
        }
        Ok(plan)
    }

    /// What must be selected before the evaluation, each request once.
    pub fn requests(&self) -> &[SelectRequest] {
        &self.requests
    }

    /// The query's text.
    pub fn query(&self) -> &str {
        &self.query
    }

    /// The tree.
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// The times of evaluation.
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// Index of the request of a selector.
    pub(crate) fn request_of(&self, selector: &Selector) -> usize {
        self.request_of[selector.id]
    }

    /// Whether a selector's histograms need no buckets.
    pub(crate) fn needs_statistics_only(&self, selector: &Selector) -> bool {
        self.statistics_only.contains(&selector.id)
    }

    /// The time that a selector or subquery looks at when the step is at `time_ms`.
    pub(crate) fn shifted(&self, shift: &TimeShift, time_ms: i64) -> i64 {
        let fixed = match shift.at {
            None => time_ms,
            Some(At::Timestamp(at)) => at,
            Some(At::Start) => self.grid.start_ms,
            Some(At::End) => self.end_ms,
        };
        fixed.saturating_sub(shift.offset_ms)
    }

    fn add(&mut self, selector_id: usize, request: SelectRequest) {
        let same = |other: &SelectRequest| {
            (other.start_ms, other.end_ms) == (request.start_ms, request.end_ms)
                && other.matchers == request.matchers
        };
        let index = self.requests.iter().position(same).unwrap_or_else(|| {
            // One more than allowed is kept, so that the plan is refused.
            if self.requests.len() > SELECTORS_MAX {
                return SELECTORS_MAX;
            }
            self.requests.push(request);
            self.requests.len() - 1
        });
        if self.request_of.len() <= selector_id {
            self.request_of.resize(selector_id + 1, 0);
        }
        self.request_of[selector_id] = index;
    }

    /// Appends the requests of all selectors below `expr`, which is evaluated at `times`.
    fn collect(
        &self,
        expr: &Expr,
        times: Times,
        step_ms: i64,
        function: &'static str,
        found: &mut Vec<(usize, SelectRequest)>,
    ) {
        match &expr.kind {
            ExprKind::Selector(selector) => {
                let width = self.options.lookback_ms;
                found.push(self.request(selector, times, (width, 0), step_ms, function));
            }
            ExprKind::Range { selector, range_ms, .. } => {
                let widths = (*range_ms, *range_ms);
                found.push(self.request(selector, times, widths, step_ms, function));
            }
            ExprKind::Subquery { expr, range_ms, step_ms, shift, .. } => {
                let end = self.shifted(shift, times.end);
                let start = self.shifted(shift, times.start).saturating_sub(*range_ms);
                let step = step_ms.unwrap_or(self.options.subquery_step_ms);
                self.collect(expr, Times { start, end }, step, "", found);
            }
            _ => {
                let inner = match &expr.kind {
                    ExprKind::Call { function, .. } => function.name,
                    ExprKind::Aggregate { op, .. } => op.name(),
                    ExprKind::Paren(_) => function,
                    _ => "",
                };
                for child in expr.children() {
                    self.collect(child, times, step_ms, inner, found);
                }
            }
        }
    }

    /// The request of a selector whose windows are `widths.0` wide and open on the left;
    /// `widths.1` is the hint.
    fn request(
        &self,
        selector: &Selector,
        times: Times,
        widths: (i64, i64),
        step_ms: i64,
        function: &'static str,
    ) -> (usize, SelectRequest) {
        let start = self.shifted(&selector.shift, times.start);
        // Extended ranges see a sample on each side; instant selectors look back anyhow.
        let reach = selector.extension.map_or(0, |_| self.options.lookback_ms);
        let before = widths.0.saturating_add(if widths.1 > 0 { reach } else { 0 });
        let after = if selector.extension == Some(Extension::Smoothed) { reach } else { 0 };
        let matchers: Vec<Matcher> = selector.matchers.clone();
        let latest_only = widths.1 == 0
            && selector.extension.is_none()
            && start == self.shifted(&selector.shift, times.end);
        let request = SelectRequest {
            matchers,
            start_ms: start.saturating_sub(before).saturating_add(1),
            end_ms: self.shifted(&selector.shift, times.end).saturating_add(after),
            step_ms,
            range_ms: widths.1,
            function,
            labels_only: false,
            latest_only,
        };
        (selector.id, request)
    }
}

/// First and last time of evaluation.
#[derive(Clone, Copy)]
struct Times {
    start: i64,
    end: i64,
}

impl Times {
    fn of(grid: Grid) -> Times {
        Times { start: grid.start_ms, end: grid.end_ms() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(query: &str) -> Vec<(i64, i64, &'static str)> {
        let times = QueryTimes::Range { start_ms: 1_000_000, end_ms: 2_000_000, step_ms: 10_000 };
        let plan = Plan::new(query, times, EngineOptions::default()).unwrap();
        plan.requests().iter().map(|r| (r.start_ms, r.end_ms, r.function)).collect()
    }

    #[test]
    fn one_time_needs_the_latest_samples_only() {
        let latest = |query: &str, times: QueryTimes| -> Vec<bool> {
            let plan = Plan::new(query, times, EngineOptions::default()).unwrap();
            plan.requests().iter().map(|r| r.latest_only).collect()
        };
        let instant = QueryTimes::Instant(1_000_000);
        assert_eq!(latest("x + rate(x[1m]) + x offset 1m", instant), [true, false, true]);
        assert_eq!(latest("max_over_time(x[1m:1s]) + (x smoothed)", instant), [false, false]);
        let range = QueryTimes::Range { start_ms: 1_000_000, end_ms: 2_000_000, step_ms: 10_000 };
        assert_eq!(latest("x + x @ 500", range), [false, true]);
    }

    #[test]
    fn windows_are_open_on_the_left() {
        assert_eq!(requests("x"), [(700_001, 2_000_000, "")]);
        assert_eq!(requests("rate(x[1m])"), [(940_001, 2_000_000, "rate")]);
        assert_eq!(requests("sum(x offset 1m)"), [(640_001, 1_940_000, "sum")]);
        assert_eq!(requests("x @ 500"), [(200_001, 500_000, "")]);
        assert_eq!(requests("x @ end()"), [(1_700_001, 2_000_000, "")]);
        assert_eq!(requests("rate(x[1m] anchored)"), [(640_001, 2_000_000, "rate")]);
        assert_eq!(requests("rate(x[1m] smoothed)"), [(640_001, 2_300_000, "rate")]);
        assert_eq!(requests("x smoothed"), [(700_001, 2_300_000, "")]);
    }

    #[test]
    fn subqueries_widen_the_range() {
        assert_eq!(
            requests("max_over_time(rate(x[1m])[10m:1m] offset 5s)"),
            [(1_000_000 - 5_000 - 600_000 - 60_000 + 1, 1_995_000, "rate")]
        );
    }

    #[test]
    fn equal_selectors_are_requested_once() {
        assert_eq!(requests("x / x + sum(x)").len(), 1);
        assert_eq!(requests("x / (x offset 1s)").len(), 2);
    }
}
