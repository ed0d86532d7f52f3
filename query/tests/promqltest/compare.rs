//! What came out against what was expected.

use std::collections::BTreeMap;

use proto::is_stale;
use query::{QueryError, QueryResult, ResultSeries, ResultType};
use regex::Regex;

use crate::script::{Eval, Expect, Text, When};
use crate::values::{SeriesLine, Value};

type LabelPairs = Vec<(String, String)>;

/// Relative difference that is no difference.
const TOLERANCE: f64 = 1e-6;

/// Whether an error is the expected one. What is not supported yet never is.
pub fn failure(error: &QueryError, expected: &Text) -> Result<(), String> {
    let text = match error {
        QueryError::Parse(error) => error.message.clone(),
        error => error.to_string(),
    };
    if text.contains("not supported yet") {
        return Err(text);
    }
    match is_text(expected, &text)? {
        true => Ok(()),
        false => Err(format!("it fails with {text:?}, expected {expected:?}")),
    }
}

fn is_text(expected: &Text, text: &str) -> Result<bool, String> {
    Ok(match expected {
        Text::Any => true,
        Text::Exact(exact) => exact == text,
        Text::Regex(regex) => Regex::new(regex).map_err(|error| error.to_string())?.is_match(text),
    })
}

/// Warnings and infos.
pub fn annotations(answer: &QueryResult, expect: &Expect) -> Result<(), String> {
    kind("warning", &answer.warnings, &expect.warnings, expect.no_warnings)?;
    kind("info", &answer.infos, &expect.infos, expect.no_infos)
}

fn kind(kind: &str, found: &[String], expected: &[Text], none: bool) -> Result<(), String> {
    if none && !found.is_empty() {
        return Err(format!("unexpected {kind}: {found:?}"));
    }
    if expected.is_empty() {
        return Ok(());
    }
    for one in expected {
        let mut any = false;
        for text in found {
            any |= is_text(one, text)?;
        }
        if !any {
            return Err(format!("no {kind} is {one:?}, found {found:?}"));
        }
    }
    for text in found {
        let mut any = false;
        for one in expected {
            any |= is_text(one, text)?;
        }
        if !any {
            return Err(format!("unexpected {kind}: {text:?}"));
        }
    }
    Ok(())
}

/// The value.
pub fn value(answer: &QueryResult, eval: &Eval) -> Result<(), String> {
    let expect = &eval.expect;
    if let Some(expected) = &expect.string {
        let found = answer.string().map(|(_, text)| text);
        return same(found == Some(expected.as_str()), &found, expected);
    }
    if let Some(expected) = expect.scalar {
        let found = answer.scalar().map(|(_, value)| value);
        let equal = found.is_some_and(|found| almost_equal(found, expected));
        return same(equal, &found, &expected);
    }
    if expect.series.iter().any(|line| line.values.contains(&Value::Histogram)) {
        return Err("native histograms are not supported yet".to_owned());
    }
    if !matches!(answer.result_type(), ResultType::Vector | ResultType::Matrix) {
        return Err(format!("the result is a {}", answer.result_type().name()));
    }
    let found: Vec<ResultSeries> = answer.series().collect();
    match (eval.when, expect.range) {
        (_, Some((start, end, step))) | (When::Range(start, end, step), _) => {
            matrix(&found, &expect.series, (start, end, step))
        }
        (When::Instant(at), None) => vector(&found, expect, at),
    }
}

/// An instant case's expectation against the step at `at` of a range.
pub fn middle(answer: &QueryResult, eval: &Eval, at: i64) -> Result<(), String> {
    let mut found: Vec<ResultSeries> = answer.series().collect();
    found.iter_mut().for_each(|series| series.samples.retain(|(time, _)| *time == at));
    found.retain(|series| !series.samples.is_empty());
    match (eval.expect.scalar, found.as_slice()) {
        (None, found) => vector(found, &eval.expect, at),
        (Some(expected), [one]) => {
            same(almost_equal(one.samples[0].1, expected), &one.samples, &expected)
        }
        (Some(expected), other) => same(false, &other, &expected),
    }
}

fn same<A: std::fmt::Debug, B: std::fmt::Debug>(
    equal: bool,
    found: &A,
    expected: &B,
) -> Result<(), String> {
    if equal { Ok(()) } else { Err(format!("found {found:?}, expected {expected:?}")) }
}

fn vector(found: &[ResultSeries], expect: &Expect, at: i64) -> Result<(), String> {
    let mut lines = Vec::new();
    for line in &expect.series {
        match line.values.as_slice() {
            [Value::Number(value)] => lines.push((line.labels.clone(), vec![(at, *value)])),
            other => return Err(format!("an instant case expects one value, not {other:?}")),
        }
    }
    if expect.ordered {
        let order: Vec<&LabelPairs> = found.iter().map(|series| &series.labels).collect();
        let wanted: Vec<&LabelPairs> = lines.iter().map(|(labels, _)| labels).collect();
        same(order == wanted, &order, &wanted)?;
    }
    all(found, lines)
}

fn matrix(
    found: &[ResultSeries],
    expected: &[SeriesLine],
    (start, end, step): (i64, i64, i64),
) -> Result<(), String> {
    let steps = if step > 0 { (end - start) / step + 1 } else { 1 };
    let mut lines = Vec::new();
    for line in expected {
        if line.values.len() as i64 > steps {
            return Err(format!("{} positions for {steps} steps", line.values.len()));
        }
        let times = (0..).map(|index| start + index * step);
        let samples = times.zip(&line.values).filter_map(|(time, value)| match value {
            Value::Number(value) => Some((time, *value)),
            _ => None,
        });
        lines.push((line.labels.clone(), samples.collect()));
    }
    let sorted = found.windows(2).all(|two| two[0].labels < two[1].labels);
    same(sorted, &"an unsorted matrix", &"one sorted by labels")?;
    all(found, lines)
}

/// Exactly the expected series with the expected samples.
fn all(found: &[ResultSeries], expected: Vec<(LabelPairs, Vec<(i64, f64)>)>) -> Result<(), String> {
    let mut wanted: BTreeMap<LabelPairs, Vec<(i64, f64)>> = BTreeMap::new();
    for (labels, samples) in expected {
        if wanted.insert(labels.clone(), samples).is_some() {
            return Err(format!("the script names {labels:?} twice"));
        }
    }
    for series in found {
        let Some(samples) = wanted.remove(&series.labels) else {
            return Err(format!("unexpected series {series:?}"));
        };
        let equal = samples.len() == series.samples.len()
            && samples
                .iter()
                .zip(&series.samples)
                .all(|(a, b)| a.0 == b.0 && almost_equal(a.1, b.1));
        same(equal, series, &samples)?;
    }
    wanted.retain(|_, samples| !samples.is_empty());
    same(wanted.is_empty(), &"no such series", &wanted)
}

fn almost_equal(a: f64, b: f64) -> bool {
    if is_stale(a) || is_stale(b) {
        return is_stale(a) && is_stale(b);
    }
    if (a.is_nan() && b.is_nan()) || a == b {
        return true;
    }
    let size = a.abs() + b.abs();
    if a == 0.0 || b == 0.0 || size < f64::MIN_POSITIVE {
        return (a - b).abs() < TOLERANCE * f64::MIN_POSITIVE;
    }
    (a - b).abs() / size.min(f64::MAX) < TOLERANCE
}
