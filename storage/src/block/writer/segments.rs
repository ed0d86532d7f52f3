//! The chunk segments of a block that is being written.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use journal::files::Files;
use proto::varint::put_uvarint;

use super::sink::Sink;
use crate::StorageError;
use crate::block::format::{SEGMENT_BYTES_MAX, SEGMENT_HEADER_BYTES, SEGMENT_MAGIC, segment_path};
use crate::block::meta::BlockFile;
use crate::series::Chunk;

/// Writes chunks behind each other into `chunks/000001` and so on.
pub(super) struct Segments {
    files: Arc<dyn Files>,
    dir: PathBuf,
    open: Option<Sink>,
    done: Vec<BlockFile>,
    entry: Vec<u8>,
    /// Longest entry so far, bytes.
    pub(super) entry_bytes_max: u64,
}

impl Segments {
    pub(super) fn new(files: Arc<dyn Files>, dir: &Path) -> Segments {
        let dir = dir.to_owned();
        Segments { files, dir, open: None, done: vec![], entry: vec![], entry_bytes_max: 0 }
    }

    /// Appends a chunk and gives its reference: segment number from 0, then offset.
    pub(super) fn append(&mut self, chunk: &Chunk) -> Result<u64, StorageError> {
        self.entry.clear();
        put_uvarint(&mut self.entry, chunk.data.len() as u64);
        let checked_from = self.entry.len();
        self.entry.push(chunk.encoding);
        self.entry.extend_from_slice(&chunk.data);
        let crc = crc32c::crc32c(&self.entry[checked_from..]);
        self.entry.extend_from_slice(&crc.to_be_bytes());
        self.entry_bytes_max = self.entry_bytes_max.max(self.entry.len() as u64);
        self.turn(self.entry.len() as u64)?;
        let sink = self.open.as_mut().expect("turn left a segment open");
        let offset = sink.position();
        sink.write(&self.entry)?;
        Ok((self.done.len() as u64) << 32 | offset)
    }

    /// Opens the next segment when there is none or `bytes` more would be too many.
    fn turn(&mut self, bytes: u64) -> Result<(), StorageError> {
        let full = |sink: &Sink| sink.position() + bytes > SEGMENT_BYTES_MAX;
        if self.open.as_ref().is_some_and(full) {
            self.close()?;
        }
        if self.open.is_none() {
            let path = self.dir.join(segment_path(self.done.len() as u32));
            let mut sink = Sink::create(self.files.as_ref(), &path)?;
            sink.write(&SEGMENT_MAGIC.to_be_bytes())?;
            sink.write(&[1, 0, 0, 0])?;
            debug_assert_eq!(sink.position(), SEGMENT_HEADER_BYTES);
            self.open = Some(sink);
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), StorageError> {
        let Some(sink) = self.open.take() else { return Ok(()) };
        let size_bytes = Some(sink.finish()?);
        let rel_path = segment_path(self.done.len() as u32);
        self.done.push(BlockFile { rel_path, size_bytes });
        Ok(())
    }

    /// Makes the last segment durable and names all of them.
    pub(super) fn finish(mut self) -> Result<Vec<BlockFile>, StorageError> {
        self.close()?;
        Ok(self.done)
    }
}
