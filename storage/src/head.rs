//! The head: series and samples in memory, journaled before they are acknowledged.
//!
//! A head has a fixed number of *partitions*, each a single writer's set of series behind one
//! lock; a series belongs to the partition that the low bits of its id name. One journal serves
//! all of them. Samples belong to *windows*, and to *parts* of these ([`parts`]), which are closed,
//! written out as blocks and dropped.
//!
//! # What holds
//! - Nothing is applied that the journal did not take, and frames are applied in the order in
//!   which they were staged: a replay makes the same series, samples and parts.
//! - Whatever [`Appended::position`] covers is durable when [`journal::Journal::wait_durable`] of
//!   it returns: the batch's own frame, and the copies that it duplicates.
//! - A series has at most one answer for a timestamp after its chunks are merged with
//!   [`proto::greater_value`].
//! - Locks are taken in the order partition, symbols; never two partitions at once. A lock is held
//!   for one batch, one selection of candidates or [`options::LOCK_SLOTS_MAX`] slots.
//!
//! Chunk bytes, closed ones included, are in memory in this version (about 150 bytes for each 120
//! samples); a file per partition for closed chunks comes with the fast path.

mod append;
mod checkpoint;
mod chunks;
mod frame;
mod index;
mod lines;
mod metadata;
pub mod options;
mod partition;
mod parts;
mod postings;
mod replay;
mod select;
mod slab;
mod stage;
mod state_file;
mod stats;
mod symbols;
pub(crate) mod table;
mod windows;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use journal::files::Files;
use journal::{Journal, Recovery};
use parking_lot::{Mutex, RwLock};
use proto::SampleBatch;

use crate::StorageError;
use metadata::Metadata;
use partition::{Partition, Shared};
use replay::Replay;
use stage::JournalStage;
use state_file::HeadState;

pub use append::Appended;
pub use checkpoint::Checkpointed;
pub use metadata::MetadataAppended;
pub use options::{FRAME_LABEL_BYTES_MAX, HeadOptions, ReplayProgress, SERIES_CLOSED_CHUNKS_MAX};
pub use parts::PartId;
pub use replay::ReplayStats;
pub use stats::{HeadStats, PartitionStats, TenantStats};
pub use windows::PartInfo;

/// Directory of the journal within the head's.
const JOURNAL_DIRECTORY: &str = "journal";

/// A partition's data, and the buffer for its frames.
#[derive(Debug)]
struct Lane {
    partition: Mutex<Partition>,
    payload: Mutex<Vec<u8>>,
}

/// See the module.
#[derive(Debug)]
pub struct Head {
    lanes: Vec<Lane>,
    shared: Shared,
    journal: Arc<Journal>,
    metadata: Mutex<Metadata>,
    files: Arc<dyn Files>,
    dir: PathBuf,
    state: Mutex<HeadState>,
    recovery: Recovery,
    replay_stats: ReplayStats,
    window_ms: i64,
}

impl Head {
    /// Opens the head in `dir`: reads its journal and rebuilds everything that was durable.
    /// `progress` can be read meanwhile from another thread.
    ///
    /// # Errors
    /// `Invalid`: fix the options. `Journal`, `Io`, `Corrupt`: the directory cannot be used.
    pub fn open(
        files: Arc<dyn Files>,
        dir: &Path,
        options: HeadOptions,
        progress: ReplayProgress,
    ) -> Result<Head, StorageError> {
        options.check()?;
        let state = HeadState::open(&*files, dir, &options)?;
        let shared = Shared {
            series_max: options.series_max,
            now_ms: AtomicI64::new(i64::MIN),
            symbols: RwLock::default(),
            series: Default::default(),
        };
        let partitions = (0..state.partitions).map(|_| Partition::new(state.window_ms)).collect();
        let mut replay = Replay::new(partitions, &shared, state.checkpoint);
        let position_floor = state.position_floor;
        let journal_options = journal::Options { progress, position_floor, ..options.journal };
        let (journal, recovery) = Journal::open(
            files.clone(),
            &dir.join(JOURNAL_DIRECTORY),
            journal_options,
            &mut |position, frame| replay.take(position, frame),
        )?;
        let (partitions, metadata, replay_stats) = replay.finish();
        Ok(Head {
            lanes: partitions.into_iter().map(Lane::new).collect(),
            shared,
            journal: Arc::new(journal),
            metadata: Mutex::new(metadata),
            files,
            dir: dir.to_owned(),
            state: Mutex::new(state),
            recovery,
            replay_stats,
            window_ms: state.window_ms,
        })
    }

    /// Number of partitions; a series belongs to [`proto::SeriesId::partition`] of it.
    pub fn partitions(&self) -> usize {
        self.lanes.len()
    }

    /// Length of a window.
    pub fn window_ms(&self) -> i64 {
        self.window_ms
    }

    /// Random number that marks this life of the data directory.
    pub fn incarnation(&self) -> u64 {
        self.state.lock().incarnation
    }

    /// The journal below: its driver commits it, callers wait on it.
    pub fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// What the journal found when it was opened, damage included.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// What the replay could not use.
    pub fn replay_stats(&self) -> ReplayStats {
        self.replay_stats
    }

    /// Appends a batch whose series all belong to `partition` (see [`Head::scatter`]). Samples may
    /// come in any order and of any age. Acknowledge nothing of the batch before the answer's
    /// position is durable.
    ///
    /// # Errors
    /// `Journal`: nothing that it refused was applied, so that sending the batch again is right.
    /// `Invalid`: a series belongs elsewhere, or the columns do not fit; nothing was applied.
    pub fn append(&self, partition: usize, batch: &SampleBatch) -> Result<Appended, StorageError> {
        self.check_batch(partition, batch)?;
        let lane = &self.lanes[partition];
        let mut payload = lane.payload.lock();
        let mut stage = JournalStage {
            journal: &self.journal,
            stream: partition as u32,
            payload: &mut payload,
        };
        let now_ms = self.shared.now_ms.load(Ordering::Relaxed);
        lane.partition.lock().append(&self.shared, batch, &mut stage, now_ms)
    }

    fn check_batch(&self, partition: usize, batch: &SampleBatch) -> Result<(), StorageError> {
        let count = self.partitions();
        let samples: usize = batch.counts.iter().map(|count| *count as usize).sum();
        let columns = batch.ids.len() == batch.counts.len()
            && samples == batch.timestamps.len()
            && samples == batch.values.len();
        if !columns || partition >= count {
            return Err(StorageError::Invalid("the columns of a batch do not fit".into()));
        }
        if batch.ids.iter().any(|id| id.partition(count) != partition) {
            let text = format!("a batch for partition {partition} has series of another one");
            return Err(StorageError::Invalid(text));
        }
        Ok(())
    }

    /// Splits a batch by partition. The second part of each piece maps the piece's series to
    /// their indexes in `batch`.
    pub fn scatter(&self, batch: &SampleBatch) -> Vec<(usize, SampleBatch, Vec<u32>)> {
        let count = self.partitions();
        let empty = || SampleBatch::new(batch.tenant.clone(), batch.epoch);
        let mut pieces: Vec<_> = (0..count).map(|n| (n, empty(), Vec::new())).collect();
        let mut labels = batch.labels.iter().peekable();
        for (index, id, timestamps, values) in batch.iter() {
            let (_, piece, origins) = &mut pieces[id.partition(count)];
            while labels.next_if(|(at, _)| (*at as usize) < index).is_some() {}
            if let Some((_, set)) = labels.next_if(|(at, _)| *at as usize == index) {
                piece.labels.push((piece.ids.len() as u32, set.clone()));
            }
            origins.push(index as u32);
            piece.ids.push(id);
            piece.counts.push(timestamps.len() as u32);
            piece.timestamps.extend_from_slice(timestamps);
            piece.values.extend_from_slice(values);
        }
        pieces.retain(|(_, piece, _)| !piece.ids.is_empty());
        pieces
    }

    fn partition(&self, number: usize) -> &Mutex<Partition> {
        &self.lanes[number].partition
    }

    fn shared(&self) -> &Shared {
        &self.shared
    }

    fn metadata_store(&self) -> &Mutex<Metadata> {
        &self.metadata
    }

    /// Stream of metadata frames: the number after the last partition's.
    fn metadata_stream(&self) -> u32 {
        self.lanes.len() as u32
    }
}

impl Lane {
    fn new(partition: Partition) -> Lane {
        Lane { partition: Mutex::new(partition), payload: Mutex::default() }
    }
}

#[cfg(test)]
mod tests;
