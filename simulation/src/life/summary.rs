//! What a life says about itself, and whether it was worth anything.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::stage::SOMETIMES;
use super::{Life, Result};
use crate::error::SimulationError;
use crate::nemesis::KINDS;
use crate::report::Ending;
use crate::world::disk::Barrier;

impl Life {
    /// A life that did next to nothing proves nothing.
    pub(super) fn check_worth(&self) -> Result<()> {
        let counts = self.stage.borrow().ledger.counts;
        let (sent, acked) = (counts.samples_sent, counts.samples_acked);
        if acked * 2 < sent {
            let text = format!("{acked} of {sent} attempted samples were acknowledged");
            return Err(SimulationError::Idle(text));
        }
        if self.nemesis.fired().is_empty() {
            return Err(SimulationError::Idle("no fault was carried out".to_owned()));
        }
        if counts.answers == 0 {
            return Err(SimulationError::Idle("no query was compared".to_owned()));
        }
        Ok(())
    }

    /// Faults by kind, those that fired on disks and in the bucket included.
    fn faults(&self) -> BTreeMap<&'static str, u64> {
        let barriers = Barrier::ALL.map(Barrier::name);
        let kinds = KINDS.into_iter().chain(barriers);
        let mut all: BTreeMap<&'static str, u64> = kinds.map(|kind| (kind, 0)).collect();
        all.extend(self.nemesis.fired());
        let disks = self.fleet.hosts.iter().map(|host| host.disk.counts());
        for counts in disks.chain([self.store.counts()]) {
            for (kind, count) in counts {
                *all.entry(kind).or_default() += count;
            }
        }
        all
    }

    /// The end of the life.
    pub(super) fn end(self, outcome: Result<()>) -> Ending {
        let mut text = String::new();
        // Writing to a text cannot fail.
        let _ = self.write(&mut text);
        Ending { outcome, summary: text, events: self.trace.last_events() }
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let stage = self.stage.borrow();
        let counts = stage.ledger.counts;
        writeln!(text, "seed: {}", self.seed)?;
        writeln!(text, "profile: {}", self.plan.profile)?;
        let rings: Vec<String> =
            self.plan.rings.iter().map(|r| format!("{} of {}", r.name, r.hosts.len())).collect();
        writeln!(text, "rings: {}", rings.join(", "))?;
        writeln!(text, "simulated time: {:.1} s", self.fleet.elapsed_ms() as f64 / 1000.0)?;
        writeln!(text, "faults planned: {}", self.plan.faults.len())?;
        for (kind, count) in self.faults() {
            writeln!(text, "fault {kind}: {count}")?;
        }
        let statuses: Vec<String> =
            stage.statuses.iter().map(|(status, count)| format!("{status} {count}")).collect();
        writeln!(text, "pushes: {} ({})", counts.pushes, statuses.join(", "))?;
        let (sent, acked) = (counts.samples_sent, counts.samples_acked);
        let rejected = counts.samples_rejected;
        writeln!(text, "samples: {sent} attempted, {acked} acked, {rejected} rejected")?;
        writeln!(
            text,
            "queries: {} compared ({} complete), {} samples, {} without an answer",
            counts.answers, counts.answers_complete, counts.samples_read, stage.queries_lost
        )?;
        let checks: Vec<String> =
            stage.checks().iter().map(|(name, count)| format!("{name} {count}")).collect();
        writeln!(text, "checks: {}", checks.join(", "))?;
        let mut all: BTreeMap<&str, u64> = SOMETIMES.iter().map(|what| (*what, 0)).collect();
        all.extend(stage.all_sometimes());
        for (what, count) in all {
            writeln!(text, "sometimes {what}: {count}")?;
        }
        write!(text, "trace hash: {:016x}", self.trace.hash())
    }
}
