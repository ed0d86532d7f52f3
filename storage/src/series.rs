//! What a read gives back: series with their encoded chunks.
//!
//! The head, the local blocks and the bucket answer selections in this shape. Chunks of one
//! series may overlap in time (an out-of-order chunk beside ordinary ones, copies in two blocks):
//! whoever reads samples merges them, taking [`proto::greater_value`] where two copies of one
//! timestamp differ.

use std::sync::Arc;

use bytes::Bytes;
use proto::{Labels, Matcher, SeriesId, TenantName};

use crate::{Budget, StorageError};

/// Chunk encoding number of Prometheus for XOR-compressed floats.
pub const ENCODING_XOR: u8 = 1;

/// An encoded run of samples of one series.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chunk {
    /// Timestamp of the first sample, milliseconds since the Unix epoch.
    pub min_ms: i64,
    /// Timestamp of the last sample, inclusive.
    pub max_ms: i64,
    /// Prometheus' number of the encoding, [`ENCODING_XOR`] for floats.
    pub encoding: u8,
    /// The encoded bytes, without length, encoding byte or checksum.
    pub data: Bytes,
}

impl Chunk {
    /// Whether the chunk may hold samples of `start_ms..=end_ms`.
    pub fn overlaps(&self, start_ms: i64, end_ms: i64) -> bool {
        self.view().overlaps(start_ms, end_ms)
    }

    /// The chunk where it lies.
    pub fn view(&self) -> ChunkView<'_> {
        let Chunk { min_ms, max_ms, encoding, data } = self;
        ChunkView { min_ms: *min_ms, max_ms: *max_ms, encoding: *encoding, data }
    }
}

/// A chunk where it lies; see [`Chunk`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChunkView<'a> {
    /// Timestamp of the first sample.
    pub min_ms: i64,
    /// Timestamp of the last sample, inclusive.
    pub max_ms: i64,
    /// Prometheus' number of the encoding.
    pub encoding: u8,
    /// The encoded bytes.
    pub data: &'a [u8],
}

impl ChunkView<'_> {
    /// Whether the chunk may hold samples of `start_ms..=end_ms`.
    pub fn overlaps(&self, start_ms: i64, end_ms: i64) -> bool {
        self.min_ms <= end_ms && self.max_ms >= start_ms
    }
}

/// One series and its chunks, ordered by `min_ms`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeriesChunks {
    /// The tenant that the series belongs to.
    pub tenant: TenantName,
    /// The series' id in its cluster.
    pub id: SeriesId,
    /// The series' labels, without tenant and replica labels.
    pub labels: Labels,
    /// Its chunks that overlap the selected time; empty when only labels were asked for.
    pub chunks: Vec<Chunk>,
}

/// What to read: series by tenant and labels, samples by time.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Matchers on the tenant's name; all must hold (a matcher's own label name is ignored).
    pub tenants: Vec<Matcher>,
    /// Matchers on the labels; all must hold.
    pub matchers: Vec<Matcher>,
    /// First timestamp, inclusive, milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// Last timestamp, inclusive.
    pub end_ms: i64,
    /// Whether chunks are left out of the answer. A series is then still given only if it has
    /// samples in chunks that overlap the time.
    pub labels_only: bool,
    /// Whether of each series only the latest sample within the time matters. Sources may leave
    /// out samples before it.
    pub latest_only: bool,
    /// What the answer may hold; `None` for a reader that bounds it otherwise.
    pub budget: Option<Arc<Budget>>,
}

impl Selection {
    /// Takes bytes out of the budget.
    pub(crate) fn charge(&self, bytes: u64) -> Result<(), StorageError> {
        self.budget.as_ref().map_or(Ok(()), |budget| budget.take(bytes))
    }

    /// Whether a tenant is selected.
    pub fn takes_tenant(&self, tenant: &TenantName) -> bool {
        self.tenants.iter().all(|matcher| matcher.matches(tenant.as_str()))
    }

    /// Whether a label set is selected. A label that is not there has the value "".
    pub fn takes_labels(&self, labels: &Labels) -> bool {
        let value = |matcher: &Matcher| labels.get(matcher.name()).unwrap_or("");
        self.matchers.iter().all(|matcher| matcher.matches(value(matcher)))
    }
}
