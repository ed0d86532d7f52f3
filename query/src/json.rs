//! Answers as the `data` object of Prometheus' HTTP API, written straight from the columns.

mod histograms;
mod stats;

use std::io::{self, Write};

use histograms::write_histogram;

use crate::eval::is_present;
use crate::in_order::in_order;
use crate::numbers::{write_integer, write_plain, write_sample};
use crate::result::{QueryResult, ResultType};

/// Series that are written as one piece, whichever thread does it.
const PIECE_SERIES: usize = 64;
/// Bytes of an answer without its series, of the labels of a series, and of a point.
const BYTES_EXPECTED: usize = 256;
const SERIES_EXPECTED: usize = 256;
const POINT_EXPECTED: usize = 28;

/// Writes `{"resultType":…,"result":…}`, with `stats` if there are timings.
pub fn write_data(result: &QueryResult, out: &mut impl Write) -> io::Result<()> {
    let mut buffer = Vec::new();
    buffer.extend_from_slice(b"{\"resultType\":\"");
    buffer.extend_from_slice(result.result_type().name().as_bytes());
    buffer.extend_from_slice(b"\",\"result\":");
    match result.result_type() {
        ResultType::Scalar | ResultType::String => write_pair(result, &mut buffer),
        ResultType::Vector | ResultType::Matrix => write_series(result, &mut buffer, out)?,
    }
    if let Some(timings) = &result.timings {
        stats::write_stats(timings, &result.samples, &mut buffer);
    }
    buffer.push(b'}');
    out.write_all(&buffer)
}

/// The `data` object as bytes.
pub fn data(result: &QueryResult) -> Vec<u8> {
    let mut out = Vec::new();
    append_data(result, &mut out);
    out
}

/// Appends the `data` object to `out`.
pub fn append_data(result: &QueryResult, out: &mut Vec<u8>) {
    out.reserve(BYTES_EXPECTED + result.series_len() * expected_bytes(result));
    write_data(result, out).expect("writing to memory does not fail");
}

/// Bytes that a series may take, roughly: memory that is not used costs nothing.
fn expected_bytes(result: &QueryResult) -> usize {
    SERIES_EXPECTED + result.steps() * POINT_EXPECTED
}

/// Writes a JSON array of texts, such as warnings.
pub fn write_texts(texts: &[String], out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_text(text, out);
    }
    out.push(b']');
}

/// A bare `[time,"value"]`.
fn write_pair(result: &QueryResult, out: &mut Vec<u8>) {
    out.push(b'[');
    if let Some((time, value)) = result.scalar() {
        write_plain(out, time as f64 / 1000.0);
        out.extend_from_slice(b",\"");
        write_plain(out, value);
        out.push(b'"');
    } else if let Some((time, value)) = result.string() {
        write_plain(out, time as f64 / 1000.0);
        out.push(b',');
        write_text(value, out);
    }
    out.push(b']');
}

/// Writes the series, several pieces at a time.
fn write_series(
    result: &QueryResult,
    buffer: &mut Vec<u8>,
    out: &mut impl Write,
) -> io::Result<()> {
    buffer.push(b'[');
    out.write_all(buffer)?;
    buffer.clear();
    let count = result.series_len();
    let stamps = Stamps::of(result);
    let write = |piece: usize| {
        let first = piece * PIECE_SERIES;
        let mut bytes = Vec::with_capacity(PIECE_SERIES * expected_bytes(result));
        for index in first..(first + PIECE_SERIES).min(count) {
            if index > 0 {
                bytes.push(b',');
            }
            write_one(result, index, &stamps, &mut bytes);
        }
        bytes
    };
    let pieces = count.div_ceil(PIECE_SERIES);
    in_order(result.workers, pieces, &write, &mut |bytes: Vec<u8>| out.write_all(&bytes))?;
    buffer.push(b']');
    Ok(())
}

fn write_one(result: &QueryResult, index: usize, stamps: &Stamps, out: &mut Vec<u8>) {
    write_labels(result, index, out);
    if result.result_type() == ResultType::Vector {
        result.visit_samples(index, |time, value| {
            out.extend_from_slice(b",\"value\":");
            write_point(time, value, out);
        });
        result.visit_histograms(index, |time, histogram| {
            out.extend_from_slice(b",\"histogram\":");
            write_histogram(time, histogram, out);
        });
    } else if let Some(values) = result.float_row(index) {
        write_row(values, stamps, out);
    } else {
        write_points(result, index, out);
    }
    out.push(b'}');
}

/// The start of the point of each step, `[1.5,"`: a time is written once, not once a series.
#[derive(Default)]
struct Stamps {
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Stamps {
    fn of(result: &QueryResult) -> Stamps {
        let mut stamps = Stamps::default();
        for time_ms in result.step_times() {
            write_stamp(time_ms, &mut stamps.text);
            stamps.ends.push(stamps.text.len());
        }
        stamps
    }
}

/// The points of a series that has no histogram.
fn write_row(values: &[f64], stamps: &Stamps, out: &mut Vec<u8>) {
    let (mut before, mut first) = (0, true);
    for (value, end) in values.iter().zip(&stamps.ends) {
        let stamp = &stamps.text[before..*end];
        before = *end;
        if !is_present(*value) {
            continue;
        }
        out.extend_from_slice(if first { b",\"values\":[" } else { b"," });
        first = false;
        out.extend_from_slice(stamp);
        write_sample(out, *value);
        out.extend_from_slice(b"\"]");
    }
    if !first {
        out.push(b']');
    }
}

fn write_labels(result: &QueryResult, index: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"metric\":{");
    for (position, (name, value)) in result.label_pairs(index).enumerate() {
        if position > 0 {
            out.push(b',');
        }
        write_text(name, out);
        out.push(b':');
        write_text(value, out);
    }
    out.push(b'}');
}

fn write_points(result: &QueryResult, index: usize, out: &mut Vec<u8>) {
    let mut first = true;
    result.visit_samples(index, |time, value| {
        let start: &[u8] = if first { b",\"values\":[" } else { b"," };
        out.extend_from_slice(start);
        first = false;
        write_point(time, value, out);
    });
    if !first {
        out.push(b']');
    }
    first = true;
    result.visit_histograms(index, |time, histogram| {
        let start: &[u8] = if first { b",\"histograms\":[" } else { b"," };
        out.extend_from_slice(start);
        first = false;
        write_histogram(time, histogram, out);
    });
    if !first {
        out.push(b']');
    }
}

fn write_point(time_ms: i64, value: f64, out: &mut Vec<u8>) {
    write_stamp(time_ms, out);
    write_sample(out, value);
    out.extend_from_slice(b"\"]");
}

fn write_stamp(time_ms: i64, out: &mut Vec<u8>) {
    out.push(b'[');
    write_time(time_ms, out);
    out.extend_from_slice(b",\"");
}

/// Seconds, with three decimals if there are any.
fn write_time(time_ms: i64, out: &mut Vec<u8>) {
    if time_ms < 0 {
        out.push(b'-');
    }
    let ms = time_ms.unsigned_abs();
    write_integer(out, ms / 1000);
    let rest = ms % 1000;
    if rest > 0 {
        out.push(b'.');
        out.extend([rest / 100, rest / 10 % 10, rest % 10].map(|digit| b'0' + digit as u8));
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => {
                let hex = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
                out.extend_from_slice(b"\\u00");
                out.extend([hex(byte >> 4), hex(byte & 15)]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests;
