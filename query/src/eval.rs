//! Evaluation of a plan over what was selected: pure computation, a series at a time.
//!
//! Every vector expression *streams rows*: one series with its value at each step of the grid. A
//! function maps rows, an aggregation folds them into dense accumulators, and only what needs all
//! series at once (joins, sorting, topk) collects them into a [`Matrix`].

mod absent;
mod accumulators;
mod aggregate;
mod binary;
mod calls;
mod count_values;
mod each_series;
mod extended;
mod folded_histograms;
mod groups;
pub(crate) mod histogram;
mod info;
mod join;
mod kernels;
mod labels;
mod matrix;
mod mixed;
mod names;
mod ranges;
mod row;
mod scalars;
mod selection;
mod selectors;
mod sets;
mod sorting;
mod topk;
mod windows;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use smallvec::SmallVec;

use crate::annotations::{Annotations, NoteSet};
use crate::dictionary::{Interner, NameId, PairId};
use crate::error::QueryError;
use crate::histogram_column::HistogramColumn;
use crate::plan::{Grid, Plan, QueryKind, too_many_samples};
use crate::queryable::SeriesSet;
use crate::result::{QueryResult, ResultValue, SampleCounts};
use crate::syntax::{Expr, ExprKind, Type};
pub(crate) use matrix::{LabelTable, Matrix};
pub(crate) use row::{ABSENT, Value, ValueRef, Values, is_present, put};
pub(crate) use scalars::Scalar;

/// Labels that name the metric, not the series: dropped by whatever makes a new metric.
const METADATA_LABELS: [&str; 3] = ["__name__", "__type__", "__unit__"];

pub(crate) const SAME_LABELSET: &str = "vector cannot contain metrics with the same labelset";

/// The label ids of one row; on the stack for usual series.
pub(crate) type RowLabels = SmallVec<[PairId; 16]>;

/// One series over all steps. The values are the consumer's to change.
pub(crate) struct Row<'r> {
    /// In order of the names.
    pub labels: &'r [PairId],
    /// Whether the metric's name is to be dropped at the end.
    pub drop_name: bool,
    /// One a step; [`ABSENT`] where there is none, 0 where it is a histogram.
    pub values: Values<'r>,
    /// The values that are histograms.
    pub histograms: HistogramColumn,
}

impl<'r> Row<'r> {
    /// A row of floats.
    pub(crate) fn floats(labels: &'r [PairId], drop_name: bool, values: &'r mut [f64]) -> Row<'r> {
        let (values, histograms) = (Values::Lent(values), HistogramColumn::default());
        Row { labels, drop_name, values, histograms }
    }

    /// Whether there is no value at all.
    pub(crate) fn is_absent(&self) -> bool {
        !self.values.iter().any(|value| is_present(*value))
    }

    /// Whether some value is a float.
    pub(crate) fn has_floats(&self) -> bool {
        let mut present = self.values.iter().enumerate().filter(|(_, v)| is_present(**v));
        present.any(|(step, _)| self.histograms.get(step).is_none())
    }

    /// Removes the histograms; whether there were any at present values.
    pub(crate) fn remove_histograms(&mut self) -> bool {
        if self.histograms.is_empty() {
            return false;
        }
        let mut any = false;
        let slots = self.values.iter_mut().enumerate();
        for (step, value) in slots.filter(|(_, v)| is_present(**v)) {
            if self.histograms.get(step).is_some() {
                *value = ABSENT;
                any = true;
            }
        }
        self.histograms.clear();
        any
    }
}

/// Consumer of rows.
pub(crate) type Sink<'s> = dyn FnMut(&mut Run<'_>, Row<'_>) -> Result<(), QueryError> + 's;

/// One evaluation.
pub(crate) struct Run<'q> {
    pub plan: &'q Plan,
    sets: &'q [SeriesSet],
    pub names: Interner,
    pub notes: Annotations,
    cancel: &'q AtomicBool,
    /// Samples held in matrices and accumulators.
    live: usize,
    counts: SampleCounts,
    metadata: [NameId; 3],
}

/// Evaluates a plan over the answers to its requests, in their order.
pub(crate) fn evaluate(
    plan: &Plan,
    sets: &[SeriesSet],
    mut names: Interner,
    cancel: &AtomicBool,
) -> Result<QueryResult, QueryError> {
    let metadata = METADATA_LABELS.map(|name| names.intern_name(name));
    let notes = Annotations::default();
    let counts = SampleCounts::default();
    let mut run = Run { plan, sets, names, notes, cancel, live: 0, counts, metadata };
    for warning in sets.iter().flat_map(|set| &set.warnings) {
        run.notes.pass_on(warning);
    }
    let value = run.root()?;
    let (warnings, infos) = run.notes.into_texts();
    let (samples, workers) = (run.counts, plan.options.workers);
    Ok(QueryResult { value, names: run.names, warnings, infos, samples, timings: None, workers })
}

impl Run<'_> {
    fn root(&mut self) -> Result<ResultValue, QueryError> {
        let (expr, grid) = (&self.plan.expr, self.plan.grid);
        match (expr.value_type(), self.plan.kind) {
            (Type::String, _) => {
                let text = self.bytes(expr)?;
                let value = String::from_utf8_lossy(text).into_owned();
                Ok(ResultValue::String { time_ms: grid.start_ms, value })
            }
            (Type::Scalar, QueryKind::Instant) => {
                let value = self.scalar(expr, grid)?.at(0);
                Ok(ResultValue::Scalar { time_ms: grid.start_ms, value })
            }
            (Type::Scalar, QueryKind::Range) => {
                let scalar = self.scalar(expr, grid)?;
                let mut matrix = Matrix::new(grid.count);
                let mut values: Vec<f64> = (0..grid.count).map(|i| scalar.at(i)).collect();
                matrix.push(Row::floats(&[], false, &mut values));
                Ok(ResultValue::Matrix { grid, matrix })
            }
            (Type::Vector, kind) => {
                let mut matrix = self.collect(expr, grid)?;
                matrix = self.drop_names(matrix)?;
                if kind == QueryKind::Instant {
                    return Ok(ResultValue::Vector { time_ms: grid.start_ms, matrix });
                }
                let matrix = matrix.sorted_by_labels(&self.names);
                Ok(ResultValue::Matrix { grid, matrix })
            }
            (Type::Matrix, _) => self.root_ranges(expr, grid),
        }
    }

    /// Streams the rows of a vector expression.
    pub(crate) fn stream(
        &mut self,
        expr: &Expr,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        self.check_cancel()?;
        if expr.invariant && grid.count > 1 {
            return self.stream_invariant(expr, grid, sink);
        }
        if self.may_collide(expr) {
            let mut matrix = Matrix::new(grid.count);
            self.stream_node(expr, grid, &mut |run, row| run.keep(&mut matrix, row))?;
            let matrix = self.settled(expr, matrix)?;
            return self.forward(matrix, sink);
        }
        self.stream_node(expr, grid, sink)
    }

    /// Evaluates what is the same at every step once, and repeats it.
    fn stream_invariant(
        &mut self,
        expr: &Expr,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        self.check_row(grid)?;
        let mut values = vec![ABSENT; grid.count];
        self.stream(expr, Grid::instant(grid.start_ms), &mut |run, row| {
            values.fill(row.values[0]);
            let mut histograms = HistogramColumn::default();
            if let Some(histogram) = row.histograms.get(0) {
                (0..grid.count).for_each(|step| histograms.set(step, Arc::clone(histogram)));
            }
            let (labels, drop_name) = (row.labels, row.drop_name);
            sink(run, Row { labels, drop_name, values: Values::Lent(&mut values), histograms })
        })
    }

    fn stream_node(
        &mut self,
        expr: &Expr,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        match &expr.kind {
            ExprKind::Paren(inner) => self.stream(inner, grid, sink),
            ExprKind::Selector(selector) => {
                self.selector_rows(selector, (grid, expr.span.start), sink)
            }
            ExprKind::Unary { negative: false, expr } => self.stream(expr, grid, sink),
            ExprKind::Unary { negative: true, expr } => self.negated(expr, grid, sink),
            ExprKind::Binary { .. } => self.binary_rows(expr, grid, sink),
            ExprKind::Aggregate { .. } => self.aggregate_rows(expr, grid, sink),
            ExprKind::Call { function, args } => self.call_rows(expr, function, args, grid, sink),
            _ => Err(QueryError::execution("the expression is no instant vector")),
        }
    }

    /// All rows of an expression.
    pub(crate) fn collect(&mut self, expr: &Expr, grid: Grid) -> Result<Matrix, QueryError> {
        let mut matrix = Matrix::new(grid.count);
        self.stream(expr, grid, &mut |run, row| run.keep(&mut matrix, row))?;
        Ok(matrix)
    }

    /// Keeps a row in a matrix, within the budget.
    pub(crate) fn keep(&mut self, matrix: &mut Matrix, row: Row<'_>) -> Result<(), QueryError> {
        self.charge(row.values.len() + row.histograms.samples())?;
        matrix.push(row);
        Ok(())
    }

    /// Streams the rows of a matrix and gives its memory back.
    pub(crate) fn forward(
        &mut self,
        mut matrix: Matrix,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        self.release(&matrix);
        for index in 0..matrix.len() {
            if matrix.values(index).iter().any(|v| is_present(*v)) {
                sink(self, matrix.row(index))?;
            }
        }
        Ok(())
    }

    /// Adds notes about byte `at` of the query and the metric of a row.
    pub(crate) fn add_notes(&mut self, at: usize, notes: NoteSet, labels: &[PairId]) {
        let name = self.names.value_of(labels, self.metadata[0]);
        self.notes.add_all(&self.plan.query, at, notes, name);
    }

    /// Fails once the caller has raised the flag.
    pub(crate) fn check_cancel(&self) -> Result<(), QueryError> {
        if self.cancel.load(Ordering::Relaxed) { Err(QueryError::Canceled) } else { Ok(()) }
    }

    /// Counts what was read of series; `peak` is the most samples of one that was held.
    pub(crate) fn count_read(&mut self, counts: SampleCounts) {
        let SampleCounts { total, read, peak } = counts;
        self.counts.read += read;
        self.counts.total += total;
        self.counts.peak = self.counts.peak.max(self.live + peak);
    }

    /// Counts samples that are now held.
    pub(crate) fn charge(&mut self, samples: usize) -> Result<(), QueryError> {
        self.live = self.live.saturating_add(samples);
        self.counts.peak = self.counts.peak.max(self.live);
        self.check_samples(0)
    }

    /// Fails if holding `more` samples would cross the limit.
    pub(crate) fn check_samples(&self, more: usize) -> Result<(), QueryError> {
        let samples_max = self.plan.options.samples_max;
        if self.live.saturating_add(more) > samples_max {
            return Err(too_many_samples(samples_max));
        }
        Ok(())
    }

    /// Fails if not even one row of this grid can be held.
    pub(crate) fn check_row(&self, grid: Grid) -> Result<(), QueryError> {
        self.check_samples(grid.count)
    }

    /// Counts samples that are no longer held.
    pub(crate) fn release(&mut self, matrix: &Matrix) {
        self.live = self.live.saturating_sub(matrix.samples());
    }
}
