//! Replay: the journal's frames, in order, make the head that wrote them.
//!
//! With a checkpoint, frames before it are skipped, and each partition starts at its own
//! `Checkpoint` frame. While a checkpoint is under way a frame may name a series that only a later
//! frame of the checkpoint declares; what it carries is then in that later frame too.

use journal::{FrameRef, Position};
use proto::record::Record;
use proto::{SampleBatch, SeriesId, TenantName, greater_value, same_value};

use super::chunks::{Closed, Origin};
use super::frame::{Frame, SavedChunk, SavedSeries, WindowTable};
use super::lines::{FLAG_FORGOTTEN, FLAG_NEW};
use super::metadata::Metadata;
use super::options::CHUNK_SAMPLES_MAX;
use super::partition::{Partition, Shared};
use super::parts::{PartId, PartIndex};
use super::slab::NONE;
use super::stage::Replayed;
use crate::StorageError;
use crate::chunk::{ChunkIter, XorState};
use crate::series::ENCODING_XOR;

/// What a replay could not use, beside the damage that the journal reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplayStats {
    /// Frames applied.
    pub frames: u64,
    /// Frames before the checkpoint.
    pub skipped_frames: u64,
    /// Frames whose checksum was right and whose content made no sense.
    pub malformed_frames: u64,
    /// Samples of series that no frame declared (their declaring frame was damaged).
    pub orphan_samples: u64,
}

/// How far one partition is in the checkpoints it sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Skips until its checkpoint begins.
    Waiting,
    /// Between `Checkpoint` and `CheckpointEnd`.
    Inside,
    /// All series are declared before they are named.
    Whole,
}

/// The replay at work.
pub(super) struct Replay<'a> {
    partitions: Vec<Partition>,
    phases: Vec<Phase>,
    shared: &'a Shared,
    metadata: Metadata,
    from: Position,
    stats: ReplayStats,
}

impl<'a> Replay<'a> {
    /// Starts with empty partitions; `from` is the position of the last whole checkpoint.
    pub fn new(partitions: Vec<Partition>, shared: &'a Shared, from: Position) -> Replay<'a> {
        let phase = if from == Position::ZERO { Phase::Whole } else { Phase::Waiting };
        let phases = vec![phase; partitions.len()];
        let (metadata, stats) = (Metadata::default(), ReplayStats::default());
        Replay { partitions, phases, shared, metadata, from, stats }
    }

    /// What came out.
    pub fn finish(mut self) -> (Vec<Partition>, Metadata, ReplayStats) {
        for partition in &mut self.partitions {
            self.stats.orphan_samples += partition.counters.orphans;
            let orphans = partition.counters.orphans;
            partition.counters = Default::default();
            partition.counters.orphans = orphans;
        }
        (self.partitions, self.metadata, self.stats)
    }

    /// Takes one frame. A frame that makes no sense is counted and passed over: what else the
    /// journal holds is not given up for it.
    pub fn take(&mut self, position: Position, frame: FrameRef<'_>) -> Result<(), StorageError> {
        if position < self.from {
            self.stats.skipped_frames += 1;
            return Ok(());
        }
        let number = frame.stream as usize;
        let done = if number < self.partitions.len() {
            self.take_of_partition(number, position, frame.payload)
        } else {
            self.take_metadata(frame.payload)
        };
        match done {
            Ok(()) => self.stats.frames += 1,
            Err(error) => {
                self.stats.malformed_frames += 1;
                tracing::error!(%position, %error, "a journal frame cannot be replayed");
            }
        }
        Ok(())
    }

    fn take_metadata(&mut self, payload: &[u8]) -> Result<(), StorageError> {
        match decode_record(payload)? {
            Record::Metadata(batch) => self.metadata.apply(batch),
            Record::Samples(_) => return Err(misplaced("samples in the stream of metadata")),
        }
        Ok(())
    }

    fn take_of_partition(
        &mut self,
        number: usize,
        position: Position,
        payload: &[u8],
    ) -> Result<(), StorageError> {
        let frame = Frame::decode(payload)?;
        let phase = &mut self.phases[number];
        let partition = &mut self.partitions[number];
        match &frame {
            Frame::Checkpoint(table) => {
                if *phase == Phase::Waiting {
                    partition.restore_windows(table, position);
                }
                *phase = Phase::Inside;
                return Ok(());
            }
            Frame::CheckpointEnd(table) => {
                partition.restore_windows(table, position);
                *phase = Phase::Whole;
                return Ok(());
            }
            Frame::CheckpointSeries(_) if *phase == Phase::Waiting => *phase = Phase::Inside,
            _ => {}
        }
        if *phase == Phase::Waiting {
            self.stats.skipped_frames += 1;
            return Ok(());
        }
        let inside = *phase == Phase::Inside;
        partition.replay(self.shared, frame, position, inside)
    }
}

fn misplaced(reason: &str) -> StorageError {
    StorageError::corrupt("a journal frame", reason)
}

fn decode_record(payload: &[u8]) -> Result<Record, StorageError> {
    let Frame::Record(bytes) = Frame::decode(payload)? else {
        return Err(misplaced("no record in the stream of metadata"));
    };
    Record::decode(bytes).map_err(|error| misplaced(&error.to_string()))
}

impl Partition {
    fn restore_windows(&mut self, table: &WindowTable, position: Position) {
        self.parts.restore_closed(table.floor, table.windows.iter().copied(), position);
    }

    fn replay(
        &mut self,
        shared: &Shared,
        frame: Frame<'_>,
        position: Position,
        inside: bool,
    ) -> Result<(), StorageError> {
        match frame {
            Frame::Record(bytes) => {
                let record = SampleBatch::decode(bytes).map_err(|e| misplaced(&e.to_string()))?;
                return self.replay_samples(shared, &record, position, inside);
            }
            Frame::Close(part) => self.parts.close(part, position),
            Frame::Drop(part) => self.replay_drop(part, position),
            Frame::Gone(series) => self.replay_gone(shared, &series),
            Frame::CheckpointSeries(saved) => {
                saved.iter().for_each(|series| self.restore_series(shared, series, position));
            }
            Frame::Checkpoint(_) | Frame::CheckpointEnd(_) => {}
        }
        Ok(())
    }

    fn replay_samples(
        &mut self,
        shared: &Shared,
        record: &SampleBatch,
        position: Position,
        inside: bool,
    ) -> Result<(), StorageError> {
        let out = self.append(shared, record, &mut Replayed(position), i64::MIN)?;
        if !inside {
            let lost = |index: &u32| u64::from(record.counts[*index as usize]);
            self.counters.orphans += out.unknown.iter().map(lost).sum::<u64>();
        }
        Ok(())
    }

    fn replay_drop(&mut self, id: PartId, position: Position) {
        self.parts.close(id, position);
        if let Some(index) = self.parts.hide(id) {
            (0..self.hot.len()).for_each(|slot| {
                if self.hot.at(slot).is_live() {
                    self.sweep(slot);
                }
            });
            self.parts.remove(index);
        }
    }

    fn replay_gone(&mut self, shared: &Shared, series: &[(TenantName, SeriesId)]) {
        for (tenant, id) in series {
            if let Some(slot) = self.find_named(tenant, *id)
                && self.is_vacant(slot)
            {
                self.remove(shared, slot);
            }
        }
    }

    /// Takes a series out of a checkpoint. What is there already stays; what is missing is added.
    fn restore_series(&mut self, shared: &Shared, saved: &SavedSeries, position: Position) {
        let known = self.find_named(&saved.tenant, saved.id);
        let slot =
            known.unwrap_or_else(|| self.create(shared, &saved.tenant, saved.id, &saved.labels));
        if journal::planted!("G12") && known.is_none() && saved.id.0.is_multiple_of(8) {
            let symbols = shared.symbols.read();
            let pairs: Vec<_> = self.pairs_of(slot).map(|p| (symbols.name_of(p), p)).collect();
            self.tenant_mut(self.hot.at(slot).tenant).index.remove(slot, &pairs);
        }
        for chunk in &saved.chunks {
            let part = self.parts.ensure(chunk.part, chunk.part_open, i64::MIN, position);
            if known.is_none() || self.is_behind(slot, chunk) {
                self.restore_chunk(slot, part, chunk);
            } else {
                self.merge_chunk(slot, part, chunk);
            }
        }
        let tenant = self.hot.at(slot).tenant;
        let applied = std::mem::take(&mut self.scratch.applied);
        self.tenant_mut(tenant).samples += applied;
    }

    /// Whether a chunk lies behind everything that a series has, as the next piece of a series that
    /// takes several frames does.
    fn is_behind(&self, slot: u32, chunk: &SavedChunk) -> bool {
        let hot = self.hot.at(slot);
        hot.side == 0 && (hot.flags & FLAG_NEW != 0 || chunk.min_ms > hot.last_ms)
    }

    fn restore_chunk(&mut self, slot: u32, part: PartIndex, chunk: &SavedChunk) {
        let Ok(state) = XorState::resume(&chunk.data) else { return };
        let fits = state.samples <= u16::from(CHUNK_SAMPLES_MAX)
            && state.bits <= u32::from(u16::MAX)
            && state.last_delta <= u64::from(u32::MAX);
        if !fits || state.samples == 0 {
            return self.merge_chunk(slot, part, chunk);
        }
        let data = self.slab.store(&chunk.data);
        self.parts.at_mut(part).samples += u64::from(state.samples);
        self.scratch.applied += u64::from(state.samples);
        let newest =
            self.hot.at(slot).flags & FLAG_NEW != 0 || state.last_ms > self.hot.at(slot).last_ms;
        if newest {
            self.close_tail(slot);
            let hot = self.hot.at_mut(slot);
            hot.flags &= !(FLAG_NEW | FLAG_FORGOTTEN);
            hot.set_xor_state(&state);
        }
        if newest && chunk.is_tail {
            let hot = self.hot.at_mut(slot);
            (hot.tail, hot.part) = (data, part);
            self.cold.at_mut(slot).min_ms = chunk.min_ms;
            return;
        }
        let hot = self.hot.at_mut(slot);
        if hot.tail == NONE {
            hot.samples = 0;
        }
        let line = Closed {
            min_ms: chunk.min_ms,
            span_ms: chunk.max_ms.abs_diff(chunk.min_ms) as u32,
            next: NONE,
            part,
            data,
            bytes: chunk.data.len() as u16,
            samples: state.samples,
        };
        self.link_closed(slot, line);
    }

    /// Adds those samples of a chunk that the series lacks.
    fn merge_chunk(&mut self, slot: u32, part: PartIndex, chunk: &SavedChunk) {
        let Ok(samples) = ChunkIter::new(ENCODING_XOR, &chunk.data) else { return };
        let origin = Origin { position: self.parts.at(part).first_position, now_ms: i64::MIN };
        for (t, value) in samples.flatten() {
            // A copy, or the loser of a conflict whose winner is here: neither is stored again.
            let stored = self.stored(slot, t).map(f64::from_bits);
            if stored.is_some_and(|stored| same_value(greater_value(stored, value), stored)) {
                continue;
            }
            let hot = self.hot.at(slot);
            let newest = t > hot.last_ms || hot.flags & FLAG_NEW != 0;
            if newest && self.parts.takes(part, t) {
                self.apply(slot, t, value.to_bits(), origin);
            } else {
                self.put_aside(slot, part, t, value.to_bits());
            }
        }
    }
}
