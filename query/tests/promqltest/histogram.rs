//! Histogram literals: `{{schema:1 count:3 buckets:[1 2]}}`.

use std::collections::BTreeMap;

use proto::FloatHistogram;
use proto::histogram::{Buckets, CounterResetHint};

use crate::values::number;

/// A literal, and whether it spells out the counter reset hint.
#[derive(Clone, Debug)]
pub struct Literal {
    pub histogram: FloatHistogram,
    pub hinted: bool,
}

/// Reads the literal at the start of a token; returns it and what follows.
pub fn literal(token: &str) -> Result<(Literal, &str), String> {
    let inner = token.strip_prefix("{{").ok_or_else(|| format!("{token:?} is no histogram"))?;
    let (inner, rest) = inner.split_once("}}").ok_or_else(|| format!("{token:?} has no end"))?;
    Ok((build(&fields(inner)?)?, rest))
}

/// Fields by key; a list without its brackets.
fn fields(text: &str) -> Result<BTreeMap<&str, &str>, String> {
    let mut fields = BTreeMap::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (key, after) = rest.split_once(':').ok_or_else(|| format!("no value: {rest:?}"))?;
        let (value, after) = match after.strip_prefix('[') {
            Some(list) => list.split_once(']').ok_or_else(|| format!("no end: {rest:?}"))?,
            None => after.split_once(char::is_whitespace).unwrap_or((after, "")),
        };
        if fields.insert(key, value).is_some() {
            return Err(format!("{key} stands twice in {text:?}"));
        }
        rest = after.trim_start();
    }
    Ok(fields)
}

fn build(fields: &BTreeMap<&str, &str>) -> Result<Literal, String> {
    let mut histogram = FloatHistogram::default();
    let (mut offsets, mut counts) = ([0i32; 2], [Vec::new(), Vec::new()]);
    let mut hinted = false;
    for (key, value) in fields {
        match *key {
            "schema" => histogram.schema = integer(value)?,
            "sum" => histogram.sum = float(value)?,
            "count" => histogram.count = float(value)?,
            "z_bucket" => histogram.zero_count = float(value)?,
            "z_bucket_w" => histogram.zero_threshold = float(value)?,
            "custom_values" => histogram.custom_values = list(value)?.into(),
            "buckets" => counts[0] = list(value)?,
            "n_buckets" => counts[1] = list(value)?,
            "offset" => offsets[0] = integer(value)?,
            "n_offset" => offsets[1] = integer(value)?,
            "counter_reset_hint" => {
                hinted = true;
                histogram.counter_reset_hint = hint(value)?;
            }
            other => return Err(format!("unknown key {other:?}")),
        }
    }
    let [positive, negative] = counts;
    let side = |offset, counts| Buckets::contiguous(offset, counts).map_err(|e| e.to_string());
    histogram.positive = side(offsets[0], positive)?;
    histogram.negative = side(offsets[1], negative)?;
    Ok(Literal { histogram, hinted })
}

fn hint(text: &str) -> Result<CounterResetHint, String> {
    match text {
        "unknown" => Ok(CounterResetHint::Unknown),
        "reset" => Ok(CounterResetHint::Reset),
        "not_reset" => Ok(CounterResetHint::NotReset),
        "gauge" => Ok(CounterResetHint::Gauge),
        other => Err(format!("unknown hint {other:?}")),
    }
}

fn integer(text: &str) -> Result<i32, String> {
    text.parse().map_err(|_| format!("{text:?} is no integer"))
}

fn float(text: &str) -> Result<f64, String> {
    match number(text) {
        Some((value, "")) => Ok(value),
        _ => Err(format!("{text:?} is no number")),
    }
}

fn list(text: &str) -> Result<Vec<f64>, String> {
    text.split_whitespace().map(float).collect()
}

/// The literal of a token and its repetitions: `{{…}}`, `{{…}}x3`, `{{…}}+{{…}}x3`.
pub fn item(token: &str) -> Result<Vec<Literal>, String> {
    let bad = || format!("bad histograms {token:?}");
    let (first, rest) = literal(token)?;
    if rest.is_empty() {
        return Ok(vec![first]);
    }
    let (operator, rest) = rest.split_at(1);
    let count = |text: &str| text.parse::<usize>().map_err(|_| bad());
    let (step, times) = match operator {
        "x" => return Ok(vec![first; count(rest)? + 1]),
        "+" | "-" => literal(rest)?,
        _ => return Err(bad()),
    };
    let times = count(times.strip_prefix('x').ok_or_else(bad)?)?;
    let mut all = vec![Literal { hinted: step.hinted, ..first }];
    for _ in 0..times {
        let mut next = all[all.len() - 1].clone();
        let combined = match operator {
            "+" => next.histogram.add(&step.histogram),
            _ => next.histogram.subtract(&step.histogram),
        };
        combined.map_err(|error| error.to_string())?;
        all.push(next);
    }
    Ok(all)
}
