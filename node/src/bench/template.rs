//! Requests that are encoded once: from round to round only timestamps, values and pod generations
//! change, and those have a fixed width at a known place.

use bytes::Bytes;
use proto::TenantName;
use proto::remote_write::RequestWriter;

use super::BenchError;
use super::options::WriteOptions;
use super::series::{GENERATION_DIGITS, SERIES_PER_TARGET, SeriesPlan};

/// Width of a timestamp's varint for every time from 1971 to 2109.
const TIMESTAMP_BYTES: usize = 6;
/// A series ends with its value, the tag of the timestamp, and the timestamp.
const VALUE_BEFORE_END: usize = 8 + 1 + TIMESTAMP_BYTES;

/// One request of up to `--samples-per-request` series with one sample each.
pub(super) struct Template {
    /// Whose series.
    pub(super) tenant: TenantName,
    plan: SeriesPlan,
    first_series: u32,
    places: Vec<Places>,
    protobuf: Vec<u8>,
    compressed: Vec<u8>,
    snappy: snap::raw::Encoder,
}

/// Where a series has what changes.
#[derive(Clone, Copy, Debug)]
struct Places {
    generation: u32,
    end: u32,
}

impl Template {
    /// All templates of all tenants.
    pub(super) fn all(
        options: &WriteOptions,
        plan: &SeriesPlan,
        first_ms: i64,
    ) -> Result<Vec<Template>, BenchError> {
        let mut all = Vec::new();
        for tenant in 0..options.tenants {
            let name = TenantName::new(&format!("bench-{tenant}"))
                .map_err(|error| BenchError::Series(error.to_string()))?;
            for first in (0..options.series).step_by(options.samples_per_request as usize) {
                let end = options.series.min(first.saturating_add(options.samples_per_request));
                all.push(Template::new(name.clone(), plan, first..end, first_ms)?);
            }
        }
        Ok(all)
    }

    fn new(
        tenant: TenantName,
        plan: &SeriesPlan,
        series: std::ops::Range<u32>,
        first_ms: i64,
    ) -> Result<Template, BenchError> {
        let mut template = Template {
            tenant,
            plan: plan.clone(),
            first_series: series.start,
            places: Vec::with_capacity(series.len()),
            protobuf: Vec::new(),
            compressed: Vec::new(),
            snappy: snap::raw::Encoder::new(),
        };
        let mut request = RequestWriter::default();
        for series in series {
            template.push(&mut request, series, first_ms)?;
        }
        template.protobuf = request.as_bytes().to_vec();
        let room = snap::raw::max_compress_len(template.protobuf.len());
        template.compressed.resize(room, 0);
        Ok(template)
    }

    /// Adds a series to the request and remembers where it has what changes.
    fn push(
        &mut self,
        request: &mut RequestWriter,
        series: u32,
        timestamp_ms: i64,
    ) -> Result<(), BenchError> {
        let bad = |error: String| BenchError::Series(error);
        let labels = self.plan.labels(series, 0).map_err(|error| bad(error.to_string()))?;
        let start = request.as_bytes().len();
        request.series(&labels, &[(timestamp_ms, 0.0)]);
        let encoded = &request.as_bytes()[start..];
        let pod = self.plan.pod(series / SERIES_PER_TARGET, 0);
        let found = encoded.windows(pod.len()).position(|window| window == pod.as_bytes());
        let pod_at = found.ok_or_else(|| bad(format!("series {series} has no pod")))?;
        let generation = start + pod_at + pod.len() - GENERATION_DIGITS;
        let place = |at: usize| {
            u32::try_from(at).map_err(|_| bad("a request has more than 4 GiB".to_owned()))
        };
        let end = place(request.as_bytes().len())?;
        self.places.push(Places { generation: place(generation)?, end });
        Ok(())
    }

    /// Samples of the request.
    pub(super) fn samples(&self) -> u64 {
        self.places.len() as u64
    }

    /// The body of a round. `age_ms` is the sample time since the first round.
    pub(super) fn body(&mut self, round: u64, timestamp_ms: i64, age_ms: i64) -> Option<Bytes> {
        let time = fixed_varint(timestamp_ms)?;
        let mut target = None;
        let mut digits = [b'0'; GENERATION_DIGITS];
        for (i, places) in self.places.iter().enumerate() {
            let series = self.first_series + i as u32;
            if target != Some(series / SERIES_PER_TARGET) {
                target = Some(series / SERIES_PER_TARGET);
                digits = hex(self.plan.generation(series / SERIES_PER_TARGET, age_ms));
            }
            let (generation, end) = (places.generation as usize, places.end as usize);
            self.protobuf[generation..generation + GENERATION_DIGITS].copy_from_slice(&digits);
            let value = self.plan.value(series, round).to_bits().to_le_bytes();
            let value_at = end - VALUE_BEFORE_END;
            self.protobuf[value_at..value_at + 8].copy_from_slice(&value);
            self.protobuf[end - TIMESTAMP_BYTES..end].copy_from_slice(&time);
        }
        let length = self.snappy.compress(&self.protobuf, &mut self.compressed).ok()?;
        Some(Bytes::copy_from_slice(&self.compressed[..length]))
    }
}

/// A varint of exactly [`TIMESTAMP_BYTES`]; `None` outside of the years it can hold.
fn fixed_varint(timestamp_ms: i64) -> Option<[u8; TIMESTAMP_BYTES]> {
    let value = u64::try_from(timestamp_ms).ok().filter(|v| (1 << 35..1 << 42).contains(v))?;
    let mut bytes = [0; TIMESTAMP_BYTES];
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = (value >> (7 * i)) as u8 & 0x7f | 0x80;
    }
    bytes[TIMESTAMP_BYTES - 1] &= 0x7f;
    Some(bytes)
}

fn hex(generation: u64) -> [u8; GENERATION_DIGITS] {
    let mut digits = [b'0'; GENERATION_DIGITS];
    for (i, digit) in digits.iter_mut().rev().enumerate() {
        *digit = b"0123456789abcdef"[(generation >> (4 * i) & 0xf) as usize];
    }
    digits
}
