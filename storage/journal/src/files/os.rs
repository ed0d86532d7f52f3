//! The real disk.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Entry, File, Files, OpenMode, named};

/// Files of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsFiles;

#[derive(Debug)]
struct OsFile {
    file: fs::File,
    path: PathBuf,
}

impl OsFile {
    fn named<T>(&self, operation: &str, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| named(operation, &self.path, error))
    }
}

impl File for OsFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        loop {
            match self.file.read_at(buffer, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return self.named("read", result),
            }
        }
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.named("read", self.file.read_exact_at(buffer, offset))
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.named("write", self.file.write_all_at(bytes, offset))
    }

    fn len(&self) -> io::Result<u64> {
        self.named("stat", self.file.metadata().map(|metadata| metadata.len()))
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.named("truncate", self.file.set_len(bytes))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.named("sync", self.file.sync_data())
    }

    fn sync_all(&self) -> io::Result<()> {
        self.named("sync", self.file.sync_all())
    }
}

impl Files for OsFiles {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let file = fs::OpenOptions::new()
            .read(mode.read)
            .write(mode.write)
            .create(mode.create)
            .create_new(mode.create_new)
            .truncate(false)
            .open(path)
            .map_err(|error| named("open", path, error))?;
        Ok(Arc::new(OsFile { file, path: path.to_owned() }))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path).map_err(|error| named("create directory", path, error))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let synced = fs::File::open(path).and_then(|dir| dir.sync_all());
        synced.map_err(|error| named("sync directory", path, error))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let operation = format!("rename {} to", from.display());
        fs::rename(from, to).map_err(|error| named(&operation, to, error))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path).map_err(|error| named("remove", path, error))
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path).map_err(|error| named("remove directory", path, error))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path).map_err(|error| named("list", path, error))? {
            let entry = entry.map_err(|error| named("list", path, error))?;
            match entry.metadata() {
                Ok(metadata) => entries.extend(described(entry.file_name().to_str(), &metadata)),
                // Removed since the directory was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(named("stat", &entry.path(), error)),
            }
        }
        entries.sort();
        Ok(entries)
    }

    fn metadata(&self, path: &Path) -> io::Result<Entry> {
        let metadata = fs::metadata(path).map_err(|error| named("stat", path, error))?;
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        Ok(entry(name, &metadata))
    }
}

fn described(name: Option<&str>, metadata: &fs::Metadata) -> Option<Entry> {
    name.map(|name| entry(name, metadata))
}

fn entry(name: &str, metadata: &fs::Metadata) -> Entry {
    let is_dir = metadata.is_dir();
    let bytes = if is_dir { 0 } else { metadata.len() };
    Entry { name: name.to_owned(), is_dir, bytes }
}
