//! The parser against the `promql-parser` crate, where both know the constructs: same verdict,
//! same tree. Trees are compared as text, with everything in parentheses of its own.

#[path = "queries/generator.rs"]
mod generator;
#[path = "queries/random.rs"]
mod random;

use std::time::{Duration, UNIX_EPOCH};

use generator::{Generator, Language};
use promql_parser::label::Matcher;
use promql_parser::parser as other;
use proptest::prelude::*;
use query::go_float;
use query::syntax::{At, Cardinality, Expr, ExprKind, Matching, Selector, TimeShift, parse};

fn list(parts: impl IntoIterator<Item = String>) -> String {
    parts.into_iter().collect::<Vec<_>>().join(" ")
}

mod ours {
    use super::*;

    pub fn tree(expr: &Expr) -> String {
        match &expr.kind {
            ExprKind::Number { value, .. } => go_float(*value),
            ExprKind::String(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
            ExprKind::Selector(selector) => vector(selector),
            ExprKind::Range { selector, range_ms, .. } => {
                format!("(range {} {range_ms})", vector(selector))
            }
            ExprKind::Subquery { expr, range_ms, step_ms, shift: moved, .. } => {
                format!("(subquery {} {range_ms} {step_ms:?} {})", tree(expr), shift(moved))
            }
            ExprKind::Paren(inner) => tree(inner),
            ExprKind::Unary { expr, .. } => format!("(- {})", tree(expr)),
            ExprKind::Binary { op, lhs, rhs, returns_bool, matching: how } => {
                let (lhs, rhs) = (tree(lhs), tree(rhs));
                format!("({op} {returns_bool} {} {lhs} {rhs})", matching(how, op.is_set()))
            }
            ExprKind::Aggregate { op, expr, param, labels, without } => {
                let param = param.as_deref().map(tree);
                let how = (!labels.is_empty() || *without).then_some((*without, labels));
                format!("({} {how:?} {param:?} {})", op.name(), tree(expr))
            }
            ExprKind::Call { function, args } => {
                format!("({} {})", function.name, list(args.iter().map(tree)))
            }
        }
    }

    fn vector(selector: &Selector) -> String {
        let matchers = selector.matchers.iter();
        let mut matchers: Vec<String> =
            matchers.map(|m| format!("{}{}{:?}", m.name(), m.op(), m.value())).collect();
        matchers.sort();
        format!("(select {matchers:?} {})", shift(&selector.shift))
    }

    fn shift(shift: &TimeShift) -> String {
        let at = match shift.at {
            None => "now".to_owned(),
            Some(At::Start) => "start".to_owned(),
            Some(At::End) => "end".to_owned(),
            Some(At::Timestamp(ms)) => ms.to_string(),
        };
        format!("{} {at}", shift.offset_ms)
    }

    fn matching(matching: &Matching, is_set: bool) -> String {
        let card = match matching.cardinality {
            _ if is_set => "many-many",
            Cardinality::OneToOne => "one-one",
            Cardinality::ManyToOne => "many-one",
            Cardinality::OneToMany => "one-many",
        };
        let labels = (matching.on || !matching.labels.is_empty())
            .then(|| (matching.on, matching.labels.clone()));
        format!("{card} {labels:?} {:?}", matching.include)
    }
}

mod theirs {
    use super::*;
    use other::{AtModifier, LabelModifier, Offset, VectorMatchCardinality};

    fn millis(duration: Duration) -> i64 {
        i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
    }

    pub fn tree(expr: &other::Expr) -> String {
        match expr {
            other::Expr::NumberLiteral(number) => go_float(number.val),
            other::Expr::StringLiteral(text) => format!("{:?}", text.val),
            other::Expr::VectorSelector(selector) => vector(selector),
            other::Expr::MatrixSelector(range) => {
                format!("(range {} {})", vector(&range.vs), millis(range.range))
            }
            other::Expr::Subquery(subquery) => format!(
                "(subquery {} {} {:?} {})",
                tree(&subquery.expr),
                millis(subquery.range),
                subquery.step.map(millis),
                shift(subquery.offset.as_ref(), subquery.at.as_ref())
            ),
            other::Expr::Paren(inner) => tree(&inner.expr),
            other::Expr::Unary(unary) => format!("(- {})", tree(&unary.expr)),
            other::Expr::Binary(binary) => binary_tree(binary),
            other::Expr::Aggregate(fold) => {
                let param = fold.param.as_deref().map(tree);
                let how = fold
                    .modifier
                    .as_ref()
                    .map(|modifier| (!modifier.is_include(), modifier.labels().labels.clone()));
                let how = how.filter(|(without, labels)| *without || !labels.is_empty());
                format!("({} {how:?} {param:?} {})", fold.op, tree(&fold.expr))
            }
            other::Expr::Call(call) => {
                let args = call.args.args.iter().map(|arg| tree(arg));
                format!("({} {})", call.func.name, list(args))
            }
            other::Expr::Extension(_) => "extension".to_owned(),
        }
    }

    fn binary_tree(binary: &other::BinaryExpr) -> String {
        let modifier = binary.modifier.as_ref();
        let is_set = ["and", "or", "unless"].contains(&binary.op.to_string().as_str());
        let card = match modifier.map(|modifier| &modifier.card) {
            Some(VectorMatchCardinality::ManyToMany) => "many-many",
            Some(VectorMatchCardinality::ManyToOne(_)) => "many-one",
            Some(VectorMatchCardinality::OneToMany(_)) => "one-many",
            _ if is_set => "many-many",
            Some(VectorMatchCardinality::OneToOne) | None => "one-one",
        };
        let labels = modifier.and_then(|modifier| modifier.matching.as_ref());
        let labels = labels.map(|labels| match labels {
            LabelModifier::Include(names) => (true, names.labels.clone()),
            LabelModifier::Exclude(names) => (false, names.labels.clone()),
        });
        let labels = labels.filter(|(on, names)| *on || !names.is_empty());
        let include = modifier.and_then(|modifier| modifier.card.labels());
        let include = include.map(|names| names.labels.clone()).unwrap_or_default();
        let returns_bool = modifier.is_some_and(|modifier| modifier.return_bool);
        let (op, lhs, rhs) = (binary.op, tree(&binary.lhs), tree(&binary.rhs));
        format!("({op} {returns_bool} {card} {labels:?} {include:?} {lhs} {rhs})")
    }

    fn vector(selector: &other::VectorSelector) -> String {
        let matcher = |m: &Matcher| format!("{}{}{:?}", m.name, m.op, m.value);
        let mut matchers: Vec<String> = selector.matchers.matchers.iter().map(matcher).collect();
        matchers.extend(selector.name.iter().map(|name| format!("__name__={name:?}")));
        matchers.sort();
        let moved = shift(selector.offset.as_ref(), selector.at.as_ref());
        format!("(select {matchers:?} {moved})")
    }

    fn shift(offset: Option<&Offset>, at: Option<&AtModifier>) -> String {
        let offset = match offset {
            None => 0,
            Some(Offset::Pos(duration)) => millis(*duration),
            Some(Offset::Neg(duration)) => -millis(*duration),
        };
        let at = match at {
            None => "now".to_owned(),
            Some(AtModifier::Start) => "start".to_owned(),
            Some(AtModifier::End) => "end".to_owned(),
            Some(AtModifier::At(time)) => match time.duration_since(UNIX_EPOCH) {
                Ok(after) => millis(after).to_string(),
                Err(before) => (-millis(before.duration())).to_string(),
            },
        };
        format!("{offset} {at}")
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None,
        ..ProptestConfig::default() })]

    #[test]
    fn both_make_the_same_tree(seed: u64) {
        let query = Generator::new(seed, Language::Stable).query();
        let ours = parse(&query).map_err(|e| TestCaseError::fail(format!("{query}: {e}")))?;
        let theirs = other::parse(&query)
            .map_err(|e| TestCaseError::fail(format!("only the other refuses {query}: {e}")))?;
        prop_assert_eq!(ours::tree(&ours), theirs::tree(&theirs), "{}", query);
    }
}

#[test]
fn both_refuse_the_same() {
    for query in [
        "",
        "(",
        "a b",
        "sum(",
        "a +",
        "a[5m",
        "a[5m][5m]",
        "a[0s]",
        "a[]",
        "a{",
        "a{b}",
        "a{b=c}",
        "a{b=~\"(\"}",
        "{}",
        "{a=\"\"}",
        "a{__name__=\"b\"}",
        "rate(a)",
        "abs(a[5m])",
        "abs(a, b)",
        "nope(a)",
        "sum by a (b)",
        "topk(a)",
        "1 > 2",
        "1 and 2",
        "1 + on (a) b",
        "a and on (b) \
         group_left c",
        "a offset",
        "a offset 5m offset 5m",
        "(a) offset 5m",
        "a @ b",
        "a @ 1 @ 2",
        "-a[5m]",
        "\"abc",
        "a[5m:5m:5m]",
        "a == bool",
        "bool",
        "on",
        "a,b",
        "a[5m:1m][5m]",
        "5x",
        "sum(a,)",
        "label_replace(a)",
        "count_values(1, a)",
        "a{b=\"c\" d=\"e\"}",
        "#",
        "a atan2",
    ] {
        assert!(parse(query).is_err(), "{query}");
        assert!(other::parse(query).is_err(), "only the other takes {query}");
    }
}
