//! The XOR chunk (encoding 1): Gorilla's scheme with Prometheus' bit widths.
//!
//! Layout, from Prometheus' `tsdb/chunkenc/xor.go`: big-endian u16 count of samples; sample 0:
//! varint timestamp, 64 bits of value; sample 1: uvarint delta, value; then the delta of the delta
//! behind one of the prefixes `0`, `10` + 14 bits, `110` + 17, `1110` + 20, `1111` + 64. A value is
//! XORed with the one before: `0` same, `10` + the bits in the window of the last one, `11` + 5
//! bits leading zeros + 6 bits length (0 is 64) + the bits.

use proto::varint::uvarint_len;

use super::ChunkError;
use super::bits::{BitReader, BitWriter, Ended};

/// Bytes of the sample count in front of the bits.
pub const XOR_HEADER_BYTES: usize = 2;
/// Most bytes by which one sample lengthens a chunk.
pub const XOR_SAMPLE_BYTES_MAX: usize = 20;
/// Most samples in one chunk; the count has 16 bits.
pub const XOR_SAMPLES_MAX: u16 = u16::MAX;

/// `leading` of a state that has no window yet.
const NO_WINDOW: u8 = 0xff;

/// What has to be known about an open chunk to append to it. The bytes are the caller's; the
/// fields are public so that they can be packed into a denser line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XorState {
    /// Bits written, the two bytes of the header included.
    pub bits: u32,
    /// Samples written.
    pub samples: u16,
    /// Timestamp of the last sample, milliseconds.
    pub last_ms: i64,
    /// Distance of the last two timestamps, modulo 2^64.
    pub last_delta: u64,
    /// Bits of the last value.
    pub last_value_bits: u64,
    /// Leading zeros of the window in use; 255 when there is none.
    pub leading: u8,
    /// Trailing zeros of the window in use.
    pub trailing: u8,
}

/// The sample does not fit: the buffer is too short for it or the count is at its maximum.
/// Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sample does not fit into the chunk")]
pub struct ChunkFull;

impl Default for XorState {
    fn default() -> XorState {
        XorState {
            bits: 8 * XOR_HEADER_BYTES as u32,
            samples: 0,
            last_ms: 0,
            last_delta: 0,
            last_value_bits: 0,
            leading: NO_WINDOW,
            trailing: 0,
        }
    }
}

impl XorState {
    /// State of the chunk in `data`, ready to append behind its last sample.
    pub fn resume(data: &[u8]) -> Result<XorState, ChunkError> {
        let mut iter = XorIter::new(data)?;
        while iter.next_sample()?.is_some() {}
        let last = iter.state;
        let total_bits = data.len() * 8;
        let bits = u32::try_from(total_bits - iter.reader.bits_left())
            .map_err(|_| ChunkError::TooLong(data.len()))?;
        Ok(XorState { bits, samples: iter.count, ..last })
    }

    /// Bytes of the chunk so far.
    #[inline]
    pub fn len_bytes(&self) -> usize {
        self.bits.div_ceil(8) as usize
    }

    /// Appends a sample to the chunk in `out`, whose first [`XorState::len_bytes`] bytes are the
    /// chunk so far. [`XOR_SAMPLE_BYTES_MAX`] more bytes always suffice. Bit for bit what
    /// Prometheus writes; the order of timestamps is the caller's affair.
    #[inline]
    pub fn append(
        &mut self,
        out: &mut [u8],
        timestamp_ms: i64,
        value: f64,
    ) -> Result<(), ChunkFull> {
        if self.samples == XOR_SAMPLES_MAX || out.len() < XOR_HEADER_BYTES {
            return Err(ChunkFull);
        }
        let mut next = *self;
        let start = (self.bits / 8) as usize;
        let filled = self.bits % 8;
        let partial = if filled == 0 { 0 } else { *out.get(start).ok_or(ChunkFull)? };
        let mut writer = BitWriter::behind(partial, filled);
        next.encode(&mut writer, timestamp_ms, value.to_bits());
        let (bytes, bits) = writer.finish();
        let length = bits.div_ceil(8) as usize;
        let target = out.get_mut(start..start + length).ok_or(ChunkFull)?;
        target.copy_from_slice(&bytes[..length]);
        next.bits = start as u32 * 8 + bits;
        next.samples += 1;
        out[..XOR_HEADER_BYTES].copy_from_slice(&next.samples.to_be_bytes());
        *self = next;
        Ok(())
    }

    #[inline]
    fn encode(&mut self, writer: &mut BitWriter, timestamp_ms: i64, value_bits: u64) {
        let delta = timestamp_ms.wrapping_sub(self.last_ms) as u64;
        match self.samples {
            0 => {
                push_uvarint(writer, ((timestamp_ms << 1) ^ (timestamp_ms >> 63)) as u64);
                writer.push(value_bits, 64);
            }
            1 => {
                push_uvarint(writer, delta);
                self.push_value(writer, value_bits);
                self.last_delta = delta;
            }
            _ => {
                push_delta_of_delta(writer, delta.wrapping_sub(self.last_delta) as i64);
                self.push_value(writer, value_bits);
                self.last_delta = delta;
            }
        }
        self.last_ms = timestamp_ms;
        self.last_value_bits = value_bits;
    }

    #[inline]
    fn push_value(&mut self, writer: &mut BitWriter, value_bits: u64) {
        let change = value_bits ^ self.last_value_bits;
        if change == 0 {
            return writer.push(0, 1);
        }
        let leading = (change.leading_zeros() as u8).min(31);
        let trailing = change.trailing_zeros() as u8;
        if self.leading != NO_WINDOW && leading >= self.leading && trailing >= self.trailing {
            writer.push(0b10, 2);
            let length = 64 - u32::from(self.leading) - u32::from(self.trailing);
            return writer.push(change >> self.trailing, length);
        }
        (self.leading, self.trailing) = (leading, trailing);
        let length = 64 - u64::from(leading) - u64::from(trailing);
        writer.push(0b11 << 11 | u64::from(leading) << 6 | (length & 63), 13);
        writer.push(change >> trailing, length as u32);
    }
}

fn push_uvarint(writer: &mut BitWriter, mut value: u64) {
    for _ in 1..uvarint_len(value) {
        writer.push(value & 0x7f | 0x80, 8);
        value >>= 7;
    }
    writer.push(value, 8);
}

#[inline]
fn push_delta_of_delta(writer: &mut BitWriter, dod: i64) {
    let mut prefixed = |prefix: u64, prefix_bits: u32, bits: u32| {
        let low = dod as u64 & ((1 << bits) - 1);
        writer.push(prefix << bits | low, prefix_bits + bits);
    };
    match dod {
        0 => writer.push(0, 1),
        -0x1fff..=0x2000 => prefixed(0b10, 2, 14),
        -0xffff..=0x1_0000 => prefixed(0b110, 3, 17),
        -0x7_ffff..=0x8_0000 => prefixed(0b1110, 4, 20),
        _ => {
            writer.push(0b1111, 4);
            writer.push(dod as u64, 64);
        }
    }
}

/// Iterator over the samples of an XOR chunk; see [`super::ChunkIter`].
#[derive(Clone)]
pub(super) struct XorIter<'a> {
    reader: BitReader<'a>,
    state: XorState,
    count: u16,
}

impl<'a> XorIter<'a> {
    pub(super) fn new(data: &'a [u8]) -> Result<XorIter<'a>, ChunkError> {
        let Some((header, bits)) = data.split_first_chunk::<XOR_HEADER_BYTES>() else {
            return Err(ChunkError::Truncated { sample: 0, samples: 0 });
        };
        let (reader, count) = (BitReader::new(bits), u16::from_be_bytes(*header));
        Ok(XorIter { reader, state: XorState::default(), count })
    }

    /// Samples that the chunk says it holds.
    pub(super) fn count(&self) -> u16 {
        self.count
    }

    /// The next timestamp and value.
    #[inline(always)]
    pub(super) fn next_sample(&mut self) -> Result<Option<(i64, f64)>, ChunkError> {
        let done = self.state.samples;
        if done == self.count {
            return Ok(None);
        }
        let step = if done < 2 { self.read_opening() } else { self.read_sample() };
        if step.is_err() {
            return Err(ChunkError::Truncated { sample: done, samples: self.count });
        }
        self.state.samples = done + 1;
        Ok(Some((self.state.last_ms, f64::from_bits(self.state.last_value_bits))))
    }

    /// Samples 0 and 1.
    #[cold]
    fn read_opening(&mut self) -> Result<(), Ended> {
        let raw = self.reader.take_uvarint()?;
        if self.state.samples == 0 {
            self.state.last_ms = (raw >> 1) as i64 ^ -((raw & 1) as i64);
            self.state.last_value_bits = self.reader.take_long(64)?;
            return Ok(());
        }
        self.state.last_delta = raw;
        self.state.last_ms = self.state.last_ms.wrapping_add(raw as i64);
        self.reader.refill();
        self.read_value()
    }

    #[inline(always)]
    fn read_sample(&mut self) -> Result<(), Ended> {
        self.reader.refill();
        let dod = self.read_delta_of_delta()?;
        self.state.last_delta = self.state.last_delta.wrapping_add(dod as u64);
        self.state.last_ms = self.state.last_ms.wrapping_add(self.state.last_delta as i64);
        self.read_value()
    }

    #[inline(always)]
    fn read_delta_of_delta(&mut self) -> Result<i64, Ended> {
        let ones = self.reader.peek().leading_ones();
        let bits = match ones {
            0 => return self.reader.skip(1).map(|()| 0),
            1 => 14,
            2 => 17,
            3 => 20,
            _ => {
                self.reader.skip(4)?;
                return self.reader.take_long(64).map(|raw| raw as i64);
            }
        };
        self.reader.skip(ones + 1)?;
        let raw = self.reader.take(bits)? as i64;
        Ok(if raw > 1 << (bits - 1) { raw - (1 << bits) } else { raw })
    }

    #[inline(always)]
    fn read_value(&mut self) -> Result<(), Ended> {
        if self.reader.take(1)? == 0 {
            return Ok(());
        }
        // Prometheus re-opens a chunk of equal values with the whole word as its window.
        if self.reader.take(1)? == 1 {
            let window = self.reader.take(11)?;
            let length = if window & 63 == 0 { 64 } else { window & 63 };
            let leading = window >> 6;
            if leading + length > 64 {
                return Err(Ended);
            }
            self.state.leading = leading as u8;
            self.state.trailing = (64 - leading - length) as u8;
        } else if self.state.leading == NO_WINDOW {
            self.state.leading = 0;
        }
        let length = 64 - u32::from(self.state.leading) - u32::from(self.state.trailing);
        let change = self.reader.take_long(length)?;
        self.state.last_value_bits ^= change << self.state.trailing;
        Ok(())
    }
}
