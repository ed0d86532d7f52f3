//! The node under test: the real head, journal and local blocks on the simulated disk.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use futures::FutureExt;
use journal::Position;
use journal::files::Files;
use proto::{Epoch, NodeId};
use storage::StorageError;
use storage::block::{BlockMeta, LocalBlocks, ReadOptions};
use storage::cut::{CutTarget, cut_part};
use storage::head::{Head, HeadOptions, PartId};
use ulid::Ulid;

use crate::engine::knobs::Knobs;
use crate::random::Random;

/// Seed of the cluster's series ids.
pub const CLUSTER_SEED: u64 = 0x6772_616e_6172_7921;
/// External label that names the tenant.
const TENANT_LABEL: &str = "tenant_id";
/// Spare segments that the journal keeps.
const SPARE_SEGMENTS_MAX: usize = 2;

/// See the module.
pub struct Node {
    /// The head with its journal.
    pub head: Arc<Head>,
    /// The blocks that were cut.
    pub blocks: LocalBlocks,
    files: Arc<dyn Files>,
}

impl Node {
    /// Starts the node on what the disk holds, as after any crash.
    pub fn open(
        files: Arc<dyn Files>,
        knobs: &Knobs,
        random: &mut Random,
    ) -> Result<Node, StorageError> {
        let journal = journal::Options {
            segment_bytes: knobs.segment_bytes,
            group_bytes_max: knobs.group_bytes_max,
            spare_segments_max: SPARE_SEGMENTS_MAX,
            salt_seed: random.bits(),
            sync: knobs.syncs,
            ..journal::Options::default()
        };
        let options = HeadOptions {
            partitions: knobs.partitions,
            window_ms: knobs.window_ms,
            series_max: knobs.series_max,
            incarnation: random.bits(),
            journal,
        };
        let head = Head::open(files.clone(), Path::new("/data/head"), options, Arc::default())?;
        let read = ReadOptions {
            tenant_label: TENANT_LABEL.to_owned(),
            tenant_without_label: None,
            cluster_seed: CLUSTER_SEED,
        };
        let blocks = LocalBlocks::open(files.clone(), Path::new("/data/blocks"), read)?;
        Ok(Node { head: Arc::new(head), blocks, files })
    }

    /// Writes and syncs one group of the journal; answers what is durable then.
    pub fn commit(&self) -> Result<Position, StorageError> {
        Ok(self.head.journal().commit()?)
    }

    /// Whether something waits for a commit.
    pub fn has_staged(&self) -> bool {
        let journal = self.head.journal();
        journal.durable() < journal.last_staged()
    }

    /// What a waiter for `position` is told now; `None` while it has to wait on.
    pub fn outcome(&self, position: Position) -> Option<Result<(), StorageError>> {
        let waited = self.head.journal().wait_durable(position).now_or_never()?;
        Some(waited.map_err(StorageError::from))
    }

    /// Writes the blocks of a closed part.
    pub fn cut(
        &self,
        part: PartId,
        now_ms: i64,
        random: &mut Random,
    ) -> Result<Vec<Arc<BlockMeta>>, StorageError> {
        let mut draw_ulid = || {
            let low = u128::from(random.bits()) << 64 | u128::from(random.bits());
            Ulid::from_parts(now_ms.unsigned_abs(), low)
        };
        let mut target = CutTarget {
            files: self.files.clone(),
            blocks: &self.blocks,
            node: NodeId(1),
            epoch: Epoch(1),
            labels: BTreeMap::from([("replica".to_owned(), "one".to_owned())]),
            tenant_label: TENANT_LABEL,
            draw_ulid: &mut draw_ulid,
        };
        cut_part(&self.head, part, &mut target)
    }
}
