//! Tests of the language.

mod errors;
mod printing;

use super::*;
use proptest::prelude::*;

fn error(query: &str) -> String {
    match parse(query) {
        Ok(expr) => panic!("{query:?} parses: {expr:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn what_is_legal_parses() {
    for query in [
        "up",
        "{__name__=\"up\"}",
        "{\"my.metric\", \"a.b\"=~\"c|d\", x!='y',}",
        "sum by (job, \"a.b\") (rate(x[5m]))",
        "SUM(x) WITHOUT (a,)",
        "a:b:c{d=`e`} offset -5m @ 123.456",
        "x @ start() offset 1h",
        "max_over_time(rate(x[1m])[1h:30s] @ end())",
        "x[5m:] ",
        "a + on (b) group_left (c) d",
        "a and ignoring () b or c unless on (d) e",
        "1 + -2 ^ 3 ^ -x # a comment",
        "a atan2 b",
        "1 > bool 2",
        "sum{a=\"b\"} + by + offset",
        "topk(3, count) by (on, bool, group_left, sum)",
        "-0x1F + 1_000 + 1e3 + .5 + Inf + 5m",
        "foo{bool=\"1\", on=\"2\"}",
        "\"a\" ",
        "round(x)",
        "label_join(x, \"a\", \",\")",
        "x[1h/2 + (step() * 2)] offset -min_of(range(), 5m)",
        "a + on (b) group_left (c) fill_left(-1) fill_right(NaN) d",
        "fill + fill(0) fill_left",
        "a + fill_right(1) fill_left(-Inf) b",
        "histogram_quantiles(x, \"q\", 0.5, 0.9)",
        "info(x, {})",
        "info(x, {a=~\".*\", __name__=\"b\"})",
        "rate(x[5m] smoothed offset 1m) + y anchored",
        "anchored anchored",
        "a </ b >/ 5",
        "{\"a\", \"b\"}",
        "x offset -(5m + 1)",
        "x offset -1^1",
        "start() + end() + range() - step() + max_of(1, 2)",
        ":a",
    ] {
        assert!(parse(query).is_ok(), "{query}: {:?}", parse(query).err());
    }
}

#[test]
fn operators_bind_as_in_prometheus() {
    let shape = |query: &str| shape(&parse(query).unwrap());
    assert_eq!(shape("a + b * c ^ d ^ e"), "(a + (b * (c ^ (d ^ e))))");
    assert_eq!(shape("-a ^ b * c"), "(-(a ^ b) * c)");
    assert_eq!(shape("a or b and c unless d"), "(a or ((b and c) unless d))");
    assert_eq!(shape("a - b - c == d"), "(((a - b) - c) == d)");
    assert_eq!(shape("a ^ -b * c"), "((a ^ -b) * c)");
}

fn shape(expr: &Expr) -> String {
    match &expr.kind {
        ExprKind::Binary { op, lhs, rhs, .. } => {
            format!("({} {op} {})", shape(lhs), shape(rhs))
        }
        ExprKind::Unary { expr, .. } => format!("-{}", shape(expr)),
        ExprKind::Selector(selector) => selector.metric_name().unwrap_or("").to_owned(),
        other => format!("{other:?}"),
    }
}

#[test]
fn spans_are_the_bytes_of_the_expression() {
    let query = " sum( a{b=\"c\"} offset 5m )  + 1";
    let expr = parse(query).unwrap();
    let ExprKind::Binary { lhs, .. } = &expr.kind else { panic!("no sum") };
    assert_eq!(&query[lhs.span.start..lhs.span.end], "sum( a{b=\"c\"} offset 5m )");
    let inner = lhs.children().next().unwrap();
    assert_eq!(&query[inner.span.start..inner.span.end], "a{b=\"c\"} offset 5m");
}

#[test]
fn nesting_is_limited_on_every_path() {
    let deep = 100_000;
    for query in [
        "(".repeat(deep),
        "-".repeat(deep),
        "sum(".repeat(deep),
        "abs(".repeat(deep),
        "1".to_owned() + &"+1".repeat(deep),
        "1".to_owned() + &"^1".repeat(deep),
        "x".to_owned() + &"[5m:1m]".repeat(deep),
        "a or ".repeat(deep) + "a",
        "x[".to_owned() + &"(".repeat(deep),
        "x[".to_owned() + &"-".repeat(deep),
        "x[1".to_owned() + &"+1".repeat(deep),
        "x[1".to_owned() + &"^1".repeat(deep),
        "x offset ".to_owned() + &"min_of(".repeat(deep),
        "max_over_time(".repeat(200) + "x" + &"[5m:1m])".repeat(200),
    ] {
        let found = error(&query);
        let limited = found.contains("nested deeper than 150 levels")
            || found.contains("subquery is only allowed on instant vector");
        assert!(limited, "{found}");
    }
    assert!(error(&"x".repeat(QUERY_BYTES_MAX + 1)).contains("at most 1048576"));
}

#[test]
fn lists_and_selectors_are_limited_in_number() {
    let listed = |count: usize| vec!["l"; count].join(",");
    for list in ["sum by (#) (x)", "x + on (#) y", "x + ignoring (a) group_left (#) y"] {
        assert!(parse(&list.replace('#', &listed(1000))).is_ok());
        let found = error(&list.replace('#', &listed(1001)));
        assert!(found.contains("a list has more than 1000 labels"), "{found}");
    }
    let selectors = |count: usize| format!("label_join(x, {})", vec!["x"; count].join(","));
    let found = error(&selectors(999));
    assert!(found.contains("expected type string"), "{found}");
    let found = error(&selectors(1000));
    assert!(found.contains("the query has more than 1000 selectors"), "{found}");
}

#[test]
fn labels_are_compared_only_where_both_lists_count() {
    assert!(parse("a + ignoring (x) group_left (x) b").is_ok());
    let found = error("a + on (y, x) group_left (z, x) b");
    assert!(found.contains("label \"x\" must not occur in ON and GROUP clause"), "{found}");
}

#[test]
fn regular_expressions_share_a_budget() {
    let all = |patterns: &mut dyn Iterator<Item = String>| {
        format!("up{{{}}}", patterns.map(|p| format!("a=~{p:?}")).collect::<Vec<_>>().join(","))
    };
    assert!(parse(&all(&mut (0..1000).map(|_| "a[0-9]".to_owned()))).is_ok());
    let found = error(&all(&mut (0..200).map(|n| format!("a[0-9]{n}"))));
    assert!(found.contains("more than 128 different regular expressions"), "{found}");
    let found = error(&all(&mut (0..100).map(|n| format!("\\pL{{20}}{n}"))));
    assert!(found.contains("16777216 bytes together"), "{found}");
    let mut regexes = proto::Regexes::default();
    let one = |n: usize| format!("up{{a=~\"a[0-9]{n}\"}}");
    assert!((0..128).all(|n| parse_with(&one(n), &mut regexes).is_ok()));
    assert!(parse_with(&one(128), &mut regexes).is_err(), "queries may share one");
}

proptest! {
    #[test]
    fn no_text_panics(query in ".{0,60}") {
        let _ = parse(&query);
    }

    #[test]
    fn no_sequence_of_tokens_panics(tokens in prop::collection::vec(prop::sample::select(vec![
        "a", "sum", "by", "(", ")", "{", "}", "[", "]", ",", ":", "offset", "@", "start()", "5m",
        "1", "-", "+", "*", "^", "==", "bool", "on", "ignoring", "group_left", "and", "or",
        "\"s\"", "=", "=~", "rate", "topk", "#", "\n", "0x", "1e", "'", "inf", "atan2", "é", "</",
        "step()", "range(", "min_of(", "fill(", "fill_left", "%", "/",
    ]), 0..25), glue in prop::sample::select(vec!["", " "])) {
        let _ = parse(&tokens.join(glue));
    }
}

#[test]
fn durations_that_depend_on_the_query_are_resolved_later() {
    let range = |query: &str, step_ms, range_ms| {
        let mut expr = parse(query).unwrap();
        resolve(query, &mut expr, step_ms, range_ms).map(|()| match expr.kind {
            ExprKind::Range { range_ms, selector, .. } => (range_ms, selector.shift.offset_ms),
            other => panic!("no range: {other:?}"),
        })
    };
    assert_eq!(
        range("x[step() * 2 + 1s] offset -(range() / 4)", 5_000, 8_000),
        Ok((11_000, -2_000))
    );
    assert_eq!(range("x[max_of(2m ^ 1, 10)] offset 2 ", 0, 0), Ok((120_000, 2_000)));
    assert_eq!(range("x[1.9999] offset (1.9999)", 0, 0), Ok((2_000, 1_999)));
    for (query, text) in [
        ("x[step()]", "duration must be greater than 0"),
        ("x[5m - 5m]", "duration must be greater than 0"),
        ("x[1m / (1 - 1)]", "division by zero"),
        ("x[1m] offset (0 ^ -1)", "duration is NaN or infinite"),
        ("x[200y + 200y]", "duration is out of range"),
    ] {
        let error = range(query, 0, 0).unwrap_err();
        assert_eq!(error.to_string(), format!("1:1: parse error: {text}"));
    }
}
