//! The segment file: names, header, salt. Layout: docs/formats/journal.md.

use std::io;
use std::path::{Path, PathBuf};

use crate::Position;
use crate::files::File;
use crate::frame::{u32_at, u64_at};

/// Where frames begin. The header is at 0 and again at [`HEADER_COPY_OFFSET`].
pub(crate) const DATA_OFFSET: u64 = 8192;
/// Where the second copy of the header is.
pub(crate) const HEADER_COPY_OFFSET: u64 = 4096;

const MAGIC: [u8; 8] = *b"granjrnl";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 48;

/// What the header of a segment says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// Number of this life; the file's name has it too.
    pub sequence: u64,
    /// Mixed into the checksum of every frame of this life.
    pub salt: u64,
    /// Every frame before this position is in an earlier segment, all others are not.
    pub first: Position,
    /// Size of the file; a shorter one has lost its end.
    pub bytes: u64,
}

impl SegmentHeader {
    pub fn new(sequence: u64, salt_seed: u64, first: Position, bytes: u64) -> Self {
        Self { sequence, salt: salt(sequence, salt_seed), first, bytes }
    }

    /// Both copies and the space up to the first frame.
    pub fn encode_area(&self) -> Vec<u8> {
        let mut area = vec![0; DATA_OFFSET as usize];
        let header = self.encode();
        let copy = HEADER_COPY_OFFSET as usize;
        area[..HEADER_BYTES].copy_from_slice(&header);
        area[copy..copy + HEADER_BYTES].copy_from_slice(&header);
        area
    }

    fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[0..8].copy_from_slice(&MAGIC);
        out[8..12].copy_from_slice(&VERSION.to_le_bytes());
        out[12..20].copy_from_slice(&self.sequence.to_le_bytes());
        out[20..28].copy_from_slice(&self.salt.to_le_bytes());
        out[28..36].copy_from_slice(&self.first.0.to_le_bytes());
        out[36..44].copy_from_slice(&self.bytes.to_le_bytes());
        let crc = crc32c::crc32c(&out[..44]);
        out[44..48].copy_from_slice(&crc.to_le_bytes());
        out
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..HEADER_BYTES)?;
        let known = bytes[..8] == MAGIC && u32_at(bytes, 8) == VERSION;
        if !known || crc32c::crc32c(&bytes[..44]) != u32_at(bytes, 44) {
            return None;
        }
        let first = Position(u64_at(bytes, 28));
        let (sequence, salt) = (u64_at(bytes, 12), u64_at(bytes, 20));
        Some(Self { sequence, salt, first, bytes: u64_at(bytes, 36) })
    }

    /// Reads the header, or its copy, of the file that should hold life `sequence`. `None` when
    /// neither is whole; an error when the disk does not answer.
    pub fn read(file: &dyn File, sequence: u64) -> io::Result<Option<Self>> {
        for offset in [0, HEADER_COPY_OFFSET] {
            let mut bytes = [0; HEADER_BYTES];
            match file.read_exact_at(&mut bytes, offset) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => continue,
                read => read?,
            }
            let header = Self::decode(&bytes).filter(|header| header.sequence == sequence);
            if header.is_some() {
                return Ok(header);
            }
        }
        Ok(None)
    }
}

/// A different number for each life: a bijection of the sequence for each seed (the finalizer of
/// SplitMix64).
fn salt(sequence: u64, seed: u64) -> u64 {
    let mut x = sequence.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ seed;
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// What a file in the journal's directory is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SegmentName {
    /// Holds frames.
    Live(u64),
    /// Waits to become a segment; its bytes mean nothing.
    Spare(u64),
}

impl SegmentName {
    pub fn parse(name: &str) -> Option<Self> {
        let (number, kind) = name.split_once('.')?;
        if number.len() != 16 {
            return None;
        }
        let sequence = u64::from_str_radix(number, 16).ok()?;
        match kind {
            "seg" => Some(Self::Live(sequence)),
            "free" => Some(Self::Spare(sequence)),
            _ => None,
        }
    }

    pub fn path(self, dir: &Path) -> PathBuf {
        dir.join(match self {
            Self::Live(sequence) => format!("{sequence:016x}.seg"),
            Self::Spare(sequence) => format!("{sequence:016x}.free"),
        })
    }

    pub fn sequence(self) -> u64 {
        let (Self::Live(sequence) | Self::Spare(sequence)) = self;
        sequence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_has_these_bytes() {
        let header =
            SegmentHeader { sequence: 2, salt: 0x0102, first: Position(7), bytes: 1 << 14 };
        let golden = [
            b'g', b'r', b'a', b'n', b'j', b'r', b'n', b'l', 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2,
            1, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0,
        ];
        let area = header.encode_area();
        assert_eq!(area[..44], golden);
        assert_eq!(u32_at(&area, 44), crc32c::crc32c(&golden));
        assert_eq!(area[4096..4144], area[..48]);
        assert_eq!(SegmentHeader::decode(&area), Some(header));
    }

    #[test]
    fn salts_differ_by_sequence_and_seed() {
        let salts: std::collections::BTreeSet<_> = (0..1000).map(|n| salt(n, 5)).collect();
        assert_eq!(salts.len(), 1000);
        assert_ne!(salt(1, 1), salt(1, 2));
    }

    #[test]
    fn names_come_back() {
        for name in [SegmentName::Live(0xab), SegmentName::Spare(u64::MAX)] {
            let path = name.path(Path::new("/j"));
            let text = path.file_name().and_then(|name| name.to_str()).unwrap();
            assert_eq!(SegmentName::parse(text), Some(name));
        }
        for other in ["ballast", "x.seg", "00000000000000zz.seg", "00000000000000ab.seg.tmp"] {
            assert_eq!(SegmentName::parse(other), None, "{other}");
        }
    }
}
