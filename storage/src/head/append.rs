//! Appending a batch to a partition: classify without changing a sample, stage one frame of what
//! is new, then apply it. Nothing that the journal refused is ever applied, so that a refused
//! sample is never taken for a durable duplicate.

use journal::Position;
use proto::{Labels, SampleBatch, SeriesId, greater_value};

use super::chunks::Origin;
use super::lines::{FLAG_NEW, FLAG_PENDING};
use super::options::{FRAME_LABEL_BYTES_MAX, FRAME_SAMPLES_MAX, SERIES_CLOSED_CHUNKS_MAX};
use super::partition::{Partition, Shared, TenantIndex};
use super::slab::NONE;
use super::symbols::{NameId, PairId};
use crate::StorageError;

/// Series that are looked up together, so that the memory they lie in is fetched side by side.
const RESOLVE_SERIES: usize = 48;

/// What became of a batch. Nothing of it may be acknowledged before `position` is durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// Journal position that carries everything of the batch, copies that it duplicates included.
    pub position: Position,
    /// Series (indexes of the batch) that are not known and came without labels; none of their
    /// samples is stored. Send them again with labels.
    pub unknown: Vec<u32>,
    /// New series that were refused because of `--head.series-max`, or because their labels have
    /// more than [`FRAME_LABEL_BYTES_MAX`] bytes: none of their samples is stored. And series with
    /// [`SERIES_CLOSED_CHUNKS_MAX`] chunks in memory: some of their samples are not stored. Send
    /// all of them again later.
    pub over_limit: Vec<u32>,
    /// Samples whose timestamp already had another value: series index and timestamp. The greater
    /// value is kept.
    pub conflicts: Vec<(u32, i64)>,
    /// Samples newly stored (winners of conflicts included).
    pub stored: u64,
    /// Samples that were there already, bit for bit.
    pub duplicates: u64,
}

/// Buffers that live from batch to batch.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(super) record: Option<SampleBatch>,
    pub(super) pairs: Vec<(NameId, PairId)>,
    pub(super) bytes: Vec<u8>,
    /// Samples applied since the last reading, for the tenant's count.
    pub(super) applied: u64,
    slots: Vec<u32>,
    sorted: Vec<(i64, u64)>,
    created: Vec<u32>,
}

/// Takes the record of what is new: stages it, or, on replay, knows that it is staged.
pub(super) trait Stage {
    /// Position of the frame with this record.
    fn stage(&mut self, record: &SampleBatch) -> Result<Position, StorageError>;
    /// Position of the newest frame, which all stored samples precede.
    fn newest(&self) -> Position;
    /// Whether the limit on series applies; what the journal holds was admitted before.
    fn limits_series(&self) -> bool;
}

/// One call of [`Partition::append`].
struct Append<'a, S: Stage> {
    partition: &'a mut Partition,
    shared: &'a Shared,
    stage: &'a mut S,
    now_ms: i64,
    record: SampleBatch,
    label_bytes: usize,
    out: Appended,
}

impl Partition {
    /// Looks up the first series of `ids`, and reads where their next samples will go. The reads do
    /// not depend on each other, so that the processor waits for many at once.
    fn resolve(
        &self,
        tenant: Option<TenantIndex>,
        ids: &[SeriesId],
        slots: &mut [u32; RESOLVE_SERIES],
    ) {
        slots.fill(NONE);
        let Some(tenant) = tenant else { return };
        for (slot, id) in slots.iter_mut().zip(ids) {
            *slot = self.find(tenant, *id).unwrap_or(NONE);
        }
        let mut read = 0u8;
        for slot in slots.iter().filter(|slot| **slot != NONE) {
            let hot = self.hot.at(*slot);
            if hot.tail != NONE {
                let block = self.slab.get(hot.tail);
                read ^= block[hot.tail_bytes().min(block.len() - 1)];
            }
        }
        std::hint::black_box(read);
    }

    /// Appends a batch whose series all belong here. After an error what earlier frames of the
    /// call carried stays (they are staged); the rest left no trace.
    pub(super) fn append<S: Stage>(
        &mut self,
        shared: &Shared,
        batch: &SampleBatch,
        stage: &mut S,
        now_ms: i64,
    ) -> Result<Appended, StorageError> {
        let record = self.take_record(batch);
        let out = Appended::default();
        let label_bytes = 0;
        let mut append =
            Append { partition: self, shared, stage, now_ms, record, label_bytes, out };
        let result = append.run(batch);
        let Append { record, out, .. } = append;
        self.scratch.record = Some(record);
        self.counters.duplicates += out.duplicates;
        self.counters.conflicts += out.conflicts.len() as u64;
        result.map(|()| out)
    }
}

impl<S: Stage> Append<'_, S> {
    fn run(&mut self, batch: &SampleBatch) -> Result<(), StorageError> {
        let tenant = self.partition.tenants_by_name.get(&batch.tenant).copied();
        let mut tenant_known = tenant;
        let mut labels = batch.labels.iter().peekable();
        let mut slots = [NONE; RESOLVE_SERIES];
        for (index, id, timestamps, values) in batch.iter() {
            if index.is_multiple_of(RESOLVE_SERIES) {
                self.partition.resolve(tenant_known, &batch.ids[index..], &mut slots);
            }
            let resolved = slots[index % RESOLVE_SERIES];
            let index = index as u32;
            while labels.next_if(|(at, _)| *at < index).is_some() {}
            if timestamps.is_empty() {
                continue;
            }
            // What is not known may have been made since its block was resolved.
            let find = || tenant_known.and_then(|tenant| self.partition.find(tenant, id));
            let known = if resolved == NONE { find() } else { Some(resolved) };
            let given = labels.peek().filter(|(at, _)| *at == index).map(|(_, labels)| labels);
            let Some(slot) = known.or_else(|| self.create(index, batch, id, given)) else {
                continue;
            };
            if known.is_none() {
                tenant_known = Some(self.partition.hot.at(slot).tenant);
            }
            self.take_series(index, slot, id, timestamps, values)?;
        }
        self.flush()?;
        if !journal::planted!("M30") {
            self.out.position = self.out.position.max(self.stage.newest());
        }
        Ok(())
    }

    /// Makes a series, or notes why not.
    fn create(
        &mut self,
        index: u32,
        batch: &SampleBatch,
        id: SeriesId,
        labels: Option<&Labels>,
    ) -> Option<u32> {
        let Some(labels) = labels else {
            self.out.unknown.push(index);
            return None;
        };
        let series = self.shared.series.load(std::sync::atomic::Ordering::Relaxed);
        let over =
            series >= self.shared.series_max || labels.as_bytes().len() > FRAME_LABEL_BYTES_MAX;
        if over && self.stage.limits_series() {
            self.out.over_limit.push(index);
            return None;
        }
        let slot = self.partition.create(self.shared, &batch.tenant, id, labels);
        self.partition.scratch.created.push(slot);
        self.record.labels.push((self.record.ids.len() as u32, labels.clone()));
        self.label_bytes += labels.as_bytes().len();
        Some(slot)
    }

    /// Takes the samples of a series, no more at once than fit a frame.
    fn take_series(
        &mut self,
        index: u32,
        slot: u32,
        id: SeriesId,
        timestamps: &[i64],
        values: &[f64],
    ) -> Result<(), StorageError> {
        let slices = timestamps.chunks(FRAME_SAMPLES_MAX);
        for (timestamps, values) in slices.zip(values.chunks(FRAME_SAMPLES_MAX)) {
            if self.partition.hot.at(slot).flags & FLAG_PENDING != 0 {
                // What was taken of this series before must be seen here.
                self.flush()?;
            }
            let before = self.record.samples();
            if timestamps.is_sorted_by(|a, b| a < b) {
                for (t, value) in timestamps.iter().zip(values) {
                    self.classify(index, slot, id, before, *t, value.to_bits());
                }
            } else {
                self.classify_sorted(index, slot, id, timestamps, values);
            }
            let full = self.record.samples() >= FRAME_SAMPLES_MAX;
            if full || self.label_bytes >= FRAME_LABEL_BYTES_MAX {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn classify_sorted(
        &mut self,
        index: u32,
        slot: u32,
        id: SeriesId,
        timestamps: &[i64],
        values: &[f64],
    ) {
        let mut sorted = std::mem::take(&mut self.partition.scratch.sorted);
        sorted.clear();
        sorted.extend(timestamps.iter().zip(values).map(|(t, v)| (*t, v.to_bits())));
        sorted.sort_unstable();
        let before = self.record.samples();
        for (t, bits) in &sorted {
            self.classify(index, slot, id, before, *t, *bits);
        }
        self.partition.scratch.sorted = sorted;
    }

    /// Decides on one sample; those of a series come in ascending order. `before` is where the
    /// series' samples begin in the record.
    #[inline]
    fn classify(&mut self, index: u32, slot: u32, id: SeriesId, before: usize, t: i64, bits: u64) {
        let pending = self.record.timestamps[before..].last();
        if pending == Some(&t) {
            return self.classify_twin(index, t, bits);
        }
        let hot = self.partition.hot.at(slot);
        let full = hot.closed_chunks >= SERIES_CLOSED_CHUNKS_MAX && self.stage.limits_series();
        if t > hot.last_ms || hot.flags & FLAG_NEW != 0 {
            if full {
                return self.refuse(index);
            }
            return self.take(slot, id, before, t, bits);
        }
        if hot.is_last(t, bits) {
            if journal::planted!("M26") {
                self.out.conflicts.push((index, t));
            }
            self.out.duplicates += 1;
            return;
        }
        match self.partition.stored(slot, t) {
            Some(stored) if stored == bits => self.out.duplicates += 1,
            None if full => self.refuse(index),
            None => self.take(slot, id, before, t, bits),
            Some(stored) => {
                self.out.conflicts.push((index, t));
                if wins(bits, stored) && full {
                    self.refuse(index);
                } else if wins(bits, stored) {
                    self.take(slot, id, before, t, bits);
                }
            }
        }
    }

    /// Notes that a sample of the series finds no room.
    #[cold]
    fn refuse(&mut self, index: u32) {
        if self.out.over_limit.last() != Some(&index) {
            self.out.over_limit.push(index);
        }
    }

    /// The batch itself has this timestamp twice, one after the other.
    #[cold]
    fn classify_twin(&mut self, index: u32, t: i64, bits: u64) {
        let Some(kept) = self.record.values.last_mut() else { return };
        if kept.to_bits() == bits {
            self.out.duplicates += 1;
            return;
        }
        self.out.conflicts.push((index, t));
        *kept = greater_value(*kept, f64::from_bits(bits));
    }

    #[inline]
    fn take(&mut self, slot: u32, id: SeriesId, before: usize, t: i64, bits: u64) {
        if self.record.samples() == before {
            self.record.push_series(id);
            self.partition.scratch.slots.push(slot);
            self.partition.hot.at_mut(slot).flags |= FLAG_PENDING;
        }
        self.record.push_sample(t, f64::from_bits(bits));
    }

    /// Stages what was taken so far and applies it.
    fn flush(&mut self) -> Result<(), StorageError> {
        if self.record.ids.is_empty() {
            return Ok(());
        }
        match self.stage.stage(&self.record) {
            Ok(position) => self.apply(position),
            Err(error) => {
                self.undo();
                return Err(error);
            }
        }
        self.record.clear();
        self.label_bytes = 0;
        self.partition.scratch.slots.clear();
        self.partition.scratch.created.clear();
        Ok(())
    }

    fn apply(&mut self, position: Position) {
        let origin = Origin { position, now_ms: self.now_ms };
        let slots = std::mem::take(&mut self.partition.scratch.slots);
        for ((_, _, timestamps, values), slot) in self.record.iter().zip(&slots) {
            self.partition.hot.at_mut(*slot).flags &= !FLAG_PENDING;
            for (t, value) in timestamps.iter().zip(values) {
                self.partition.apply(*slot, *t, value.to_bits(), origin);
            }
        }
        if let Some(slot) = slots.first() {
            let tenant = self.partition.hot.at(*slot).tenant;
            let applied = std::mem::take(&mut self.partition.scratch.applied);
            self.partition.tenant_mut(tenant).samples += applied;
        }
        self.partition.scratch.slots = slots;
        self.out.position = self.out.position.max(position);
        self.out.stored += self.record.samples() as u64;
        self.partition.counters.appended += self.record.samples() as u64;
    }

    /// Forgets what was taken since the last frame.
    #[cold]
    fn undo(&mut self) {
        for slot in std::mem::take(&mut self.partition.scratch.slots) {
            self.partition.hot.at_mut(slot).flags &= !FLAG_PENDING;
        }
        for slot in std::mem::take(&mut self.partition.scratch.created) {
            self.partition.remove(self.shared, slot);
        }
    }
}

/// Whether `new` takes the place of `old`.
fn wins(new: u64, old: u64) -> bool {
    let is_greater = greater_value(f64::from_bits(old), f64::from_bits(new)).to_bits() == new;
    if journal::planted!("G8") { !is_greater } else { is_greater }
}
