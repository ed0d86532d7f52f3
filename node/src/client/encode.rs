//! Encoder of remote-write 1.0 requests: `prometheus.WriteRequest` as protobuf, in one snappy
//! block.
//!
//! ```text
//! WriteRequest  1: TimeSeries, repeated
//! TimeSeries    1: Label, repeated  -- exactly the canonical bytes of proto::Labels
//!               2: Sample, repeated
//! Sample        1: value, fixed64   2: timestamp in ms, varint
//! ```

use proto::varint::{put_uvarint, uvarint_len};
use proto::{Labels, Sample};

const TAG_TIME_SERIES: u8 = 0x0a;
const TAG_SAMPLE: u8 = 0x12;
const TAG_VALUE: u8 = 0x09;
const TAG_TIMESTAMP: u8 = 0x10;
/// Bytes of a sample beside its timestamp: two tags and the value.
const SAMPLE_FIXED_BYTES: usize = 10;

/// Collects series and makes the body of one request of them.
#[derive(Default, Debug)]
pub struct WriteRequest {
    protobuf: Vec<u8>,
    samples: usize,
}

impl WriteRequest {
    /// An empty request.
    pub fn new() -> WriteRequest {
        WriteRequest::default()
    }

    /// Adds a series with its samples.
    pub fn push(&mut self, labels: &Labels, samples: &[Sample]) {
        put_series(&mut self.protobuf, labels, samples);
        self.samples += samples.len();
    }

    /// Samples added so far.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// The protobuf bytes.
    pub fn protobuf(&self) -> &[u8] {
        &self.protobuf
    }

    /// The body as it is sent; `None` when the request is larger than snappy can frame (4 GiB).
    pub fn compress(&self) -> Option<Vec<u8>> {
        snap::raw::Encoder::new().compress_vec(&self.protobuf).ok()
    }
}

/// Appends one `TimeSeries` field.
pub fn put_series(out: &mut Vec<u8>, labels: &Labels, samples: &[Sample]) {
    let samples_bytes: usize = samples.iter().map(|s| 2 + sample_len(s)).sum();
    out.push(TAG_TIME_SERIES);
    put_uvarint(out, (labels.as_bytes().len() + samples_bytes) as u64);
    out.extend_from_slice(labels.as_bytes());
    for sample in samples {
        put_sample(out, sample);
    }
}

/// Length of a sample's message: at most 20, so its length takes one byte.
fn sample_len(sample: &Sample) -> usize {
    SAMPLE_FIXED_BYTES + uvarint_len(sample.timestamp_ms as u64)
}

fn put_sample(out: &mut Vec<u8>, sample: &Sample) {
    out.push(TAG_SAMPLE);
    put_uvarint(out, sample_len(sample) as u64);
    out.push(TAG_VALUE);
    out.extend_from_slice(&sample.value.to_bits().to_le_bytes());
    out.push(TAG_TIMESTAMP);
    put_uvarint(out, sample.timestamp_ms as u64);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::decode;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        Labels::from_pairs(pairs.iter().copied()).unwrap()
    }

    #[test]
    fn what_is_encoded_can_be_walked_back() {
        let long = "x".repeat(300);
        let series = [
            (labels(&[("__name__", "up"), ("job", "a")]), vec![(1_700_000_000_000, 1.0)]),
            (labels(&[("__name__", "b"), ("l", &long)]), vec![(-5, f64::NAN), (0, 0.0)]),
        ];
        let mut request = WriteRequest::new();
        for (labels, samples) in &series {
            let samples: Vec<_> = samples
                .iter()
                .map(|&(timestamp_ms, value)| Sample { timestamp_ms, value })
                .collect();
            request.push(labels, &samples);
        }
        assert_eq!(request.samples(), 3);
        let back = decode(&request.compress().unwrap());
        assert_eq!(back.len(), 2);
        for ((labels, samples), (back_labels, back_samples)) in series.iter().zip(&back) {
            assert_eq!(labels, back_labels);
            let bits =
                |s: &[(i64, f64)]| -> Vec<_> { s.iter().map(|(t, v)| (*t, v.to_bits())).collect() };
            assert_eq!(bits(samples), bits(back_samples));
        }
    }
}
