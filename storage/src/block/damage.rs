//! Blocks that cannot be read, and whom that concerns.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use proto::TenantName;
use ulid::Ulid;

use super::{BlockMeta, ReadOptions};
use crate::StorageError;
use crate::series::Selection;

/// What the system says of a medium that cannot be read (`EIO`).
const MEDIUM_ERROR: i32 = 5;

/// Why a block cannot be read, and whose samples it may hold.
#[derive(Clone, Debug)]
pub(crate) struct Damage {
    why: String,
    /// First and last timestamp; `None` when nobody knows.
    time: Option<(i64, i64)>,
    /// `None` when nobody knows.
    tenant: Option<TenantName>,
}

impl Damage {
    /// Damage of a block whose meta tells nothing.
    pub(crate) fn unknown(error: &StorageError) -> Damage {
        Damage { why: error.to_string(), time: None, tenant: None }
    }

    /// Damage of a block whose meta can be read.
    pub(crate) fn of(meta: &BlockMeta, options: &ReadOptions, error: &StorageError) -> Damage {
        let tenant = meta.tenant(&options.tenant_label, options.tenant_without_label.as_ref()).ok();
        let time = Some((meta.min_time, meta.max_time.saturating_sub(1)));
        Damage { why: error.to_string(), time, tenant }
    }

    /// Whether an answer to the selection may lack something.
    fn concerns(&self, selection: &Selection) -> bool {
        let in_time = self
            .time
            .is_none_or(|(first, last)| first <= selection.end_ms && last >= selection.start_ms);
        in_time && self.tenant.as_ref().is_none_or(|tenant| selection.takes_tenant(tenant))
    }
}

/// Damaged blocks by their ULIDs. What was found once stays: an answer that lacked the block may
/// still be on its way when another one finds it whole.
#[derive(Clone, Debug, Default)]
pub(crate) struct DamagedBlocks {
    blocks: BTreeMap<Ulid, Damage>,
}

impl DamagedBlocks {
    /// Notes a block.
    pub(crate) fn add(&mut self, ulid: Ulid, damage: Damage) {
        if !self.blocks.contains_key(&ulid) {
            tracing::error!(%ulid, why = damage.why, "a block cannot be read");
        }
        self.blocks.insert(ulid, damage);
    }

    /// Forgets a block that is there no more.
    pub(crate) fn remove(&mut self, ulid: Ulid) {
        self.blocks.remove(&ulid);
    }

    /// Takes over those of another list that `keep` picks and that are not here.
    pub(crate) fn take_over(&mut self, others: &DamagedBlocks, keep: impl Fn(Ulid) -> bool) {
        for (ulid, damage) in others.blocks.iter().filter(|(ulid, _)| keep(**ulid)) {
            self.blocks.entry(*ulid).or_insert_with(|| damage.clone());
        }
    }

    /// Whether a block is among them.
    pub(crate) fn has(&self, ulid: Ulid) -> bool {
        self.blocks.contains_key(&ulid)
    }

    /// Why a block is among them.
    pub(crate) fn why(&self, ulid: Ulid) -> Option<String> {
        self.blocks.get(&ulid).map(|damage| damage.why.clone())
    }

    /// How many they are.
    pub(crate) fn len(&self) -> usize {
        self.blocks.len()
    }

    /// All of them, and why.
    pub(crate) fn list(&self) -> Vec<(Ulid, String)> {
        self.blocks.iter().map(|(ulid, damage)| (*ulid, damage.why.clone())).collect()
    }

    /// Those that a selection's answer may lack.
    pub(crate) fn list_for(&self, selection: &Selection) -> Vec<(Ulid, String)> {
        let concerned = self.blocks.iter().filter(|(_, damage)| damage.concerns(selection));
        concerned.map(|(ulid, damage)| (*ulid, damage.why.clone())).collect()
    }
}

/// Whether reading failed because of the block itself, so that other blocks may still answer. What
/// may pass, and limits on what one selection takes, are errors of the whole selection.
pub(crate) fn is_damage(error: &StorageError) -> bool {
    match error {
        StorageError::Corrupt { .. } | StorageError::Chunk(_) => true,
        StorageError::Io { source, .. } => {
            let lacking = [ErrorKind::NotFound, ErrorKind::UnexpectedEof, ErrorKind::InvalidData];
            lacking.contains(&source.kind()) || source.raw_os_error() == Some(MEDIUM_ERROR)
        }
        StorageError::Bucket { source, .. } => {
            matches!(source, object_store::Error::NotFound { .. })
        }
        _ => false,
    }
}
