//! absent and absent_over_time.

use proto::MatchOp;

use super::{ABSENT, Row, RowLabels, Run, Sink, is_present};
use crate::error::QueryError;
use crate::plan::Grid;
use crate::syntax::{Expr, ExprKind};

impl Run<'_> {
    pub(super) fn absent(
        &mut self,
        arg: &Expr,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        self.check_row(grid)?;
        let mut values = vec![1.0; grid.count];
        self.stream(arg, grid, &mut |_, row| {
            let slots = values.iter_mut().zip(row.values).filter(|(_, v)| is_present(**v));
            slots.for_each(|(slot, _)| *slot = ABSENT);
            Ok(())
        })?;
        self.emit_absent(arg, &mut values, sink)
    }

    pub(super) fn absent_over_time(
        &mut self,
        arg: &Expr,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        self.check_row(grid)?;
        let windows = self.range_windows(arg, grid)?;
        let mut values = vec![1.0; grid.count];
        self.range_rows(arg, grid, &mut |_, row| {
            windows.sweep(&row.columns.timestamps, |step, _| values[step] = ABSENT);
            Ok(())
        })?;
        self.emit_absent(arg, &mut values, sink)
    }

    fn emit_absent(
        &mut self,
        arg: &Expr,
        values: &mut [f64],
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        if !values.iter().any(|v| is_present(*v)) {
            return Ok(());
        }
        let labels = self.labels_asked_for(arg);
        sink(self, Row::floats(&labels, false, values))
    }

    /// The labels that a selector demands by exactly one `=` matcher, without the metric's name.
    fn labels_asked_for(&mut self, arg: &Expr) -> RowLabels {
        let selector = match &arg.kind {
            ExprKind::Selector(selector) | ExprKind::Range { selector, .. } => selector,
            _ => return RowLabels::new(),
        };
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        for matcher in &selector.matchers {
            let same = selector.matchers.iter().filter(|m| m.name() == matcher.name()).count();
            let named = matcher.name() == proto::labels::METRIC_NAME;
            let value = matcher.value();
            if matcher.op() == MatchOp::Equal && same == 1 && !named && !value.is_empty() {
                pairs.push((matcher.name(), value));
            }
        }
        pairs.sort_unstable();
        pairs.into_iter().map(|(name, value)| self.names.intern(name, value)).collect()
    }
}
