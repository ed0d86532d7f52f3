//! Trees of queries, to be compared.

use serde_json::Value;

/// The tree as JSON, the matchers of each selector in order: printing sorts them.
pub fn tree(expr: &query::syntax::Expr) -> Value {
    let written = query::syntax::tree_json(expr, usize::MAX).expect("there is no limit");
    let mut tree = serde_json::from_slice(&written).expect("it is JSON");
    sort_matchers(&mut tree);
    tree
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
