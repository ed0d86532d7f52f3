//! The columnar record: one tenant's samples of one request, as columns. It is what a partition
//! writes to the journal and what a node sends to its peers. Byte layout: `docs/formats/record.md`.

use bytes::Bytes;

use crate::labels::{Labels, LabelsError};
use crate::varint::{put_uvarint, put_varint, take_bytes, take_uvarint, take_varint};
use crate::{Epoch, SeriesId, TenantName};

/// Version byte of the layout that this module writes.
pub const RECORD_VERSION: u8 = 1;
/// Largest record in bytes after decompression.
pub const RECORD_BYTES_MAX: usize = 64 << 20;
/// Most series in one record.
pub const RECORD_SERIES_MAX: usize = 1 << 20;

const KIND_SAMPLES: u8 = 1;
const KIND_METADATA: u8 = 2;

/// Why bytes are no record.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RecordError {
    /// The bytes end early, or a count does not fit what follows.
    #[error("the record is cut short or inconsistent ({0})")]
    Malformed(&'static str),
    /// Written by another version of granary.
    #[error("the record has version {0}; this node reads version {RECORD_VERSION}")]
    Version(u8),
    /// Over [`RECORD_BYTES_MAX`] or [`RECORD_SERIES_MAX`].
    #[error("the record is too large: {0}")]
    TooLarge(String),
    /// A label set in it is not canonical.
    #[error("the record has invalid labels: {0}")]
    Labels(#[from] LabelsError),
    /// The tenant name in it is invalid.
    #[error("the record has an invalid tenant: {0}")]
    Tenant(#[from] crate::TenantNameError),
}

/// Samples of one tenant, as columns: series `i` has `counts[i]` consecutive entries in
/// `timestamps` and `values`. The buffers are reused from request to request (`clear`).
#[derive(Clone, Debug, PartialEq)]
pub struct SampleBatch {
    /// Whose samples.
    pub tenant: TenantName,
    /// Epoch of the tenant's ring when the request was routed.
    pub epoch: Epoch,
    /// One id per series; an id may occur more than once.
    pub ids: Vec<SeriesId>,
    /// Samples per series, parallel to `ids`, each at least 1.
    pub counts: Vec<u32>,
    /// Milliseconds since the Unix epoch.
    pub timestamps: Vec<i64>,
    /// Values, parallel to `timestamps`.
    pub values: Vec<f64>,
    /// Labels of some of the series: (index into `ids`, labels), ascending. Whoever does not know
    /// an id needs its labels here.
    pub labels: Vec<(u32, Labels)>,
}

impl SampleBatch {
    /// An empty batch.
    pub fn new(tenant: TenantName, epoch: Epoch) -> SampleBatch {
        SampleBatch {
            tenant,
            epoch,
            ids: Vec::new(),
            counts: Vec::new(),
            timestamps: Vec::new(),
            values: Vec::new(),
            labels: Vec::new(),
        }
    }

    /// Empties the columns and keeps their memory.
    pub fn clear(&mut self) {
        self.ids.clear();
        self.counts.clear();
        self.timestamps.clear();
        self.values.clear();
        self.labels.clear();
    }

    /// Starts a series without samples; follow with [`SampleBatch::push_sample`].
    #[inline]
    pub fn push_series(&mut self, id: SeriesId) {
        self.ids.push(id);
        self.counts.push(0);
    }

    /// Adds a sample to the series started last.
    #[inline]
    pub fn push_sample(&mut self, timestamp_ms: i64, value: f64) {
        self.timestamps.push(timestamp_ms);
        self.values.push(value);
        if let Some(count) = self.counts.last_mut() {
            *count += 1;
        }
    }

    /// Number of series entries.
    pub fn series(&self) -> usize {
        self.ids.len()
    }

    /// Number of samples.
    pub fn samples(&self) -> usize {
        self.timestamps.len()
    }

    /// Iterates over `(index, id, timestamps, values)`.
    pub fn iter(&self) -> impl Iterator<Item = (usize, SeriesId, &[i64], &[f64])> {
        let mut start = 0;
        self.ids.iter().zip(&self.counts).enumerate().map(move |(index, (id, count))| {
            let end = start + *count as usize;
            let columns = (&self.timestamps[start..end], &self.values[start..end]);
            start = end;
            (index, *id, columns.0, columns.1)
        })
    }

    /// Appends the record to `out`: version and kind, then the lz4-compressed columns.
    pub fn encode(&self, out: &mut Vec<u8>) {
        debug_assert_eq!(self.ids.len(), self.counts.len());
        debug_assert_eq!(self.timestamps.len(), self.values.len());
        let mut plain = Vec::with_capacity(self.ids.len() * 40 + 64);
        put_head(&mut plain, &self.tenant, self.epoch);
        self.encode_columns(&mut plain);
        put_uvarint(&mut plain, self.labels.len() as u64);
        let mut previous = 0;
        for (index, labels) in &self.labels {
            put_uvarint(&mut plain, u64::from(*index) - previous);
            previous = u64::from(*index);
            put_slice(&mut plain, labels.as_bytes());
        }
        seal(out, KIND_SAMPLES, &plain);
    }

    /// Ids, counts, zig-zag deltas of time, values as bits xor the value before.
    fn encode_columns(&self, plain: &mut Vec<u8>) {
        put_uvarint(plain, self.ids.len() as u64);
        for id in &self.ids {
            plain.extend_from_slice(&id.to_bytes());
        }
        for count in &self.counts {
            put_uvarint(plain, u64::from(*count));
        }
        let mut previous = 0i64;
        for t in &self.timestamps {
            put_varint(plain, t.wrapping_sub(previous));
            previous = *t;
        }
        for v in &self.values {
            plain.extend_from_slice(&v.to_bits().to_le_bytes());
        }
    }

    /// Reads a record of samples. Every count and label set is checked.
    pub fn decode(bytes: &[u8]) -> Result<SampleBatch, RecordError> {
        match Record::decode(bytes)? {
            Record::Samples(batch) => Ok(batch),
            Record::Metadata(_) => Err(RecordError::Malformed("metadata where samples belong")),
        }
    }
}

/// Type of a metric as its exposition declares it; the numbers are remote write's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum MetricType {
    Unknown = 0,
    Counter = 1,
    Gauge = 2,
    Histogram = 3,
    GaugeHistogram = 4,
    Summary = 5,
    Info = 6,
    StateSet = 7,
}

impl MetricType {
    /// From remote write's number; anything unknown is `Unknown`.
    pub fn from_number(number: u64) -> MetricType {
        use MetricType::*;
        let all = [Unknown, Counter, Gauge, Histogram, GaugeHistogram, Summary, Info, StateSet];
        usize::try_from(number).ok().and_then(|n| all.get(n).copied()).unwrap_or(Unknown)
    }

    /// As the metadata API prints it.
    pub fn as_str(self) -> &'static str {
        match self {
            MetricType::Unknown => "unknown",
            MetricType::Counter => "counter",
            MetricType::Gauge => "gauge",
            MetricType::Histogram => "histogram",
            MetricType::GaugeHistogram => "gaugehistogram",
            MetricType::Summary => "summary",
            MetricType::Info => "info",
            MetricType::StateSet => "stateset",
        }
    }
}

/// Metadata of one metric family.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct MetadataEntry {
    /// Name of the family.
    pub family: String,
    /// Its type.
    pub metric_type: MetricType,
    /// Its help text.
    pub help: String,
    /// Its unit, often "".
    pub unit: String,
}

/// Metadata of one tenant, as one request brought it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MetadataBatch {
    /// Whose metadata.
    pub tenant: TenantName,
    /// Epoch of the tenant's ring when the request was routed.
    pub epoch: Epoch,
    /// The families.
    pub entries: Vec<MetadataEntry>,
}

impl MetadataBatch {
    /// Appends the record to `out`; see [`SampleBatch::encode`].
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut plain = Vec::new();
        put_head(&mut plain, &self.tenant, self.epoch);
        put_uvarint(&mut plain, self.entries.len() as u64);
        for entry in &self.entries {
            plain.push(entry.metric_type as u8);
            for text in [&entry.family, &entry.help, &entry.unit] {
                put_slice(&mut plain, text.as_bytes());
            }
        }
        seal(out, KIND_METADATA, &plain);
    }
}

/// Any record.
#[derive(Clone, PartialEq, Debug)]
pub enum Record {
    /// Samples.
    Samples(SampleBatch),
    /// Metadata.
    Metadata(MetadataBatch),
}

impl Record {
    /// Reads a record that [`SampleBatch::encode`] or [`MetadataBatch::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Record, RecordError> {
        let [version, kind, body @ ..] = bytes else {
            return Err(RecordError::Malformed("no header"));
        };
        if *version != RECORD_VERSION {
            return Err(RecordError::Version(*version));
        }
        let plain = unseal(body)?;
        let mut rest = plain.as_slice();
        let record = match *kind {
            KIND_SAMPLES => Record::Samples(decode_samples(&mut rest)?),
            KIND_METADATA => Record::Metadata(decode_metadata(&mut rest)?),
            _ => return Err(RecordError::Malformed("unknown kind")),
        };
        if rest.is_empty() { Ok(record) } else { Err(RecordError::Malformed("trailing bytes")) }
    }
}

fn seal(out: &mut Vec<u8>, kind: u8, plain: &[u8]) {
    out.extend_from_slice(&[RECORD_VERSION, kind]);
    out.extend_from_slice(&(plain.len() as u32).to_le_bytes());
    let start = out.len();
    out.resize(start + lz4_flex::block::get_maximum_output_size(plain.len()), 0);
    let written = lz4_flex::block::compress_into(plain, &mut out[start..])
        .expect("the buffer has the maximum compressed size");
    out.truncate(start + written);
}

fn unseal(body: &[u8]) -> Result<Vec<u8>, RecordError> {
    let (size, packed) =
        body.split_first_chunk::<4>().ok_or(RecordError::Malformed("no length"))?;
    let size = u32::from_le_bytes(*size) as usize;
    if size > RECORD_BYTES_MAX {
        return Err(RecordError::TooLarge(format!("{size} bytes, limit {RECORD_BYTES_MAX}")));
    }
    let plain = lz4_flex::block::decompress(packed, size)
        .map_err(|_| RecordError::Malformed("compression"))?;
    if plain.len() == size { Ok(plain) } else { Err(RecordError::Malformed("length")) }
}

fn put_slice(out: &mut Vec<u8>, bytes: &[u8]) {
    put_uvarint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_head(out: &mut Vec<u8>, tenant: &TenantName, epoch: Epoch) {
    put_slice(out, tenant.as_str().as_bytes());
    put_uvarint(out, epoch.0);
}

fn take_head(rest: &mut &[u8]) -> Result<(TenantName, Epoch), RecordError> {
    let tenant = TenantName::new(&take_text(rest)?)?;
    let epoch = take_uvarint(rest).ok_or(RecordError::Malformed("epoch"))?;
    Ok((tenant, Epoch(epoch)))
}

fn take_text(rest: &mut &[u8]) -> Result<String, RecordError> {
    let bytes = take_bytes(rest).ok_or(RecordError::Malformed("text"))?;
    String::from_utf8(bytes.to_vec()).map_err(|_| RecordError::Malformed("text is not UTF-8"))
}

fn take_count(rest: &mut &[u8], each_min: usize) -> Result<usize, RecordError> {
    let count = take_uvarint(rest).ok_or(RecordError::Malformed("count"))?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count > RECORD_SERIES_MAX {
        return Err(RecordError::TooLarge(format!("{count} entries, limit {RECORD_SERIES_MAX}")));
    }
    if count.saturating_mul(each_min) > rest.len() {
        return Err(RecordError::Malformed("more entries than bytes"));
    }
    Ok(count)
}

fn decode_samples(rest: &mut &[u8]) -> Result<SampleBatch, RecordError> {
    let (tenant, epoch) = take_head(rest)?;
    let mut batch = SampleBatch::new(tenant, epoch);
    let series = take_count(rest, 17)?;
    let (ids, after) = rest.split_at(series * 16);
    *rest = after;
    batch.ids = ids.as_chunks::<16>().0.iter().map(|b| SeriesId::from_bytes(*b)).collect();
    let samples = decode_counts(rest, series, &mut batch.counts)?;
    decode_times(rest, samples, &mut batch.timestamps)?;
    let (values, after) =
        rest.split_at_checked(samples * 8).ok_or(RecordError::Malformed("values"))?;
    *rest = after;
    let bits = values.as_chunks::<8>().0.iter().map(|b| u64::from_le_bytes(*b));
    batch.values = bits.map(f64::from_bits).collect();
    decode_labels(rest, series, &mut batch.labels)?;
    Ok(batch)
}

fn decode_counts(
    rest: &mut &[u8],
    series: usize,
    counts: &mut Vec<u32>,
) -> Result<usize, RecordError> {
    let mut samples = 0usize;
    counts.reserve(series);
    for _ in 0..series {
        let count = take_uvarint(rest).and_then(|n| u32::try_from(n).ok());
        let count = count.filter(|n| *n > 0).ok_or(RecordError::Malformed("sample count"))?;
        samples += count as usize;
        counts.push(count);
    }
    // Every sample has at least a byte of time and eight of value.
    let fits = samples.checked_mul(9).is_some_and(|bytes| bytes <= rest.len());
    if fits { Ok(samples) } else { Err(RecordError::Malformed("more samples than bytes")) }
}

fn decode_times(rest: &mut &[u8], samples: usize, out: &mut Vec<i64>) -> Result<(), RecordError> {
    let mut previous = 0i64;
    out.reserve(samples);
    for _ in 0..samples {
        let delta = take_varint(rest).ok_or(RecordError::Malformed("timestamp"))?;
        previous = previous.wrapping_add(delta);
        out.push(previous);
    }
    Ok(())
}

fn decode_labels(
    rest: &mut &[u8],
    series: usize,
    out: &mut Vec<(u32, Labels)>,
) -> Result<(), RecordError> {
    let count = take_count(rest, 2)?;
    let mut index = 0u64;
    for i in 0..count {
        let delta = take_uvarint(rest).ok_or(RecordError::Malformed("label index"))?;
        index = index.saturating_add(delta);
        if index >= series as u64 || (i > 0 && delta == 0) {
            return Err(RecordError::Malformed("label index"));
        }
        let bytes = take_bytes(rest).ok_or(RecordError::Malformed("labels"))?;
        out.push((index as u32, Labels::from_canonical(Bytes::copy_from_slice(bytes))?));
    }
    Ok(())
}

fn decode_metadata(rest: &mut &[u8]) -> Result<MetadataBatch, RecordError> {
    let (tenant, epoch) = take_head(rest)?;
    let count = take_count(rest, 4)?;
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        let (number, after) = rest.split_first().ok_or(RecordError::Malformed("metric type"))?;
        let metric_type = MetricType::from_number(u64::from(*number));
        *rest = after;
        let (family, help, unit) = (take_text(rest)?, take_text(rest)?, take_text(rest)?);
        entries.push(MetadataEntry { family, metric_type, help, unit });
    }
    Ok(MetadataBatch { tenant, epoch, entries })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn batch(series: &[(u128, Vec<(i64, f64)>)]) -> SampleBatch {
        let mut batch = SampleBatch::new(TenantName::new("a").unwrap(), Epoch(7));
        for (i, (id, samples)) in series.iter().enumerate() {
            batch.push_series(SeriesId(*id));
            for (t, v) in samples {
                batch.push_sample(*t, *v);
            }
            if i % 2 == 0 {
                let labels = Labels::from_pairs([("i", i.to_string())]).unwrap();
                batch.labels.push((i as u32, labels));
            }
        }
        batch
    }

    proptest! {
        #[test]
        fn samples_round_trip(
            series in prop::collection::vec(
                (any::<u128>(), prop::collection::vec((any::<i64>(), -1e9..1e9), 1..5)), 0..40)
        ) {
            let batch = batch(&series);
            let mut bytes = Vec::new();
            batch.encode(&mut bytes);
            prop_assert_eq!(SampleBatch::decode(&bytes), Ok(batch));
        }

        #[test]
        fn damaged_records_are_errors_or_records_but_no_panics(
            at in 0usize..200, flip in 1u8.., cut in 0usize..200
        ) {
            let mut bytes = Vec::new();
            batch(&[(1, vec![(1, 2.0), (2, 2.5)]), (9, vec![(1, 0.5)])]).encode(&mut bytes);
            let length = bytes.len();
            bytes[at % length] ^= flip;
            let _ = Record::decode(&bytes);
            prop_assert!(Record::decode(&bytes[..cut % 6]).is_err());
        }

        #[test]
        fn any_bytes_decode_without_a_panic(mut bytes: Vec<u8>, kind in 1u8..3) {
            let plain = bytes.clone();
            bytes.clear();
            seal(&mut bytes, kind, &plain);
            let _ = Record::decode(&bytes);
        }
    }

    #[test]
    fn metadata_round_trips() {
        let entry = MetadataEntry {
            family: "up".into(),
            metric_type: MetricType::Gauge,
            help: "Whether.".into(),
            unit: String::new(),
        };
        let tenant = TenantName::new("b").unwrap();
        let batch = MetadataBatch { tenant, epoch: Epoch(1), entries: vec![entry] };
        let mut bytes = Vec::new();
        batch.encode(&mut bytes);
        assert_eq!(Record::decode(&bytes), Ok(Record::Metadata(batch)));
    }
}
