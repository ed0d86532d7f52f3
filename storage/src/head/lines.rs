//! The two fixed-size lines of every series and the chunked array that holds them.
//!
//! A series is a *slot*: an index into both arrays, handed out in order of arrival and reused
//! (under the next generation) after the series left the head.

use crate::chunk::XorState;

/// Bytes of one block of a [`Lines`] array; arrays grow by whole blocks and never move.
pub const LINES_BLOCK_BYTES: usize = 2 << 20;

/// The slot is in use.
pub const FLAG_LIVE: u8 = 1;
/// The open chunk is the first of its part and ends early, at a length drawn from the id.
pub const FLAG_STAGGERED: u8 = 2;
/// The batch at work has samples of this series that are not applied yet.
pub const FLAG_PENDING: u8 = 4;

/// The series never had a sample; `last_ms` says nothing.
pub const FLAG_NEW: u8 = 8;

/// The sample at `last_ms` left with a dropped part; its value says nothing.
pub const FLAG_FORGOTTEN: u8 = 16;

/// A greater value than `last_bits` is kept beside the chunks for `last_ms`.
pub const FLAG_OVERLAID: u8 = 32;

/// What an append reads and writes: one cache line.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug, Default)]
pub struct Hot {
    /// Low half of the series id.
    pub id_low: u64,
    /// Timestamp of the newest sample ever appended; never goes back.
    pub last_ms: i64,
    /// Value bits at `last_ms`.
    pub last_bits: u64,
    /// Room for the order-free digest of the open window (repair compares them).
    pub reserved_digest: u64,
    /// Distance of the open chunk's last two timestamps; a window is shorter than 2^32 ms.
    pub last_delta: u32,
    /// Open chunk's bytes in the partition's slab, [`super::slab::NONE`] when there is no chunk.
    pub tail: u32,
    /// Index of the tenant in the partition.
    pub tenant: u32,
    /// Part that the open chunk belongs to.
    pub part: u32,
    /// Bits written to the open chunk.
    pub bits: u16,
    /// Samples of this series in the side structure, all parts together.
    pub side: u16,
    /// Counts the series that had this slot before.
    pub generation: u16,
    /// Closed chunks; stays at the largest number when there are more.
    pub closed_chunks: u16,
    /// Samples in the open chunk.
    pub samples: u8,
    /// Leading zeros of the XOR window.
    pub leading: u8,
    /// Trailing zeros of the XOR window.
    pub trailing: u8,
    /// `FLAG_*`.
    pub flags: u8,
}

impl Hot {
    /// Whether the slot is in use.
    #[inline]
    pub fn is_live(&self) -> bool {
        self.flags & FLAG_LIVE != 0
    }

    /// Whether `last_bits` is the value at `last_ms`.
    #[inline]
    pub fn knows_last(&self) -> bool {
        self.flags & (FLAG_NEW | FLAG_FORGOTTEN) == 0
    }

    /// Whether this is the newest sample, and nothing else has to be looked at to say so.
    #[inline]
    pub fn is_last(&self, t: i64, bits: u64) -> bool {
        let certain = self.flags & (FLAG_NEW | FLAG_FORGOTTEN | FLAG_OVERLAID) == 0;
        t == self.last_ms && bits == self.last_bits && certain
    }

    /// The appender's state of the open chunk.
    #[inline]
    pub fn xor_state(&self) -> XorState {
        XorState {
            bits: u32::from(self.bits),
            samples: u16::from(self.samples),
            last_ms: self.last_ms,
            last_delta: u64::from(self.last_delta),
            last_value_bits: self.last_bits,
            leading: self.leading,
            trailing: self.trailing,
        }
    }

    /// Takes the appender's state back.
    #[inline]
    pub fn set_xor_state(&mut self, state: &XorState) {
        debug_assert!(state.bits <= u32::from(u16::MAX) && state.samples <= 255);
        self.bits = state.bits as u16;
        self.samples = state.samples as u8;
        self.last_ms = state.last_ms;
        self.last_delta = state.last_delta as u32;
        self.last_bits = state.last_value_bits;
        self.leading = state.leading;
        self.trailing = state.trailing;
    }

    /// Bytes of the open chunk.
    #[inline]
    pub fn tail_bytes(&self) -> usize {
        usize::from(self.bits).div_ceil(8)
    }
}

/// What only series creation, chunk closing and reads need.
#[repr(C, align(32))]
#[derive(Clone, Copy, Debug, Default)]
pub struct Cold {
    /// High half of the series id.
    pub id_high: u64,
    /// First timestamp of the open chunk.
    pub min_ms: i64,
    /// Room for the digest of the window before.
    pub reserved_digest: u64,
    /// Label pair ids in the partition's slab.
    pub labels: u32,
    /// Newest closed chunk, [`super::slab::NONE`] when there is none.
    pub closed: u32,
}

/// An array in blocks of [`LINES_BLOCK_BYTES`]. A block's memory is reserved at once and touched
/// as it fills, so that a small head stays small.
#[derive(Debug, Default)]
pub struct Lines<T> {
    blocks: Vec<Vec<T>>,
    len: u32,
}

impl<T: Default> Lines<T> {
    const PER_BLOCK: usize = LINES_BLOCK_BYTES / size_of::<T>();

    /// Number of lines.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Appends a default line and returns its index.
    pub fn push(&mut self) -> u32 {
        if (self.len as usize).is_multiple_of(Self::PER_BLOCK) {
            self.blocks.push(Vec::with_capacity(Self::PER_BLOCK));
        }
        self.blocks[self.len as usize / Self::PER_BLOCK].push(T::default());
        self.len += 1;
        self.len - 1
    }

    /// Line `index`, which must have been pushed.
    #[inline]
    pub fn at(&self, index: u32) -> &T {
        &self.blocks[index as usize / Self::PER_BLOCK][index as usize % Self::PER_BLOCK]
    }

    /// Line `index` to write.
    #[inline]
    pub fn at_mut(&mut self, index: u32) -> &mut T {
        &mut self.blocks[index as usize / Self::PER_BLOCK][index as usize % Self::PER_BLOCK]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_the_sizes_that_the_budget_counts_with() {
        assert_eq!((size_of::<Hot>(), align_of::<Hot>()), (64, 64));
        assert_eq!(size_of::<Cold>(), 32);
    }

    #[test]
    fn lines_survive_a_block_border() {
        let mut lines = Lines::<Cold>::default();
        for i in 0..(Lines::<Cold>::PER_BLOCK as u32 + 3) {
            assert_eq!(lines.push(), i);
            lines.at_mut(i).labels = i;
        }
        assert_eq!(lines.at(2).labels, 2);
        assert_eq!(lines.at(lines.len() - 1).labels, lines.len() - 1);
    }
}
