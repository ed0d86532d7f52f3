//! The node as the engine sees it.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;
use proto::Matcher;
use query::queryable::BATCH_SERIES_MAX;
use query::{
    Columns, Dictionary, PairId, Queryable, SelectRequest, SeriesBatch, SeriesSet, SourceError,
};
use storage::{PackedSeries, Selection};
use tokio::sync::oneshot;
use ulid::Ulid;

use super::fanout::{Answer, Fanout};
use super::merge::{LabelRules, Merged, merge};
use super::sources::{Authority, BucketHolder, LocalHolder, LocalSeries};
use super::{ReadError, run_on};

/// Most series that are merged where the request is served; more could hold up others.
const MERGED_AT_ONCE_MAX: usize = 512;

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
    /// What to ask the sources for; the scope and the budget are in it.
    pub(super) fn selection(&self, matchers: &[Matcher], times: (i64, i64)) -> Selection {
        let (tenants, matchers) = self.scope.split(&self.tenant_label, matchers);
        let ((start_ms, end_ms), budget) = (times, Some(self.budget.clone()));
        Selection { tenants, matchers, start_ms, end_ms, budget, ..Selection::default() }
    }

    pub(super) fn rules(&self) -> LabelRules {
        let (tenant_label, replica_labels) =
            (self.tenant_label.clone(), self.replica_labels.clone());
        LabelRules { tenant_label, replica_labels }
    }

    /// The selected series of all sources, as they came.
    pub(super) async fn series(
        &self,
        selection: &Selection,
    ) -> Result<Answer<Vec<PackedSeries>>, ReadError> {
        let (own, (sender, read)) = (selection.clone(), oneshot::channel());
        let local = move |holder: &dyn LocalHolder| {
            let LocalSeries { series, blocks } = holder.select(&own)?;
            // Nobody waits if there is no bucket.
            let _ = sender.send(blocks);
            Ok(series)
        };
        let remote = |node| self.sources.remote.select(node, selection);
        let bucket = self.sources.bucket.as_ref();
        let bucket = bucket.map(|bucket| self.stored(bucket.as_ref(), selection, read));
        let mut answer = self.ask(local, remote, bucket).await?;
        for part in &mut answer.parts {
            // Whatever a source sends, nothing of another tenant goes out.
            for packed in part {
                packed.retain_tenants(|tenant| selection.takes_tenant(tenant));
            }
        }
        Ok(answer)
    }

    /// The series of the bucket's blocks. Those that this node has itself are left to it, and asked
    /// for only if it could not read them: damaged, or deleted meanwhile.
    fn stored<'a>(
        &'a self,
        bucket: &'a dyn BucketHolder,
        selection: &'a Selection,
        read: oneshot::Receiver<BTreeSet<Ulid>>,
    ) -> BoxFuture<'a, Result<(Vec<PackedSeries>, Authority), ReadError>> {
        let own = self.sources.local.blocks(selection);
        Box::pin(async move {
            let (mut series, authority) = bucket.select(selection, &own).await?;
            let read = read.await.unwrap_or_default();
            let rest: BTreeSet<Ulid> = own.difference(&read).copied().collect();
            if rest.is_empty() {
                return Ok((series, authority));
            }
            let (mut others, again) = bucket.select_only(selection, &rest).await?;
            series.append(&mut others);
            Ok((series, authority.and(again)))
        })
    }

    /// Computes something of what was found: elsewhere if it may take long.
    pub(super) async fn compute<T: Send + 'static>(
        &self,
        parts: Vec<Vec<PackedSeries>>,
        work: impl FnOnce(Vec<PackedSeries>) -> T + Send + 'static,
    ) -> Result<T, ReadError> {
        let parts: Vec<PackedSeries> = parts.into_iter().flatten().collect();
        if is_small(&parts) {
            return Ok(work(parts));
        }
        self.compute_elsewhere(parts, work).await
    }

    async fn compute_elsewhere<T: Send + 'static>(
        &self,
        parts: Vec<PackedSeries>,
        work: impl FnOnce(Vec<PackedSeries>) -> T + Send + 'static,
    ) -> Result<T, ReadError> {
        let (blocking, place) = (self.sources.local.blocking(), self.place.clone());
        let computed = run_on(&blocking, move || {
            let _place = place;
            work(parts)
        });
        let ended = || ReadError::Damaged("a merge ended without an answer".to_owned());
        computed.await.ok_or_else(ended)
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
        selection.latest_only = request.latest_only;
        let Answer { parts, warnings } = self.fanout.series(&selection).await?;
        let parts: Vec<PackedSeries> = parts.into_iter().flatten().collect();
        let (rules, workers) = (self.fanout.rules(), self.fanout.sources.local.workers());
        // Another selector of the query may hold the dictionary for a large merge.
        if is_small(&parts)
            && let Some(mut names) = dictionary.try_lock()
        {
            let merged = merge(parts, &rules, &mut names, workers);
            return Ok(SeriesSet { batches: batches(merged), warnings });
        }
        let dictionary = dictionary.clone();
        let merge = move |parts| merge(parts, &rules, &mut dictionary.lock(), workers);
        let merged = self.fanout.compute_elsewhere(parts, merge);
        Ok(SeriesSet { batches: batches(merged.await?), warnings })
    }
}

/// Whether so much is merged at once, wherever that is.
fn is_small(parts: &[PackedSeries]) -> bool {
    parts.iter().map(PackedSeries::len).sum::<usize>() <= MERGED_AT_ONCE_MAX
}

fn batches(merged: Merged) -> Vec<Box<dyn SeriesBatch>> {
    let merged = Arc::new(merged);
    let batch = |start: usize| -> Box<dyn SeriesBatch> {
        let series = start..(start + BATCH_SERIES_MAX).min(merged.len());
        Box::new(MergedBatch { merged: merged.clone(), series })
    };
    (0..merged.len()).step_by(BATCH_SERIES_MAX).map(batch).collect()
}

/// Some merged series; samples are decoded when they are read.
struct MergedBatch {
    merged: Arc<Merged>,
    series: Range<usize>,
}

impl SeriesBatch for MergedBatch {
    fn len(&self) -> usize {
        self.series.len()
    }

    fn labels(&self, index: usize) -> &[PairId] {
        self.merged.pairs(self.series.start + index)
    }

    fn read(
        &self,
        index: usize,
        start_ms: i64,
        end_ms: i64,
        columns: &mut Columns,
    ) -> Result<(), SourceError> {
        let read = self.merged.read(self.series.start + index, (start_ms, end_ms), columns);
        read.map_err(|error| SourceError::Internal(error.to_string()))
    }

    fn bytes(&self) -> usize {
        self.merged.bytes(self.series.clone())
    }
}
