//! The frame: what one `stage` call becomes on the disk. Layout: docs/formats/journal.md.

use std::fmt;

/// Bytes before the payload.
pub(crate) const FRAME_HEADER_BYTES: u64 = 40;
/// Frames start at multiples of this.
pub(crate) const FRAME_ALIGN: u64 = 8;
/// Groups start at multiples of this, so that no sector with durable bytes is written again.
pub(crate) const SECTOR_BYTES: u64 = 512;

const HEADER: usize = FRAME_HEADER_BYTES as usize;

/// Number of a frame in its journal. The first is 1 and each next one is larger by 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position(pub u64);

impl Position {
    /// Before every frame.
    pub const ZERO: Self = Self(0);

    /// The position after this one.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The position before this one, or [`Position::ZERO`].
    pub fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A frame as replay hands it over; its checksums were verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameRef<'a> {
    /// Whose frame it is (a head partition, the Raft log): the caller's number.
    pub stream: u32,
    /// The caller's epoch.
    pub epoch: u64,
    /// The bytes that were staged.
    pub payload: &'a [u8],
}

/// The fixed part of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub payload_bytes: u32,
    pub stream: u32,
    pub position: Position,
    pub epoch: u64,
    /// Every position up to this one was durable when the frame was written.
    pub synced: Position,
    pub payload_crc: u32,
}

/// Bytes that a payload takes on the disk, with header and padding.
pub(crate) fn framed_bytes(payload_bytes: u64) -> u64 {
    (FRAME_HEADER_BYTES + payload_bytes).next_multiple_of(FRAME_ALIGN)
}

impl FrameHeader {
    /// Bytes of the whole frame on the disk.
    pub fn frame_bytes(&self) -> u64 {
        framed_bytes(u64::from(self.payload_bytes))
    }

    /// Encodes without the salted checksum, which `seal` adds when the segment is known.
    fn encode(&self) -> [u8; HEADER] {
        let mut out = [0; HEADER];
        out[0..4].copy_from_slice(&self.payload_bytes.to_le_bytes());
        out[4..8].copy_from_slice(&self.stream.to_le_bytes());
        out[8..16].copy_from_slice(&self.position.0.to_le_bytes());
        out[16..24].copy_from_slice(&self.epoch.to_le_bytes());
        out[24..32].copy_from_slice(&self.synced.0.to_le_bytes());
        out[32..36].copy_from_slice(&self.payload_crc.to_le_bytes());
        out
    }

    /// Reads a header whose checksum is right under `salt`.
    pub fn decode(bytes: &[u8], salt: u64) -> Option<Self> {
        let bytes: &[u8; HEADER] = bytes.get(..HEADER)?.try_into().ok()?;
        let header = Self::decode_unchecked(bytes);
        (header.position > Position::ZERO && header_crc(bytes, salt) == u32_at(bytes, 36))
            .then_some(header)
    }

    fn decode_unchecked(bytes: &[u8; HEADER]) -> Self {
        Self {
            payload_bytes: u32_at(bytes, 0),
            stream: u32_at(bytes, 4),
            position: Position(u64_at(bytes, 8)),
            epoch: u64_at(bytes, 16),
            synced: Position(u64_at(bytes, 24)),
            payload_crc: u32_at(bytes, 32),
        }
    }

    /// Whether these are the bytes that the header speaks of.
    pub fn matches(&self, payload: &[u8]) -> bool {
        payload.len() as u64 == u64::from(self.payload_bytes)
            && (crc32c::crc32c(payload) == self.payload_crc || crate::planted!("M6"))
    }
}

/// Appends one frame, not yet sealed, to a buffer whose length is a multiple of [`FRAME_ALIGN`].
pub(crate) fn append_frame(buffer: &mut Vec<u8>, header: &FrameHeader, payload: &[u8]) {
    debug_assert_eq!(buffer.len() as u64 % FRAME_ALIGN, 0);
    buffer.extend_from_slice(&header.encode());
    buffer.extend_from_slice(payload);
    buffer.resize(buffer.len().next_multiple_of(FRAME_ALIGN as usize), 0);
}

/// Writes `synced` and the salted checksum into every frame of a group made by `append_frame`.
pub(crate) fn seal(group: &mut [u8], salt: u64, synced: Position) {
    let mut rest = group;
    while rest.len() >= HEADER {
        let bytes = framed_bytes(u64::from(u32_at(rest, 0))) as usize;
        rest[24..32].copy_from_slice(&synced.0.to_le_bytes());
        let crc = header_crc(&rest[..HEADER], salt);
        rest[36..40].copy_from_slice(&crc.to_le_bytes());
        rest = &mut rest[bytes..];
    }
    debug_assert!(rest.is_empty(), "a group is whole frames");
}

fn header_crc(header: &[u8], salt: u64) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&salt.to_le_bytes()), &header[..36])
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes make a u32"))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes make a u64"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_has_these_bytes() {
        // CRC-32C of "hello".
        let payload_crc = 0x9a71_bb4c;
        assert_eq!(crc32c::crc32c(b"hello"), payload_crc);
        let header = FrameHeader {
            payload_bytes: 5,
            stream: 3,
            position: Position(9),
            epoch: 0x0a0b,
            synced: Position::ZERO,
            payload_crc,
        };
        let mut group = Vec::new();
        append_frame(&mut group, &header, b"hello");
        seal(&mut group, 0x0102, Position(8));
        let golden = [
            5, 0, 0, 0, 3, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0x0b, 0x0a, 0, 0, 0, 0, 0, 0, 8, 0, 0,
            0, 0, 0, 0, 0, 0x4c, 0xbb, 0x71, 0x9a, 0, 0, 0, 0, b'h', b'e', b'l', b'l', b'o', 0, 0,
            0,
        ];
        assert_eq!(group[..36], golden[..36]);
        assert_eq!(group[40..], golden[40..]);
        let salted = crc32c::crc32c(&[&[2, 1, 0, 0, 0, 0, 0, 0], &group[..36]].concat());
        assert_eq!(u32_at(&group, 36), salted);
        let decoded = FrameHeader::decode(&group, 0x0102).unwrap();
        assert_eq!(decoded, FrameHeader { synced: Position(8), ..header });
        assert_eq!(FrameHeader::decode(&group, 0x0103), None, "another life");
    }
}
