//! How an instant case is asked again: with `@ <its time>` on every selector, at other times, the
//! answer must be the same.

use query::syntax::{At, Expr, ExprKind, TimeShift, parse};

/// Functions whose value depends on the time of evaluation though their arguments do not.
const DEPEND_ON_TIME: [&str; 15] = [
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "days_in_month",
    "end",
    "hour",
    "minute",
    "month",
    "predict_linear",
    "range",
    "start",
    "step",
    "time",
    "timestamp",
    "year",
];

/// Queries with their times that must have the same answer as `query` at `at_ms`, itself first.
pub fn variants(query: &str, at_ms: i64) -> Vec<(String, i64)> {
    let mut all = vec![(query.to_owned(), at_ms)];
    let Ok(mut expr) = parse(query) else { return all };
    if !pin(&mut expr, at_ms) {
        return all;
    }
    let times = match at_ms {
        0 => vec![-1000, 0, 1000],
        t => vec![-10 * t, 0, t / 5, t, 10 * t],
    };
    let pinned = expr.to_string();
    all.extend(times.into_iter().map(|time| (pinned.clone(), time)));
    all
}

/// Puts `@` on all selectors that have no fixed time; false if a function stands in the way. What
/// is inside of a subquery stays as it is, for the subquery itself has a fixed time then.
fn pin(expr: &mut Expr, at_ms: i64) -> bool {
    match &mut expr.kind {
        ExprKind::Selector(selector) | ExprKind::Range { selector, .. } => {
            pin_shift(&mut selector.shift, at_ms);
            true
        }
        ExprKind::Subquery { shift, .. } => {
            pin_shift(shift, at_ms);
            true
        }
        ExprKind::Call { function, .. } if DEPEND_ON_TIME.contains(&function.name) => false,
        _ => expr.children_mut().all(|child| pin(child, at_ms)),
    }
}

fn pin_shift(shift: &mut TimeShift, at_ms: i64) {
    if !matches!(shift.at, Some(At::Timestamp(_))) {
        shift.at = Some(At::Timestamp(at_ms));
    }
}
