//! What is looked at after every tick.

mod acks;
mod blocks;
mod holdings;
mod pressure;
mod raft;
mod starts;

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
    starts: starts::StartWatch,
    pressure: pressure::PressureWatch,
    holdings: holdings::HoldingsWatch,
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
        self.starts.look(fleet, nemesis, stage, &mut self.shelf)?;
        self.pressure.look(fleet, nemesis, stage)?;
        self.raft.look(fleet, nemesis, stage)?;
        self.acks.look(fleet, stage, &mut self.shelf, store)?;
        self.blocks.look(fleet, stage, &mut self.shelf, store)?;
        self.holdings.look(fleet, nemesis, store, stage, &mut self.shelf)
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
