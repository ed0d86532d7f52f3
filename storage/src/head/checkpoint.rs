//! Checkpoints: everything live is journaled again, so that older frames can go.

use bytes::Bytes;
use journal::Position;
use proto::{Epoch, TenantName};

use super::frame::{Frame, SavedChunk, SavedSeries, WindowTable};
use super::metadata;
use super::options::{FRAME_BYTES, LOCK_SLOTS_MAX};
use super::partition::Partition;
use super::select::Wanted;
use super::stage::stage_frame;
use super::{Head, StorageError};

/// Series by the frame that they go into.
type Frames = Vec<Vec<SavedSeries>>;

/// A checkpoint whose frames are durable; hand it to [`Head::finish_checkpoint`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpointed {
    /// Its first frame: everything before it can go.
    pub first: Position,
    /// Its last frame.
    pub last: Position,
}

impl Head {
    /// Journals everything live again, in steps that hold a lock for a bounded number of slots and
    /// wait until they are durable, so that appends are not crowded out. The journal's driver must
    /// be running. Call it after cuts and when the journal is long; one at a time.
    pub async fn checkpoint(&self) -> Result<Checkpointed, StorageError> {
        let mut first = None;
        for number in 0..self.partitions() {
            let begin = self.checkpoint_partition(number).await?;
            first.get_or_insert(begin);
        }
        let last = self.checkpoint_metadata().await?;
        Ok(Checkpointed { first: first.unwrap_or(last), last })
    }

    /// Makes a durable checkpoint the start of the next replay and gives older frames up.
    ///
    /// # Errors
    /// `Invalid` when its last frame is not durable yet. `Io`, `Journal`: nothing is lost; call
    /// it again.
    pub fn finish_checkpoint(&self, done: Checkpointed) -> Result<(), StorageError> {
        if self.journal().durable() < done.last {
            return Err(StorageError::Invalid("the checkpoint is not durable yet".into()));
        }
        let mut state = self.state.lock();
        let mut next = *state;
        next.checkpoint = next.checkpoint.max(done.first);
        next.position_floor = next.position_floor.max(done.last);
        next.write(&*self.files, &self.dir)?;
        *state = next;
        self.journal().release(next.checkpoint)?;
        Ok(())
    }

    async fn checkpoint_partition(&self, number: usize) -> Result<Position, StorageError> {
        let (begin, slots) = self.begin_checkpoint(number)?;
        let mut slot = 0;
        while slot < slots {
            let (staged, next) = self.checkpoint_step(number, slot, slots)?;
            self.journal().wait_durable(staged).await?;
            slot = next;
        }
        let end = self.end_checkpoint(number)?;
        self.journal().wait_durable(end).await?;
        Ok(begin)
    }

    fn begin_checkpoint(&self, number: usize) -> Result<(Position, u32), StorageError> {
        let partition = self.partition(number).lock();
        let frame = Frame::Checkpoint(partition.window_table());
        Ok((self.stage_part(number, &frame)?, partition.hot.len()))
    }

    fn checkpoint_step(
        &self,
        number: usize,
        slot: u32,
        slots: u32,
    ) -> Result<(Position, u32), StorageError> {
        let partition = self.partition(number).lock();
        let (frames, next) = self.save_step(&partition, slot, slots);
        let mut staged = Position::ZERO;
        for saved in frames {
            staged = self.stage_part(number, &Frame::CheckpointSeries(saved))?;
        }
        Ok((staged, next))
    }

    fn end_checkpoint(&self, number: usize) -> Result<Position, StorageError> {
        let partition = self.partition(number).lock();
        self.stage_part(number, &Frame::CheckpointEnd(partition.window_table()))
    }

    fn stage_part(&self, number: usize, frame: &Frame<'_>) -> Result<Position, StorageError> {
        stage_frame(self.journal(), number as u32, Epoch::default(), frame)
    }

    /// Series from `slot` on, as many as fit one frame, or one series in as many frames as it
    /// takes; answers where the next one begins.
    fn save_step(&self, partition: &Partition, slot: u32, end: u32) -> (Frames, u32) {
        let last = end.min(slot + LOCK_SLOTS_MAX as u32);
        let (mut frames, mut bytes) = (vec![Vec::new()], 0);
        for at in slot..last {
            if bytes >= FRAME_BYTES {
                return (frames, at);
            }
            if partition.hot.at(at).is_live() {
                let mut pieces = split(self.save(partition, at));
                let rest = pieces.split_off(1);
                bytes += pieces.iter().map(saved_bytes).sum::<usize>();
                frames[0].append(&mut pieces);
                if !rest.is_empty() {
                    frames.extend(rest.into_iter().map(|piece| vec![piece]));
                    return (frames, at + 1);
                }
            }
        }
        frames.retain(|frame| !frame.is_empty());
        (frames, last)
    }

    fn save(&self, partition: &Partition, slot: u32) -> SavedSeries {
        let symbols = self.shared().symbols.read();
        SavedSeries {
            tenant: partition.tenant(partition.hot.at(slot).tenant).name.clone(),
            id: partition.id_of(slot),
            labels: partition.labels_of(slot, &symbols),
            chunks: partition.saved_chunks(slot),
        }
    }

    /// Metadata of every tenant; answers the checkpoint's last position.
    async fn checkpoint_metadata(&self) -> Result<Position, StorageError> {
        let tenants = self.metadata_store().lock().tenants();
        for tenant in tenants {
            let mut after = None;
            while let Some((staged, last)) = self.stage_metadata_of(&tenant, after.as_deref())? {
                self.journal().wait_durable(staged).await?;
                after = Some(last);
            }
        }
        let last = self.journal().last_staged();
        self.journal().wait_durable(last).await?;
        Ok(last)
    }

    /// One frame of a tenant's metadata behind a family; answers its last family.
    fn stage_metadata_of(
        &self,
        tenant: &TenantName,
        after: Option<&str>,
    ) -> Result<Option<(Position, String)>, StorageError> {
        let store = self.metadata_store().lock();
        let Some(batch) = store.batch_after(tenant, after) else { return Ok(None) };
        let Some(last) = batch.entries.last().map(|entry| entry.family.clone()) else {
            return Ok(None);
        };
        let payload = metadata::encode(&batch);
        let staged = self.journal().stage(self.metadata_stream(), batch.epoch.0, &payload)?;
        Ok(Some((staged, last)))
    }
}

/// What a frame takes for a series, about.
fn saved_bytes(series: &SavedSeries) -> usize {
    let chunks: usize = series.chunks.iter().map(chunk_bytes).sum();
    chunks + series.labels.as_bytes().len() + 40
}

fn chunk_bytes(chunk: &SavedChunk) -> usize {
    chunk.data.len() + 40
}

/// Cuts a series with many chunks into pieces that a replay puts together again.
fn split(series: SavedSeries) -> Vec<SavedSeries> {
    let SavedSeries { tenant, id, labels, chunks } = series;
    let piece = |chunks| SavedSeries { tenant: tenant.clone(), id, labels: labels.clone(), chunks };
    let (mut pieces, mut some, mut bytes) = (Vec::new(), Vec::new(), 0);
    for chunk in chunks {
        if bytes >= FRAME_BYTES {
            pieces.push(piece(std::mem::take(&mut some)));
            bytes = 0;
        }
        bytes += chunk_bytes(&chunk);
        some.push(chunk);
    }
    pieces.push(piece(some));
    pieces
}

impl Partition {
    fn window_table(&self) -> WindowTable {
        let (floor, windows) = self.parts.closed_windows();
        WindowTable { floor, windows: windows.collect() }
    }

    /// The chunks of a series, oldest first, without those of dropped parts.
    fn saved_chunks(&self, slot: u32) -> Vec<SavedChunk> {
        let mut chunks = Vec::new();
        let wanted = Wanted::Time {
            start_ms: i64::MIN,
            end_ms: i64::MAX,
            labels_only: false,
            latest_only: false,
        };
        self.visit_chunks(slot, wanted, &mut |chunk| {
            if journal::planted!("G10") && chunk.is_tail {
                return;
            }
            let part = self.parts.at(chunk.part);
            chunks.push(SavedChunk {
                part: part.id,
                part_open: part.open,
                is_tail: chunk.is_tail,
                min_ms: chunk.min_ms,
                max_ms: chunk.max_ms,
                data: Bytes::copy_from_slice(chunk.data),
            });
        });
        chunks.sort_by_key(|chunk| (chunk.is_tail, chunk.min_ms));
        chunks
    }
}
