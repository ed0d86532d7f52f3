//! A tree as a query over several lines, as Prometheus' format_query prints it: what is longer
//! than a line is split at its operators and arguments.

use super::ast::{Expr, ExprKind};
use super::printer::{head, suffix, unsigned};

/// Longest text that stays on one line.
const LINE_BYTES_MAX: usize = 100;

/// The query with one level of indentation for each level of nesting that is split.
pub fn pretty(expr: &Expr) -> String {
    lines(expr, 0)
}

fn indent(level: usize) -> String {
    "  ".repeat(level)
}

fn lines(expr: &Expr, level: usize) -> String {
    let (text, margin) = (expr.to_string(), indent(level));
    if let ExprKind::Unary { negative, expr } = &expr.kind {
        let sign = if *negative { "-" } else { "+" };
        return format!("{margin}{sign}{}", lines(expr, level).trim());
    }
    if text.len() <= LINE_BYTES_MAX {
        return format!("{margin}{text}");
    }
    match &expr.kind {
        ExprKind::Paren(inner) => format!("{margin}(\n{}\n{margin})", lines(inner, level + 1)),
        ExprKind::Subquery { expr: inner, .. } => {
            format!("{}{}", lines(inner, level), suffix(expr))
        }
        ExprKind::Binary { op, lhs, rhs, .. } => {
            let lhs = match unsigned(*op, lhs) {
                Some(lhs) => format!("{}{lhs}", indent(level + 1)),
                None => lines(lhs, level + 1),
            };
            format!("{lhs}\n{margin}{}\n{}", head(expr), lines(rhs, level + 1))
        }
        ExprKind::Aggregate { expr: inner, param, .. } => {
            let args = param.iter().map(AsRef::as_ref).chain([inner.as_ref()]);
            format!("{margin}{}(\n{}\n{margin})", head(expr), joined(args, level + 1))
        }
        ExprKind::Call { args, .. } => {
            format!("{margin}{}(\n{}\n{margin})", head(expr), joined(args.iter(), level + 1))
        }
        _ => format!("{margin}{text}"),
    }
}

fn joined<'e>(args: impl Iterator<Item = &'e Expr>, level: usize) -> String {
    args.map(|arg| lines(arg, level)).collect::<Vec<_>>().join(",\n")
}
