//! Bit streams, most significant bit first, as Prometheus' `bstream` lays them out.

/// Longest run of bits that one sample can take, in bytes, with room for a partial first byte.
pub(super) const SCRATCH_BYTES: usize = 32;

/// Collects the bits of one sample. The first byte may be partly filled by the sample before.
pub(super) struct BitWriter {
    bytes: [u8; SCRATCH_BYTES],
    flushed: usize,
    word: u64,
    filled: u32,
}

impl BitWriter {
    /// Starts behind `filled` (0 to 7) bits of `partial`.
    #[inline]
    pub(super) fn behind(partial: u8, filled: u32) -> BitWriter {
        debug_assert!(filled < 8);
        let word = u64::from(partial) << 56;
        BitWriter { bytes: [0; SCRATCH_BYTES], flushed: 0, word, filled }
    }

    /// Appends the low `count` bits (1 to 64) of `value`; higher bits must be 0.
    #[inline]
    pub(super) fn push(&mut self, value: u64, count: u32) {
        debug_assert!((1..=64).contains(&count));
        debug_assert!(count == 64 || value >> count == 0);
        let free = 64 - self.filled;
        if count < free {
            self.word |= value << (free - count);
            self.filled += count;
            return;
        }
        let over = count - free;
        self.flush(self.word | value >> over);
        self.word = if over == 0 { 0 } else { value << (64 - over) };
        self.filled = over;
    }

    #[inline]
    fn flush(&mut self, word: u64) {
        self.bytes[self.flushed..self.flushed + 8].copy_from_slice(&word.to_be_bytes());
        self.flushed += 8;
    }

    /// The bytes, the first one including what `behind` was given, and the number of bits in them.
    #[inline]
    pub(super) fn finish(mut self) -> ([u8; SCRATCH_BYTES], u32) {
        let bits = self.flushed as u32 * 8 + self.filled;
        self.flush(self.word);
        (self.bytes, bits)
    }
}

/// Reads bits; holds up to 64 of them in a word that is refilled eight bytes at a time.
#[derive(Clone)]
pub(super) struct BitReader<'a> {
    rest: &'a [u8],
    /// The next bits, from the top; bits below `held` may be ahead of `rest` or 0.
    word: u64,
    held: u32,
}

/// The stream ended inside of a sample.
pub(super) struct Ended;

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> BitReader<'a> {
        BitReader { rest: bytes, word: 0, held: 0 }
    }

    /// Bits that were not taken yet.
    pub(super) fn bits_left(&self) -> usize {
        self.rest.len() * 8 + self.held as usize
    }

    /// Holds at least 56 bits afterwards, or all that are left.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        match self.rest.first_chunk::<8>() {
            Some(next) => {
                if self.held < 56 {
                    self.word |= u64::from_be_bytes(*next) >> self.held;
                    self.rest = &self.rest[(63 - self.held as usize) / 8..];
                    self.held |= 56;
                }
            }
            None => self.refill_tail(),
        }
    }

    #[cold]
    fn refill_tail(&mut self) {
        while self.held <= 56 {
            let Some((first, rest)) = self.rest.split_first() else { return };
            self.word |= u64::from(*first) << (56 - self.held);
            self.held += 8;
            self.rest = rest;
        }
    }

    /// The next 64 bits without taking them; 0 behind the end. Only `held` of them are certain.
    #[inline(always)]
    pub(super) fn peek(&self) -> u64 {
        self.word
    }

    /// Drops `count` (0 to 63) bits that were peeked.
    #[inline(always)]
    pub(super) fn skip(&mut self, count: u32) -> Result<(), Ended> {
        if count > self.held {
            return Err(Ended);
        }
        self.word <<= count;
        self.held -= count;
        Ok(())
    }

    /// Takes `count` (1 to 56) bits.
    #[inline(always)]
    pub(super) fn take(&mut self, count: u32) -> Result<u64, Ended> {
        if self.held < count {
            self.refill();
        }
        let value = self.word >> (64 - count);
        self.skip(count)?;
        Ok(value)
    }

    /// Takes `count` (1 to 64) bits.
    #[inline(always)]
    pub(super) fn take_long(&mut self, count: u32) -> Result<u64, Ended> {
        if count <= 56 {
            return self.take(count);
        }
        let high = self.take(32)?;
        Ok(high << (count - 32) | self.take(count - 32)?)
    }

    /// Takes an unsigned LEB128 varint of whole bytes.
    pub(super) fn take_uvarint(&mut self) -> Result<u64, Ended> {
        let mut value = 0u64;
        for i in 0..10 {
            let byte = self.take(8)?;
            if i == 9 && byte > 1 {
                return Err(Ended);
            }
            value |= (byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Ended)
    }
}
