//! Tests of the language.

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
    ] {
        assert!(parse(query).is_ok(), "{query}: {:?}", parse(query).err());
    }
}

#[test]
fn errors_name_their_place() {
    for (query, text) in [
        ("", "1:1: parse error: no expression found in input"),
        ("sum(", "1:5: parse error: unexpected end of input"),
        ("a +\n  )", "2:3: parse error: unexpected \")\""),
        ("{a=\"\"}", "must contain at least one non-empty matcher"),
        ("a{__name__=\"b\"}", "metric name must not be set twice: \"a\" or \"b\""),
        ("rate(x)", "1:6: parse error: expected type range vector in call to function \"rate\""),
        ("sum(x[5m])", "expected type instant vector in aggregation expression, got range vector"),
        ("1 > 2", "comparisons between scalars must use BOOL modifier"),
        ("1 + bool x", "1:5: parse error: bool modifier can only be used on comparison"),
        ("1 and x", "set operator \"and\" not allowed in binary scalar expression"),
        ("a and on (b) group_left c", "no grouping allowed for \"and\" operation"),
        ("a + on (b) group_left (b) c", "must not occur in ON and GROUP clause at once"),
        ("1 + on (a) x", "vector matching only allowed between instant vectors"),
        ("x offset 5m offset 5m", "offset may not be set multiple times"),
        ("(x + y) offset 5m", "offset modifier must be preceded by"),
        ("x offset 5m [5m]", "no offset modifiers allowed before range"),
        ("(x)[5m]", "ranges only allowed for vector selectors"),
        ("x[0]", "duration must be greater than 0"),
        ("x[5m - 5m]", "duration must be greater than 0"),
        ("x[5m / 0]", "division by zero"),
        ("a and fill(0) b", "filling in missing series not allowed for set operators"),
        ("a + fill(b) c", "a fill modifier takes a number"),
        ("x[5m][5m]", "ranges only allowed for vector selectors"),
        ("x[5m:1m][5m:1m]", "subquery is only allowed on instant vector"),
        ("nope(x)", "1:1: parse error: unknown function with name \"nope\""),
        ("abs(x, y)", "expected 1 argument(s) in call to \"abs\", got 2"),
        ("round(x, 1, 2)", "expected at most 2 argument(s) in call to \"round\", got 3"),
        ("topk(x)", "wrong number of arguments for aggregate expression provided"),
        ("a b", "1:3: parse error: unexpected identifier \"b\""),
        ("x{a=~\"(\"}", "1:6: parse error: the regular expression"),
        ("\"abc", "unterminated quoted string"),
        ("5x", "bad number or duration syntax"),
        ("x @ NaN", "out of bounds"),
        ("é", "unexpected character"),
    ] {
        let found = error(query);
        assert!(found.contains(text), "{query:?}: {found:?} lacks {text:?}");
    }
}

#[test]
fn what_is_missing_says_so_with_its_place() {
    for (query, place) in [
        ("histogram_sum(x)", "1:1"),
        ("1 + info(x)", "1:5"),
        ("rate(x[5m] smoothed)", "1:12"),
        ("a </ b", "1:3"),
    ] {
        let found = error(query);
        assert!(found.starts_with(place), "{query}: {found}");
        assert!(found.contains("not supported yet"), "{query}: {found}");
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
    let error = range("x[step()]", 0, 0).unwrap_err();
    assert_eq!(error.to_string(), "1:1: parse error: duration must be greater than 0");
}
