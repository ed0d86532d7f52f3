//! The simulated disk of the node: [`MemoryFiles`] below a layer that counts every operation, and
//! the plan of the next crash.

use std::fmt;
use std::sync::Arc;

use journal::files::Files;
use journal::files::faulty::{FaultyFiles, Operation};
use journal::files::memory::{Crash, MemoryFiles};

use crate::random::Random;
use crate::trace::Trace;

/// All kinds of file operation, as they are counted.
const OPERATIONS: [Operation; 10] = [
    Operation::Open,
    Operation::Read,
    Operation::Write,
    Operation::SetLen,
    Operation::Sync,
    Operation::SyncDir,
    Operation::Rename,
    Operation::Remove,
    Operation::Look,
    Operation::CreateDir,
];

/// How a life can be cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CrashKind {
    /// The power fails and nothing that was not synced survives.
    PowerCut,
    /// The power fails and a random part of what was not synced survives.
    TornPowerCut,
    /// The process is killed; the page cache stays.
    ProcessKill,
}

impl CrashKind {
    /// Draws one.
    pub fn draw(random: &mut Random) -> CrashKind {
        random.pick([CrashKind::PowerCut, CrashKind::TornPowerCut, CrashKind::ProcessKill])
    }
}

impl fmt::Display for CrashKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CrashKind::PowerCut => "power cut",
            CrashKind::TornPowerCut => "torn power cut",
            CrashKind::ProcessKill => "process kill",
        })
    }
}

/// See the module.
pub struct Disk {
    memory: MemoryFiles,
    counted: FaultyFiles,
    /// After how many changing operations nothing works any more, and what is to blame.
    plan: Option<(u64, CrashKind)>,
}

impl Default for Disk {
    fn default() -> Disk {
        let memory = MemoryFiles::default();
        let counted = FaultyFiles::new(Arc::new(memory.clone()));
        Disk { memory, counted, plan: None }
    }
}

impl Disk {
    /// What the product gets.
    pub fn files(&self) -> Arc<dyn Files> {
        Arc::new(self.counted.clone())
    }

    /// Plans a crash: after so many more changing file operations none works, until
    /// [`Disk::crash`].
    pub fn plan_crash(&mut self, operations: u64, kind: CrashKind) {
        self.memory.cut_power_after(operations);
        self.plan = Some((self.memory.operations() + operations, kind));
    }

    /// Whether a crash is planned, or has come.
    pub fn is_crash_planned(&self) -> bool {
        self.plan.is_some()
    }

    /// Whether the planned crash has come.
    pub fn is_down(&self) -> bool {
        self.plan.is_some_and(|(at, _)| self.memory.operations() >= at)
    }

    /// Forgets what the crash forgets, and makes the disk work again. Without a plan it is a crash
    /// of a drawn kind between two operations.
    pub fn crash(&mut self, random: &mut Random) -> CrashKind {
        let kind = self.plan.take().map_or_else(|| CrashKind::draw(random), |(_, kind)| kind);
        self.memory.crash(match kind {
            CrashKind::PowerCut => Crash::Clean,
            CrashKind::TornPowerCut => Crash::Torn { seed: random.bits() },
            CrashKind::ProcessKill => Crash::ProcessOnly,
        });
        kind
    }

    /// Takes the number of operations of each kind so far into the trace.
    pub fn trace(&self, trace: &mut Trace) {
        let faults = self.counted.faults();
        OPERATIONS.iter().for_each(|operation| trace.number(faults.count(*operation)));
        trace.number(self.memory.operations());
    }

    /// File operations of all kinds so far.
    pub fn operations(&self) -> u64 {
        let faults = self.counted.faults();
        OPERATIONS.iter().map(|operation| faults.count(*operation)).sum()
    }
}
