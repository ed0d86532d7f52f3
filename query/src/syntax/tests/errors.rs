//! What is refused, and with which words.

use super::error;

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
