//! The node as the engine sees it.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;
use proto::Matcher;
use query::queryable::BATCH_SERIES_MAX;
use query::{
    Columns, Dictionary, PairId, Queryable, SelectRequest, SeriesBatch, SeriesSet, SourceError,
};
use storage::chunk::ChunkError;
use storage::{Selection, SeriesChunks};

use super::ReadError;
use super::fanout::{Answer, Fanout};
use super::merge::{LabelRules, Merge, MergedSeries};
use super::samples::read_replicas;
use super::sources::{Authority, BucketHolder, LocalHolder};

/// [`Queryable`] over everything that a reader may see.
pub struct NodeQueryable {
    fanout: Fanout,
}

impl NodeQueryable {
    /// For one query.
    pub fn new(fanout: Fanout) -> NodeQueryable {
        NodeQueryable { fanout }
    }
}

impl From<ReadError> for SourceError {
    fn from(error: ReadError) -> SourceError {
        match error {
            ReadError::Limit(text) => SourceError::Limit(text),
            ReadError::Unavailable(text) => SourceError::Unavailable(text),
            ReadError::Damaged(text) => SourceError::Internal(text),
        }
    }
}

impl Fanout {
    /// What to ask the sources for; the scope is in it.
    pub(super) fn selection(&self, matchers: &[Matcher], times: (i64, i64)) -> Selection {
        let (tenants, matchers) = self.scope.split(&self.tenant_label, matchers);
        let (start_ms, end_ms) = times;
        Selection { tenants, matchers, start_ms, end_ms, labels_only: false }
    }

    pub(super) fn rules(&self) -> LabelRules<'_> {
        LabelRules { tenant_label: &self.tenant_label, replica_labels: &self.replica_labels }
    }

    /// The selected series of all sources, as they came.
    pub(super) async fn series(
        &self,
        selection: &Selection,
    ) -> Result<Answer<Vec<SeriesChunks>>, ReadError> {
        let (own, own_budget) = (selection.clone(), self.budget.clone());
        let local = move |holder: &dyn LocalHolder| {
            let series = holder.select(&own)?;
            own_budget.take_series(&series).map(|()| series)
        };
        let remote = |node| self.sources.remote.select(node, selection, &self.budget);
        let bucket = self.sources.bucket.as_ref().map(|bucket| self.stored(bucket, selection));
        let mut answer = self.ask(local, remote, bucket).await?;
        for part in &mut answer.parts {
            // Whatever a source sends, nothing of another tenant goes out.
            part.retain(|series| selection.takes_tenant(&series.tenant));
        }
        Ok(answer)
    }

    fn stored<'a>(
        &'a self,
        bucket: &'a Arc<dyn BucketHolder>,
        selection: &'a Selection,
    ) -> BoxFuture<'a, Result<(Vec<SeriesChunks>, Authority), ReadError>> {
        Box::pin(async move {
            let (series, authority) = bucket.select(selection).await?;
            self.budget.take_series(&series).map(|()| (series, authority))
        })
    }
}

#[async_trait]
impl Queryable for NodeQueryable {
    async fn select(
        &self,
        request: &SelectRequest,
        dictionary: &Dictionary,
    ) -> Result<SeriesSet, SourceError> {
        let times = (request.start_ms, request.end_ms);
        let mut selection = self.fanout.selection(&request.matchers, times);
        selection.labels_only = request.labels_only;
        let answer = self.fanout.series(&selection).await?;
        let mut merge = Merge::default();
        let rules = self.fanout.rules();
        let mut names = dictionary.lock();
        for series in answer.parts.into_iter().flatten() {
            merge.add(series, rules, &mut names);
        }
        drop(names);
        Ok(SeriesSet { batches: batches(merge.finish()), warnings: answer.warnings })
    }
}

fn batches(mut series: impl Iterator<Item = MergedSeries>) -> Vec<Box<dyn SeriesBatch>> {
    let mut batches: Vec<Box<dyn SeriesBatch>> = Vec::new();
    loop {
        let series: Vec<MergedSeries> = series.by_ref().take(BATCH_SERIES_MAX).collect();
        if series.is_empty() {
            return batches;
        }
        batches.push(Box::new(MergedBatch { series }));
    }
}

/// Some merged series; samples are decoded when they are read.
struct MergedBatch {
    series: Vec<MergedSeries>,
}

impl SeriesBatch for MergedBatch {
    fn len(&self) -> usize {
        self.series.len()
    }

    fn labels(&self, index: usize) -> &[PairId] {
        &self.series[index].pairs
    }

    fn read(
        &self,
        index: usize,
        start_ms: i64,
        end_ms: i64,
        columns: &mut Columns,
    ) -> Result<(), SourceError> {
        let replicas = &self.series[index].replicas;
        read_replicas(replicas, start_ms, end_ms, columns).map_err(unreadable)
    }

    fn bytes(&self) -> usize {
        self.series.iter().map(series_bytes).sum()
    }
}

fn series_bytes(series: &MergedSeries) -> usize {
    let chunks = series.replicas.iter().flatten().map(|c| c.data.len() + size_of_val(c));
    size_of_val(series) + size_of_val(series.pairs.as_slice()) + chunks.sum::<usize>()
}

fn unreadable(error: ChunkError) -> SourceError {
    SourceError::Internal(error.to_string())
}
