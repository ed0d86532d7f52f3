//! The disk of a host: it outlives the node that runs on it, and can fail in every way that disks
//! do.
//!
//! Below is [`MemoryFiles`], which forgets on a crash what a real disk may forget. This layer adds
//! what is switched on for a while (errors, failing fsyncs), crashes at places that the node comes
//! to ([`Barrier`]), and damage at rest ([`Area`]).

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use journal::files::Files;
use journal::files::memory::{Crash, MemoryFiles};
use parking_lot::Mutex;

use crate::nemesis::{CrashKind, DiskFault};
use crate::random::Random;
use crate::trace::SharedTrace;

mod barrier;
mod damage;
mod layer;

pub use barrier::Barrier;
pub use damage::{Area, Damaged};

use barrier::Step;
use layer::LayeredFiles;

/// Message of every operation on a disk whose power is off.
const POWER_IS_OFF: &str = "the power is off";

/// Faults that are switched on, and what they came to.
#[derive(Debug)]
struct State {
    random: Random,
    permille: BTreeMap<DiskFault, u64>,
    failing_syncs: u32,
    /// The place to crash at, and how often it is still passed before.
    crash_at: Option<(Barrier, u64)>,
    /// The place at which the power was taken away.
    down_at: Option<Barrier>,
    counts: BTreeMap<&'static str, u64>,
}

/// See the module. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct Disk {
    memory: MemoryFiles,
    state: Arc<Mutex<State>>,
    trace: SharedTrace,
    salt: u64,
}

impl Disk {
    /// An empty disk. `seed` decides which operations fail while some do.
    pub fn new(seed: u64, trace: SharedTrace) -> Disk {
        let state = State {
            random: Random::new(seed),
            permille: BTreeMap::new(),
            failing_syncs: 0,
            crash_at: None,
            down_at: None,
            counts: BTreeMap::new(),
        };
        let memory = MemoryFiles::default();
        Disk { memory, state: Arc::new(Mutex::new(state)), trace, salt: seed }
    }

    /// What the node gets.
    pub fn files(&self) -> Arc<dyn Files> {
        Arc::new(LayeredFiles::new(self.clone()))
    }

    /// Has some operations of a kind fail, so many of a thousand.
    pub fn fail(&self, what: DiskFault, permille: u64) {
        self.state.lock().permille.insert(what, permille);
    }

    /// Has the next fsyncs of files fail; what they should have made durable is forgotten.
    pub fn fail_syncs(&self, syncs: u32) {
        self.state.lock().failing_syncs = syncs;
    }

    /// Has nothing fail any more.
    pub fn heal(&self) {
        let mut state = self.state.lock();
        state.permille.clear();
        state.failing_syncs = 0;
        state.crash_at = None;
        drop(state);
        self.memory.set_capacity_bytes(None);
    }

    /// Leaves so many bytes free.
    pub fn fill(&self, free_bytes: u64) {
        let used: u64 = self.memory.all_files().iter().map(|(_, bytes)| bytes).sum();
        self.memory.set_capacity_bytes(Some(used + free_bytes));
    }

    /// Takes the power away when the node comes to a place for the nth time (from 1) from now.
    pub fn crash_at(&self, barrier: Barrier, nth: u64) {
        self.state.lock().crash_at = Some((barrier, nth));
    }

    /// Where the power was taken away, when the host must be crashed now.
    pub fn down_at(&self) -> Option<Barrier> {
        self.state.lock().down_at
    }

    /// Forgets what a crash forgets; the power is back, open files are dead.
    pub fn crash(&self, kind: CrashKind) {
        let mut state = self.state.lock();
        state.down_at = None;
        state.crash_at = None;
        self.memory.crash(match kind {
            CrashKind::PowerCut => Crash::Clean,
            CrashKind::TornPowerCut => Crash::Torn { seed: state.random.bits() },
            CrashKind::ProcessKill => Crash::ProcessOnly,
        });
    }

    /// What a power cut now would leave.
    pub fn durable(&self) -> MemoryFiles {
        self.memory.durable()
    }

    /// The same of one directory alone.
    pub fn durable_below(&self, dir: &Path) -> MemoryFiles {
        self.memory.durable_below(dir)
    }

    /// Names in a directory that a power cut now would leave.
    pub fn durable_names(&self, dir: &Path) -> Vec<String> {
        self.memory.durable_names(dir)
    }

    /// Another number when any of the durable names may have changed.
    pub fn durable_version(&self) -> u64 {
        self.memory.durable_version()
    }

    /// What a power cut now would leave of a file.
    pub fn durable_content(&self, path: &Path) -> Option<Vec<u8>> {
        self.memory.durable_content(path)
    }

    /// A file as it is now.
    pub fn content(&self, path: &Path) -> Option<Vec<u8>> {
        self.memory.read(path).ok()
    }

    /// Makes the disk what another one is durably: an old image of itself, or an empty one.
    pub fn replace(&self, image: &MemoryFiles) {
        self.memory.become_copy_of(image);
    }

    /// How often each fault fired.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.state.lock().counts.clone()
    }

    fn count(&self, kind: &'static str) {
        *self.state.lock().counts.entry(kind).or_default() += 1;
    }

    /// Whether an operation of a kind fails now.
    fn strike(&self, what: DiskFault, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        if state.down_at.is_some() {
            return Err(io::Error::other(POWER_IS_OFF));
        }
        let permille = state.permille.get(&what).copied().unwrap_or(0);
        if permille == 0 || state.random.below(1_000) >= permille {
            return Ok(());
        }
        let kind = match what {
            DiskFault::Reads => "failing reads",
            DiskFault::Writes => "failing writes",
            DiskFault::Metadata => "failing metadata",
        };
        *state.counts.entry(kind).or_default() += 1;
        Err(io::Error::other(format!("{}: injected I/O error", path.display())))
    }

    /// Has the sync that comes now fail, if that is wanted.
    fn strike_sync(&self) {
        let mut state = self.state.lock();
        if state.failing_syncs > 0 {
            state.failing_syncs -= 1;
            *state.counts.entry("failing fsync").or_default() += 1;
            drop(state);
            self.memory.fail_next_sync();
        }
    }

    /// The node comes to a place; an error when the power fails there.
    fn reach(&self, step: Step, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        if state.down_at.is_some() {
            return Err(io::Error::other(POWER_IS_OFF));
        }
        let Some((barrier, left)) = &mut state.crash_at else { return Ok(()) };
        let barrier = *barrier;
        if !barrier.is_at(step, path) {
            return Ok(());
        }
        if *left > 1 {
            *left -= 1;
            return Ok(());
        }
        let name = barrier.name();
        state.down_at = Some(barrier);
        *state.counts.entry(name).or_default() += 1;
        Err(io::Error::other(POWER_IS_OFF))
    }

    /// Takes a changing operation down.
    fn changed(&self, kind: u64, path: &Path, number: u64) {
        self.trace.file_operation(self.salt, kind, path, number);
    }
}
