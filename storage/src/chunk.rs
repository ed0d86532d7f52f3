//! Chunks: runs of samples of one series, encoded as Prometheus does.
//!
//! Only XOR chunks of floats (encoding 1) are written and decoded. Histogram chunks (2, 3) and the
//! newer encodings (4 to 6) are recognised and refused by name, never skipped.
//!
//! ```
//! let mut chunk = storage::chunk::XorEncoder::default();
//! chunk.append(1_000, 0.5)?;
//! chunk.append(16_000, 0.75)?;
//! let data = chunk.finish();
//!
//! let (mut timestamps, mut values) = (vec![], vec![]);
//! storage::chunk::decode_into(&data, 0, 10_000, &mut timestamps, &mut values)?;
//! assert_eq!((timestamps, values), (vec![1_000], vec![0.5]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bits;
mod xor;

use bytes::Bytes;

use crate::series::{Chunk, ChunkView, ENCODING_XOR};

pub use xor::{ChunkFull, XOR_HEADER_BYTES, XOR_SAMPLE_BYTES_MAX, XOR_SAMPLES_MAX, XorState};

/// Longest chunk that is accepted, in bytes. 65,535 samples of 145 bits take less.
pub const CHUNK_BYTES_MAX: usize = 2 << 20;

/// Why a chunk cannot be decoded. Retrying does not help; another copy of the data may.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ChunkError {
    /// The bits end, or make no sense, inside of a sample.
    #[error("the chunk is damaged at sample {sample} of {samples}")]
    Truncated {
        /// Number of the sample, from 0.
        sample: u16,
        /// Samples that the chunk's header announces.
        samples: u16,
    },
    /// Over [`CHUNK_BYTES_MAX`].
    #[error("the chunk has {0} bytes; at most {CHUNK_BYTES_MAX} are accepted")]
    TooLong(usize),
    /// An encoding that Prometheus knows and this version does not decode.
    #[error("{} chunks (encoding {encoding}) are not supported yet", encoding_name(*.encoding))]
    Unsupported {
        /// Its number.
        encoding: u8,
    },
    /// An encoding that does not exist.
    #[error("the chunk encoding {0} is unknown")]
    Unknown(u8),
}

/// Prometheus' name of an encoding.
fn encoding_name(encoding: u8) -> &'static str {
    match encoding {
        1 => "XOR",
        2 => "histogram",
        3 => "float histogram",
        4 => "XOR2",
        5 => "histogram with start timestamps",
        6 => "float histogram with start timestamps",
        _ => "unknown",
    }
}

/// Whether chunks of this encoding can be decoded; the error says why not.
pub fn check_encoding(encoding: u8) -> Result<(), ChunkError> {
    match encoding {
        ENCODING_XOR => Ok(()),
        2..=6 => Err(ChunkError::Unsupported { encoding }),
        _ => Err(ChunkError::Unknown(encoding)),
    }
}

/// Builds an XOR chunk in a buffer of its own. A head with memory of its own uses [`XorState`].
#[derive(Default, Debug)]
pub struct XorEncoder {
    state: XorState,
    bytes: Vec<u8>,
}

impl XorEncoder {
    /// Appends a sample; fails only when the chunk holds [`XOR_SAMPLES_MAX`].
    pub fn append(&mut self, timestamp_ms: i64, value: f64) -> Result<(), ChunkFull> {
        self.bytes.resize(self.state.len_bytes() + XOR_SAMPLE_BYTES_MAX, 0);
        self.state.append(&mut self.bytes, timestamp_ms, value)
    }

    /// Samples so far.
    pub fn samples(&self) -> u16 {
        self.state.samples
    }

    /// Length of the chunk so far.
    pub fn len_bytes(&self) -> usize {
        self.state.len_bytes()
    }

    /// The encoded chunk.
    pub fn finish(mut self) -> Bytes {
        self.bytes.resize(self.state.len_bytes(), 0);
        Bytes::from(self.bytes)
    }
}

/// Encodes samples into one chunk, or `None` when there are none.
pub fn encode(samples: impl IntoIterator<Item = (i64, f64)>) -> Result<Option<Chunk>, ChunkFull> {
    let mut encoder = XorEncoder::default();
    let (mut min_ms, mut max_ms) = (i64::MAX, i64::MIN);
    for (timestamp_ms, value) in samples {
        encoder.append(timestamp_ms, value)?;
        (min_ms, max_ms) = (min_ms.min(timestamp_ms), max_ms.max(timestamp_ms));
    }
    if encoder.samples() == 0 {
        return Ok(None);
    }
    Ok(Some(Chunk { min_ms, max_ms, encoding: ENCODING_XOR, data: encoder.finish() }))
}

/// Iterator over the `(timestamp_ms, value)` of a chunk. It stops after the first error.
#[derive(Clone)]
pub struct ChunkIter<'a> {
    samples: Option<xor::XorIter<'a>>,
}

impl<'a> ChunkIter<'a> {
    /// Starts at the chunk's first sample.
    pub fn new(encoding: u8, data: &'a [u8]) -> Result<ChunkIter<'a>, ChunkError> {
        check_encoding(encoding)?;
        check_length(data)?;
        Ok(ChunkIter { samples: Some(xor::XorIter::new(data)?) })
    }
}

impl Iterator for ChunkIter<'_> {
    type Item = Result<(i64, f64), ChunkError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let step = self.samples.as_mut()?.next_sample().transpose();
        if matches!(step, Some(Err(_))) {
            self.samples = None;
        }
        step
    }
}

/// Number of samples that an encoded chunk (of any encoding up to 3) announces.
pub fn sample_count(data: &[u8]) -> Result<u16, ChunkError> {
    Ok(xor::XorIter::new(data)?.count())
}

/// Appends the samples of an XOR chunk within `start_ms..=end_ms` to the two columns. On an error
/// the columns are as they were.
pub fn decode_into(
    data: &[u8],
    start_ms: i64,
    end_ms: i64,
    timestamps: &mut Vec<i64>,
    values: &mut Vec<f64>,
) -> Result<(), ChunkError> {
    check_length(data)?;
    let mut iter = xor::XorIter::new(data)?;
    let before = (timestamps.len(), values.len());
    // A sample has at least two bits, so that a damaged count cannot ask for much memory.
    let expected = usize::from(iter.count()).min(data.len() * 4);
    timestamps.reserve(expected);
    values.reserve(expected);
    loop {
        match iter.next_sample() {
            Ok(Some((timestamp_ms, value))) => {
                if timestamp_ms >= start_ms && timestamp_ms <= end_ms {
                    timestamps.push(timestamp_ms);
                    values.push(value);
                }
            }
            Ok(None) => return Ok(()),
            Err(error) => {
                timestamps.truncate(before.0);
                values.truncate(before.1);
                return Err(error);
            }
        }
    }
}

/// [`decode_into`] for a chunk of any encoding; the ones that cannot be decoded are an error.
pub fn decode_chunk_into(
    chunk: ChunkView<'_>,
    start_ms: i64,
    end_ms: i64,
    timestamps: &mut Vec<i64>,
    values: &mut Vec<f64>,
) -> Result<(), ChunkError> {
    check_encoding(chunk.encoding)?;
    decode_into(chunk.data, start_ms, end_ms, timestamps, values)
}

fn check_length(data: &[u8]) -> Result<(), ChunkError> {
    if data.len() > CHUNK_BYTES_MAX {
        return Err(ChunkError::TooLong(data.len()));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
