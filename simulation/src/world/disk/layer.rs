//! The layer over the memory: strikes, barriers, and the trace of every changing operation.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use journal::files::{Entry, File, Files, OpenMode};

use super::Disk;
use super::barrier::Step;
use crate::nemesis::DiskFault;

/// The disk as the node sees it.
#[derive(Debug)]
pub(super) struct LayeredFiles {
    disk: Disk,
}

impl LayeredFiles {
    pub(super) fn new(disk: Disk) -> LayeredFiles {
        LayeredFiles { disk }
    }

    fn look(&self, path: &Path) -> io::Result<()> {
        self.disk.strike(DiskFault::Metadata, path)
    }
}

impl Files for LayeredFiles {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        self.look(path)?;
        let inner = self.disk.memory.open(path, mode)?;
        if mode.create || mode.create_new {
            self.disk.changed(1, path, 0);
        }
        Ok(Arc::new(LayeredFile { inner, path: path.to_owned(), disk: self.disk.clone() }))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.look(path)?;
        self.disk.changed(2, path, 0);
        self.disk.memory.create_dir_all(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.look(path)?;
        self.disk.changed(3, path, 0);
        self.disk.memory.sync_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.look(to)?;
        self.disk.reach(Step::BeforeRename, to)?;
        self.disk.changed(4, to, 0);
        self.disk.memory.rename(from, to)?;
        self.disk.reach(Step::AfterRename, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.look(path)?;
        self.disk.reach(Step::Remove, path)?;
        self.disk.changed(5, path, 0);
        self.disk.memory.remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.look(path)?;
        self.disk.reach(Step::Remove, path)?;
        self.disk.changed(6, path, 0);
        self.disk.memory.remove_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.look(path)?;
        self.disk.memory.list(path)
    }

    fn metadata(&self, path: &Path) -> io::Result<Entry> {
        self.look(path)?;
        self.disk.memory.metadata(path)
    }

    fn free_bytes(&self, path: &Path) -> Option<u64> {
        self.disk.memory.free_bytes(path)
    }
}

/// A file of it.
#[derive(Debug)]
struct LayeredFile {
    inner: Arc<dyn File>,
    path: PathBuf,
    disk: Disk,
}

impl LayeredFile {
    fn sync(&self, sync: impl FnOnce(&dyn File) -> io::Result<()>) -> io::Result<()> {
        self.disk.strike(DiskFault::Writes, &self.path)?;
        self.disk.reach(Step::BeforeSync, &self.path)?;
        self.disk.strike_sync();
        self.disk.changed(7, &self.path, 0);
        sync(&*self.inner)?;
        self.disk.reach(Step::AfterSync, &self.path)
    }
}

impl File for LayeredFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.disk.strike(DiskFault::Reads, &self.path)?;
        self.inner.read_at(buffer, offset)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.disk.strike(DiskFault::Reads, &self.path)?;
        self.inner.read_exact_at(buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.disk.strike(DiskFault::Writes, &self.path)?;
        self.disk.reach(Step::Write, &self.path)?;
        self.disk.changed(8, &self.path, offset ^ ((bytes.len() as u64) << 40));
        let written = self.inner.write_all_at(bytes, offset);
        if written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::StorageFull) {
            self.disk.count("full disk");
        }
        written
    }

    fn len(&self) -> io::Result<u64> {
        self.disk.strike(DiskFault::Metadata, &self.path)?;
        self.inner.len()
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.disk.strike(DiskFault::Writes, &self.path)?;
        self.disk.changed(9, &self.path, bytes);
        self.inner.set_len(bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync(|file| file.sync_data())
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync(|file| file.sync_all())
    }
}
