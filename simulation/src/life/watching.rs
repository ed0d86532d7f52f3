//! What is looked at after every tick.

mod acks;
mod blocks;
mod raft;

use crate::fleet::Fleet;
use crate::invariants::Violation;
use crate::life::Stage;
use crate::nemesis::Nemesis;
use crate::world::store::Store;

/// Observations that are compared from tick to tick.
#[derive(Default)]
pub struct Watch {
    raft: raft::RaftWatch,
    acks: acks::AckWatch,
    blocks: blocks::BlockWatch,
    shelf: blocks::Shelf,
}

impl Watch {
    /// Looks at every host and at what was done since the last tick.
    pub fn look(
        &mut self,
        fleet: &Fleet,
        nemesis: &Nemesis,
        store: &Store,
        stage: &mut Stage,
    ) -> Result<(), Violation> {
        let now_ms = fleet.now_ms();
        stage.health.note(&fleet.hosts, nemesis, now_ms);
        stage.note_faults(nemesis.fired().values().sum(), now_ms);
        self.raft.look(fleet, nemesis, stage)?;
        self.acks.look(fleet, stage, &mut self.shelf, store)?;
        self.blocks.look(fleet, stage, &mut self.shelf, store)
    }

    /// Looks at everything once more, at the end of a life.
    pub fn look_last(
        &mut self,
        fleet: &Fleet,
        store: &Store,
        stage: &mut Stage,
    ) -> Result<(), Violation> {
        self.blocks.walk(fleet.now_ms(), stage, &self.shelf, store)
    }
}
