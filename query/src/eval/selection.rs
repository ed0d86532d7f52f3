//! Aggregations that look at all values of a group: limitk, limit_ratio and quantile; topk and
//! bottomk are in `topk`.

use super::aggregate::Aggregation;
use super::groups::{Groups, Keying};
use super::kernels::quantile;
use super::{ABSENT, Matrix, Row, Run, Scalar, Sink, is_present};
use crate::annotations::Note;
use crate::error::QueryError;
use crate::numbers::{go_float, go_general};
use crate::plan::Grid;
use crate::syntax::AggregateOp;

impl Run<'_> {
    pub(super) fn select_rows(
        &mut self,
        aggregation: Aggregation<'_>,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        if aggregation.op == AggregateOp::CountValues {
            return self.count_values(aggregation, grid, sink);
        }
        let param = match aggregation.param {
            Some(param) => self.scalar(param, grid)?,
            None => return Err(QueryError::execution("the aggregation lacks its parameter")),
        };
        check_param(aggregation.op, &param, grid)?;
        if matches!(aggregation.op, AggregateOp::Topk | AggregateOp::Bottomk) {
            return self.top_rows(&aggregation, &param, grid, sink);
        }
        let mut matrix = Matrix::new(grid.count);
        self.stream_ranked(&aggregation, grid, &mut |run, row| run.keep(&mut matrix, row))?;
        let keying = Keying::grouping(self, aggregation.labels, aggregation.without);
        let mut groups = Groups::default();
        let mut members: Vec<Vec<usize>> = Vec::new();
        for index in 0..matrix.len() {
            let (group, new) = groups.number(keying.key(self, matrix.labels(index)));
            if new {
                members.push(Vec::new());
            }
            members[group].push(index);
        }
        if aggregation.op != AggregateOp::Quantile {
            return self.limited(aggregation, matrix, &members, &param, sink);
        }
        self.warn_quantile(&aggregation, &param, grid, matrix.len());
        self.quantiles(&matrix, &groups, &members, &param, sink)?;
        self.release(&matrix);
        Ok(())
    }

    /// Streams the rows of an aggregation; without histograms where only floats have a rank.
    pub(super) fn stream_ranked(
        &mut self,
        aggregation: &Aggregation<'_>,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let (op, mut ignored) = (aggregation.op, false);
        let any_kind = matches!(op, AggregateOp::Limitk | AggregateOp::LimitRatio);
        self.stream(aggregation.expr, grid, &mut |run, mut row| {
            if !any_kind && row.remove_histograms() {
                ignored = true;
                if row.is_absent() {
                    return Ok(());
                }
            }
            sink(run, row)
        })?;
        if ignored {
            let is_quantile = op == AggregateOp::Quantile;
            let at = if is_quantile { aggregation.expr.span.start } else { aggregation.at };
            self.notes.note(&self.plan.query, at, Note::IgnoredInAggregation(op.name()), "");
        }
        Ok(())
    }

    fn warn_quantile(
        &mut self,
        aggregation: &Aggregation<'_>,
        param: &Scalar,
        grid: Grid,
        series: usize,
    ) {
        let at = aggregation.param.map_or(0, |param| param.span.start);
        let steps = if series == 0 { 0 } else { grid.count };
        self.warn_bad_quantiles(at, (0..steps).map(|step| param.at(step)));
    }

    /// Warns of each quantile outside of 0 to 1.
    pub(super) fn warn_bad_quantiles(&mut self, at: usize, values: impl Iterator<Item = f64>) {
        let mut last = 0.0;
        for q in values.filter(|q| !(0.0..=1.0).contains(q)) {
            if q == last {
                continue;
            }
            last = q;
            let text = format!("quantile value should be between 0 and 1, got {}", go_general(q));
            self.notes.warn(&self.plan.query, at, &text);
        }
    }

    fn quantiles(
        &mut self,
        matrix: &Matrix,
        groups: &Groups,
        members: &[Vec<usize>],
        param: &Scalar,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let mut row = vec![ABSENT; matrix.steps()];
        let mut values = Vec::new();
        for (group, members) in members.iter().enumerate() {
            self.check_cancel()?;
            for (step, out) in row.iter_mut().enumerate() {
                values.clear();
                values
                    .extend(members.iter().map(|m| matrix.at(*m, step)).filter(|v| is_present(*v)));
                *out =
                    if values.is_empty() { ABSENT } else { quantile(param.at(step), &mut values) };
            }
            let drop_name = members.iter().any(|m| matrix.drop_name(*m));
            sink(self, Row::floats(groups.labels.get(group), drop_name, &mut row))?;
        }
        Ok(())
    }

    /// limitk and limit_ratio: a part of the series, the same at each step as far as possible.
    fn limited(
        &mut self,
        aggregation: Aggregation<'_>,
        mut matrix: Matrix,
        members: &[Vec<usize>],
        param: &Scalar,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let by_ratio = aggregation.op == AggregateOp::LimitRatio;
        let at = aggregation.param.map_or(0, |param| param.span.start);
        for members in members {
            for step in 0..matrix.steps() {
                let value = param.at(step);
                let ratio = if by_ratio { self.capped_ratio(value, at) } else { value };
                let mut taken = 0;
                for member in members {
                    let present = is_present(matrix.at(*member, step));
                    let keep = match by_ratio {
                        true => in_ratio(ratio, self.position(matrix.labels(*member))),
                        false => taken < count_of(value),
                    };
                    taken += usize::from(present);
                    if !keep {
                        matrix.values_mut(*member)[step] = ABSENT;
                    }
                }
            }
        }
        self.forward(matrix, sink)
    }

    fn capped_ratio(&mut self, ratio: f64, at: usize) -> f64 {
        let capped = ratio.clamp(-1.0, 1.0);
        if capped != ratio {
            let text = format!(
                "ratio value should be between -1 and 1, got {}, capping to {}",
                go_general(ratio),
                go_general(capped)
            );
            self.notes.warn(&self.plan.query, at, &text);
        }
        capped
    }

    /// A fixed place in 0 to 1 for a label set, evenly spread.
    fn position(&self, labels: &[crate::dictionary::PairId]) -> f64 {
        use std::hash::{BuildHasher, Hash, Hasher};
        let mut hasher = proto::maps::FixedHasher::default().build_hasher();
        for pair in labels {
            self.names.pair(*pair).hash(&mut hasher);
        }
        hasher.finish() as f64 / u64::MAX as f64
    }
}

/// Prometheus' texts for parameters that are no number of series.
fn check_param(op: AggregateOp, param: &Scalar, grid: Grid) -> Result<(), QueryError> {
    if op == AggregateOp::Quantile {
        return Ok(());
    }
    for step in 0..grid.count {
        let value = param.at(step);
        if value.is_nan() {
            let what = if op == AggregateOp::LimitRatio { "Ratio" } else { "Parameter" };
            return Err(QueryError::execution(format!("{what} value is NaN")));
        }
        if op != AggregateOp::LimitRatio && value >= i64::MAX as f64 {
            let text = format!("Scalar value {} overflows int64", go_float(value));
            return Err(QueryError::execution(text));
        }
        if op != AggregateOp::LimitRatio && value <= i64::MIN as f64 {
            let text = format!("Scalar value {} underflows int64", go_float(value));
            return Err(QueryError::execution(text));
        }
    }
    Ok(())
}

pub(super) fn count_of(value: f64) -> usize {
    if value >= 1.0 { value as usize } else { 0 }
}

/// Whether a place lies in the part that a ratio takes: from below, or, negative, from above.
fn in_ratio(ratio: f64, position: f64) -> bool {
    (ratio >= 0.0 && position < ratio) || (ratio < 0.0 && position >= 1.0 + ratio)
}
