//! Local blocks that may go: since when, and that they go (I14).

use std::collections::BTreeMap;

use node::actors::retention::removal_delay_max;

use super::Shelf;
use crate::fleet::Fleet;
use crate::host::{Host, Running};
use crate::invariants::Violation;
use crate::invariants::i14_retention::{KeptBlock, check_kept};
use crate::life::Stage;

/// How long a node may take over the requests and the deletions of one look, milliseconds.
const ACT_MS_MAX: i64 = 10_000;

/// Since when a start of a node may let blocks go, by their ULID.
struct Due {
    start: u64,
    since_ms: BTreeMap<String, i64>,
}

/// Nodes with nothing in the way of a removal, by host.
#[derive(Default)]
pub struct DueWatch {
    nodes: BTreeMap<usize, Due>,
}

impl DueWatch {
    /// Looks at the blocks of all nodes.
    pub fn look(
        &mut self,
        fleet: &Fleet,
        stage: &mut Stage,
        shelf: &mut Shelf,
    ) -> Result<(), Violation> {
        for (index, host) in fleet.hosts.iter().enumerate() {
            match able(index, host, fleet, stage) {
                Some(running) => self.look_at((index, host), &running, fleet, shelf)?,
                None => drop(self.nodes.remove(&index)),
            }
        }
        stage.checked("I14");
        Ok(())
    }

    fn look_at(
        &mut self,
        (index, host): (usize, &Host),
        running: &Running,
        fleet: &Fleet,
        shelf: &mut Shelf,
    ) -> Result<(), Violation> {
        let now_ms = fleet.now_ms();
        let before = self.nodes.remove(&index).filter(|due| due.start == running.start);
        let before = before.map(|due| due.since_ms).unwrap_or_default();
        let retention_ms = i64::try_from(host.config.tsdb.retention.as_millis()).unwrap_or(0);
        let oldest_kept_ms = now_ms + running.cluster_ahead_ms() - retention_ms;
        let delay_ms = i64::try_from(removal_delay_max(&host.config).as_millis());
        let late_ms_max = delay_ms.unwrap_or(i64::MAX).saturating_add(ACT_MS_MAX);
        let mut since_ms = BTreeMap::new();
        for ulid in shelf.names_of(index, host) {
            let block = shelf.block(index, host, &ulid);
            if block.is_none_or(|block| block.max_time_ms > oldest_kept_ms) {
                continue;
            }
            let due_since_ms = before.get(&ulid).copied().unwrap_or(now_ms);
            let kept = KeptBlock { node: host.name.clone(), ulid, due_since_ms };
            check_kept(&kept, now_ms, late_ms_max)?;
            since_ms.insert(kept.ulid, due_since_ms);
        }
        self.nodes.insert(index, Due { start: running.start, since_ms });
        Ok(())
    }
}

/// The node of a host, if it is well, has its lease and a bucket that answers.
fn able(index: usize, host: &Host, fleet: &Fleet, stage: &Stage) -> Option<Running> {
    let now_ms = fleet.now_ms();
    let is_well = stage.health.hosts[index].is_well_since(now_ms)
        && stage.health.bucket_calm_since_ms.is_some()
        && !host.config.tsdb.retention.is_zero();
    let running = host.running().filter(|_| is_well)?;
    (running.lease_until_ms() > now_ms && running.cluster_ahead_ms() > i64::MIN).then_some(running)
}
