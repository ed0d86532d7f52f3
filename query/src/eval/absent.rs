//! absent and absent_over_time.

use std::collections::BTreeMap;

use proto::{MatchOp, Matcher};

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
            let slots = values.iter_mut().zip(&*row.values).filter(|(_, v)| is_present(**v));
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

    /// The labels that a selector demands: of each name the first `=` matcher, unless another
    /// matcher of that name follows. As Prometheus does, which reads the matchers in their order.
    fn labels_asked_for(&mut self, arg: &Expr) -> RowLabels {
        let selector = match &arg.kind {
            ExprKind::Selector(selector) | ExprKind::Range { selector, .. } => selector,
            _ => return RowLabels::new(),
        };
        let mut asked: BTreeMap<&str, &str> = BTreeMap::new();
        let named = |matcher: &&Matcher| matcher.name() != proto::labels::METRIC_NAME;
        for matcher in selector.matchers.iter().filter(named) {
            let is_first = !asked.contains_key(matcher.name());
            match (matcher.op(), is_first) {
                (MatchOp::Equal, true) => drop(asked.insert(matcher.name(), matcher.value())),
                // An empty value stands for none, also for the `=` matchers that follow.
                (_, false) => drop(asked.insert(matcher.name(), "")),
                (_, true) => {}
            }
        }
        let pairs = asked.into_iter().filter(|(_, value)| !value.is_empty());
        pairs.map(|(name, value)| self.names.intern(name, value)).collect()
    }
}
