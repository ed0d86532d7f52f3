//! The end of a life: the faults are over, everything is committed, and then everything is cut.

use super::{Life, Result};
use crate::error::SimulationError;

impl Life {
    /// See the module. Each stage is followed by a crash and a check of everything.
    pub(super) fn end(&mut self) -> Result<()> {
        self.knobs.recovery_crash_percent = 0;
        if self.disk.is_crash_planned() {
            self.recover()?;
        }
        self.commit_all()?;
        self.oracle.check_all_acked()?;
        self.check_everything()?;
        self.recover()?;
        self.check_everything()?;
        self.cut_everything()?;
        self.check_everything()?;
        self.recover()?;
        self.check_only_blocks()?;
        self.checkpoint(0, 0)?;
        self.recover()?;
        self.check_only_blocks()?;
        self.disk.trace(&mut self.trace);
        self.check_busy()
    }

    fn cut_everything(&mut self) -> Result<()> {
        for part in self.node.head.parts().iter().filter(|part| !part.closed) {
            self.close(part.id)?;
        }
        self.commit_all()?;
        for part in self.node.head.parts() {
            self.cut(part.id)?;
            self.drop_part(part.id)?;
        }
        self.commit_all()
    }

    /// All samples are in blocks, and the head has nothing.
    fn check_only_blocks(&mut self) -> Result<()> {
        self.check_everything()?;
        let (series, parts) = (self.node.head.stats().series(), self.node.head.parts());
        if series == 0 && parts.is_empty() {
            return Ok(());
        }
        let evidence = format!("{series} series, {parts:?}");
        Err(SimulationError::violation("what was cut and dropped leaves the head", evidence))
    }

    /// An idle life is always green: this one was not idle.
    fn check_busy(&self) -> Result<()> {
        let (attempted, acked) = (self.oracle.samples_attempted, self.oracle.samples_acked);
        if attempted == 0 || acked * 2 < attempted {
            let text = format!("{acked} of {attempted} attempted samples were acknowledged");
            return Err(SimulationError::Idle(text));
        }
        if self.summary.crashes_at_file_operations == 0 || self.summary.queries == 0 {
            let text = "no crash came at a file operation, or no query was compared";
            return Err(SimulationError::Idle(text.to_owned()));
        }
        Ok(())
    }
}
