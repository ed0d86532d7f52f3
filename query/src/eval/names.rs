//! Names of metrics: dropped where a new metric is made, at once or at the end of the query. Series
//! that become equal by that are merged.

use super::{METADATA_LABELS, Matrix, Row, RowLabels, Run, SAME_LABELSET, Sink};
use crate::dictionary::{NameId, PairId};
use crate::error::QueryError;
use crate::functions::{Kind, Window};
use crate::syntax::{BinaryOp, Expr, ExprKind, Type};

impl Run<'_> {
    /// Whether the rows of this node may have equal labels, so that they must be merged.
    pub(super) fn may_collide(&self, expr: &Expr) -> bool {
        let drops_at_once = !self.plan.options.delayed_name_removal;
        match &expr.kind {
            ExprKind::Call { function, args } => match function.kind {
                Kind::LabelReplace | Kind::LabelJoin | Kind::HistogramQuantiles => true,
                Kind::Window(window) => {
                    drops_at_once
                        && !window.keeps_name()
                        && !has_one_name(&args[window.range_argument()])
                }
                Kind::Math(_)
                | Kind::Date(_)
                | Kind::Clamp
                | Kind::ClampMin
                | Kind::ClampMax
                | Kind::Round
                | Kind::Timestamp
                | Kind::StartTimestamp
                | Kind::HistogramNumber { .. } => {
                    drops_at_once && args.first().is_some_and(|arg| !has_one_name(arg))
                }
                Kind::HistogramQuantile | Kind::HistogramFraction => {
                    drops_at_once && args.last().is_some_and(|arg| !has_one_name(arg))
                }
                _ => false,
            },
            ExprKind::Unary { negative: true, expr } => drops_at_once && !has_one_name(expr),
            ExprKind::Binary { op: BinaryOp::Or, .. } => true,
            ExprKind::Binary { lhs, rhs, .. } => {
                let scalar = |side: &Expr| side.value_type() == Type::Scalar;
                drops_at_once
                    && ((scalar(lhs) && !has_one_name(rhs)) || (scalar(rhs) && !has_one_name(lhs)))
            }
            _ => false,
        }
    }

    /// The rows of an expression that [may collide](Self::may_collide), those of equal labels
    /// merged; an error where two have a value at one step. Functions of ranges that drop the name
    /// at once give no two equal rows at all, as in Prometheus.
    pub(super) fn settled(&mut self, expr: &Expr, matrix: Matrix) -> Result<Matrix, QueryError> {
        let is_window = matches!(&expr.kind, ExprKind::Call { function, .. }
            if matches!(function.kind, Kind::Window(_)));
        if is_window && matrix.has_equal_labels() {
            return Err(QueryError::execution(SAME_LABELSET));
        }
        self.merged(matrix)
    }

    /// Merges rows of equal labels; an error where two have a value at one step.
    fn merged(&mut self, matrix: Matrix) -> Result<Matrix, QueryError> {
        matrix.merge_equal_labels().map_err(|_| QueryError::execution(SAME_LABELSET))
    }

    /// Drops the names that were marked, at the end of the query.
    pub(super) fn drop_names(&mut self, matrix: Matrix) -> Result<Matrix, QueryError> {
        if !(0..matrix.len()).any(|index| matrix.drop_name(index)) {
            return self.merged(matrix);
        }
        let mut out = Matrix::new(matrix.steps());
        let mut matrix = matrix;
        for index in 0..matrix.len() {
            let row = matrix.row(index);
            if !row.drop_name {
                out.push(row);
                continue;
            }
            let labels = self.without_metadata(row.labels);
            out.push(Row { labels: &labels, drop_name: false, ..row });
        }
        self.merged(out)
    }

    /// Sends a row on whose metric is a new one: its name is dropped now or marked.
    pub(crate) fn emit_renamed(
        &mut self,
        row: Row<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        if self.plan.options.delayed_name_removal {
            return sink(self, Row { drop_name: true, ..row });
        }
        let labels = self.without_metadata(row.labels);
        sink(self, Row { labels: &labels, drop_name: false, ..row })
    }

    /// Labels without name, type and unit of the metric.
    pub(crate) fn without_metadata(&self, labels: &[PairId]) -> RowLabels {
        let kept = labels.iter().copied();
        kept.filter(|pair| !self.is_metadata(self.names.name_of(*pair))).collect()
    }

    /// Whether a label is about the metric and not the series.
    pub(crate) fn is_metadata(&self, name: NameId) -> bool {
        self.metadata.contains(&name)
    }

    /// The metric's name of a row, or "".
    pub(crate) fn metric_name(&self, labels: &[PairId]) -> &str {
        self.names.value_of(labels, self.metadata[0])
    }
}

/// Whether all series of an expression have one metric name, so that dropping it joins none.
fn has_one_name(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Selector(selector) | ExprKind::Range { selector, .. } => {
            selector.metric_name().is_some()
        }
        ExprKind::Paren(expr) | ExprKind::Unary { expr, .. } | ExprKind::Subquery { expr, .. } => {
            has_one_name(expr)
        }
        ExprKind::Aggregate { labels, without, op, .. } => {
            let kept = !without && labels.iter().any(|l| METADATA_LABELS.contains(&l.as_str()));
            !kept && op.param_type() != Some(Type::Scalar)
        }
        ExprKind::Call { function, args } => match function.kind {
            Kind::Window(Window::Quantile) => has_one_name(&args[1]),
            Kind::Window(_) | Kind::Math(_) | Kind::Clamp | Kind::Round => {
                args.first().is_some_and(has_one_name)
            }
            _ => false,
        },
        _ => false,
    }
}
