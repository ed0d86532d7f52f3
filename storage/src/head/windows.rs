//! Closing, cutting and dropping parts of windows, over all partitions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use journal::Position;
use proto::{Epoch, TenantName};

use super::frame::Frame;
use super::options::LOCK_SLOTS_MAX;
use super::partition::Partition;
use super::parts::{PartId, window_start};
use super::select::Wanted;
use super::stage::stage_frame;
use super::{Head, StorageError};
use crate::series::SeriesChunks;

/// A part of a window, over all partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartInfo {
    /// Which part.
    pub id: PartId,
    /// Whether it takes no more samples in any partition, those without samples of it included.
    pub closed: bool,
    /// Journal position that makes that so for good, as far as it is closed.
    pub closed_position: Position,
    /// Samples in it. A conflict's winner counts beside its loser.
    pub samples: u64,
    /// Journal position of its first samples.
    pub first_position: Position,
    /// Cluster time when its first samples came, as [`Head::observe_time`] had told it; `i64::MIN`
    /// when that was before the last start.
    pub opened_ms: i64,
}

impl PartInfo {
    fn of(id: PartId) -> PartInfo {
        PartInfo {
            id,
            closed: true,
            closed_position: Position::ZERO,
            samples: 0,
            first_position: Position(u64::MAX),
            opened_ms: i64::MAX,
        }
    }

    /// Takes in where one partition closed the part, if it did.
    fn take_closing(&mut self, closed_at: Option<Position>) {
        self.closed &= closed_at.is_some();
        self.closed_position = self.closed_position.max(closed_at.unwrap_or_default());
    }
}

impl Head {
    /// Tells the head the cluster time, for [`PartInfo::opened_ms`].
    pub fn observe_time(&self, cluster_time_ms: i64) {
        self.shared().now_ms.store(cluster_time_ms, Ordering::Relaxed);
    }

    /// Start of the window that holds a timestamp.
    pub fn window_of(&self, timestamp_ms: i64) -> i64 {
        window_start(timestamp_ms, self.window_ms())
    }

    /// All parts with data, by window and number.
    pub fn parts(&self) -> Vec<PartInfo> {
        let mut parts: BTreeMap<PartId, PartInfo> = BTreeMap::new();
        for number in 0..self.partitions() {
            for part in self.partition(number).lock().parts.iter() {
                let info = parts.entry(part.id).or_insert_with(|| PartInfo::of(part.id));
                info.samples += part.samples;
                info.first_position = info.first_position.min(part.first_position);
                info.opened_ms = info.opened_ms.min(part.opened_ms);
            }
        }
        let mut parts: Vec<PartInfo> = parts.into_values().collect();
        for number in 0..self.partitions() {
            let partition = self.partition(number).lock();
            parts.iter_mut().for_each(|info| info.take_closing(partition.parts.closed_at(info.id)));
        }
        parts
    }

    /// Closes a part in every partition that would still put samples into it, those without any
    /// included: a part that is open somewhere, be it after a crash that kept some of its closings,
    /// would take samples that its block lacks. Later samples of the window go to the next part.
    /// A part that is closed already stays so. Answers the position that must be durable before
    /// the part is cut; call it before each cut.
    ///
    /// # Errors
    /// `Journal`: the part may be closed in some partitions; call it again.
    pub fn close_part(&self, id: PartId) -> Result<Position, StorageError> {
        for number in 0..self.partitions() {
            let mut partition = self.partition(number).lock();
            if partition.parts.open_number(id.window_start_ms) <= id.number {
                let position = self.stage(number, &Frame::Close(id))?;
                partition.parts.close(id, position);
            }
        }
        // What an earlier call staged is not newer than this.
        Ok(self.journal().last_staged())
    }

    /// [`Head::close_part`] of the open part of a window: the oldest one, when a crash left it
    /// closed in only some partitions. Answers which part that is, and its position.
    pub fn close(&self, window_start_ms: i64) -> Result<(PartId, Position), StorageError> {
        let numbers = (0..self.partitions())
            .map(|number| self.partition(number).lock().parts.open_number(window_start_ms));
        let id = PartId { window_start_ms, number: numbers.min().unwrap_or(0) };
        Ok((id, self.close_part(id)?))
    }

    fn stage(&self, number: usize, frame: &Frame<'_>) -> Result<Position, StorageError> {
        stage_frame(self.journal(), number as u32, Epoch::default(), frame)
    }

    /// Whether a part is closed for good in every partition, those without samples of it included.
    pub(crate) fn check_part(&self, id: PartId) -> Result<(), StorageError> {
        (0..self.partitions())
            .try_for_each(|number| self.check_closed(&self.partition(number).lock(), id))
    }

    /// Tenants that may have samples in a part.
    pub fn tenants_of_part(&self, id: PartId) -> Vec<TenantName> {
        let mut tenants = BTreeSet::new();
        for number in 0..self.partitions() {
            let partition = self.partition(number).lock();
            if partition.parts.index_of(id).is_some() {
                tenants.extend(partition.tenants_by_name.keys().cloned());
            }
        }
        tenants.into_iter().collect()
    }

    /// What a tenant has in a closed part: series sorted by labels, chunks sorted by time. Chunks
    /// may overlap, as those of [`Head::select`]; the block writer orders them. A part that is
    /// open, or not durably closed, is an error. Nobody may drop the part meanwhile.
    pub fn cut(&self, id: PartId, tenant: &TenantName) -> Result<Vec<SeriesChunks>, StorageError> {
        let mut out = Vec::new();
        for number in 0..self.partitions() {
            let found = {
                let partition = self.partition(number).lock();
                let Some(index) = partition.parts.index_of(id) else { continue };
                self.check_closed(&partition, id)?;
                partition.all_of(tenant).map(|candidates| (index, candidates))
            };
            if let Some((index, candidates)) = found {
                out.extend(self.read_candidates(number, &candidates, Wanted::Part(index))?);
            }
        }
        out.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(out)
    }

    /// A part whose closing a crash could undo may neither be cut nor dropped.
    fn check_closed(&self, partition: &Partition, id: PartId) -> Result<(), StorageError> {
        if partition.parts.closed_at(id).is_some_and(|at| at <= self.journal().durable()) {
            return Ok(());
        }
        let PartId { window_start_ms, number } = id;
        let text = format!("part {number} of window {window_start_ms} is not durably closed");
        Err(StorageError::Invalid(text))
    }

    /// Drops a closed part whose blocks are durable: its samples leave memory, and with them the
    /// series that have no others. Waits for nothing; a replay without the frame gives the part
    /// back, closed, and the same blocks are found again. A query that wants everything reads the
    /// head first and the blocks after it.
    pub fn drop_part(&self, id: PartId) -> Result<(), StorageError> {
        self.check_part(id)?;
        for number in 0..self.partitions() {
            let mut partition = self.partition(number).lock();
            if partition.parts.index_of(id).is_none() {
                continue;
            }
            self.stage(number, &Frame::Drop(id))?;
            partition.parts.hide(id);
        }
        (0..self.partitions()).try_for_each(|number| self.sweep_partition(number))
    }

    /// Frees what is in dropped parts, a bounded number of slots at a time.
    fn sweep_partition(&self, number: usize) -> Result<(), StorageError> {
        let (dropped, slots) = {
            let partition = self.partition(number).lock();
            (partition.parts.dropped(), partition.hot.len())
        };
        for first in (0..slots).step_by(LOCK_SLOTS_MAX) {
            let mut partition = self.partition(number).lock();
            let last = slots.min(first + LOCK_SLOTS_MAX as u32);
            let vacant = partition.sweep_range(first..last);
            self.remove_vacant(number, &mut partition, &vacant)?;
        }
        let mut partition = self.partition(number).lock();
        dropped.into_iter().for_each(|index| partition.parts.remove(index));
        Ok(())
    }

    /// Takes out series without samples. The journal learns it first, under the same lock, so
    /// that no later frame names a series that replay has forgotten.
    fn remove_vacant(
        &self,
        number: usize,
        partition: &mut Partition,
        vacant: &[u32],
    ) -> Result<(), StorageError> {
        if vacant.is_empty() {
            return Ok(());
        }
        let name = |slot: &u32| {
            let tenant = partition.tenant(partition.hot.at(*slot).tenant).name.clone();
            (tenant, partition.id_of(*slot))
        };
        self.stage(number, &Frame::Gone(vacant.iter().map(name).collect()))?;
        vacant.iter().for_each(|slot| partition.remove(self.shared(), *slot));
        Ok(())
    }
}

impl Partition {
    /// Sweeps a range of slots and answers the series in it that have no samples left.
    fn sweep_range(&mut self, slots: std::ops::Range<u32>) -> Vec<u32> {
        let mut vacant = Vec::new();
        for slot in slots {
            if !self.hot.at(slot).is_live() {
                continue;
            }
            self.sweep(slot);
            if self.is_vacant(slot) {
                vacant.push(slot);
            }
        }
        vacant
    }

    /// All series of a tenant.
    fn all_of(&self, tenant: &TenantName) -> Option<super::select::Candidates> {
        let index = *self.tenants_by_name.get(tenant)?;
        let slots = self.tenant(index).index.all();
        Some(self.with_generations(tenant, index, slots))
    }
}
