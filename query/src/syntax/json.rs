//! A tree as the JSON of Prometheus' `/api/v1/parse_query`.

use proto::Matcher;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};

use super::ast::{At, Cardinality, Expr, ExprKind, Extension, Matching, Selector, TimeShift, Type};
use super::bounded::Bounded;
use super::duration_expr::DurationExpr;
use crate::functions::Function;
use crate::numbers::go_float;

/// The tree, its `data` in the answer of the endpoint; `None` if it is longer than `bytes_max`.
pub fn tree_json(expr: &Expr, bytes_max: usize) -> Option<Vec<u8>> {
    let mut out = Bounded::new(bytes_max);
    serde_json::to_writer(&mut out, &Tree(expr)).ok()?;
    Some(out.into_bytes())
}

struct Tree<'e>(&'e Expr);

impl Serialize for Tree<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_map(None)?;
        out.serialize_entry("type", kind_name(&self.0.kind))?;
        fields(&self.0.kind, &mut out)?;
        out.end()
    }
}

struct Trees<'e>(&'e [Expr]);

impl Serialize for Trees<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Tree))
    }
}

struct Matchers<'e>(&'e [Matcher]);

impl Serialize for Matchers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(matcher_json))
    }
}

fn kind_name(kind: &ExprKind) -> &'static str {
    match kind {
        ExprKind::Number { .. } => "numberLiteral",
        ExprKind::String(_) => "stringLiteral",
        ExprKind::Selector(_) => "vectorSelector",
        ExprKind::Range { .. } => "matrixSelector",
        ExprKind::Subquery { .. } => "subquery",
        ExprKind::Paren(_) => "parenExpr",
        ExprKind::Unary { .. } => "unaryExpr",
        ExprKind::Binary { .. } => "binaryExpr",
        ExprKind::Aggregate { .. } => "aggregation",
        ExprKind::Call { .. } => "call",
    }
}

fn fields<M: SerializeMap>(kind: &ExprKind, out: &mut M) -> Result<(), M::Error> {
    match kind {
        ExprKind::Number { value, .. } => out.serialize_entry("val", &go_float(*value)),
        ExprKind::String(bytes) => out.serialize_entry("val", &String::from_utf8_lossy(bytes)),
        ExprKind::Selector(selector) => selector_fields(selector, out),
        ExprKind::Range { selector, range_ms, range } => {
            selector_fields(selector, out)?;
            duration_fields(("range", "rangeExpr"), *range_ms, range.as_deref(), out)
        }
        ExprKind::Subquery { expr, range_ms, step_ms, range, step, shift } => {
            out.serialize_entry("expr", &Tree(expr))?;
            duration_fields(("range", "rangeExpr"), *range_ms, range.as_deref(), out)?;
            duration_fields(("step", "stepExpr"), step_ms.unwrap_or(0), step.as_deref(), out)?;
            shift_fields(shift, out)
        }
        ExprKind::Paren(inner) => out.serialize_entry("expr", &Tree(inner)),
        ExprKind::Unary { negative, expr } => {
            out.serialize_entry("op", if *negative { "-" } else { "+" })?;
            out.serialize_entry("expr", &Tree(expr))
        }
        ExprKind::Binary { op, lhs, rhs, returns_bool, matching } => {
            let vectors = [lhs, rhs].iter().all(|side| side.value_type() == Type::Vector);
            out.serialize_entry("op", op.name())?;
            out.serialize_entry("lhs", &Tree(lhs))?;
            out.serialize_entry("rhs", &Tree(rhs))?;
            let matching = vectors.then(|| matching_json(matching, op.is_set()));
            out.serialize_entry("matching", &matching)?;
            out.serialize_entry("bool", returns_bool)
        }
        ExprKind::Aggregate { op, expr, param, labels, without } => {
            out.serialize_entry("op", op.name())?;
            out.serialize_entry("expr", &Tree(expr))?;
            out.serialize_entry("param", &param.as_deref().map(Tree))?;
            out.serialize_entry("grouping", labels)?;
            out.serialize_entry("without", without)
        }
        ExprKind::Call { function, args } => {
            out.serialize_entry("func", &function_json(function))?;
            out.serialize_entry("args", &Trees(args))
        }
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

fn selector_fields<M: SerializeMap>(selector: &Selector, out: &mut M) -> Result<(), M::Error> {
    out.serialize_entry("name", selector.name.as_deref().unwrap_or(""))?;
    out.serialize_entry("matchers", &Matchers(&selector.matchers))?;
    out.serialize_entry("anchored", &(selector.extension == Some(Extension::Anchored)))?;
    out.serialize_entry("smoothed", &(selector.extension == Some(Extension::Smoothed)))?;
    shift_fields(&selector.shift, out)
}

fn matcher_json(matcher: &Matcher) -> Value {
    let kind = matcher.op().to_string();
    json!({ "name": matcher.name(), "value": matcher.value(), "type": kind })
}

fn shift_fields<M: SerializeMap>(shift: &TimeShift, out: &mut M) -> Result<(), M::Error> {
    let offset = shift.offset.as_deref();
    duration_fields(("offset", "offsetExpr"), shift.offset_ms, offset, out)?;
    let (timestamp, preprocessor) = match shift.at {
        None => (Value::Null, Value::Null),
        Some(At::Timestamp(ms)) => (json!(ms), Value::Null),
        Some(At::Start) => (Value::Null, json!("start")),
        Some(At::End) => (Value::Null, json!("end")),
    };
    out.serialize_entry("timestamp", &timestamp)?;
    out.serialize_entry("startOrEnd", &preprocessor)
}

/// Milliseconds of a literal; an expression stands beside it, unresolved.
fn duration_fields<M: SerializeMap>(
    (name, expr_name): (&str, &str),
    ms: i64,
    expr: Option<&DurationExpr>,
    out: &mut M,
) -> Result<(), M::Error> {
    out.serialize_entry(name, &if expr.is_some() { 0 } else { ms })?;
    out.serialize_entry(expr_name, &expr.map(|expr| duration_json(expr, false)))
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
