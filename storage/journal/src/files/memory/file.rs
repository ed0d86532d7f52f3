//! An open file of the disk in memory: dead after a crash.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Disk;
use super::inode::Inode;
use crate::files::{File, OpenMode};

/// See the module.
#[derive(Debug)]
pub(super) struct MemoryFile {
    disk: Arc<Mutex<Disk>>,
    id: u64,
    life: u64,
    mode: OpenMode,
}

impl MemoryFile {
    /// A file that is opened in a life of the disk; a crash ends that.
    pub fn new(disk: Arc<Mutex<Disk>>, id: u64, life: u64, mode: OpenMode) -> MemoryFile {
        MemoryFile { disk, id, life, mode }
    }

    /// Runs `work` on the content, unless the handle is from before a crash or the power is off.
    fn with<T>(
        &self,
        changes: bool,
        grows_to: u64,
        work: impl FnOnce(&mut Inode) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut disk = self.disk.lock();
        if self.life != disk.life {
            return Err(io::Error::other("the file was open before the crash"));
        }
        disk.grow_allowed(self.id, grows_to)?;
        if changes {
            disk.change()?;
        } else {
            disk.powered()?;
        }
        let inode = disk.inodes.get_mut(&self.id);
        work(inode.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?)
    }

    fn allowed(&self, allowed: bool) -> io::Result<()> {
        if allowed { Ok(()) } else { Err(io::Error::from(io::ErrorKind::PermissionDenied)) }
    }
}

impl File for MemoryFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.allowed(self.mode.read)?;
        self.with(false, 0, |inode| Ok(inode.read(buffer, offset)))
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        match self.read_at(buffer, offset)? {
            read if read == buffer.len() => Ok(()),
            _ => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
        }
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.allowed(self.mode.write)?;
        let end = offset + bytes.len() as u64;
        self.with(true, end, |inode| {
            inode.write(bytes, offset);
            Ok(())
        })
    }

    fn len(&self) -> io::Result<u64> {
        self.with(false, 0, |inode| Ok(inode.len()))
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.allowed(self.mode.write)?;
        self.with(true, bytes, |inode| {
            inode.set_len(bytes);
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        let fails = std::mem::take(&mut self.disk.lock().fail_next_sync);
        self.with(true, 0, |inode| {
            if fails {
                inode.forget_unsynced();
                return Err(io::Error::other("injected fsync error"));
            }
            inode.sync();
            Ok(())
        })
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync_data()
    }
}
