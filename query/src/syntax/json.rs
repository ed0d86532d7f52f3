//! A tree as the JSON of Prometheus' `/api/v1/parse_query`.

use proto::Matcher;
use serde_json::{Value, json};

use super::ast::{At, Cardinality, Expr, ExprKind, Extension, Matching, Selector, TimeShift, Type};
use super::duration_expr::DurationExpr;
use crate::functions::Function;
use crate::numbers::go_float;

/// The tree, its `data` in the answer of the endpoint.
pub fn tree_json(expr: &Expr) -> Value {
    match &expr.kind {
        ExprKind::Number { value, .. } => {
            json!({ "type": "numberLiteral", "val": go_float(*value) })
        }
        ExprKind::String(bytes) => {
            json!({ "type": "stringLiteral", "val": String::from_utf8_lossy(bytes) })
        }
        ExprKind::Selector(selector) => selector_json("vectorSelector", selector),
        ExprKind::Range { selector, range_ms, range } => {
            let mut out = selector_json("matrixSelector", selector);
            out["range"] = milliseconds(*range_ms, range.as_deref());
            out["rangeExpr"] = optional(range.as_deref());
            out
        }
        ExprKind::Subquery { expr, range_ms, step_ms, range, step, shift } => {
            let mut out = json!({
                "type": "subquery",
                "expr": tree_json(expr),
                "range": milliseconds(*range_ms, range.as_deref()),
                "rangeExpr": optional(range.as_deref()),
                "step": milliseconds(step_ms.unwrap_or(0), step.as_deref()),
                "stepExpr": optional(step.as_deref()),
            });
            put_shift(&mut out, shift);
            out
        }
        ExprKind::Paren(inner) => json!({ "type": "parenExpr", "expr": tree_json(inner) }),
        ExprKind::Unary { negative, expr } => {
            let op = if *negative { "-" } else { "+" };
            json!({ "type": "unaryExpr", "op": op, "expr": tree_json(expr) })
        }
        ExprKind::Binary { op, lhs, rhs, returns_bool, matching } => {
            let vectors = [lhs, rhs].iter().all(|side| side.value_type() == Type::Vector);
            let matching = vectors.then(|| matching_json(matching, op.is_set()));
            json!({
                "type": "binaryExpr",
                "op": op.name(),
                "lhs": tree_json(lhs),
                "rhs": tree_json(rhs),
                "matching": matching,
                "bool": returns_bool,
            })
        }
        ExprKind::Aggregate { op, expr, param, labels, without } => json!({
            "type": "aggregation",
            "op": op.name(),
            "expr": tree_json(expr),
            "param": param.as_deref().map(tree_json),
            "grouping": labels,
            "without": without,
        }),
        ExprKind::Call { function, args } => json!({
            "type": "call",
            "func": function_json(function),
            "args": args.iter().map(tree_json).collect::<Vec<_>>(),
        }),
    }
}

fn function_json(function: &Function) -> Value {
    json!({
        "name": function.name,
        "argTypes": function.args.iter().map(|arg| arg.name()).collect::<Vec<_>>(),
        "variadic": function.variadic(),
        "returnType": function.returns.name(),
    })
}

fn matching_json(matching: &Matching, is_set: bool) -> Value {
    let card = match matching.cardinality {
        _ if is_set => "many-to-many",
        Cardinality::OneToOne => "one-to-one",
        Cardinality::ManyToOne => "many-to-one",
        Cardinality::OneToMany => "one-to-many",
    };
    json!({
        "card": card,
        "labels": matching.labels,
        "on": matching.on,
        "include": matching.include,
        "fillValues": { "lhs": matching.fill_left, "rhs": matching.fill_right },
    })
}

fn selector_json(kind: &str, selector: &Selector) -> Value {
    let mut out = json!({
        "type": kind,
        "name": selector.name.as_deref().unwrap_or(""),
        "matchers": selector.matchers.iter().map(matcher_json).collect::<Vec<_>>(),
        "anchored": selector.extension == Some(Extension::Anchored),
        "smoothed": selector.extension == Some(Extension::Smoothed),
    });
    put_shift(&mut out, &selector.shift);
    out
}

fn matcher_json(matcher: &Matcher) -> Value {
    let kind = matcher.op().to_string();
    json!({ "name": matcher.name(), "value": matcher.value(), "type": kind })
}

fn put_shift(out: &mut Value, shift: &TimeShift) {
    out["offset"] = milliseconds(shift.offset_ms, shift.offset.as_deref());
    out["offsetExpr"] = optional(shift.offset.as_deref());
    let (timestamp, preprocessor) = match shift.at {
        None => (Value::Null, Value::Null),
        Some(At::Timestamp(ms)) => (json!(ms), Value::Null),
        Some(At::Start) => (Value::Null, json!("start")),
        Some(At::End) => (Value::Null, json!("end")),
    };
    out["timestamp"] = timestamp;
    out["startOrEnd"] = preprocessor;
}

/// Milliseconds of a literal; an expression stands beside it, unresolved.
fn milliseconds(ms: i64, expr: Option<&DurationExpr>) -> Value {
    json!(if expr.is_some() { 0 } else { ms })
}

fn optional(expr: Option<&DurationExpr>) -> Value {
    expr.map_or(Value::Null, |expr| duration_json(expr, false))
}

fn duration_json(expr: &DurationExpr, wrapped: bool) -> Value {
    let node = |op: &str, lhs: Value, rhs: Value| {
        let kind = "durationExpr";
        json!({ "type": kind, "op": op, "lhs": lhs, "rhs": rhs, "wrapped": wrapped })
    };
    match expr {
        // A number in parentheses is the operand of a sign, as numbers cannot be marked.
        DurationExpr::Number { .. } if wrapped => {
            node("+", Value::Null, duration_json(expr, false))
        }
        DurationExpr::Number { seconds, duration } => {
            json!({ "type": "numberLiteral", "val": go_float(*seconds), "duration": duration })
        }
        DurationExpr::Step => node("step", Value::Null, Value::Null),
        DurationExpr::Range => node("range", Value::Null, Value::Null),
        DurationExpr::Paren(inner) => duration_json(inner, true),
        DurationExpr::Negative(inner) => node("-", Value::Null, duration_json(inner, false)),
        DurationExpr::Binary(op, a, b) => {
            node(op.name(), duration_json(a, false), duration_json(b, false))
        }
    }
}
