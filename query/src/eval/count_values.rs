//! count_values: a series for each value of a group.

use super::aggregate::Aggregation;
use super::groups::{Groups, Keying};
use super::histogram::spelled;
use super::labels::with_label;
use super::{Matrix, Run, Sink, is_present};
use crate::error::QueryError;
use crate::numbers::go_float;
use crate::plan::Grid;

impl Run<'_> {
    pub(super) fn count_values(
        &mut self,
        aggregation: Aggregation<'_>,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let label = match aggregation.param {
            Some(param) => self.bytes(param)?,
            None => &[],
        };
        let label = std::str::from_utf8(label).ok().filter(|label| !label.is_empty());
        let Some(label) = label else {
            let bytes = aggregation.param.map_or(Ok(&[][..]), |param| self.bytes(param))?;
            let name = crate::syntax::quote(bytes);
            return Err(QueryError::execution(format!("invalid label name {name}")));
        };
        let name = self.names.intern_name(label);
        let keying = Keying::grouping(self, aggregation.labels, aggregation.without);
        let mut groups = Groups::default();
        let mut out = Matrix::new(grid.count);
        self.stream(aggregation.expr, grid, &mut |run, row| {
            let base = keying.key(run, row.labels);
            for (step, value) in row.values.iter().enumerate().filter(|(_, v)| is_present(**v)) {
                let text = match row.histograms.get(step) {
                    Some(histogram) => spelled(histogram),
                    None => go_float(*value),
                };
                let pair = run.names.intern_value(name, &text);
                let key = with_label(run, &base, name, Some(pair));
                let (group, new) = groups.number(key);
                if new {
                    run.charge(grid.count)?;
                    out.push_empty(groups.labels.get(group), row.drop_name);
                }
                let slot = &mut out.values_mut(group)[step];
                *slot = if is_present(*slot) { *slot + 1.0 } else { 1.0 };
            }
            Ok(())
        })?;
        self.forward(out, sink)
    }
}
