//! Settings of a journal, checked once when it is opened, and the progress of its replay.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Position;
use crate::error::{JournalError, Result};
use crate::frame::{FRAME_HEADER_BYTES, SECTOR_BYTES, framed_bytes};
use crate::segment::DATA_OFFSET;

/// Settings of one journal directory.
#[derive(Debug, Clone)]
pub struct Options {
    /// Size of a segment file, a multiple of 512. Files of another size are still read.
    pub segment_bytes: u64,
    /// Bytes of staged frames (with headers) that may wait; beyond it `stage` answers `Full`.
    pub staged_bytes_max: u64,
    /// Bytes per write and sync; a larger frame makes a group of its own.
    pub group_bytes_max: u64,
    /// Largest payload of a frame.
    pub frame_bytes_max: u64,
    /// Released segments kept for reuse; more are deleted.
    pub spare_segments_max: usize,
    /// Size of a file kept only to be deleted when the disk is full; 0 for none.
    pub ballast_bytes: u64,
    /// New frames get positions above this one, whatever the disk says. Hand in the highest
    /// position that a checkpoint knows, so that a lost tail cannot make positions start again.
    pub position_floor: Position,
    /// A random number, new for each open, mixed into the salts of segments.
    pub salt_seed: u64,
    /// `false` leaves out every sync: for benchmarks and throw-away data only.
    pub sync: bool,
    /// Where replay reports how far it is.
    pub progress: Arc<Progress>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 128 << 20,
            staged_bytes_max: 64 << 20,
            group_bytes_max: 1 << 20,
            frame_bytes_max: 16 << 20,
            spare_segments_max: 2,
            ballast_bytes: 0,
            position_floor: Position::ZERO,
            salt_seed: 0,
            sync: true,
            progress: Arc::default(),
        }
    }
}

impl Options {
    /// Checks the sizes against each other and lowers the group and frame limits to what a
    /// segment can hold.
    pub(crate) fn resolved(mut self) -> Result<Self> {
        let smallest = DATA_OFFSET + SECTOR_BYTES;
        if self.segment_bytes < smallest || !self.segment_bytes.is_multiple_of(SECTOR_BYTES) {
            let text = format!(
                "segment_bytes is {}, must be a multiple of {SECTOR_BYTES} from {smallest}",
                self.segment_bytes
            );
            return Err(JournalError::Options(text));
        }
        let area = self.segment_bytes - DATA_OFFSET;
        self.group_bytes_max = self.group_bytes_max.min(area);
        let payload_max = (area - FRAME_HEADER_BYTES).min(u64::from(u32::MAX) / 2);
        self.frame_bytes_max = self.frame_bytes_max.min(payload_max);
        if self.staged_bytes_max < framed_bytes(self.frame_bytes_max) {
            let text = format!(
                "staged_bytes_max is {}, smaller than one frame of frame_bytes_max {}",
                self.staged_bytes_max, self.frame_bytes_max
            );
            return Err(JournalError::Options(text));
        }
        Ok(self)
    }
}

/// How far replay is, in bytes of segment files. Readable while `Journal::open` runs.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    total: AtomicU64,
}

impl Progress {
    /// Bytes read so far.
    pub fn done_bytes(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Bytes to read, 0 until they are known.
    pub fn total_bytes(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    pub(crate) fn begin(&self, total: u64) {
        self.done.store(0, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    pub(crate) fn advance_to(&self, done: u64) {
        self.done.store(done, Ordering::Relaxed);
    }
}
