//! info() in a plan: its second argument becomes the selector of the info series, with a name and
//! with the time shift of what is to be enriched.

use std::sync::LazyLock;

use proto::labels::METRIC_NAME;
use proto::{MatchOp, Matcher};

use crate::functions::Kind;
use crate::syntax::{At, Expr, ExprKind, Selector, Span, TimeShift};

/// The info metric that is taken where none is asked for.
const TARGET_INFO: &str = "target_info";

/// What the name of an info metric ends in; compiled once for all queries.
static ANY_INFO: LazyLock<Matcher> = LazyLock::new(|| {
    let any = Matcher::new(METRIC_NAME, MatchOp::Regex, ".+_info");
    any.expect("the pattern is valid")
});

/// Completes all calls of info() in a tree whose durations are resolved.
pub(super) fn complete(expr: &mut Expr) {
    let mut next_id = next_selector_id(expr);
    complete_below(expr, &mut next_id);
}

fn next_selector_id(expr: &Expr) -> usize {
    let own = match &expr.kind {
        ExprKind::Selector(selector) | ExprKind::Range { selector, .. } => selector.id + 1,
        _ => 0,
    };
    expr.children().map(next_selector_id).max().unwrap_or(0).max(own)
}

fn complete_below(expr: &mut Expr, next_id: &mut usize) {
    expr.children_mut().for_each(|child| complete_below(child, next_id));
    if let ExprKind::Call { function, args } = &mut expr.kind
        && matches!(function.kind, Kind::Info)
    {
        let (at, offset_ms) = reference(&args[0]).unwrap_or_default();
        let shift = TimeShift { at, offset_ms, offset: None };
        let (id, matchers, span) = match args.get(1).map(|arg| (&arg.kind, arg.span)) {
            Some((ExprKind::Selector(asked), span)) => (asked.id, effective(&asked.matchers), span),
            _ => {
                *next_id += 1;
                (*next_id - 1, effective(&[]), expr.span)
            }
        };
        args.truncate(1);
        args.push(info_selector(id, matchers, shift, span));
    }
    expr.refresh();
}

fn info_selector(id: usize, matchers: Vec<Matcher>, shift: TimeShift, span: Span) -> Expr {
    let selector = Selector { id, name: None, matchers, shift, extension: None };
    Expr::new(ExprKind::Selector(selector), span)
}

/// The matchers with what the name must be: as they say, else what ends in `_info`; without any
/// word on the name `target_info`.
fn effective(matchers: &[Matcher]) -> Vec<Matcher> {
    let mut out = matchers.to_vec();
    let mut names = matchers.iter().filter(|m| m.name() == METRIC_NAME).peekable();
    if names.peek().is_none() {
        out.push(Matcher::equal(METRIC_NAME, TARGET_INFO));
    } else if names.all(Matcher::is_negative) {
        out.push(ANY_INFO.clone());
    }
    out
}

/// `@` and offset of the first selector: its own `@`, or that of the innermost subquery around it
/// with one; offsets add up until there.
fn reference(expr: &Expr) -> Option<(Option<At>, i64)> {
    match &expr.kind {
        ExprKind::Selector(selector) | ExprKind::Range { selector, .. } => {
            Some((selector.shift.at, selector.shift.offset_ms))
        }
        ExprKind::Subquery { expr, shift, .. } => {
            let (at, offset_ms) = reference(expr)?;
            match at {
                Some(_) => Some((at, offset_ms)),
                None => Some((shift.at, offset_ms.saturating_add(shift.offset_ms))),
            }
        }
        ExprKind::Aggregate { expr, param, .. } => {
            reference(expr).or_else(|| param.as_deref().and_then(reference))
        }
        _ => expr.children().find_map(reference),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(query: &str) -> String {
        let mut expr = crate::syntax::parse(query).unwrap();
        complete(&mut expr);
        expr.to_string()
    }

    #[test]
    fn the_second_argument_is_the_info_series() {
        for (query, wanted) in [
            ("info(a)", "info(a, {__name__=\"target_info\"})"),
            (
                "info(a @ 5 offset 1m, {b=\"c\"})",
                "info(a @ 5.000 offset 1m, {__name__=\"target_info\",b=\"c\"} @ 5.000 offset 1m)",
            ),
            ("info(a, {__name__!=\"b\"})", "info(a, {__name__!=\"b\",__name__=~\".+_info\"})"),
            ("info(a, {__name__=\"b\"})", "info(a, {__name__=\"b\"})"),
        ] {
            assert_eq!(completed(query), wanted);
        }
        assert_eq!(
            completed("info(sum_over_time((a offset 1s + b @ 7)[5m:] offset 2s))"),
            "info(sum_over_time((a offset 1s + b @ 7.000)[5m:] offset 2s), \
             {__name__=\"target_info\"} offset 3s)"
        );
    }

    #[test]
    fn what_is_fixed_in_time_stays_so() {
        for (query, invariant) in [("info(a @ 5)", true), ("info(a)", false)] {
            let mut expr = crate::syntax::parse(query).unwrap();
            complete(&mut expr);
            assert_eq!(expr.invariant, invariant, "{query}");
        }
    }
}
