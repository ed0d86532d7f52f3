//! Trees of queries, to be compared.

use serde_json::Value;

/// Levels of JSON that serde_json reads.
const LEVELS_READ: usize = 127;

/// The tree as JSON, the matchers of each selector in order: printing sorts them. A tree that is
/// too deep to be read is null.
pub fn tree(expr: &query::syntax::Expr) -> Value {
    let written = query::syntax::tree_json(expr, usize::MAX).expect("there is no limit");
    if levels(&written) > LEVELS_READ {
        return Value::Null;
    }
    let mut tree = serde_json::from_slice(&written).expect("it is JSON");
    sort_matchers(&mut tree);
    tree
}

/// How deep arrays and objects are nested.
fn levels(json: &[u8]) -> usize {
    let (mut level, mut deepest) = (0usize, 0);
    let (mut in_text, mut is_escaped) = (false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => level += 1,
            b']' | b'}' if !in_text => level -= 1,
            _ => {}
        }
        deepest = deepest.max(level);
    }
    deepest
}

fn sort_matchers(tree: &mut Value) {
    if let Some(Value::Array(matchers)) = tree.get_mut("matchers") {
        matchers.sort_by_key(Value::to_string);
    }
    match tree {
        Value::Array(items) => items.iter_mut().for_each(sort_matchers),
        Value::Object(fields) => fields.values_mut().for_each(sort_matchers),
        _ => {}
    }
}
