//! The bytes that one query may hold.

use std::sync::atomic::{AtomicU64, Ordering};

use storage::SeriesChunks;

use super::ReadError;

/// The flag that sets the budget.
pub const BYTES_MAX_FLAG: &str = "--query.max-bytes";
/// What a series or chunk costs beside its labels and data.
const ENTRY_BYTES: u64 = 64;

/// Bytes of series that one query may gather, over all its selectors and sources.
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

    /// Takes bytes out; they are never given back while the query runs.
    pub fn take(&self, bytes: u64) -> Result<(), ReadError> {
        let used = self.used.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if used <= self.limit {
            return Ok(());
        }
        let limit = self.limit;
        Err(ReadError::Limit(format!(
            "the query needs more than {limit} bytes of series ({BYTES_MAX_FLAG}); ask for fewer \
             series or a shorter time"
        )))
    }

    /// Takes what these series hold.
    pub fn take_series(&self, series: &[SeriesChunks]) -> Result<(), ReadError> {
        self.take(series.iter().map(series_bytes).sum())
    }
}

fn series_bytes(series: &SeriesChunks) -> u64 {
    let chunks = series.chunks.iter().map(|chunk| chunk.data.len() as u64 + ENTRY_BYTES);
    series.labels.as_bytes().len() as u64 + ENTRY_BYTES + chunks.sum::<u64>()
}
