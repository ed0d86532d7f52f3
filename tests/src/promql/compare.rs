//! Compares two answers of the HTTP API.

use std::collections::BTreeMap;

use serde_json::Value;

/// Largest difference of two equal numbers, as a share of the larger one.
const RELATIVE: f64 = 1e-9;
/// Largest difference of two equal numbers near zero.
const ABSOLUTE: f64 = 1e-12;

/// What was answered.
#[derive(Debug, Clone)]
pub enum Reply {
    /// The `data` of a success.
    Data(Value),
    /// `errorType` and `error`.
    Error(String, String),
}

impl Reply {
    /// Reads the body of an answer.
    pub fn of_body(body: &str) -> Reply {
        let value: Value = serde_json::from_str(body).unwrap_or_default();
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        match value["status"].as_str() {
            Some("success") => Reply::Data(value["data"].clone()),
            Some("error") => Reply::Error(text("errorType"), text("error")),
            _ => Reply::Error("no answer".to_owned(), body.to_owned()),
        }
    }

    /// Number of its series; `None` for an error.
    pub fn series_len(&self) -> Option<usize> {
        match self {
            Reply::Data(data) => Some(data["result"].as_array().map_or(0, Vec::len)),
            Reply::Error(..) => None,
        }
    }
}

/// `Ok` when the answers mean the same, else what differs.
pub fn compare(ours: &Reply, theirs: &Reply, is_ordered: bool) -> Result<(), String> {
    let (ours, theirs) = match (ours, theirs) {
        (Reply::Data(ours), Reply::Data(theirs)) => (ours, theirs),
        (Reply::Error(ours, _), Reply::Error(theirs, _)) if ours == theirs => return Ok(()),
        _ => return Err(format!("granary: {ours:?}\nPrometheus: {theirs:?}")),
    };
    if ours["resultType"] != theirs["resultType"] {
        return Err(differ("types", &ours["resultType"], &theirs["resultType"]));
    }
    match ours["resultType"].as_str() {
        Some("vector" | "matrix") => series(&ours["result"], &theirs["result"], is_ordered),
        _ => points("the answer", &[&ours["result"]], &[&theirs["result"]]),
    }
}

fn differ(what: &str, ours: &Value, theirs: &Value) -> String {
    format!("{what} differ\ngranary: {ours}\nPrometheus: {theirs}")
}

fn series(ours: &Value, theirs: &Value, is_ordered: bool) -> Result<(), String> {
    let (own, other) = (by_labels(ours), by_labels(theirs));
    if !own.keys().eq(other.keys()) {
        let missing = |a: &BTreeMap<String, _>, b: &BTreeMap<String, Vec<&Value>>| {
            a.keys().filter(|key| !b.contains_key(*key)).cloned().collect::<Vec<_>>()
        };
        let (more, less) = (missing(&own, &other), missing(&other, &own));
        return Err(format!("only granary has {more:?}\nonly Prometheus has {less:?}"));
    }
    for (labels, samples) in &own {
        points(labels, samples, &other[labels])?;
    }
    let order = |value: &Value| -> Vec<String> {
        let all = value.as_array().cloned().unwrap_or_default();
        all.iter().map(|series| series["metric"].to_string()).collect()
    };
    match is_ordered && order(ours) != order(theirs) {
        true => Err(differ("orders", ours, theirs)),
        false => Ok(()),
    }
}

/// Samples by labels; a series that is there twice has all samples of both.
fn by_labels(result: &Value) -> BTreeMap<String, Vec<&Value>> {
    let mut found: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for series in result.as_array().into_iter().flatten() {
        let samples = found.entry(series["metric"].to_string()).or_default();
        match &series["values"] {
            Value::Array(values) => samples.extend(values),
            _ => samples.push(&series["value"]),
        }
    }
    found
}

fn points(what: &str, ours: &[&Value], theirs: &[&Value]) -> Result<(), String> {
    let both = |text: &str| {
        let list = |all: &[&Value]| serde_json::to_string(all).unwrap_or_default();
        format!("{what}: {text}\ngranary: {}\nPrometheus: {}", list(ours), list(theirs))
    };
    if ours.len() != theirs.len() {
        return Err(both("other numbers of samples"));
    }
    for (own, other) in ours.iter().zip(theirs) {
        if own[0] != other[0] || !same_value(&own[1], &other[1]) {
            return Err(both(&format!("{own} and {other}")));
        }
    }
    Ok(())
}

fn same_value(a: &Value, b: &Value) -> bool {
    let number = |value: &Value| value.as_str().and_then(|text| text.parse::<f64>().ok());
    match (number(a), number(b)) {
        (Some(a), Some(b)) => {
            let allowed = (RELATIVE * a.abs().max(b.abs())).max(ABSOLUTE);
            a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= allowed
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn vector(rows: &[(&str, &str)]) -> Reply {
        let row =
            |(job, value): &(&str, &str)| json!({"metric": {"job": job}, "value": [1, value]});
        let rows: Vec<Value> = rows.iter().map(row).collect();
        Reply::Data(json!({"resultType": "vector", "result": rows}))
    }

    #[test]
    fn differences_are_found_and_last_bits_are_none() {
        let one = vector(&[("a", "1"), ("b", "NaN")]);
        let same = vector(&[("b", "NaN"), ("a", "1.0000000001")]);
        assert_eq!(compare(&one, &same, false), Ok(()));
        assert!(compare(&one, &same, true).is_err());
        for other in [
            vector(&[("a", "1"), ("b", "2")]),
            vector(&[("a", "1.00000001"), ("b", "NaN")]),
            vector(&[("a", "1")]),
            vector(&[("a", "1"), ("b", "NaN"), ("b", "NaN")]),
            Reply::Error("execution".to_owned(), String::new()),
            Reply::Data(json!({"resultType": "matrix", "result": []})),
        ] {
            assert!(compare(&one, &other, false).is_err(), "{other:?}");
        }
    }
}
