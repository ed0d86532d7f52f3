//! Which selectors need no buckets of native histograms, only their counts and sums.

use std::collections::BTreeSet;

use crate::functions::Kind;
use crate::syntax::{Expr, ExprKind};

/// Ids of the selectors below functions of count and sum, unless buckets matter on the way up:
/// for quantiles, for trims, and in subqueries, whose resets are looked for among their results.
pub(super) fn of_statistics(expr: &Expr) -> BTreeSet<usize> {
    let mut ids = BTreeSet::new();
    collect(expr, false, &mut ids);
    ids
}

fn collect(expr: &Expr, wanted: bool, ids: &mut BTreeSet<usize>) {
    let wanted = match &expr.kind {
        ExprKind::Selector(selector) | ExprKind::Range { selector, .. } => {
            if wanted {
                ids.insert(selector.id);
            }
            return;
        }
        ExprKind::Subquery { .. } => return,
        ExprKind::Binary { op, .. } if op.is_trim() => return,
        ExprKind::Call { function, .. } => match function.kind {
            Kind::HistogramQuantile | Kind::HistogramQuantiles | Kind::HistogramFraction => return,
            Kind::HistogramNumber { statistics_only, .. } => wanted || statistics_only,
            _ => wanted,
        },
        _ => wanted,
    };
    expr.children().for_each(|child| collect(child, wanted, ids));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::parse;

    #[test]
    fn buckets_are_left_out_where_none_looks_at_them() {
        let count = |query: &str| of_statistics(&parse(query).unwrap()).len();
        assert_eq!(count("histogram_count(sum(rate(x[5m])))"), 1);
        assert_eq!(count("histogram_sum(x) / histogram_count(y)"), 2);
        assert_eq!(count("histogram_stddev(x) + x"), 0);
        assert_eq!(count("histogram_quantile(0.9, histogram_count(x))"), 0);
        assert_eq!(count("histogram_count(x </ 1)"), 0);
        assert_eq!(count("histogram_count(rate(x[5m:1m]))"), 0);
    }
}
