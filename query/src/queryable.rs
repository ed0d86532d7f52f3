//! The one interface between the engine and whatever holds samples.
//!
//! Data crosses it in batches: up to [`BATCH_SERIES_MAX`] series at a time, labels as
//! query-scoped pair ids, samples as columns that one call per series fills. No maps of strings.

use std::sync::Arc;

use async_trait::async_trait;
use proto::{FloatHistogram, Matcher};

use crate::dictionary::{Dictionary, PairId};
use crate::histogram_column::{HistogramColumn, weight};

/// Most series in one [`SeriesBatch`].
pub const BATCH_SERIES_MAX: usize = 1024;

/// What one selector of a query asks for.
#[derive(Clone, Debug)]
pub struct SelectRequest {
    /// All must match. The tenant label takes part like any other label.
    pub matchers: Vec<Matcher>,
    /// First timestamp of interest, inclusive, milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// Last timestamp of interest, inclusive.
    pub end_ms: i64,
    /// Step of a range query, 0 for an instant query. A hint.
    pub step_ms: i64,
    /// Width of the range selector, 0 for an instant selector. A hint.
    pub range_ms: i64,
    /// Name of the function or aggregation around the selector, "" if none. A hint.
    pub function: &'static str,
    /// Only the labels are wanted; sources may leave samples out.
    pub labels_only: bool,
    /// Only the latest sample of each series is wanted; sources may leave out those before it.
    pub latest_only: bool,
}

/// Why a source could not answer. The engine passes it through.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The request crossed a limit; the text names it, its value and its flag.
    #[error("{0}")]
    Limit(String),
    /// The data could not be read now.
    #[error("{0}")]
    Unavailable(String),
    /// Stored bytes failed their check, or another defect.
    #[error("{0}")]
    Internal(String),
}

/// A holder of series: an in-memory fixture, or the node's merge of head, blocks, peers, bucket.
#[async_trait]
pub trait Queryable: Send + Sync {
    /// All series that match, with everything needed to decode their samples without further
    /// waiting. Series are unique by label set; their order is free.
    async fn select(
        &self,
        request: &SelectRequest,
        dictionary: &Dictionary,
    ) -> Result<SeriesSet, SourceError>;
}

/// Answer to a select.
#[derive(Default)]
pub struct SeriesSet {
    /// Batches of up to [`BATCH_SERIES_MAX`] series.
    pub batches: Vec<Box<dyn SeriesBatch>>,
    /// What the user must know of the answer, such as "incomplete: node x did not answer".
    pub warnings: Vec<String>,
}

/// Some series of an answer. Decoding is pure computation: it never waits.
pub trait SeriesBatch: Send + Sync {
    /// Number of series.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Pair ids of series `index`, in order of the label names.
    fn labels(&self, index: usize) -> &[PairId];

    /// Appends the samples of series `index` within `start_ms..=end_ms` to `columns`, in strictly
    /// ascending order of time, each timestamp once. Stale markers are included.
    fn read(
        &self,
        index: usize,
        start_ms: i64,
        end_ms: i64,
        columns: &mut Columns,
    ) -> Result<(), SourceError>;

    /// Memory held by this batch in bytes, for the query's budget.
    fn bytes(&self) -> usize;
}

/// Samples of one series as columns. Times and values have equal lengths; what only some series
/// have, histograms and start timestamps, may be shorter: beyond the end there is none. Reused
/// from series to series.
#[derive(Default, Debug, Clone)]
pub struct Columns {
    /// Milliseconds since the Unix epoch, strictly ascending.
    pub timestamps: Vec<i64>,
    /// Values; a slot that holds a native histogram is 0 here.
    pub values: Vec<f64>,
    /// The native histograms.
    pub histograms: HistogramColumn,
    /// When the counter behind a sample began to count, milliseconds since the Unix epoch; 0 where
    /// that is not known.
    pub start_timestamps: Vec<i64>,
}

impl Columns {
    /// Empties the columns and keeps their memory.
    pub fn clear(&mut self) {
        self.timestamps.clear();
        self.values.clear();
        self.histograms.clear();
        self.start_timestamps.clear();
    }

    /// Appends one float sample.
    #[inline]
    pub fn push(&mut self, timestamp_ms: i64, value: f64) {
        self.timestamps.push(timestamp_ms);
        self.values.push(value);
    }

    /// Appends one native histogram.
    pub fn push_histogram(&mut self, timestamp_ms: i64, histogram: Arc<FloatHistogram>) {
        self.histograms.set(self.values.len(), histogram);
        self.push(timestamp_ms, 0.0);
    }

    /// When the counter behind sample `index` began to count, 0 if that is not known.
    #[inline]
    pub fn start_timestamp(&self, index: usize) -> i64 {
        self.start_timestamps.get(index).copied().unwrap_or(0)
    }

    /// Appends the samples `range` of other columns.
    pub fn append(&mut self, other: &Columns, range: std::ops::Range<usize>) {
        let at = self.len();
        self.timestamps.extend_from_slice(&other.timestamps[range.clone()]);
        self.values.extend_from_slice(&other.values[range.clone()]);
        self.histograms.append(at, &other.histograms, range.clone());
        let end = range.end.min(other.start_timestamps.len());
        if range.start < end {
            self.start_timestamps.resize(at, 0);
            self.start_timestamps.extend_from_slice(&other.start_timestamps[range.start..end]);
        }
    }

    /// What sample `index` counts for: 1, and the weight of a histogram.
    pub(crate) fn sample_weight(&self, index: usize) -> usize {
        1 + self.histograms.get(index).map_or(0, |histogram| weight(histogram))
    }

    /// Number of samples, histograms counted by their weight.
    pub(crate) fn samples(&self) -> usize {
        self.len() + self.histograms.samples()
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.timestamps.len()
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.timestamps.is_empty()
    }
}
