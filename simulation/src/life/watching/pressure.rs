//! Full disks (I17): once there is space again, a node makes new samples durable by itself.

use std::collections::BTreeMap;

use journal::Position;

use crate::fleet::Fleet;
use crate::host::{Host, Running};
use crate::invariants::Violation;
use crate::invariants::i17_bounds::{FullDisk, check_full_disk};
use crate::life::Stage;
use crate::nemesis::Nemesis;

/// How long a node may take to go on after there is space again, milliseconds. Clients write to
/// every ring more often than that, and each node that owns shards is asked.
const RECOVER_MS_MAX: i64 = 30_000;

/// A disk that was full and has space again.
struct Freed {
    full: FullDisk,
    /// Which start of the node it was, and what was durable then.
    start: u64,
    durable: Position,
}

/// See the module.
#[derive(Default)]
pub struct PressureWatch {
    /// Since when disks are full, by host.
    full: BTreeMap<usize, i64>,
    freed: BTreeMap<usize, Freed>,
}

impl PressureWatch {
    /// Looks at disks that are full, and at those that were.
    pub fn look(
        &mut self,
        fleet: &Fleet,
        nemesis: &Nemesis,
        stage: &mut Stage,
    ) -> Result<(), Violation> {
        let now_ms = fleet.now_ms();
        for (index, host) in fleet.hosts.iter().enumerate() {
            if nemesis.is_full(index) {
                self.full.entry(index).or_insert(now_ms);
                self.freed.remove(&index);
            } else if let Some(from_ms) = self.full.remove(&index)
                && let Some(running) = host.running().filter(|running| owns_shards(host, running))
            {
                let (node, freed_ms) = (host.name.clone(), Some(now_ms));
                let full = FullDisk { node, from_ms, freed_ms, recovered_ms: None };
                let (start, durable) = (running.start, running.head.journal().durable());
                self.freed.insert(index, Freed { full, start, durable });
            }
        }
        let freed = std::mem::take(&mut self.freed);
        for (index, freed) in freed {
            if !freed.is_done(index, fleet, stage) {
                check_full_disk(&freed.full, now_ms, RECOVER_MS_MAX)?;
                self.freed.insert(index, freed);
            }
        }
        Ok(())
    }
}

/// Whether samples are brought to a node at all. One that took the place of another is a reserve of
/// its ring until replacement exists.
fn owns_shards(host: &Host, running: &Running) -> bool {
    let (state, node) = (running.cluster.state(), running.cluster.node_id());
    let ring = state.hashrings.get(&host.config.hashring);
    ring.is_some_and(|ring| ring.shards.iter().any(|owners| owners.contains(&node)))
}

impl Freed {
    /// Whether the node has recovered, or nothing can be said of it any more.
    fn is_done(&self, index: usize, fleet: &Fleet, stage: &mut Stage) -> bool {
        let Some(running) = fleet.hosts[index].running() else { return true };
        let freed_ms = self.full.freed_ms.unwrap_or(i64::MAX);
        let calm_since_ms = stage.health.hosts[index].calm_since_ms;
        if running.start != self.start
            || calm_since_ms.is_none_or(|since_ms| since_ms > freed_ms)
            || !stage.is_open()
        {
            return true;
        }
        let has_recovered = running.head.journal().durable() > self.durable;
        if has_recovered {
            stage.checked("I17");
            stage.sometimes("went on after a full disk");
        }
        has_recovered
    }
}
