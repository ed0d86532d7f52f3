//! Function calls that yield a vector.

use super::each_series::Seen;
use super::extended;
use super::kernels::{self, Call, Scratch};
use super::mixed::Output;
use super::ranges::RangeRow;
use super::selectors::Pick;
use super::{ABSENT, Row, Run, Scalar, Sink, Values, is_present, mixed};
use crate::annotations::NoteSet;
use crate::error::QueryError;
use crate::functions::{Function, Kind, Window};
use crate::histogram_column::HistogramColumn;
use crate::numbers::{go_float, go_max, go_min};
use crate::plan::Grid;
use crate::queryable::Columns;
use crate::syntax::{Expr, ExprKind, quote};

/// Suffixes of the names of counters.
const COUNTER_SUFFIXES: [&str; 4] = ["_total", "_sum", "_count", "_bucket"];

impl Run<'_> {
    pub(super) fn call_rows(
        &mut self,
        expr: &Expr,
        function: &Function,
        args: &[Expr],
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        extended::check_arguments(function, args)?;
        match function.kind {
            Kind::Math(f) => self.map(&args[0], grid, f, sink),
            Kind::Date(f) => self.date(args, grid, f, sink),
            Kind::Window(window) => self.window(window, args, grid, sink),
            Kind::Clamp => self.clamp(args, grid, sink),
            Kind::ClampMin => {
                let least = self.scalar(&args[1], grid)?;
                self.map_steps(&args[0], grid, |i, v| go_max(least.at(i), v), sink)
            }
            Kind::ClampMax => {
                let most = self.scalar(&args[1], grid)?;
                self.map_steps(&args[0], grid, |i, v| go_min(most.at(i), v), sink)
            }
            Kind::Round => self.round(args, grid, sink),
            Kind::Vector => self.vector(&args[0], grid, sink),
            Kind::Timestamp => self.timestamp(&args[0], grid, sink),
            Kind::StartTimestamp => self.start_timestamp(&args[0], grid, sink),
            Kind::Absent => self.absent(&args[0], grid, sink),
            Kind::AbsentOverTime => self.absent_over_time(&args[0], grid, sink),
            Kind::HistogramQuantile => self.histogram_quantile(args, grid, sink),
            Kind::HistogramQuantiles => self.histogram_quantiles(args, grid, sink),
            Kind::HistogramFraction => self.histogram_fraction(args, grid, sink),
            Kind::HistogramNumber { number, .. } => {
                self.histogram_number(&args[0], number, grid, sink)
            }
            Kind::LabelReplace => self.label_replace(args, grid, sink),
            Kind::LabelJoin => self.label_join(args, grid, sink),
            Kind::Sort { descending } => self.sorted(expr, &args[0], descending, grid, sink),
            Kind::SortByLabel { descending } => {
                self.sorted_by_label(expr, args, descending, grid, sink)
            }
            Kind::Info => self.info(args, grid, sink),
            _ => Err(QueryError::execution("the function yields no instant vector")),
        }
    }

    /// A window function over a range selector or subquery.
    fn window(
        &mut self,
        function: Window,
        args: &[Expr],
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        self.check_row(grid)?;
        let range = &args[function.range_argument()];
        let call = Call {
            function,
            windows: self.range_windows(range, grid)?,
            grid,
            params: self.window_params(function, args, grid)?,
        };
        let mut take = |run: &mut Run<'_>, row: Row<'_>, notes: NoteSet| {
            run.add_notes(args[0].span.start, notes, row.labels);
            if row.is_absent() {
                return Ok(());
            }
            run.annotate_window(&call, args, &row);
            match function.keeps_name() {
                true => sink(run, row),
                false => run.emit_renamed(row, sink),
            }
        };
        if let ExprKind::Range { selector, .. } = &range.without_parens().kind {
            let compute = |columns: &Columns, scratch: &mut Scratch, out: Output<'_>| {
                compute_window(&call, columns, scratch, out)
            };
            let seen = (&call.windows, Seen::All);
            return self.each_series(selector, seen, &compute, &mut take);
        }
        let mut scratch = Scratch::default();
        let mut values = vec![ABSENT; grid.count];
        self.range_rows(range, grid, &mut |run, row| {
            values.fill(ABSENT);
            let (mut histograms, mut notes) = (HistogramColumn::default(), NoteSet::default());
            let out =
                Output { values: &mut values, histograms: &mut histograms, notes: &mut notes };
            compute_window(&call, row.columns, &mut scratch, out);
            let RangeRow { labels, drop_name, .. } = row;
            let values = Values::Lent(&mut values);
            take(run, Row { labels, drop_name, values, histograms }, notes)
        })
    }

    fn window_params(
        &mut self,
        function: Window,
        args: &[Expr],
        grid: Grid,
    ) -> Result<[Scalar; 2], QueryError> {
        let mut params = [Scalar::Constant(0.0), Scalar::Constant(0.0)];
        let range = function.range_argument();
        let others = args.iter().enumerate().filter(|(i, _)| *i != range);
        for (param, (_, arg)) in params.iter_mut().zip(others) {
            *param = self.scalar(arg, grid)?;
        }
        if function == Window::Smoothing {
            for (name, param) in ["smoothing", "trend"].iter().zip(&params) {
                check_factor(name, param, grid)?;
            }
        }
        Ok(params)
    }

    fn annotate_window(&mut self, call: &Call, args: &[Expr], row: &Row<'_>) {
        match call.function {
            Window::Quantile => {
                let steps = row.values.iter().enumerate().filter(|(_, v)| is_present(**v));
                let quantiles = steps.map(|(step, _)| call.params[0].at(step));
                self.warn_bad_quantiles(args[0].span.start, quantiles);
            }
            Window::Rate | Window::Increase => {
                let name = self.metric_name(row.labels);
                let known = COUNTER_SUFFIXES.iter().any(|suffix| name.ends_with(suffix));
                if name.is_empty() || known || !row.has_floats() {
                    return;
                }
                let text = format!(
                    "metric might not be a counter, name does not end in \
                     _total/_sum/_count/_bucket: {}",
                    quote(name.as_bytes())
                );
                self.notes.info(&self.plan.query, args[0].span.start, &text);
            }
            _ => {}
        }
    }

    fn date(
        &mut self,
        args: &[Expr],
        grid: Grid,
        part: fn(f64) -> f64,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let of = |seconds: f64| if seconds.is_nan() { seconds } else { part(seconds) };
        if let Some(arg) = args.first() {
            return self.map(arg, grid, of, sink);
        }
        self.check_row(grid)?;
        let mut values: Vec<f64> =
            (0..grid.count).map(|i| part(grid.at(i).div_euclid(1000) as f64)).collect();
        sink(self, Row::floats(&[], false, &mut values))
    }

    fn clamp(&mut self, args: &[Expr], grid: Grid, sink: &mut Sink<'_>) -> Result<(), QueryError> {
        let (least, most) = (self.scalar(&args[1], grid)?, self.scalar(&args[2], grid)?);
        let clamped = |step: usize, value: f64| {
            let (least, most) = (least.at(step), most.at(step));
            if most < least { ABSENT } else { go_max(least, go_min(most, value)) }
        };
        self.stream(&args[0], grid, &mut |run, mut row| {
            row.remove_histograms();
            let values = row.values.iter_mut().enumerate().filter(|(_, v)| is_present(**v));
            values.for_each(|(step, value)| *value = clamped(step, *value));
            if row.is_absent() { Ok(()) } else { run.emit_renamed(row, sink) }
        })
    }

    /// Half is rounded up. Dividing by the inverse keeps 0.1 and its like exact.
    fn round(&mut self, args: &[Expr], grid: Grid, sink: &mut Sink<'_>) -> Result<(), QueryError> {
        let nearest = match args.get(1) {
            Some(arg) => self.scalar(arg, grid)?,
            None => Scalar::Constant(1.0),
        };
        let rounded = |step: usize, value: f64| {
            let inverse = 1.0 / nearest.at(step);
            (value * inverse + 0.5).floor() / inverse
        };
        self.map_steps(&args[0], grid, rounded, sink)
    }

    fn vector(&mut self, arg: &Expr, grid: Grid, sink: &mut Sink<'_>) -> Result<(), QueryError> {
        self.check_row(grid)?;
        let scalar = self.scalar(arg, grid)?;
        let mut values: Vec<f64> = (0..grid.count).map(|i| scalar.at(i)).collect();
        sink(self, Row::floats(&[], false, &mut values))
    }

    /// Time of the sample for a selector, else that of the step.
    fn timestamp(&mut self, arg: &Expr, grid: Grid, sink: &mut Sink<'_>) -> Result<(), QueryError> {
        let seconds = |ms: i64| ms as f64 / 1000.0;
        if let ExprKind::Selector(selector) = &arg.without_parens().kind {
            let time: Pick = |columns, at| columns.timestamps[at] as f64 / 1000.0;
            return self.instant_rows(selector, grid, Some(time), &mut |run, row| {
                run.emit_renamed(row, sink)
            });
        }
        self.stream(arg, grid, &mut |run, mut row| {
            row.histograms.clear();
            let values = row.values.iter_mut().enumerate().filter(|(_, v)| is_present(**v));
            values.for_each(|(step, value)| *value = seconds(grid.at(step)));
            run.emit_renamed(row, sink)
        })
    }

    /// When the counters behind the samples of a selector began to count; other expressions have
    /// no samples.
    fn start_timestamp(
        &mut self,
        arg: &Expr,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let ExprKind::Selector(selector) = &arg.without_parens().kind else { return Ok(()) };
        let start: Pick = |columns, at| columns.start_timestamp(at) as f64 / 1000.0;
        self.instant_rows(selector, grid, Some(start), &mut |run, row| run.emit_renamed(row, sink))
    }
}

/// Computes a window function of one series; whether there is any value.
fn compute_window(call: &Call, columns: &Columns, scratch: &mut Scratch, out: Output<'_>) -> bool {
    let present = |values: &[f64]| values.iter().any(|value| is_present(*value));
    if !mixed::concerns(call.function, columns) {
        kernels::compute(call, columns, scratch, out.values);
        return present(out.values);
    }
    let Output { values, histograms, notes } = out;
    mixed::compute(call, columns, scratch, Output { values, histograms, notes });
    present(values)
}

fn check_factor(name: &str, param: &Scalar, grid: Grid) -> Result<(), QueryError> {
    let bad = (0..grid.count).map(|step| param.at(step)).find(|f| *f <= 0.0 || *f >= 1.0);
    match bad {
        None => Ok(()),
        Some(factor) => {
            let short = if name == "smoothing" { "sf" } else { "tf" };
            let factor = go_float(factor);
            Err(QueryError::execution(format!(
                "invalid {name} factor. Expected: 0 < {short} < 1, got: {factor}"
            )))
        }
    }
}
