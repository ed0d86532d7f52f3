//! Magic numbers and framing of Prometheus' block files, and checked reading of their sections.

use bytes::Bytes;
use proto::varint::{take_bytes, take_uvarint, take_varint};

use crate::StorageError;

/// First bytes of an index.
pub(crate) const INDEX_MAGIC: u32 = 0xBAAA_D700;
/// Bytes in front of an index's first section: magic and version.
pub(crate) const INDEX_HEADER_BYTES: u64 = 5;
/// Table of contents: six offsets and a checksum.
pub(crate) const TOC_BYTES: u64 = 6 * 8 + 4;
/// First bytes of a chunk segment.
pub(crate) const SEGMENT_MAGIC: u32 = 0x85BD_40DD;
/// Bytes in front of a segment's first chunk: magic, version, padding.
pub(crate) const SEGMENT_HEADER_BYTES: u64 = 8;
/// Longest chunk segment that is written.
pub(crate) const SEGMENT_BYTES_MAX: u64 = 512 << 20;
/// Name of the index file.
pub(crate) const INDEX_FILE: &str = "index";
/// Name of the directory of segments.
pub(crate) const CHUNKS_DIR: &str = "chunks";
/// Alignment of series entries.
pub(crate) const SERIES_ALIGN: u64 = 16;

/// Path of a segment below its block, by its number from 0.
pub(crate) fn segment_path(segment: u32) -> String {
    format!("{CHUNKS_DIR}/{:06}", u64::from(segment) + 1)
}

/// Where bytes come from, for messages: a file and the offset of the bytes in it.
#[derive(Clone, Copy)]
pub(crate) struct Origin<'a> {
    /// The file.
    pub(crate) file: &'a str,
    /// Offset of the first byte.
    pub(crate) offset: u64,
}

impl Origin<'_> {
    /// The error for these bytes.
    pub(crate) fn damaged(&self, reason: impl AsRef<str>) -> StorageError {
        let reason = format!("{} at offset {}", reason.as_ref(), self.offset);
        StorageError::corrupt(self.file, reason)
    }
}

/// Checks that `framed` is a content followed by its CRC32C and gives the content.
pub(crate) fn checked<'a>(framed: &'a [u8], origin: Origin<'_>) -> Result<&'a [u8], StorageError> {
    let Some((content, crc)) = framed.split_last_chunk::<4>() else {
        return Err(origin.damaged("a section without a checksum"));
    };
    if crc32c::crc32c(content) != u32::from_be_bytes(*crc) && !journal::planted!("G16") {
        return Err(origin.damaged("wrong checksum"));
    }
    Ok(content)
}

/// [`checked`] for shared bytes.
pub(crate) fn checked_bytes(framed: &Bytes, origin: Origin<'_>) -> Result<Bytes, StorageError> {
    Ok(framed.slice_ref(checked(framed, origin)?))
}

/// Takes fields off the front of bytes; every shortage is an error with the origin.
pub(crate) struct Fields<'a> {
    pub(crate) rest: &'a [u8],
    origin: Origin<'a>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(bytes: &'a [u8], origin: Origin<'a>) -> Fields<'a> {
        Fields { rest: bytes, origin }
    }

    fn some<T>(&self, value: Option<T>) -> Result<T, StorageError> {
        value.ok_or_else(|| self.origin.damaged("a field is cut short in the section"))
    }

    pub(crate) fn be32(&mut self) -> Result<u32, StorageError> {
        let (value, rest) = self.some(self.rest.split_first_chunk::<4>())?;
        self.rest = rest;
        Ok(u32::from_be_bytes(*value))
    }

    pub(crate) fn be64(&mut self) -> Result<u64, StorageError> {
        let (value, rest) = self.some(self.rest.split_first_chunk::<8>())?;
        self.rest = rest;
        Ok(u64::from_be_bytes(*value))
    }

    pub(crate) fn uvarint(&mut self) -> Result<u64, StorageError> {
        let value = take_uvarint(&mut self.rest);
        self.some(value)
    }

    pub(crate) fn uvarint32(&mut self) -> Result<u32, StorageError> {
        let value = self.uvarint()?;
        self.some(u32::try_from(value).ok())
    }

    pub(crate) fn varint(&mut self) -> Result<i64, StorageError> {
        let value = take_varint(&mut self.rest);
        self.some(value)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, StorageError> {
        let bytes = take_bytes(&mut self.rest);
        let bytes = self.some(bytes)?;
        std::str::from_utf8(bytes).map_err(|_| self.origin.damaged("a text is not UTF-8"))
    }
}
