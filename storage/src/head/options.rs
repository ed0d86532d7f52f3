//! Settings and limits of the head.

use std::sync::Arc;

use journal::Progress;

use crate::StorageError;

/// Most head partitions of a data directory.
pub const PARTITIONS_MAX: usize = 256;
/// Shortest window.
pub const WINDOW_MS_MIN: i64 = 1_000;
/// Longest window; offsets within one fit 32 bits.
pub const WINDOW_MS_MAX: i64 = 31 * 24 * 3_600_000;
/// Samples in a chunk that the head closes.
pub const CHUNK_SAMPLES_MAX: u8 = 120;
/// Samples in one journal frame; larger batches make several.
pub const FRAME_SAMPLES_MAX: usize = 16_384;
/// Bytes of labels of new series in one journal frame; larger batches make several, and a series
/// whose labels alone are longer is refused.
pub const FRAME_LABEL_BYTES_MAX: usize = 1 << 20;
/// Out-of-order samples of one partition kept as single samples; more are encoded into chunks.
pub const SIDE_SAMPLES_MAX: usize = 65_536;
/// Slots that a reader, a sweep or a checkpoint works on under one lock hold. Few in unit tests, so
/// that their small heads take several steps.
pub const LOCK_SLOTS_MAX: usize = if cfg!(test) { 2 } else { 1_024 };
/// Closed chunks of one series. While it has as many, its new samples are refused as a new series
/// over the limit is; one frame's samples more may come to be there. Parts that are cut make room.
pub const SERIES_CLOSED_CHUNKS_MAX: u16 = 4_096;
/// Payload bytes after which a frame of a checkpoint or of metadata ends. An item that is longer
/// makes a frame of its own.
pub const FRAME_BYTES: usize = 256 << 10;
/// Tenants with metadata; that of more tenants is left out.
pub const METADATA_TENANTS_MAX: usize = 10_000;
/// Metric families with metadata per tenant; more are left out.
pub const METADATA_FAMILIES_MAX: usize = 20_000;
/// Bytes of metadata per tenant; more is left out.
pub const METADATA_BYTES_MAX: usize = 8 << 20;
/// Bytes of a metric family's name; longer ones get no metadata.
pub const METADATA_FAMILY_BYTES_MAX: usize = 1 << 10;
/// Bytes of a help text; an entry with a longer one is left out.
pub const METADATA_HELP_BYTES_MAX: usize = 4 << 10;
/// Bytes of a unit; an entry with a longer one is left out.
pub const METADATA_UNIT_BYTES_MAX: usize = 256;

/// How to open a head.
#[derive(Clone, Debug)]
pub struct HeadOptions {
    /// Partitions of a new data directory, a power of two up to [`PARTITIONS_MAX`]. An existing
    /// directory keeps its number. Default: next power of two of the cores, at least 8.
    pub partitions: usize,
    /// Length of a window (`--tsdb.min-block-duration`); fixed per data directory.
    pub window_ms: i64,
    /// Most series in memory (`--head.series-max`); series beyond it are refused.
    pub series_max: u64,
    /// Random number that marks a new data directory; blocks carry it, so that parts of another
    /// life of the directory are not taken for these.
    pub incarnation: u64,
    /// Settings of the journal; `position_floor` and `progress` are set by the head.
    pub journal: journal::Options,
}

impl Default for HeadOptions {
    fn default() -> HeadOptions {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        HeadOptions {
            partitions: cores.next_power_of_two().clamp(8, PARTITIONS_MAX),
            window_ms: 2 * 3_600_000,
            series_max: 10_000_000,
            incarnation: 0,
            journal: journal::Options::default(),
        }
    }
}

impl HeadOptions {
    pub(super) fn check(&self) -> Result<(), StorageError> {
        if !self.partitions.is_power_of_two() || self.partitions > PARTITIONS_MAX {
            return Err(StorageError::Invalid(format!(
                "{} head partitions; a power of two up to {PARTITIONS_MAX} is needed",
                self.partitions
            )));
        }
        if !(WINDOW_MS_MIN..=WINDOW_MS_MAX).contains(&self.window_ms) {
            return Err(StorageError::Invalid(format!(
                "the window is {} ms; {WINDOW_MS_MIN} to {WINDOW_MS_MAX} are allowed \
                 (--tsdb.min-block-duration)",
                self.window_ms
            )));
        }
        Ok(())
    }
}

/// How far the replay is, readable while [`super::Head::open`] runs.
pub type ReplayProgress = Arc<Progress>;
