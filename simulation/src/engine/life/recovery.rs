//! Crashes, and what must hold when the node is opened on what they left.

use super::{Life, Result};
use crate::engine::disk::CrashKind;
use crate::engine::node::Node;
use crate::engine::reading;
use crate::error::SimulationError;

/// Crashes in a row that may hit recoveries.
const RECOVERY_CRASHES_MAX: u64 = 5;
/// Changing file operations after which a crash in a recovery comes, at most.
const RECOVERY_OPERATIONS_MAX: u64 = 25;

impl Life {
    /// The crash that is due, or one between two operations; opens the node again, through further
    /// crashes if these are drawn, and checks what it holds.
    pub(super) fn recover(&mut self) -> Result<()> {
        let at_file_operation = self.disk.is_down();
        self.summary.crashes_at_file_operations += u64::from(at_file_operation);
        self.crash();
        for _ in 0..RECOVERY_CRASHES_MAX {
            if !self.random.percent(self.knobs.recovery_crash_percent) {
                break;
            }
            let kind = CrashKind::draw(&mut self.random);
            self.disk.plan_crash(self.random.below(RECOVERY_OPERATIONS_MAX), kind);
            if self.reopen()? {
                return self.check_recovery();
            }
            self.summary.crashes_at_file_operations += 1;
            self.summary.recovery_crashes += 1;
            self.crash();
        }
        match self.reopen()? {
            true => self.check_recovery(),
            false => Err(SimulationError::violation("a whole disk opens", "no crash was planned")),
        }
    }

    fn crash(&mut self) {
        self.oracle.crashed();
        self.cut.clear();
        let kind = self.disk.crash(&mut self.random);
        self.torn |= kind == CrashKind::TornPowerCut;
        *self.summary.crashes.entry(kind).or_default() += 1;
        self.trace.event(format!("crash: {kind}"));
    }

    /// Opens the node; `false` when a crash came first.
    fn reopen(&mut self) -> Result<bool> {
        let opened = Node::open(self.disk.files(), &self.knobs, &mut self.random);
        let opened = self.answer("opening", opened)?;
        self.disk.trace(&mut self.trace);
        match opened {
            Some(node) if !self.disk.is_down() => {
                self.node = node;
                self.node.head.observe_time(self.now_ms);
                self.summary.reopens += 1;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// What was acknowledged is there, and nothing else but what was sent.
    fn check_recovery(&mut self) -> Result<()> {
        self.check_replay()?;
        let everything = reading::everything();
        let Some(found) = self.answer("reading", reading::select(&self.node, &everything))? else {
            return Ok(());
        };
        let answer = reading::merge(found, &everything)?;
        reading::trace(&answer, &mut self.trace);
        self.oracle.recovered(answer)?;
        reading::check_blocks(&self.node, &mut self.known_blocks)?;
        self.summary.checks += 1;
        Ok(())
    }

    /// Frames make sense; none is missing unless a torn write may have taken it.
    fn check_replay(&mut self) -> Result<()> {
        let (recovery, stats) = (self.node.head.recovery(), self.node.head.replay_stats());
        self.trace.event(format!(
            "opened: {} frames, {} damages, {} torn bytes, up to {}; {} skipped, {} orphans",
            recovery.frames,
            recovery.damaged.len(),
            recovery.torn_tail_bytes,
            recovery.last.0,
            stats.skipped_frames,
            stats.orphan_samples
        ));
        if stats.malformed_frames > 0 {
            let evidence = format!("{stats:?}");
            return Err(SimulationError::violation("journal frames make sense", evidence));
        }
        let whole = recovery.damaged.is_empty() && stats.orphan_samples == 0;
        if !whole && !self.torn {
            let evidence = format!("{:?}, {stats:?}", recovery.damaged);
            return Err(SimulationError::violation("only torn writes leave holes", evidence));
        }
        Ok(())
    }
}
