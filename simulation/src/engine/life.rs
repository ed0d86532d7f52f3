//! One life of a node: random operations, crashes and recoveries, and checks after each recovery
//! and at the end.

use std::collections::BTreeSet;

use storage::StorageError;
use storage::head::PartId;
use ulid::Ulid;

use crate::engine::disk::{CrashKind, Disk};
use crate::engine::knobs::Knobs;
use crate::engine::node::Node;
use crate::engine::oracle::Oracle;
use crate::engine::reading;
use crate::engine::report::Summary;
use crate::engine::workload::Workload;
use crate::error::SimulationError;
use crate::random::Random;
use crate::report::Ending;
use crate::trace::Trace;

mod ending;
mod recovery;
mod sending;
mod steps;

/// What every step of a life gives back.
type Result<T> = std::result::Result<T, SimulationError>;

/// Changing file operations after which a planned crash comes, at most. A commit takes about two,
/// a cut a dozen, filling a new segment one.
const CRASH_OPERATIONS_MAX: u64 = 60;

/// See the module.
struct Life {
    knobs: Knobs,
    random: Random,
    disk: Disk,
    node: Node,
    workload: Workload,
    oracle: Oracle,
    trace: Trace,
    summary: Summary,
    now_ms: i64,
    /// Parts whose blocks this life of the process knows to be durable.
    cut: BTreeSet<PartId>,
    /// Blocks that were looked into.
    known_blocks: BTreeSet<Ulid>,
    /// Whether a crash has ever torn writes, so that the journal may have holes.
    torn: bool,
}

/// Runs the life of a seed with so many operations.
pub fn run(seed: u64, operations: u64, syncs: bool) -> Ending {
    let mut random = Random::new(seed);
    let knobs = Knobs::draw(&mut random, syncs);
    let first = Summary { seed, ..Summary::default() };
    let mut life = match Life::new(first.clone(), knobs, random) {
        Ok(life) => life,
        Err(error) => {
            return Ending { outcome: Err(error), summary: first.to_string(), events: Vec::new() };
        }
    };
    let outcome = life.run(operations);
    life.summarise();
    let events = life.trace.last_events().map(str::to_owned).collect();
    Ending { outcome, summary: life.summary.to_string(), events }
}

impl Life {
    fn new(summary: Summary, knobs: Knobs, mut random: Random) -> Result<Life> {
        let disk = Disk::default();
        let node = Node::open(disk.files(), &knobs, &mut random)
            .map_err(|source| SimulationError::Refused { operation: "the first start", source })?;
        let mut trace = Trace::default();
        trace.event(format!("{knobs:?}"));
        Ok(Life {
            workload: Workload::new(&knobs),
            now_ms: knobs.start_ms,
            knobs,
            random,
            disk,
            node,
            oracle: Oracle::default(),
            trace,
            summary,
            cut: BTreeSet::new(),
            known_blocks: BTreeSet::new(),
            torn: false,
        })
    }

    fn run(&mut self, operations: u64) -> Result<()> {
        for number in 0..operations {
            self.summary.operations += 1;
            self.now_ms += self.random.between(0, self.knobs.step_ms_max);
            self.node.head.observe_time(self.now_ms);
            let overdue = number * 2 == operations && self.summary.crashes() == 0;
            if overdue || self.random.percent(self.knobs.crash_percent) {
                self.plan_crash();
            }
            self.step()?;
            if self.disk.is_down() {
                self.recover()?;
            }
            self.disk.trace(&mut self.trace);
        }
        self.end()
    }

    /// Takes the last numbers down.
    fn summarise(&mut self) {
        self.summary.file_operations = self.disk.operations();
        self.summary.samples_attempted = self.oracle.samples_attempted;
        self.summary.samples_acked = self.oracle.samples_acked;
        self.summary.samples_checked = self.oracle.samples_checked;
        self.summary.trace_hash = self.trace.hash();
    }

    fn plan_crash(&mut self) {
        if self.disk.is_crash_planned() {
            return;
        }
        let kind = CrashKind::draw(&mut self.random);
        let operations = self.random.below(CRASH_OPERATIONS_MAX);
        self.disk.plan_crash(operations, kind);
        self.trace.event(format!("a {kind} comes after {operations} file operations"));
    }

    /// What the product answered; `None` when it could not because the disk is down. On a working
    /// disk nothing may fail.
    fn answer<T>(
        &mut self,
        operation: &'static str,
        answer: std::result::Result<T, StorageError>,
    ) -> Result<Option<T>> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if self.disk.is_down() => {
                self.trace.event(format!("{operation}: {error}"));
                Ok(None)
            }
            Err(source) => Err(SimulationError::Refused { operation, source }),
        }
    }

    /// Compares everything that can be read with what the node took.
    fn check_everything(&mut self) -> Result<()> {
        let everything = reading::everything();
        let Some(found) = self.answer("reading", reading::select(&self.node, &everything))? else {
            return Ok(());
        };
        let answer = reading::merge(found, &everything)?;
        reading::trace(&answer, &mut self.trace);
        self.oracle.check(&answer, &everything)?;
        reading::check_blocks(&self.node, &mut self.known_blocks)?;
        self.summary.checks += 1;
        Ok(())
    }
}
