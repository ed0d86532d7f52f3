//! A tree as a query on one line, as Prometheus prints it.

use std::fmt::{self, Display, Formatter, Write};

use proto::labels::METRIC_NAME;
use proto::{MatchOp, Matcher};

use super::ast::{At, Cardinality, Expr, ExprKind, Matching, Selector, TimeShift};
use super::duration_expr::DurationExpr;
use super::durations::duration_text;
use super::literals::quote;
use super::operators::BinaryOp;
use crate::numbers::go_float;

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Number { value, duration: true } => f.write_str(&seconds_text(*value)),
            ExprKind::Number { value, .. } => f.write_str(&go_float(*value)),
            ExprKind::String(bytes) => f.write_str(&quote(bytes)),
            ExprKind::Selector(selector) => selector_text(f, selector, None),
            ExprKind::Range { selector, range_ms, range } => {
                selector_text(f, selector, Some(&width(*range_ms, range.as_deref())))
            }
            ExprKind::Subquery { expr, .. } => write!(f, "{expr}{}", suffix(self)),
            ExprKind::Paren(inner) => write!(f, "({inner})"),
            ExprKind::Unary { negative, expr } => {
                write!(f, "{}{expr}", if *negative { "-" } else { "+" })
            }
            ExprKind::Binary { op, lhs, rhs, .. } => match unsigned(*op, lhs) {
                Some(lhs) => write!(f, "{lhs} {} {rhs}", head(self)),
                None => write!(f, "{lhs} {} {rhs}", head(self)),
            },
            ExprKind::Aggregate { expr, param, .. } => {
                write!(f, "{}(", head(self))?;
                if let Some(param) = param {
                    write!(f, "{param}, ")?;
                }
                write!(f, "{expr})")
            }
            ExprKind::Call { args, .. } => {
                write!(f, "{}(", head(self))?;
                separated(f, args, ", ")?;
                f.write_char(')')
            }
        }
    }
}

/// What stands before the arguments of a call or aggregation, or between the operands of an
/// operator: the name or symbol with its modifiers.
pub(super) fn head(expr: &Expr) -> String {
    match &expr.kind {
        ExprKind::Binary { op, returns_bool, matching, .. } => {
            let returns_bool = if *returns_bool { " bool" } else { "" };
            format!("{op}{returns_bool}{}", matching_text(matching))
        }
        ExprKind::Aggregate { op, labels, without, .. } => match (without, labels.is_empty()) {
            (true, _) => format!("{} without ({}) ", op.name(), names(labels)),
            (false, false) => format!("{} by ({}) ", op.name(), names(labels)),
            (false, true) => op.name().to_owned(),
        },
        ExprKind::Call { function, .. } => function.name.to_owned(),
        _ => String::new(),
    }
}

/// How the left operand of an operator must be written so that a sign does not take the operator
/// along: `+Inf ^ 2` would be a sign before a power.
pub(super) fn unsigned(op: BinaryOp, lhs: &Expr) -> Option<&'static str> {
    let infinite = matches!(lhs.kind, ExprKind::Number { value: f64::INFINITY, .. });
    (op == BinaryOp::Pow && infinite).then_some("Inf")
}

/// `[range:step] @ at offset x` of a subquery.
pub(super) fn suffix(expr: &Expr) -> String {
    let ExprKind::Subquery { range_ms, step_ms, range, step, shift, .. } = &expr.kind else {
        return String::new();
    };
    let step = step_ms.map_or(String::new(), |ms| width(ms, step.as_deref()));
    let range = width(*range_ms, range.as_deref());
    format!("[{range}:{step}]{}{}", at_text(shift), offset_text(shift))
}

fn separated<T: Display>(f: &mut Formatter<'_>, items: &[T], separator: &str) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}

fn selector_text(f: &mut Formatter<'_>, selector: &Selector, range: Option<&str>) -> fmt::Result {
    f.write_str(selector.name.as_deref().unwrap_or(""))?;
    let shown = |matcher: &&Matcher| {
        let named = matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal;
        !(named && selector.name.as_deref() == Some(matcher.value()))
    };
    let mut matchers: Vec<String> =
        selector.matchers.iter().filter(shown).map(matcher_text).collect();
    if !matchers.is_empty() || selector.name.is_none() {
        matchers.sort();
        write!(f, "{{{}}}", matchers.join(","))?;
    }
    let extension = selector.extension.map_or(String::new(), |kind| format!(" {kind}"));
    let at = at_text(&selector.shift);
    match range {
        Some(range) => write!(f, "[{range}]{extension}{at}")?,
        None => write!(f, "{at}{extension}")?,
    }
    f.write_str(&offset_text(&selector.shift))
}

fn matcher_text(matcher: &Matcher) -> String {
    let value = quote(matcher.value().as_bytes());
    format!("{}{}{value}", label_name(matcher.name()), matcher.op())
}

/// A label's name, quoted unless it is a plain one.
fn label_name(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let starts_plain = !name.starts_with(|c: char| c.is_ascii_digit()) && !name.is_empty();
    match starts_plain && name.chars().all(plain) {
        true => name.to_owned(),
        false => quote(name.as_bytes()),
    }
}

fn names(labels: &[String]) -> String {
    labels.iter().map(|name| label_name(name)).collect::<Vec<_>>().join(", ")
}

fn matching_text(matching: &Matching) -> String {
    let mut out = String::new();
    let grouped = matching.cardinality != Cardinality::OneToOne;
    if matching.on || !matching.labels.is_empty() || grouped {
        let keyword = if matching.on { "on" } else { "ignoring" };
        out.push_str(&format!(" {keyword} ({})", names(&matching.labels)));
    }
    if grouped {
        let left = matching.cardinality == Cardinality::ManyToOne;
        let side = if left { "left" } else { "right" };
        out.push_str(&format!(" group_{side} ({})", names(&matching.include)));
    }
    match (matching.fill_left, matching.fill_right) {
        (Some(left), Some(right)) if left == right => {
            out.push_str(&format!(" fill ({})", go_float(left)));
        }
        (left, right) => {
            for (side, value) in [("left", left), ("right", right)] {
                if let Some(value) = value {
                    out.push_str(&format!(" fill_{side} ({})", go_float(value)));
                }
            }
        }
    }
    out
}

fn at_text(shift: &TimeShift) -> String {
    match shift.at {
        None => String::new(),
        Some(At::Start) => " @ start()".to_owned(),
        Some(At::End) => " @ end()".to_owned(),
        Some(At::Timestamp(ms)) => {
            let sign = if ms < 0 { "-" } else { "" };
            let ms = ms.unsigned_abs();
            format!(" @ {sign}{}.{:03}", ms / 1000, ms % 1000)
        }
    }
}

fn offset_text(shift: &TimeShift) -> String {
    match &shift.offset {
        Some(offset) => format!(" offset {offset}"),
        None if shift.offset_ms == 0 => String::new(),
        None => format!(" offset {}", duration_text(shift.offset_ms)),
    }
}

fn width(ms: i64, expr: Option<&DurationExpr>) -> String {
    expr.map_or_else(|| duration_text(ms), DurationExpr::to_string)
}

fn seconds_text(seconds: f64) -> String {
    let sign = if seconds.is_sign_negative() { "-" } else { "" };
    format!("{sign}{}", duration_text((seconds.abs() * 1000.0).round() as i64))
}

impl Display for DurationExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            DurationExpr::Number { seconds, duration: true } => {
                f.write_str(&seconds_text(*seconds))
            }
            DurationExpr::Number { seconds, .. } => f.write_str(&go_float(*seconds)),
            DurationExpr::Step => f.write_str("step()"),
            DurationExpr::Range => f.write_str("range()"),
            DurationExpr::Paren(inner) => write!(f, "({inner})"),
            DurationExpr::Negative(inner) => write!(f, "-{inner}"),
            DurationExpr::Binary(op, a, b) if op.is_function() => {
                write!(f, "{}({a}, {b})", op.name())
            }
            DurationExpr::Binary(op, a, b) => write!(f, "{a} {} {b}", op.name()),
        }
    }
}
