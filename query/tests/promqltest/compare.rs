//! What came out against what was expected.

use std::collections::BTreeMap;

use proto::histogram::Buckets;
use proto::{FloatHistogram, is_stale};
use query::{QueryError, QueryResult, ResultSeries, ResultType};
use regex::Regex;

use crate::histogram::Literal;
use crate::script::{Eval, Expect, Text, When};
use crate::values::{SeriesLine, Value};

type LabelPairs = Vec<(String, String)>;

/// Relative difference that is no difference.
const TOLERANCE: f64 = 1e-6;

/// Whether an error is the expected one.
pub fn failure(error: &QueryError, expected: &Text) -> Result<(), String> {
    let text = match error {
        QueryError::Parse(error) => error.message.clone(),
        error => error.to_string(),
    };
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

/// The value of a case, asked `when`.
pub fn value(answer: &QueryResult, eval: &Eval, when: When) -> Result<(), String> {
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
    if !matches!(answer.result_type(), ResultType::Vector | ResultType::Matrix) {
        return Err(format!("the result is a {}", answer.result_type().name()));
    }
    let found: Vec<ResultSeries> = answer.series().collect();
    match (when, expect.range) {
        (_, Some((start, end, step))) | (When::Range(start, end, step), _) => {
            matrix(&found, &expect.series, (start, end, step))
        }
        (When::Instant(at), None) => vector(&found, expect, at),
    }
}

/// Whether a matrix is sorted by labels, without doubles.
fn sorted(found: &[ResultSeries]) -> Result<(), String> {
    let sorted = found.windows(2).all(|two| two[0].labels < two[1].labels);
    same(sorted, &"an unsorted matrix", &"one sorted by labels")
}

/// An instant case's expectation against the step at `at` of a range.
pub fn middle(answer: &QueryResult, eval: &Eval, at: i64) -> Result<(), String> {
    let mut found: Vec<ResultSeries> = answer.series().collect();
    sorted(&found)?;
    found.iter_mut().for_each(|series| {
        series.samples.retain(|(time, _)| *time == at);
        series.histograms.retain(|(time, _)| *time == at);
    });
    found.retain(|series| !series.samples.is_empty() || !series.histograms.is_empty());
    match (eval.expect.scalar, found.as_slice()) {
        (None, found) => vector(found, &eval.expect, at),
        (Some(expected), [one]) => {
            let equal = one.samples.first().is_some_and(|(_, v)| almost_equal(*v, expected));
            same(equal, one, &expected)
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
            [value] => lines.push((line.labels.clone(), vec![(at, value.clone())])),
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
        lines.push((line.labels.clone(), times.zip(line.values.iter().cloned()).collect()));
    }
    sorted(found)?;
    all(found, lines)
}

/// Exactly the expected series with the expected samples.
fn all(
    found: &[ResultSeries],
    expected: Vec<(LabelPairs, Vec<(i64, Value)>)>,
) -> Result<(), String> {
    let mut wanted: BTreeMap<LabelPairs, Vec<(i64, Value)>> = BTreeMap::new();
    for (labels, samples) in expected {
        if wanted.insert(labels.clone(), samples).is_some() {
            return Err(format!("the script names {labels:?} twice"));
        }
    }
    for series in found {
        let Some(samples) = wanted.remove(&series.labels) else {
            return Err(format!("unexpected series {series:?}"));
        };
        same(samples_equal(series, &samples), series, &samples)?;
    }
    wanted.retain(|_, samples| samples.iter().any(|(_, v)| !matches!(v, Value::Missing)));
    same(wanted.is_empty(), &"no such series", &wanted)
}

fn samples_equal(found: &ResultSeries, expected: &[(i64, Value)]) -> bool {
    let (mut floats, mut histograms) = (found.samples.iter(), found.histograms.iter());
    let equal = expected.iter().all(|(time, value)| match value {
        Value::Missing => true,
        Value::Stale => false,
        Value::Number(value) => {
            floats.next().is_some_and(|(t, v)| t == time && almost_equal(*v, *value))
        }
        Value::Histogram(literal) => {
            histograms.next().is_some_and(|(t, h)| t == time && histograms_equal(h, literal))
        }
    });
    equal && floats.next().is_none() && histograms.next().is_none()
}

/// Layouts must be the same once empty buckets are gone; counts within the tolerance. The counter
/// reset hint counts only if the literal spells it out.
fn histograms_equal(found: &FloatHistogram, literal: &Literal) -> bool {
    let (mut found, mut expected) = (found.clone(), literal.histogram.clone());
    found.compact();
    expected.compact();
    let sides = [(&found.positive, &expected.positive), (&found.negative, &expected.negative)];
    let same_buckets = |(a, b): (&Buckets, &Buckets)| {
        let mut counts = a.counts().iter().zip(b.counts());
        a.indices() == b.indices() && counts.all(|(a, b)| almost_equal(*a, *b))
    };
    found.schema == expected.schema
        && found.zero_threshold == expected.zero_threshold
        && found.custom_values == expected.custom_values
        && almost_equal(found.count, expected.count)
        && almost_equal(found.sum, expected.sum)
        && almost_equal(found.zero_count, expected.zero_count)
        && sides.into_iter().all(same_buckets)
        && (!literal.hinted || found.counter_reset_hint == expected.counter_reset_hint)
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
