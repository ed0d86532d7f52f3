//! Trees as text and as JSON.

use super::super::*;

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

fn whole(expr: &Expr) -> String {
    pretty(expr, usize::MAX).unwrap()
}

#[test]
fn what_is_printed_ends_at_its_limit() {
    // Each level takes two bytes of the query, and two of each line inside of it.
    let lines = "1000000+".repeat(100) + "1";
    let query = "(".repeat(40) + &lines + &")".repeat(40);
    let expr = parse(&query).unwrap();
    let long = whole(&expr);
    assert!(long.len() > 5 * query.len(), "{}", long.len());
    assert_eq!(pretty(&expr, long.len()), Some(long.clone()));
    assert_eq!(pretty(&expr, long.len() - 1), None);
    let tree = tree_json(&expr, usize::MAX).unwrap();
    assert_eq!(tree_json(&expr, tree.len()), Some(tree.clone()));
    assert_eq!(tree_json(&expr, tree.len() - 1), None);
}

#[test]
fn what_is_too_long_for_a_line_is_split() {
    let long = "foo{".to_owned() + &"a=\"0123456789\",".repeat(4) + "}";
    let query = format!("sum by (job) (rate({long}[5m])) / on (job) group_left () -({long} + 1)");
    let selector = format!("foo{{{}}}", ["a=\"0123456789\""; 4].join(","));
    let wanted = format!(
        "  sum by (job) (rate({selector}[5m]))\n/ on (job) group_left ()\n  -({selector} + 1)"
    );
    assert_eq!(whole(&parse(&query).unwrap()), wanted);
    let longer = format!("topk(5, {selector} or {selector})");
    let wanted = format!("topk(\n  5,\n    {selector}\n  or\n    {selector}\n)");
    assert_eq!(whole(&parse(&longer).unwrap()), wanted);
}

#[test]
fn trees_are_written_as_json() {
    let json = |query: &str| {
        let tree = tree_json(&parse(query).unwrap(), usize::MAX).unwrap();
        serde_json::from_slice::<serde_json::Value>(&tree).unwrap()
    };
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
                    "type": "durationExpr", "op": "step", "lhs": null, "rhs": null,
                    "wrapped": false,
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
