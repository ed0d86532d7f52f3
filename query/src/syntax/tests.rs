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
fn errors_are_those_of_prometheus() {
    for (query, text) in [
        ("", "1:1: parse error: no expression found in input"),
        ("sum(", "1:5: parse error: unclosed left parenthesis"),
        ("sum(x", "1:6: parse error: unclosed left parenthesis"),
        ("x)", "1:2: parse error: unexpected right parenthesis ')'"),
        ("x{", "1:3: parse error: unexpected end of input inside braces"),
        ("x[5m", "1:5: parse error: unclosed left bracket"),
        ("sum x", "1:5: parse error: unexpected identifier \"x\""),
        ("(a +\n  )", "2:3: parse error: unexpected \")\""),
        ("a +", "1:4: parse error: unexpected end of input"),
        (
            "{a=\"\"}",
            "1:1: parse error: vector selector must contain at least one non-empty matcher",
        ),
        (
            "a{__name__=\"b\"}",
            "1:1: parse error: metric name must not be set twice: \"a\" or \"b\"",
        ),
        ("a{\"b\"}", "1:1: parse error: metric name must not be set twice: \"a\" or \"b\""),
        (
            "a{b c}",
            "1:5: parse error: unexpected identifier \"c\" in label matching, expected label \
          matching operator",
        ),
        (
            "a{b=c}",
            "1:5: parse error: unexpected identifier \"c\" in label matching, expected string",
        ),
        (
            "a{b=\"c\" d}",
            "1:9: parse error: unexpected identifier \"d\" in label matching, expected \
          \",\" or \"}\"",
        ),
        (
            "a{1}",
            "1:3: parse error: unexpected number \"1\" in label matching, expected identifier or \
          \"}\"",
        ),
        (
            "rate(x)",
            "1:6: parse error: expected type range vector in call to function \"rate\", got \
          instant vector",
        ),
        (
            "sum(x[5m])",
            "1:5: parse error: expected type instant vector in aggregation expression, got \
          range vector",
        ),
        (
            "topk(\"a\", x)",
            "1:6: parse error: expected type scalar in aggregation parameter, got string",
        ),
        ("1 > 2", "1:3: parse error: comparisons between scalars must use BOOL modifier"),
        ("1 + bool x", "1:3: parse error: bool modifier can only be used on comparison operators"),
        (
            "1 and x",
            "1:1: parse error: set operator \"and\" not allowed in binary scalar expression",
        ),
        (
            "a and on (b) group_left c",
            "1:1: parse error: no grouping allowed for \"and\" operation",
        ),
        (
            "a + on (b) group_left (b) c",
            "1:3: parse error: label \"b\" must not occur in ON and GROUP \
          clause at once",
        ),
        ("1 + on (a) x", "1:1: parse error: vector matching only allowed between instant vectors"),
        ("1 + fill (0) x", "filling in missing series only allowed between instant vectors"),
        ("a and fill(0) b", "filling in missing series not allowed for set operators"),
        (
            "a + \"b\"",
            "1:5: parse error: binary expression must contain only scalar and instant vector",
        ),
        ("a + fill(b) c", "1:10: parse error: unexpected identifier \"b\" in fill modifier"),
        (
            "sum by (a b) (x)",
            "1:11: parse error: unexpected identifier \"b\" in grouping opts, expected \
          \",\" or \")\"",
        ),
        (
            "sum by a (x)",
            "1:8: parse error: unexpected identifier \"a\" in grouping opts, expected \"(\"",
        ),
        ("sum by (+) (x)", "1:9: parse error: unexpected <op:+> in grouping opts, expected label"),
        ("x offset 5m offset 5m", "1:1: parse error: offset may not be set multiple times"),
        ("(x + y) offset 5m", "1:1: parse error: offset modifier must be preceded by"),
        (
            "x offset y",
            "1:10: parse error: unexpected identifier \"y\" in offset, expected number, \
          duration, step(), or range()",
        ),
        ("x @ y", "1:5: parse error: unexpected identifier \"y\" in @, expected timestamp"),
        ("x @ 1 @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times"),
        ("x @ NaN", "1:1: parse error: timestamp out of bounds for @ modifier: NaN"),
        ("x offset 5m [5m]", "1:13: parse error: no offset modifiers allowed before range"),
        ("x @ 1 [5m]", "1:7: parse error: no @ modifiers allowed before range"),
        ("(x)[5m]", "1:4: parse error: ranges only allowed for vector selectors"),
        ("x[5m][5m]", "1:6: parse error: ranges only allowed for vector selectors"),
        (
            "x[5m][5m:1m]",
            "1:1: parse error: subquery is only allowed on instant vector, got matrix",
        ),
        (
            "x[]",
            "1:3: parse error: unexpected \"]\" in subquery or range selector, expected number, \
          duration, step(), or range()",
        ),
        (
            "x[5m 5m]",
            "1:6: parse error: unexpected duration \"5m\" in subquery or range, expected \":\" \
          or \"]\"",
        ),
        (
            "x[5m:5m 5m]",
            "1:9: parse error: unexpected duration \"5m\" in subquery selector, expected \
          \"]\"",
        ),
        ("x[0]", "1:3: parse error: duration must be greater than 0"),
        ("x[5m / 0]", "1:6: parse error: division by zero"),
        ("x[400y]", "1:3: parse error: duration out of range"),
        (
            "x[5m:1m] anchored",
            "1:1: parse error: anchored modifier is not supported for subqueries",
        ),
        ("x[5m] anchored smoothed", "anchored and smoothed modifiers cannot be used together"),
        ("1 smoothed", "1:1: parse error: smoothed modifier not implemented"),
        ("nope(x)", "1:1: parse error: unknown function with name \"nope\""),
        ("abs(x, y)", "1:1: parse error: expected 1 argument(s) in call to \"abs\", got 2"),
        ("round(x, 1, 2)", "expected at most 2 argument(s) in call to \"round\", got 3"),
        ("label_join(x)", "expected at least 3 argument(s) in call to \"label_join\", got 1"),
        ("abs(x,)", "1:6: parse error: trailing commas not allowed in function call args"),
        ("sum()", "1:1: parse error: no arguments for aggregate expression provided"),
        (
            "topk(x)",
            "1:1: parse error: wrong number of arguments for aggregate expression provided, \
          expected 2, got 1",
        ),
        (
            "info(x, y)",
            "1:9: parse error: expected label selectors only, got vector selector instead",
        ),
        ("info(x, y + 1)", "1:9: parse error: expected label selectors only"),
        (
            "info(x, 1)",
            "1:1: parse error: expected type instant vector in call to function \"info\", got \
          scalar",
        ),
        (
            "-x[5m]",
            "1:1: parse error: unary expression only allowed on expressions of type scalar or \
          instant vector, got \"range vector\"",
        ),
        ("a b", "1:3: parse error: unexpected identifier \"b\""),
        ("x{a=~\"(\"}", "1:3: parse error: the regular expression"),
        ("\"abc", "1:1: parse error: unterminated quoted string"),
        ("2.5.", "1:1: parse error: bad number or duration syntax: \"2.5.\""),
        ("1e400", "1:1: parse error: error parsing number: value out of range"),
        ("x @ +Inf", "1:1: parse error: timestamp out of bounds for @ modifier: +Inf"),
        ("5x", "1:1: parse error: bad number or duration syntax: \"5x\""),
        ("é", "1:1: parse error: unexpected character: 'é'"),
        // Syntax comes before types.
        ("rate(x) +", "1:10: parse error: unexpected end of input"),
    ] {
        let found = error(query);
        assert!(found.contains(text), "{query:?}: {found:?} lacks {text:?}");
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

#[test]
fn trees_print_as_in_prometheus() {
    for (query, printed) in [
        ("sum by() (task)", "sum(task)"),
        ("sum(task) without ()", "sum without () (task)"),
        ("topk(5, task) by (\"a b\", c)", "topk by (\"a b\", c) (5, task)"),
        ("a+on(b)group_left()c", "a + on (b) group_left () c"),
        ("a+ignoring()c", "a + c"),
        ("a > bool fill(0) b", "a > bool fill (0) b"),
        ("a - fill_right(-1) fill_left(0x10) b", "a - fill_left (16) fill_right (-1) b"),
        (
            "x{b=\"2\",a!~'1',}[300s]@1.5 offset 1h30m",
            "x{a!~\"1\",b=\"2\"}[5m] @ 1.500 offset 1h30m",
        ),
        ("{'x.y', \"c d\"='\"'}", "{\"c d\"=\"\\\"\",__name__=\"x.y\"}"),
        ("x smoothed @ end() offset -5", "x @ end() smoothed offset -5s"),
        (
            "x[(5m)+(step()*2):] offset -min_of(1,2m)",
            "x[(5m) + (step() * 2):] offset -min_of(1, 2m)",
        ),
        ("-x^-1 # comment", "-x ^ -1"),
        ("-(Inf^2)+inf^2", "-(Inf ^ 2) + Inf ^ 2"),
        ("clamp(x, inf, -inf)", "clamp(x, +Inf, -Inf)"),
        ("1_0 + 1e3 + -Inf + 90m", "10 + 1000 + -Inf + 1h30m"),
        (
            "label_replace(x,`a`,'b',\"c\\n\",\"\")",
            "label_replace(x, \"a\", \"b\", \"c\\n\", \"\")",
        ),
        ("info(x, {})", "info(x, {})"),
    ] {
        assert_eq!(parse(query).unwrap().to_string(), printed, "{query}");
        assert_eq!(parse(printed).unwrap().to_string(), printed);
    }
}

#[test]
fn what_is_too_long_for_a_line_is_split() {
    let long = "foo{".to_owned() + &"a=\"0123456789\",".repeat(4) + "}";
    let query = format!("sum by (job) (rate({long}[5m])) / on (job) group_left () -({long} + 1)");
    let selector = format!("foo{{{}}}", ["a=\"0123456789\""; 4].join(","));
    let wanted = format!(
        "  sum by (job) (rate({selector}[5m]))\n/ on (job) group_left ()\n  -({selector} + 1)"
    );
    assert_eq!(pretty(&parse(&query).unwrap()), wanted);
    let longer = format!("topk(5, {selector} or {selector})");
    let wanted = format!("topk(\n  5,\n    {selector}\n  or\n    {selector}\n)");
    assert_eq!(pretty(&parse(&longer).unwrap()), wanted);
}

#[test]
fn trees_are_written_as_json() {
    let json = |query: &str| tree_json(&parse(query).unwrap());
    assert_eq!(
        json("rate(x{a=\"b\"}[(5m)] offset step() @ 2)"),
        serde_json::json!({
            "type": "call",
            "func": {
                "name": "rate", "argTypes": ["matrix"], "variadic": 0, "returnType": "vector",
            },
            "args": [{
                "type": "matrixSelector", "name": "x", "range": 0, "offset": 0,
                "rangeExpr": {
                    "type": "durationExpr", "op": "+", "lhs": null, "wrapped": true,
                    "rhs": { "type": "numberLiteral", "val": "300", "duration": true },
                },
                "offsetExpr": {
                    "type": "durationExpr", "op": "step", "lhs": null, "rhs": null, "wrapped": false,
                },
                "matchers": [
                    { "name": "a", "value": "b", "type": "=" },
                    { "name": "__name__", "value": "x", "type": "=" },
                ],
                "timestamp": 2000, "startOrEnd": null, "anchored": false, "smoothed": false,
            }],
        })
    );
    assert_eq!(
        json("a and on (b) (-c > 1)")["matching"],
        serde_json::json!({
            "card": "many-to-many", "labels": ["b"], "on": true, "include": [],
            "fillValues": { "lhs": null, "rhs": null },
        })
    );
    assert_eq!(json("topk(1, x)")["param"]["val"], "1");
    assert_eq!(json("1 + x")["matching"], serde_json::Value::Null);
}
