//! The file seam: the only way to the disk for storage and the Raft log, so that tests and the
//! simulator can put another disk below the same code.
//!
//! Every error names the operation and the path.

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub mod faulty;
pub mod memory;
mod os;
pub mod slots;

pub use os::OsFiles;

/// How to open a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpenMode {
    /// Allow reading.
    pub read: bool,
    /// Allow writing.
    pub write: bool,
    /// Create the file if it is missing.
    pub create: bool,
    /// Create the file; fail if it exists.
    pub create_new: bool,
}

impl OpenMode {
    /// An existing file, to read.
    pub const READ: Self = Self { read: true, write: false, create: false, create_new: false };
    /// An existing file, to read and write.
    pub const READ_WRITE: Self = Self { read: true, write: true, create: false, create_new: false };
    /// A file that is created when missing, to read and write.
    pub const CREATE: Self = Self { read: true, write: true, create: true, create_new: false };
    /// A file that must not exist yet, to read and write.
    pub const CREATE_NEW: Self = Self { read: true, write: true, create: false, create_new: true };
}

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Name within the directory. Names that are not UTF-8 are not listed.
    pub name: String,
    /// Whether it is a directory.
    pub is_dir: bool,
    /// Size of a file; 0 for a directory.
    pub bytes: u64,
}

/// An open file. All calls take an offset: there is no cursor.
pub trait File: Send + Sync + Debug {
    /// Reads up to `buffer.len()` bytes; 0 at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Reads exactly `buffer.len()` bytes; `UnexpectedEof` when the file ends before.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
    /// Writes all bytes, growing the file if needed. After an error any part may be written.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Size in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether the file has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Cuts the file, or grows it with zeros.
    fn set_len(&self, bytes: u64) -> io::Result<()>;
    /// Makes the content durable. After an error the unsynced content is undefined: never retry.
    fn sync_data(&self) -> io::Result<()>;
    /// Makes content and metadata durable. The name needs [`Files::sync_dir`] on the directory.
    fn sync_all(&self) -> io::Result<()>;
}

/// A disk.
pub trait Files: Send + Sync + Debug {
    /// Opens a file.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>>;
    /// Creates a directory and its missing parents. Not durable by itself.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Gives a file or directory another name, replacing a file of that name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes a directory and what is in it.
    fn remove_dir_all(&self, path: &Path) -> io::Result<()>;
    /// Entries of a directory, sorted by name.
    fn list(&self, path: &Path) -> io::Result<Vec<Entry>>;
    /// What a path is; `NotFound` when it is not.
    fn metadata(&self, path: &Path) -> io::Result<Entry>;
    /// Free bytes of the file system that holds `path`, if known.
    fn free_bytes(&self, _path: &Path) -> Option<u64> {
        None
    }

    /// Whether something has this path.
    fn exists(&self, path: &Path) -> io::Result<bool> {
        match self.metadata(path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Size of a file.
    fn len(&self, path: &Path) -> io::Result<u64> {
        Ok(self.metadata(path)?.bytes)
    }

    /// The whole content of a file. The caller knows that it is small.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = self.open(path, OpenMode::READ)?;
        let bytes = usize::try_from(file.len()?).map_err(io::Error::other)?;
        let mut content = vec![0; bytes];
        file.read_exact_at(&mut content, 0)?;
        Ok(content)
    }

    /// Replaces a file so that after a crash it has either the old or the new content, whole.
    /// Durable on return. Uses `<path>.tmp`; one writer per path.
    fn write_atomic(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let temporary = temporary_path(path);
        let file = self.open(&temporary, OpenMode::CREATE)?;
        file.set_len(0)?;
        file.write_all_at(bytes, 0)?;
        file.sync_all()?;
        self.rename(&temporary, path)?;
        if crate::planted!("G3") {
            return Ok(());
        }
        self.sync_dir(parent(path))
    }

    /// Creates a directory with its missing parents and makes each new name durable.
    fn create_dir_durable(&self, path: &Path) -> io::Result<()> {
        if path.as_os_str().is_empty() || self.exists(path)? {
            return Ok(());
        }
        self.create_dir_durable(parent(path))?;
        self.create_dir_all(path)?;
        self.sync_dir(parent(path))
    }
}

/// The directory of a path: "." for a bare name, the path itself for a root.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

fn temporary_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    PathBuf::from(name)
}

/// Adds operation and path to an error, keeping its kind.
pub(crate) fn named(operation: &str, path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{operation} {}: {error}", path.display()))
}
