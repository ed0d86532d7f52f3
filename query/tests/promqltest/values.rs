//! Series lines: a metric and a list of values.

use query::syntax::{ExprKind, parse, parse_duration_ms};

use crate::histogram::{self, Literal};

/// One position of a list.
#[derive(Clone, Debug)]
pub enum Value {
    /// `_`
    Missing,
    /// `stale`
    Stale,
    /// A float.
    Number(f64),
    /// A native histogram.
    Histogram(Box<Literal>),
}

/// A metric and its values.
#[derive(Clone, Debug)]
pub struct SeriesLine {
    /// Labels, the metric's name included.
    pub labels: Vec<(String, String)>,
    /// One a position.
    pub values: Vec<Value>,
    /// Start timestamps relative to the samples, milliseconds, from an `@st` line.
    pub start_offsets: Vec<Option<i64>>,
}

/// Reads `metric{a="b"} 1 2 _ 3x4`.
pub fn series_line(line: &str) -> Result<SeriesLine, String> {
    let end = metric_end(line);
    let labels = metric(&line[..end])?;
    let values = values(&line[end..])?;
    Ok(SeriesLine { labels, values, start_offsets: Vec::new() })
}

/// Labels, and a start timestamp a position.
type StartLine = (Vec<(String, String)>, Vec<Option<i64>>);

/// Whether a line gives start timestamps: its metric ends in `@st`.
pub fn is_start_line(line: &str) -> bool {
    line[..metric_end(line)].ends_with("@st")
}

/// Reads `metric{a="b"}@st -1m _ 0sx3`: labels and offsets.
pub fn start_line(line: &str) -> Result<StartLine, String> {
    let end = metric_end(line);
    let labels = metric(line[..end].trim_end_matches("@st"))?;
    let mut offsets = Vec::new();
    for token in line[end..].split_whitespace() {
        start_item(token, &mut offsets)?;
    }
    Ok((labels, offsets))
}

/// `_`, `_xN`, `d`, `dxN`, `d+dxN`, `d-dxN`.
fn start_item(token: &str, out: &mut Vec<Option<i64>>) -> Result<(), String> {
    let bad = || format!("bad start timestamp {token:?}");
    let repeats = |text: &str| text.parse::<usize>().map_err(|_| bad());
    if let Some(rest) = token.strip_prefix('_') {
        let count = rest.strip_prefix('x').map_or(Ok(1), repeats)?;
        out.resize(out.len() + count, None);
        return Ok(());
    }
    let (first, rest) = offset(token)?;
    if rest.is_empty() {
        out.push(Some(first));
        return Ok(());
    }
    let (step, rest) = if rest.starts_with('x') { (0, rest) } else { offset(rest)? };
    let count = repeats(rest.strip_prefix('x').ok_or_else(bad)?)? as i64;
    out.extend((0..=count).map(|index| Some(first + index * step)));
    Ok(())
}

/// The signed duration at the start of a text, milliseconds, and what follows.
fn offset(text: &str) -> Result<(i64, &str), String> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let end = unsigned.find(['+', '-', 'x']).unwrap_or(unsigned.len());
    let ms = parse_duration_ms(&unsigned[..end])?;
    Ok((if text.starts_with('-') { -ms } else { ms }, &unsigned[end..]))
}

/// Where the metric ends: at the first blank outside of braces and quotes.
fn metric_end(line: &str) -> usize {
    let (mut depth, mut quote) = (0i32, None);
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(q) if q == c => quote = None,
            Some(_) => {}
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c == '{' => depth += 1,
            None if c == '}' => depth -= 1,
            None if c.is_whitespace() && depth == 0 => return at,
            None => {}
        }
    }
    line.len()
}

fn metric(text: &str) -> Result<Vec<(String, String)>, String> {
    if text == "{}" {
        return Ok(Vec::new());
    }
    let expr = parse(text).map_err(|error| format!("{text:?} is no metric: {error}"))?;
    let ExprKind::Selector(selector) = expr.kind else {
        return Err(format!("{text:?} is no metric"));
    };
    let pairs = selector.matchers.iter().map(|m| (m.name().to_owned(), m.value().to_owned()));
    let mut labels: Vec<_> = pairs.filter(|(_, value)| !value.is_empty()).collect();
    labels.sort();
    Ok(labels)
}

fn values(text: &str) -> Result<Vec<Value>, String> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let length = token_len(rest);
        let (token, after) = rest.split_at(length);
        if token.contains("{{") {
            let histograms = histogram::item(token)?.into_iter();
            out.extend(histograms.map(|literal| Value::Histogram(Box::new(literal))));
        } else {
            item(token, &mut out)?;
        }
        rest = after.trim_start();
    }
    Ok(out)
}

fn token_len(text: &str) -> usize {
    let mut depth = 0i32;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ if c.is_whitespace() && depth == 0 => return at,
            _ => {}
        }
    }
    text.len()
}

/// `_`, `_xN`, `stale`, `v`, `vxN`, `a+bxN`, `a-bxN`.
fn item(token: &str, out: &mut Vec<Value>) -> Result<(), String> {
    let bad = || format!("bad value {token:?}");
    let repeats = |text: &str| text.parse::<usize>().map_err(|_| bad());
    if let Some(rest) = token.strip_prefix('_') {
        let count = match rest.strip_prefix('x') {
            Some(count) => repeats(count)?,
            None if rest.is_empty() => 1,
            None => return Err(bad()),
        };
        out.resize(out.len() + count, Value::Missing);
        return Ok(());
    }
    if token == "stale" {
        out.push(Value::Stale);
        return Ok(());
    }
    let (first, rest) = number(token).ok_or_else(bad)?;
    if rest.is_empty() {
        out.push(Value::Number(first));
        return Ok(());
    }
    let (delta, rest) = match rest.strip_prefix('x') {
        Some(_) => (0.0, rest),
        None => number(rest).ok_or_else(bad)?,
    };
    let count = repeats(rest.strip_prefix('x').ok_or_else(bad)?)?;
    let mut value = first;
    for _ in 0..=count {
        out.push(Value::Number(value));
        value += delta;
    }
    Ok(())
}

/// The number at the start of a token, and what follows. No hexadecimal: `0x3` repeats.
pub fn number(token: &str) -> Option<(f64, &str)> {
    let unsigned = token.strip_prefix(['+', '-']).unwrap_or(token);
    let negative = token.starts_with('-');
    let sign = |value: f64| if negative { -value } else { value };
    for (word, value) in [("inf", f64::INFINITY), ("nan", f64::NAN)] {
        if unsigned.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(word)) {
            return Some((sign(value), &unsigned[3..]));
        }
    }
    let bytes = unsigned.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut end = digits(0);
    if bytes.get(end) == Some(&b'.') {
        end += 1;
        end += digits(end);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let signed = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = if end + 1 + signed <= bytes.len() { digits(end + 1 + signed) } else { 0 };
        if exponent > 0 {
            end += 1 + signed + exponent;
        }
    }
    let value = unsigned[..end].parse().ok()?;
    Some((sign(value), &unsigned[end..]))
}
