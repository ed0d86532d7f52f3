//! Remote write 1.0: one borrowing walk over an uncompressed `prometheus.WriteRequest`.
//!
//! Labels are left as the span of bytes that they are on the wire. A conforming sender's span is
//! the canonical encoding of [`crate::Labels`], so it is hashed straight through; only series
//! that nobody knows are parsed. Spec: Prometheus remote write 1.0, `prompb/remote.proto`.

use std::borrow::Cow;

use crate::labels::{Labels, LabelsBuilder, LabelsError};
use crate::record::{MetadataEntry, MetricType};
use crate::varint::{put_uvarint, take_bytes, take_uvarint};

/// The body is no `WriteRequest`: where, counted in bytes from its start, and what is wrong.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the body is no valid prometheus.WriteRequest: {what} near byte {offset}")]
pub struct WalkError {
    /// What was expected or found.
    pub what: &'static str,
    /// Offset of the field that holds the defect.
    pub offset: usize,
}

/// One part of a request, in the order of the wire.
#[derive(Debug, PartialEq)]
pub enum Part<'a> {
    /// A series with its samples.
    Series(RawSeries<'a>),
    /// Metadata of a metric family.
    Metadata(MetadataEntry),
}

/// A series as it lies in the body.
#[derive(Debug, PartialEq)]
pub struct RawSeries<'a> {
    /// All label entries with their tags. Borrowed unless the sender scattered them.
    pub labels: Cow<'a, [u8]>,
    fields: &'a [u8],
    offset: usize,
}

/// What a series carries besides its labels.
#[derive(Debug, PartialEq)]
pub enum Value {
    /// A float sample: milliseconds since the Unix epoch, value.
    Sample(i64, f64),
    /// An exemplar, not decoded.
    Exemplar,
    /// A native histogram, not decoded.
    Histogram,
}

/// Walks over an uncompressed body.
pub fn walk(body: &[u8]) -> Walk<'_> {
    Walk { rest: body, total: body.len() }
}

/// Iterator of [`walk`]. It ends after the first error.
pub struct Walk<'a> {
    rest: &'a [u8],
    total: usize,
}

impl<'a> Iterator for Walk<'a> {
    type Item = Result<Part<'a>, WalkError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let offset = self.total - self.rest.len();
            match self.step(offset) {
                Ok(Some(part)) => return Some(Ok(part)),
                Ok(None) => {}
                Err(error) => {
                    self.rest = &[];
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

impl<'a> Walk<'a> {
    /// Takes one field; `None` for a field that is not ours.
    fn step(&mut self, offset: usize) -> Result<Option<Part<'a>>, WalkError> {
        let fail = |what| WalkError { what, offset };
        match take_field(&mut self.rest).ok_or(fail("a broken field"))? {
            (1, Field::Bytes(series)) => raw_series(series, offset).map(|s| Some(Part::Series(s))),
            (3, Field::Bytes(metadata)) => metadata_entry(metadata)
                .map(|entry| Some(Part::Metadata(entry)))
                .ok_or(fail("broken metadata")),
            (1 | 3, _) => Err(fail("a field of the wrong type")),
            _ => Ok(None),
        }
    }
}

impl<'a> RawSeries<'a> {
    /// Offset of the series in the body, for messages.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The samples, exemplars and histograms, in the order of the wire; label entries that lie
    /// between them are passed over.
    pub fn values(&self) -> Values<'a> {
        Values { rest: self.fields, offset: self.offset }
    }

    /// Parses, sorts and checks the labels, whatever their encoding.
    pub fn parse_labels(&self) -> Result<Labels, LabelsError> {
        parse_labels(&self.labels)
    }
}

/// Parses label entries (as in [`RawSeries::labels`]) in any order and encoding.
pub fn parse_labels(mut entries: &[u8]) -> Result<Labels, LabelsError> {
    let mut builder = LabelsBuilder::default();
    while !entries.is_empty() {
        let Some((1, Field::Bytes(mut pair))) = take_field(&mut entries) else {
            return Err(LabelsError::Encoding);
        };
        let (mut name, mut value) = ("", "");
        while !pair.is_empty() {
            match take_field(&mut pair) {
                Some((1, Field::Bytes(bytes))) => name = utf8(bytes)?,
                Some((2, Field::Bytes(bytes))) => value = utf8(bytes)?,
                Some((1 | 2, _)) | None => return Err(LabelsError::Encoding),
                Some(_) => {}
            }
        }
        builder.push(name, value);
    }
    builder.build()
}

fn utf8(bytes: &[u8]) -> Result<&str, LabelsError> {
    std::str::from_utf8(bytes)
        .map_err(|_| LabelsError::Utf8(String::from_utf8_lossy(bytes).into_owned()))
}

/// Iterator of [`RawSeries::values`]. It ends after the first error.
pub struct Values<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl Iterator for Values<'_> {
    type Item = Result<Value, WalkError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let value = match take_field(&mut self.rest) {
                Some((2, Field::Bytes(sample))) => sample_value(sample),
                Some((3, Field::Bytes(_))) => Some(Value::Exemplar),
                Some((4, Field::Bytes(_))) => Some(Value::Histogram),
                Some((1, Field::Bytes(_))) => continue,
                Some((1..=4, _)) | None => None,
                Some(_) => continue,
            };
            return Some(value.ok_or_else(|| {
                self.rest = &[];
                WalkError { what: "a broken sample", offset: self.offset }
            }));
        }
        None
    }
}

#[inline]
fn sample_value(mut sample: &[u8]) -> Option<Value> {
    let (mut timestamp, mut value) = (0, 0.0);
    while !sample.is_empty() {
        match take_field(&mut sample)? {
            (1, Field::Fixed64(bits)) => value = f64::from_bits(bits),
            (2, Field::Varint(raw)) => timestamp = raw as i64,
            (1 | 2, _) => return None,
            _ => {}
        }
    }
    Some(Value::Sample(timestamp, value))
}

/// Splits a `TimeSeries` into its label entries and the rest.
fn raw_series(series: &[u8], offset: usize) -> Result<RawSeries<'_>, WalkError> {
    let fail = |what| WalkError { what, offset };
    let mut rest = series;
    while let [0x0a, after @ ..] = rest {
        rest = after;
        take_bytes(&mut rest).ok_or(fail("a broken label"))?;
    }
    let labels = &series[..series.len() - rest.len()];
    let mut scan = rest;
    while !scan.is_empty() {
        // A sample of a conforming sender: nothing to look at.
        if let [0x12, length, after @ ..] = scan
            && usize::from(*length) <= after.len()
            && *length < 0x80
        {
            scan = &after[usize::from(*length)..];
            continue;
        }
        let (number, _) = take_field(&mut scan).ok_or(fail("a broken series"))?;
        if number == 1 {
            let labels = Cow::Owned(gather_labels(series).ok_or(fail("a broken series"))?);
            return Ok(RawSeries { labels, fields: rest, offset });
        }
    }
    Ok(RawSeries { labels: Cow::Borrowed(labels), fields: rest, offset })
}

/// Label entries of a series that mixes them with other fields.
fn gather_labels(mut series: &[u8]) -> Option<Vec<u8>> {
    let mut labels = Vec::new();
    while !series.is_empty() {
        if let (1, Field::Bytes(entry)) = take_field(&mut series)? {
            labels.push(0x0a);
            put_uvarint(&mut labels, entry.len() as u64);
            labels.extend_from_slice(entry);
        }
    }
    Some(labels)
}

fn metadata_entry(mut bytes: &[u8]) -> Option<MetadataEntry> {
    let mut entry = MetadataEntry {
        family: String::new(),
        metric_type: MetricType::Unknown,
        help: String::new(),
        unit: String::new(),
    };
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    while !bytes.is_empty() {
        match take_field(&mut bytes)? {
            (1, Field::Varint(number)) => entry.metric_type = MetricType::from_number(number),
            (2, Field::Bytes(family)) => entry.family = text(family)?,
            (4, Field::Bytes(help)) => entry.help = text(help)?,
            (5, Field::Bytes(unit)) => entry.unit = text(unit)?,
            (1 | 2 | 4 | 5, _) => return None,
            _ => {}
        }
    }
    Some(entry)
}

/// A protobuf field of any wire type.
enum Field<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32,
}

/// Takes one field off the front: its number and content.
#[inline]
fn take_field<'a>(input: &mut &'a [u8]) -> Option<(u64, Field<'a>)> {
    let key = take_uvarint(input)?;
    let field = match key & 7 {
        0 => Field::Varint(take_uvarint(input)?),
        1 => {
            let (bits, rest) = input.split_first_chunk::<8>()?;
            *input = rest;
            Field::Fixed64(u64::from_le_bytes(*bits))
        }
        2 => Field::Bytes(take_bytes(input)?),
        5 => {
            *input = input.split_first_chunk::<4>()?.1;
            Field::Fixed32
        }
        _ => return None,
    };
    (key >> 3 != 0).then_some((key >> 3, field))
}

/// Writes `WriteRequest` bodies (uncompressed): for senders, tests and benches.
#[derive(Default, Debug, Clone)]
pub struct RequestWriter {
    out: Vec<u8>,
}

impl RequestWriter {
    /// Appends a series with its samples (timestamp in ms, value).
    pub fn series(&mut self, labels: &Labels, samples: &[(i64, f64)]) {
        let mut series = labels.as_bytes().to_vec();
        for (timestamp, value) in samples {
            let mut sample = vec![0x09];
            sample.extend_from_slice(&value.to_bits().to_le_bytes());
            sample.push(0x10);
            put_uvarint(&mut sample, *timestamp as u64);
            put_entry(&mut series, 0x12, &sample);
        }
        put_entry(&mut self.out, 0x0a, &series);
    }

    /// Appends metadata of a metric family.
    pub fn metadata(&mut self, entry: &MetadataEntry) {
        let mut bytes = vec![0x08, entry.metric_type as u8];
        for (tag, text) in [(0x12, &entry.family), (0x22, &entry.help), (0x2a, &entry.unit)] {
            put_entry(&mut bytes, tag, text.as_bytes());
        }
        put_entry(&mut self.out, 0x1a, &bytes);
    }

    /// The body so far.
    pub fn as_bytes(&self) -> &[u8] {
        &self.out
    }

    /// Empties the body and keeps its memory.
    pub fn clear(&mut self) {
        self.out.clear();
    }
}

fn put_entry(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    put_uvarint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests;
