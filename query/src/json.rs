//! Answers as the `data` object of Prometheus' HTTP API, written straight from the columns.

mod histograms;
mod stats;

use std::borrow::Borrow;
use std::ops::Range;

use histograms::write_histogram;

use crate::eval::is_present;
use crate::in_order::in_order;
use crate::numbers::{write_integer, write_plain, write_sample};
use crate::result::{QueryResult, ResultType};

/// Bytes of a piece, about, unless one series has more.
pub const PIECE_BYTES: usize = 256 << 10;
/// Bytes of an answer without its series, of what is around the labels of a series and around
/// each of them, and of a point.
const BYTES_EXPECTED: usize = 256;
const SERIES_EXPECTED: usize = 64;
const LABEL_EXPECTED: usize = 8;
const POINT_EXPECTED: usize = 28;
/// Bytes of text for a byte of a histogram: a bucket of 8 bytes has two bounds and a count.
const HISTOGRAM_FACTOR: usize = 7;

/// The `data` object of an answer, `{"resultType":…,"result":…}`, with `stats` if there are
/// timings: pieces that can be written in any order, and make it one behind the other.
pub struct Pieces<R> {
    result: R,
    stamps: Stamps,
    /// Series and expected bytes of each piece. There is at least one.
    pieces: Vec<(Range<usize>, usize)>,
}

impl<R: Borrow<QueryResult> + Sync> Pieces<R> {
    /// The pieces of a result.
    pub fn of(result: R) -> Pieces<R> {
        let answer = result.borrow();
        let (stamps, mut pieces) = (Stamps::of(answer), Vec::new());
        let (mut first, mut bytes) = (0, BYTES_EXPECTED);
        for index in 0..answer.series_len() {
            let more = bytes_expected_of(answer, index);
            if index > first && bytes + more > PIECE_BYTES {
                pieces.push((first..index, bytes));
                (first, bytes) = (index, 0);
            }
            bytes += more;
        }
        pieces.push((first..answer.series_len(), bytes));
        Pieces { result, stamps, pieces }
    }

    /// Number of pieces.
    pub fn count(&self) -> usize {
        self.pieces.len()
    }

    /// Bytes of all pieces, roughly.
    pub fn bytes_expected(&self) -> usize {
        self.pieces.iter().map(|(_, bytes)| bytes).sum()
    }

    /// A piece, of which there must be so many.
    pub fn piece(&self, index: usize) -> Vec<u8> {
        // Memory that is not used costs nothing.
        let mut out = Vec::with_capacity(self.pieces[index].1);
        self.write(index, &mut out);
        out
    }

    /// Appends all pieces, several made at a time.
    pub fn append(&self, out: &mut Vec<u8>) {
        out.reserve(self.bytes_expected());
        if let [_] = self.pieces.as_slice() {
            return self.write(0, out);
        }
        let workers = self.result.borrow().workers;
        let mut take = |bytes: Vec<u8>| {
            out.extend_from_slice(&bytes);
            Ok::<(), std::convert::Infallible>(())
        };
        let Ok(()) = in_order(workers, self.count(), &|index| self.piece(index), &mut take);
    }

    fn write(&self, index: usize, out: &mut Vec<u8>) {
        let result = self.result.borrow();
        if index == 0 {
            out.extend_from_slice(b"{\"resultType\":\"");
            out.extend_from_slice(result.result_type().name().as_bytes());
            out.extend_from_slice(b"\",\"result\":[");
        }
        if let ResultType::Scalar | ResultType::String = result.result_type() {
            write_pair(result, out);
        }
        for series in self.pieces[index].0.clone() {
            if series > 0 {
                out.push(b',');
            }
            write_one(result, series, &self.stamps, out);
        }
        if index + 1 == self.count() {
            out.push(b']');
            if let Some(timings) = &result.timings {
                stats::write_stats(timings, &result.samples, out);
            }
            out.push(b'}');
        }
    }
}

fn bytes_expected_of(answer: &QueryResult, index: usize) -> usize {
    let labels = answer.label_pairs(index).map(|(n, v)| n.len() + v.len() + LABEL_EXPECTED);
    let (points, histograms) = answer.points_of(index);
    SERIES_EXPECTED
        + labels.sum::<usize>()
        + points * POINT_EXPECTED
        + histograms.saturating_mul(HISTOGRAM_FACTOR)
}

/// The `data` object as bytes.
pub fn data(result: &QueryResult) -> Vec<u8> {
    let mut out = Vec::new();
    Pieces::of(result).append(&mut out);
    out
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

/// Time and value of a scalar or string.
fn write_pair(result: &QueryResult, out: &mut Vec<u8>) {
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
