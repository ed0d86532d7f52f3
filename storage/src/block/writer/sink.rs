//! A file that is written from front to back in large pieces.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use journal::files::{File, Files, OpenMode};

use crate::StorageError;

/// Bytes that are collected before they are written.
const BUFFER_BYTES: usize = 256 << 10;

/// The file being written.
pub(super) struct Sink {
    file: Arc<dyn File>,
    path: PathBuf,
    flushed: u64,
    buffer: Vec<u8>,
}

impl Sink {
    pub(super) fn create(files: &dyn Files, path: &Path) -> Result<Sink, StorageError> {
        let file = files
            .open(path, OpenMode::CREATE_NEW)
            .map_err(|e| StorageError::io(format!("create {}", path.display()), e))?;
        let buffer = Vec::with_capacity(BUFFER_BYTES);
        Ok(Sink { file, path: path.to_owned(), flushed: 0, buffer })
    }

    /// Offset of the next byte.
    pub(super) fn position(&self) -> u64 {
        self.flushed + self.buffer.len() as u64
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes zeros up to the next multiple of `align`.
    pub(super) fn pad(&mut self, align: u64) -> Result<(), StorageError> {
        let missing = self.position().next_multiple_of(align) - self.position();
        self.buffer.resize(self.buffer.len() + missing as usize, 0);
        Ok(())
    }

    /// Writes `be32 length, content, CRC32C of the content` and gives the section's offset.
    pub(super) fn section(&mut self, content: &[u8], what: &str) -> Result<u64, StorageError> {
        let start = self.position();
        let length = u32::try_from(content.len()).map_err(|_| {
            StorageError::Invalid(format!("the {what} of a block would be longer than 4 GiB"))
        })?;
        self.write(&length.to_be_bytes())?;
        self.write(content)?;
        self.write(&crc32c::crc32c(content).to_be_bytes())?;
        Ok(start)
    }

    fn flush(&mut self) -> Result<(), StorageError> {
        self.file
            .write_all_at(&self.buffer, self.flushed)
            .map_err(|e| StorageError::io(format!("write {}", self.path.display()), e))?;
        self.flushed += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Writes what is left, makes it durable and gives the file's size.
    pub(super) fn finish(mut self) -> Result<u64, StorageError> {
        self.flush()?;
        self.file
            .sync_all()
            .map_err(|e| StorageError::io(format!("sync {}", self.path.display()), e))?;
        Ok(self.flushed)
    }
}
