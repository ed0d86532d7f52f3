//! What is looked at after every tick.

use crate::fleet::Fleet;
use crate::invariants::Violation;

/// Observations that are compared from tick to tick.
#[derive(Default)]
pub struct Watch {
    /// Ticks so far.
    pub ticks: u64,
}

impl Watch {
    /// Looks at every node.
    pub fn look(&mut self, _fleet: &Fleet) -> Result<(), Violation> {
        self.ticks += 1;
        Ok(())
    }
}
