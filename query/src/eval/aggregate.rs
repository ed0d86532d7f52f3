//! Aggregations: those that fold stream their rows into dense accumulators; the others are in
//! `selection`.

use super::accumulators::Accumulators;
use super::folded_histograms::FoldedHistograms;
use super::groups::{Groups, Keying};
use super::{Row, Run, Sink, Values, is_present};
use crate::annotations::NoteSet;
use crate::error::QueryError;
use crate::plan::Grid;
use crate::syntax::{AggregateOp, Expr, ExprKind};

/// An aggregation's parts.
pub(super) struct Aggregation<'e> {
    pub op: AggregateOp,
    /// Where it stands in the query.
    pub at: usize,
    pub expr: &'e Expr,
    pub param: Option<&'e Expr>,
    pub labels: &'e [String],
    pub without: bool,
}

impl Run<'_> {
    pub(super) fn aggregate_rows(
        &mut self,
        expr: &Expr,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let at = expr.span.start;
        let ExprKind::Aggregate { op, expr, param, labels, without } = &expr.kind else {
            return Err(QueryError::execution("the expression is no aggregation"));
        };
        let aggregation =
            Aggregation { op: *op, at, expr, param: param.as_deref(), labels, without: *without };
        match Accumulators::new(*op) {
            Some(accumulators) => self.fold(aggregation, accumulators, grid, sink),
            None => self.select_rows(aggregation, grid, sink),
        }
    }

    fn fold(
        &mut self,
        aggregation: Aggregation<'_>,
        mut accumulators: Accumulators,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let keying = Keying::grouping(self, aggregation.labels, aggregation.without);
        let mut groups = Groups::default();
        let mut drop_name: Vec<bool> = Vec::new();
        let mut folded = FoldedHistograms::new(aggregation.op);
        self.stream(aggregation.expr, grid, &mut |run, mut row| {
            let (group, new) = groups.number(keying.key(run, row.labels));
            if new {
                run.charge(grid.count)?;
                drop_name.push(false);
            }
            drop_name[group] |= row.drop_name;
            if !row.histograms.is_empty() {
                let mut notes = NoteSet::default();
                run.charge(folded.take(&mut row, group, &mut notes))?;
                run.add_notes(aggregation.expr.span.start, notes, row.labels);
            }
            match new {
                true => accumulators.begin(row.values),
                false => accumulators.add(group, &row.values),
            }
            Ok(())
        })?;
        for (group, (mut values, drop_name)) in accumulators.finish().zip(drop_name).enumerate() {
            let mut notes = NoteSet::default();
            let histograms = folded.finish(group, &mut values, &mut notes);
            self.add_notes(aggregation.expr.span.start, notes, &[]);
            if values.iter().any(|v| is_present(*v)) {
                let labels = groups.labels.get(group);
                let values = Values::Given(values);
                sink(self, Row { labels, drop_name, values, histograms })?;
            }
        }
        let held = groups.len() * grid.count + folded.samples;
        self.live = self.live.saturating_sub(held);
        Ok(())
    }
}
