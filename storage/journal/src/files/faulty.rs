//! For tests and simulation: a layer over any disk that fails or holds back chosen operations and
//! counts all of them.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use super::{Entry, File, Files, OpenMode};

/// Kinds of operation that can be failed and counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Opening or creating a file.
    Open,
    /// Reading bytes.
    Read,
    /// Writing bytes.
    Write,
    /// Changing the length of a file.
    SetLen,
    /// `sync_data` and `sync_all`.
    Sync,
    /// `sync_dir`.
    SyncDir,
    /// Renaming.
    Rename,
    /// Removing a file or directory.
    Remove,
    /// Listing a directory, asking for metadata.
    Look,
    /// Creating directories.
    CreateDir,
}

/// Which paths a fault is for.
pub type PathFilter = Arc<dyn Fn(&Path) -> bool + Send + Sync>;

struct Failure {
    operation: Operation,
    filter: PathFilter,
    /// Operations that still succeed.
    spared: u64,
    /// Operations that fail after those; `None` for all.
    left: Option<u64>,
    kind: io::ErrorKind,
}

#[derive(Default)]
struct State {
    holds: BTreeMap<u64, PathFilter>,
    next_hold: u64,
    held: usize,
    failures: Vec<Failure>,
    counts: BTreeMap<Operation, u64>,
}

/// The control handle, shared with the test.
#[derive(Default)]
pub struct Faults {
    state: Mutex<State>,
    changed: Condvar,
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        f.debug_struct("Faults")
            .field("holds", &state.holds.len())
            .field("held", &state.held)
            .field("counts", &state.counts)
            .finish_non_exhaustive()
    }
}

/// Name of a hold, to release it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold(u64);

impl Faults {
    /// From now on syncs (of files and directories) of paths that `filter` picks block their
    /// thread until the hold is released.
    pub fn hold_syncs(&self, filter: impl Fn(&Path) -> bool + Send + Sync + 'static) -> Hold {
        let mut state = self.state.lock();
        let id = state.next_hold;
        state.next_hold += 1;
        state.holds.insert(id, Arc::new(filter));
        Hold(id)
    }

    /// Ends a hold.
    pub fn release(&self, hold: Hold) {
        self.state.lock().holds.remove(&hold.0);
        self.changed.notify_all();
    }

    /// Threads that are blocked now.
    pub fn held(&self) -> usize {
        self.state.lock().held
    }

    /// Blocks until a thread is held.
    pub fn wait_held(&self) {
        let mut state = self.state.lock();
        while state.held == 0 {
            self.changed.wait(&mut state);
        }
    }

    /// Fails the `nth` (from 1) operation of that kind on paths that `filter` picks, once.
    pub fn fail_nth(
        &self,
        operation: Operation,
        nth: u64,
        kind: io::ErrorKind,
        filter: impl Fn(&Path) -> bool + Send + Sync + 'static,
    ) {
        let filter = Arc::new(filter);
        let spared = nth.saturating_sub(1);
        let failure = Failure { operation, filter, spared, left: Some(1), kind };
        self.state.lock().failures.push(failure);
    }

    /// Fails every operation of that kind on paths that `filter` picks, until `heal`.
    pub fn fail_all(
        &self,
        operation: Operation,
        kind: io::ErrorKind,
        filter: impl Fn(&Path) -> bool + Send + Sync + 'static,
    ) {
        let filter = Arc::new(filter);
        let failure = Failure { operation, filter, spared: 0, left: None, kind };
        self.state.lock().failures.push(failure);
    }

    /// Forgets all failures, not the holds.
    pub fn heal(&self) {
        self.state.lock().failures.clear();
    }

    /// How many operations of a kind were asked for, failed ones included.
    pub fn count(&self, operation: Operation) -> u64 {
        self.state.lock().counts.get(&operation).copied().unwrap_or(0)
    }

    fn before(&self, operation: Operation, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        *state.counts.entry(operation).or_default() += 1;
        if matches!(operation, Operation::Sync | Operation::SyncDir) {
            while state.holds.values().any(|filter| filter(path)) {
                state.held += 1;
                self.changed.notify_all();
                self.changed.wait(&mut state);
                state.held -= 1;
            }
        }
        match state.failures.iter_mut().find_map(|failure| failure.fires(operation, path)) {
            Some(kind) => {
                let text = format!("{operation:?} {}: injected {kind}", path.display());
                Err(io::Error::new(kind, text))
            }
            None => Ok(()),
        }
    }
}

impl Failure {
    fn fires(&mut self, operation: Operation, path: &Path) -> Option<io::ErrorKind> {
        if self.operation != operation || !(self.filter)(path) {
            return None;
        }
        if self.spared > 0 {
            self.spared -= 1;
            return None;
        }
        match &mut self.left {
            None => Some(self.kind),
            Some(0) => None,
            Some(left) => {
                *left -= 1;
                Some(self.kind)
            }
        }
    }
}

/// A disk with faults.
#[derive(Debug, Clone)]
pub struct FaultyFiles {
    inner: Arc<dyn Files>,
    faults: Arc<Faults>,
}

impl FaultyFiles {
    /// Puts the layer over a disk.
    pub fn new(inner: Arc<dyn Files>) -> Self {
        Self { inner, faults: Arc::default() }
    }

    /// The control handle.
    pub fn faults(&self) -> Arc<Faults> {
        self.faults.clone()
    }
}

impl Files for FaultyFiles {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        self.faults.before(Operation::Open, path)?;
        let inner = self.inner.open(path, mode)?;
        Ok(Arc::new(FaultyFile { inner, path: path.to_owned(), faults: self.faults.clone() }))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.faults.before(Operation::CreateDir, path)?;
        self.inner.create_dir_all(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.faults.before(Operation::SyncDir, path)?;
        self.inner.sync_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.faults.before(Operation::Rename, to)?;
        self.inner.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.faults.before(Operation::Remove, path)?;
        self.inner.remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.faults.before(Operation::Remove, path)?;
        self.inner.remove_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.faults.before(Operation::Look, path)?;
        self.inner.list(path)
    }

    fn metadata(&self, path: &Path) -> io::Result<Entry> {
        self.faults.before(Operation::Look, path)?;
        self.inner.metadata(path)
    }

    fn free_bytes(&self, path: &Path) -> Option<u64> {
        self.inner.free_bytes(path)
    }
}

/// A file of such a disk. Faults go by the name under which it was opened.
#[derive(Debug)]
struct FaultyFile {
    inner: Arc<dyn File>,
    path: PathBuf,
    faults: Arc<Faults>,
}

impl File for FaultyFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.faults.before(Operation::Read, &self.path)?;
        self.inner.read_at(buffer, offset)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.faults.before(Operation::Read, &self.path)?;
        self.inner.read_exact_at(buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.faults.before(Operation::Write, &self.path)?;
        self.inner.write_all_at(bytes, offset)
    }

    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.faults.before(Operation::SetLen, &self.path)?;
        self.inner.set_len(bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.faults.before(Operation::Sync, &self.path)?;
        self.inner.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.faults.before(Operation::Sync, &self.path)?;
        self.inner.sync_all()
    }
}
