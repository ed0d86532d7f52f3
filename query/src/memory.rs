//! An in-memory [`Queryable`], for tests and benches.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use proto::{FloatHistogram, Labels, Matcher};

use crate::dictionary::{Dictionary, PairId};
use crate::queryable::{
    BATCH_SERIES_MAX, Columns, Queryable, SelectRequest, SeriesBatch, SeriesSet, SourceError,
};

/// Series by their labels, in Prometheus' order of labels.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    series: BTreeMap<Labels, Arc<Columns>>,
}

impl MemoryStore {
    /// Adds samples to a series, given its labels as pairs. Labels that are no label set are
    /// left out.
    pub fn add(&mut self, labels: &[(&str, &str)], samples: &[(i64, f64)]) {
        if let Ok(labels) = Labels::from_pairs(labels.iter().copied()) {
            samples.iter().for_each(|(time, value)| self.push(&labels, *time, *value));
        }
    }

    /// Adds one sample; one of the same time is replaced.
    pub fn push(&mut self, labels: &Labels, timestamp_ms: i64, value: f64) {
        let (columns, at) = self.slot(labels, timestamp_ms);
        columns.values[at] = value;
        columns.histograms.unset(at);
    }

    /// Adds one native histogram; a sample of the same time is replaced.
    pub fn push_histogram(
        &mut self,
        labels: &Labels,
        timestamp_ms: i64,
        histogram: Arc<FloatHistogram>,
    ) {
        let (columns, at) = self.slot(labels, timestamp_ms);
        columns.values[at] = 0.0;
        columns.histograms.set(at, histogram);
    }

    /// Says when the counter behind a sample, which is there or is made, began to count.
    pub fn set_start(&mut self, labels: &Labels, timestamp_ms: i64, start_ms: i64) {
        let (columns, at) = self.slot(labels, timestamp_ms);
        if columns.start_timestamps.len() <= at {
            columns.start_timestamps.resize(at + 1, 0);
        }
        columns.start_timestamps[at] = start_ms;
    }

    /// The place of a sample, made if it is not there.
    fn slot(&mut self, labels: &Labels, timestamp_ms: i64) -> (&mut Columns, usize) {
        let columns = Arc::make_mut(self.series.entry(labels.clone()).or_default());
        let at = columns.timestamps.binary_search(&timestamp_ms).unwrap_or_else(|at| {
            columns.timestamps.insert(at, timestamp_ms);
            columns.values.insert(at, 0.0);
            columns.histograms.shift(at);
            if at < columns.start_timestamps.len() {
                columns.start_timestamps.insert(at, 0);
            }
            at
        });
        (columns, at)
    }

    /// Number of series.
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }
}

fn matches(labels: &Labels, matchers: &[Matcher]) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels.get(matcher.name()).unwrap_or("")))
}

#[async_trait]
impl Queryable for MemoryStore {
    async fn select(
        &self,
        request: &SelectRequest,
        dictionary: &Dictionary,
    ) -> Result<SeriesSet, SourceError> {
        let found = self.series.iter().filter(|(labels, _)| matches(labels, &request.matchers));
        let found: Vec<_> = found.collect();
        let mut set = SeriesSet::default();
        let mut names = dictionary.lock();
        for chunk in found.chunks(BATCH_SERIES_MAX) {
            let mut batch = MemoryBatch::default();
            for (labels, columns) in chunk {
                names.intern_labels(labels, &mut batch.pairs);
                batch.ends.push(batch.pairs.len());
                batch.columns.push(Arc::clone(columns));
            }
            set.batches.push(Box::new(batch));
        }
        Ok(set)
    }
}

#[derive(Default)]
struct MemoryBatch {
    pairs: Vec<PairId>,
    ends: Vec<usize>,
    columns: Vec<Arc<Columns>>,
}

impl SeriesBatch for MemoryBatch {
    fn len(&self) -> usize {
        self.columns.len()
    }

    fn labels(&self, index: usize) -> &[PairId] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.pairs[start..self.ends[index]]
    }

    fn read(
        &self,
        index: usize,
        start_ms: i64,
        end_ms: i64,
        columns: &mut Columns,
    ) -> Result<(), SourceError> {
        let all = &self.columns[index];
        let from = all.timestamps.partition_point(|t| *t < start_ms);
        let to = all.timestamps.partition_point(|t| *t <= end_ms).max(from);
        columns.append(all, from..to);
        Ok(())
    }

    fn bytes(&self) -> usize {
        let columns = self.columns.iter().map(|c| c.len() * 16 + c.histograms.bytes());
        self.pairs.len() * size_of::<PairId>() + columns.sum::<usize>()
    }
}
