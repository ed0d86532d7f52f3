//! Type check of one new node; its children were checked when they were made.

use super::ParseError;
use super::ast::{AggregateOp, BinaryOp, Cardinality, Expr, ExprKind, Matching, Type};
use crate::functions::Function;

/// Checks `expr` as Prometheus does, with its texts.
pub(super) fn check(query: &str, expr: &Expr) -> Result<(), ParseError> {
    let error = |at: &Expr, message: String| Err(ParseError::new(query, at.span.start, message));
    match &expr.kind {
        ExprKind::Unary { expr: inner, .. } => match inner.value_type() {
            Type::Scalar | Type::Vector => Ok(()),
            found => error(
                expr,
                format!(
                    "unary expression only allowed on expressions of type scalar or instant vector, \
                 got {:?}",
                    found.to_string()
                ),
            ),
        },
        ExprKind::Binary { op, lhs, rhs, returns_bool, matching } => {
            let types = (lhs.value_type(), rhs.value_type());
            match binary(*op, types, *returns_bool, matching) {
                Some(message) => error(expr, message),
                None => Ok(()),
            }
        }
        ExprKind::Aggregate { op, expr: inner, param, .. } => {
            aggregate(query, *op, inner, param.as_deref())
        }
        ExprKind::Call { function, args } => call(query, expr, function, args),
        _ => Ok(()),
    }
}

fn binary(
    op: BinaryOp,
    types: (Type, Type),
    returns_bool: bool,
    matching: &Matching,
) -> Option<String> {
    let plain = |t: Type| matches!(t, Type::Scalar | Type::Vector);
    if !plain(types.0) || !plain(types.1) {
        return Some(
            "binary expression must contain only scalar and instant vector types".to_owned(),
        );
    }
    let scalars = types == (Type::Scalar, Type::Scalar);
    let vectors = types == (Type::Vector, Type::Vector);
    let modified = *matching != Matching::default();
    if scalars && op.is_comparison() && !returns_bool {
        return Some("comparisons between scalars must use BOOL modifier".to_owned());
    }
    if op.is_set() && !vectors {
        return Some(format!(
            "set operator {:?} not allowed in binary scalar expression",
            op.to_string()
        ));
    }
    if modified && !vectors {
        return Some("vector matching only allowed between instant vectors".to_owned());
    }
    if op.is_set() && (matching.fill_left.is_some() || matching.fill_right.is_some()) {
        return Some("filling in missing series not allowed for set operators".to_owned());
    }
    if op.is_set() && matching.cardinality != Cardinality::OneToOne {
        return Some(format!("no grouping allowed for {:?} operation", op.to_string()));
    }
    None
}

fn aggregate(
    query: &str,
    op: AggregateOp,
    inner: &Expr,
    param: Option<&Expr>,
) -> Result<(), ParseError> {
    expect_type(query, inner, Type::Vector, "aggregation expression")?;
    match (op.param_type(), param) {
        (Some(wanted), Some(param)) => expect_type(query, param, wanted, "aggregation parameter"),
        _ => Ok(()),
    }
}

fn call(query: &str, expr: &Expr, function: &Function, args: &[Expr]) -> Result<(), ParseError> {
    let name = function.name;
    let (least, most) = function.argument_counts();
    let wrong = |words: &str, count: usize| {
        let message =
            format!("expected {words}{count} argument(s) in call to {name:?}, got {}", args.len());
        Err(ParseError::new(query, expr.span.start, message))
    };
    match most {
        Some(most) if least == most && args.len() != least => return wrong("", least),
        _ if args.len() < least => return wrong("at least ", least),
        Some(most) if args.len() > most => return wrong("at most ", most),
        _ => {}
    }
    for (i, arg) in args.iter().enumerate() {
        let wanted = function.argument_type(i);
        expect_type(query, arg, wanted, &format!("call to function {name:?}"))?;
    }
    Ok(())
}

fn expect_type(query: &str, arg: &Expr, wanted: Type, place: &str) -> Result<(), ParseError> {
    let found = arg.value_type();
    if found == wanted {
        return Ok(());
    }
    let message = format!("expected type {wanted} in {place}, got {found}");
    Err(ParseError::new(query, arg.span.start, message))
}
