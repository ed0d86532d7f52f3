//! The bytes that one read may hold.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::StorageError;
use crate::series::SeriesChunks;

/// The flag that sets the budget.
pub const BYTES_MAX_FLAG: &str = "--query.max-bytes";
/// What a series or chunk costs beside its labels and data.
pub(crate) const ENTRY_BYTES: u64 = 64;

/// Bytes of series that one read may gather, over all its selections and sources. Sources take
/// what they are about to hold out of it, before they hold it.
#[derive(Debug)]
pub struct Budget {
    limit: u64,
    used: AtomicU64,
}

impl Budget {
    /// A budget of `limit` bytes.
    pub fn new(limit: u64) -> Budget {
        Budget { limit, used: AtomicU64::new(0) }
    }

    /// Takes bytes out; they are never given back while the read runs.
    ///
    /// # Errors
    /// [`StorageError::OverBudget`] if there are not so many left.
    pub fn take(&self, bytes: u64) -> Result<(), StorageError> {
        let used = self.used.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if used <= self.limit {
            return Ok(());
        }
        Err(StorageError::OverBudget { limit: self.limit })
    }

    /// Takes what these series hold.
    pub fn take_series(&self, series: &[SeriesChunks]) -> Result<(), StorageError> {
        self.take(series.iter().map(series_bytes).sum())
    }

    /// Bytes that are left.
    pub fn left(&self) -> u64 {
        self.limit.saturating_sub(self.used.load(Ordering::Relaxed))
    }
}

fn series_bytes(series: &SeriesChunks) -> u64 {
    let chunks = series.chunks.iter().map(|chunk| chunk.data.len() as u64 + ENTRY_BYTES);
    series.labels.as_bytes().len() as u64 + ENTRY_BYTES + chunks.sum::<u64>()
}
