//! Type check of a tree, with Prometheus' texts. It comes after the syntax: a query with errors of
//! both kinds is refused for its syntax.

use std::collections::BTreeSet;

use proto::labels::METRIC_NAME;

use super::ParseError;
use super::ast::{Cardinality, Expr, ExprKind, Matching, Selector, Type};
use super::operators::{AggregateOp, BinaryOp};
use crate::functions::{Function, Kind};

type Checked = Result<(), ParseError>;

/// Checks `expr` and all below it.
pub(super) fn check(query: &str, expr: &Expr) -> Checked {
    let checker = Checker { query };
    checker.check(expr)
}

struct Checker<'q> {
    query: &'q str,
}

impl Checker<'_> {
    fn error(&self, at: usize, message: impl Into<String>) -> Checked {
        Err(ParseError::new(self.query, at, message))
    }

    fn check(&self, expr: &Expr) -> Checked {
        match &expr.kind {
            ExprKind::Call { function, args } => return self.call(expr, function, args),
            ExprKind::Selector(selector) | ExprKind::Range { selector, .. } => {
                return self.selector(expr, selector, true);
            }
            _ => expr.children().try_for_each(|child| self.check(child))?,
        }
        match &expr.kind {
            ExprKind::Unary { expr: inner, .. } => self.unary(expr, inner),
            ExprKind::Binary { op, lhs, rhs, returns_bool, matching } => {
                self.binary(expr, *op, (lhs, rhs), *returns_bool, matching)
            }
            ExprKind::Aggregate { op, expr: inner, param, .. } => {
                self.aggregate(*op, inner, param.as_deref())
            }
            ExprKind::Subquery { expr: inner, .. } => match inner.value_type() {
                Type::Vector => Ok(()),
                found => {
                    let found = found.name();
                    let message =
                        format!("subquery is only allowed on instant vector, got {found} instead");
                    self.error(expr.span.start, message)
                }
            },
            _ => Ok(()),
        }
    }

    fn unary(&self, expr: &Expr, inner: &Expr) -> Checked {
        match inner.value_type() {
            Type::Scalar | Type::Vector => Ok(()),
            found => self.error(
                expr.span.start,
                format!(
                    "unary expression only allowed on expressions of type scalar or instant \
                     vector, got {:?}",
                    found.to_string()
                ),
            ),
        }
    }

    /// A selector of all series is refused, as it may be a typo; an argument of info() may be one.
    fn selector(&self, expr: &Expr, selector: &Selector, must_select: bool) -> Checked {
        let Some(name) = &selector.name else {
            let all = selector.matchers.iter().all(|matcher| matcher.matches_empty());
            return match all && must_select {
                true => self.error(
                    expr.span.start,
                    "vector selector must contain at least one non-empty matcher",
                ),
                false => Ok(()),
            };
        };
        // The last matcher is that of the name itself.
        let others = &selector.matchers[..selector.matchers.len() - 1];
        match others.iter().find(|matcher| matcher.name() == METRIC_NAME) {
            Some(twice) => {
                let other = twice.value();
                let message = format!("metric name must not be set twice: {name:?} or {other:?}");
                self.error(expr.span.start, message)
            }
            None => Ok(()),
        }
    }

    fn binary(
        &self,
        expr: &Expr,
        op: BinaryOp,
        (lhs, rhs): (&Expr, &Expr),
        returns_bool: bool,
        matching: &Matching,
    ) -> Checked {
        let types = (lhs.value_type(), rhs.value_type());
        let scalars = types == (Type::Scalar, Type::Scalar);
        let operator_at = self.operator_after(lhs);
        if returns_bool && !op.is_comparison() {
            let message = "bool modifier can only be used on comparison operators";
            return self.error(operator_at, message);
        }
        if op.is_comparison() && !returns_bool && scalars {
            let message = "comparisons between scalars must use BOOL modifier";
            return self.error(operator_at, message);
        }
        if let Some(name) = on_and_include(matching) {
            let message = format!("label {name:?} must not occur in ON and GROUP clause at once");
            return self.error(operator_at, message);
        }
        for side in [lhs, rhs] {
            if !matches!(side.value_type(), Type::Scalar | Type::Vector) {
                let message = "binary expression must contain only scalar and instant vector types";
                return self.error(side.span.start, message);
            }
        }
        match modifiers(op, types, matching) {
            Some(message) => self.error(expr.span.start, message),
            None => Ok(()),
        }
    }

    /// Where the operator behind this operand stands.
    fn operator_after(&self, lhs: &Expr) -> usize {
        let rest = &self.query[lhs.span.end..];
        lhs.span.end + (rest.len() - rest.trim_start().len())
    }

    fn aggregate(&self, op: AggregateOp, inner: &Expr, param: Option<&Expr>) -> Checked {
        self.expect_type(inner, Type::Vector, "aggregation expression")?;
        match (op.param_type(), param) {
            (Some(wanted), Some(param)) => self.expect_type(param, wanted, "aggregation parameter"),
            _ => Ok(()),
        }
    }

    fn call(&self, expr: &Expr, function: &Function, args: &[Expr]) -> Checked {
        let name = function.name;
        let (least, most) = function.argument_counts();
        let wrong = |words: &str, count: usize| {
            let message = format!(
                "expected {words}{count} argument(s) in call to {name:?}, got {}",
                args.len()
            );
            self.error(expr.span.start, message)
        };
        match most {
            Some(most) if least == most && args.len() != least => return wrong("", least),
            _ if args.len() < least => return wrong("at least ", least),
            Some(most) if args.len() > most => return wrong("at most ", most),
            _ => {}
        }
        let labels_only = matches!(function.kind, Kind::Info);
        for (i, arg) in args.iter().enumerate() {
            if labels_only && i == 1 {
                self.label_selector(expr, arg)?;
            } else {
                self.check(arg)?;
            }
            let wanted = function.argument_type(i);
            self.expect_type(arg, wanted, &format!("call to function {name:?}"))?;
        }
        Ok(())
    }

    /// The second argument of info() is a selector without a name.
    fn label_selector(&self, call: &Expr, arg: &Expr) -> Checked {
        if arg.value_type() != Type::Vector {
            let found = arg.value_type();
            let message =
                format!("expected type instant vector in call to function \"info\", got {found}");
            return self.error(call.span.start, message);
        }
        let message = match &arg.kind {
            ExprKind::Selector(selector) if selector.name.is_none() => {
                return self.selector(arg, selector, false);
            }
            ExprKind::Selector(_) => "expected label selectors only, got vector selector instead",
            _ => "expected label selectors only",
        };
        self.error(arg.span.start, message)
    }

    fn expect_type(&self, arg: &Expr, wanted: Type, place: &str) -> Checked {
        let found = arg.value_type();
        if found == wanted {
            return Ok(());
        }
        let message = format!("expected type {wanted} in {place}, got {found}");
        self.error(arg.span.start, message)
    }
}

/// The first label that stands in both `on` and `group_left` or `group_right`.
fn on_and_include(matching: &Matching) -> Option<&String> {
    if !matching.on {
        return None;
    }
    let include: BTreeSet<&String> = matching.include.iter().collect();
    matching.labels.iter().find(|name| include.contains(name))
}

/// What is wrong with the modifiers of a binary operator.
fn modifiers(op: BinaryOp, types: (Type, Type), matching: &Matching) -> Option<String> {
    let vectors = types == (Type::Vector, Type::Vector);
    let fills = matching.fill_left.is_some() || matching.fill_right.is_some();
    if !vectors && !matching.labels.is_empty() {
        return Some("vector matching only allowed between instant vectors".to_owned());
    }
    if !vectors && fills {
        let message = "filling in missing series only allowed between instant vectors";
        return Some(message.to_owned());
    }
    let op = op.is_set().then_some(op)?;
    if !vectors {
        let op = op.name();
        return Some(format!("set operator {op:?} not allowed in binary scalar expression"));
    }
    if matching.cardinality != Cardinality::OneToOne {
        return Some(format!("no grouping allowed for {:?} operation", op.name()));
    }
    fills.then(|| "filling in missing series not allowed for set operators".to_owned())
}
