//! Bytes of immutable files: where a block is read from.

use std::path::Path;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use journal::files::{File, Files, OpenMode};

use crate::StorageError;

/// Longest piece that is read at once.
pub const READ_BYTES_MAX: u64 = 4 << 30;

/// An immutable file that is read at any offset.
pub trait ReadAt: Send + Sync {
    /// The file's name, for messages.
    fn name(&self) -> &str;
    /// Its size in bytes.
    fn size(&self) -> u64;
    /// Exactly the bytes `offset..offset + length`, which the caller knows to be inside.
    fn read(&self, offset: u64, length: u64) -> Result<Bytes, StorageError>;

    /// Like [`ReadAt::read`]; bytes that are not inside of the file are an error.
    fn read_checked(&self, offset: u64, length: u64) -> Result<Bytes, StorageError> {
        let end = offset.checked_add(length);
        if length > READ_BYTES_MAX || end.is_none_or(|end| end > self.size()) {
            let reason = format!(
                "{length} bytes at offset {offset} are outside of its {} bytes",
                self.size()
            );
            return Err(StorageError::corrupt(self.name(), reason));
        }
        self.read(offset, length)
    }
}

/// A file on a disk.
pub struct FileSource {
    file: Arc<dyn File>,
    name: String,
    size: u64,
}

impl FileSource {
    /// Opens a file.
    pub fn open(files: &dyn Files, path: &Path) -> Result<FileSource, StorageError> {
        let name = path.display().to_string();
        let open = || {
            let file = files.open(path, OpenMode::READ)?;
            let size = file.len()?;
            Ok((file, size))
        };
        let (file, size) = open().map_err(|e| StorageError::io(format!("open {name}"), e))?;
        Ok(FileSource { file, name, size })
    }
}

impl ReadAt for FileSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, offset: u64, length: u64) -> Result<Bytes, StorageError> {
        let mut buffer = BytesMut::zeroed(length as usize);
        self.file
            .read_exact_at(&mut buffer, offset)
            .map_err(|e| StorageError::io(format!("read {} at {offset}", self.name), e))?;
        Ok(buffer.freeze())
    }
}

/// A file that was fetched as a whole.
pub struct MemorySource {
    name: String,
    bytes: Bytes,
}

impl MemorySource {
    /// Takes the bytes of the file `name`.
    pub fn new(name: impl Into<String>, bytes: Bytes) -> MemorySource {
        MemorySource { name: name.into(), bytes }
    }
}

impl ReadAt for MemorySource {
    fn name(&self) -> &str {
        &self.name
    }

    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read(&self, offset: u64, length: u64) -> Result<Bytes, StorageError> {
        let start = offset as usize;
        Ok(self.bytes.slice(start..start + length as usize))
    }
}
