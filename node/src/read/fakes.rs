//! Holders in memory, for tests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use proto::{Labels, Matcher, MetadataEntry, MetricType, NodeId, SeriesId, TenantName};
use query::Workers;
use storage::head::TenantStats;
use storage::{PackedSeries, Selection, SeriesChunks, StorageError};

use super::sources::{
    Authority, FamilyMetadata, LocalHolder, LocalSeries, ReadView, RemoteHolders, RingHolders,
    Views,
};
use super::{Blocking, Budget, Fanout, ReadError, Sources, TenantScope};
use ulid::Ulid;

/// Work is done by whoever asks.
pub fn inline() -> Blocking {
    Arc::new(|work| work())
}

/// One node's series.
#[derive(Clone, Default)]
pub struct FakeHolder {
    series: Vec<SeriesChunks>,
    /// Blocks that it says it has.
    pub blocks: Vec<Ulid>,
    /// Blocks that it says it read.
    pub blocks_read: Vec<Ulid>,
    /// Why its answers do not count.
    pub partial: Option<String>,
    /// Where it works; `None` for the caller's thread.
    pub blocking: Option<Blocking>,
}

impl FakeHolder {
    /// Adds samples of a series, in a chunk of their own.
    pub fn add(&mut self, tenant: &str, labels: &[(&str, &str)], samples: &[(i64, f64)]) {
        let chunk = storage::chunk::encode(samples.iter().copied()).unwrap();
        self.series.push(SeriesChunks {
            tenant: TenantName::new(tenant).unwrap(),
            id: SeriesId(0),
            labels: Labels::from_pairs(labels.iter().copied()).unwrap(),
            chunks: chunk.into_iter().collect(),
        });
    }

    fn takes<'a>(&'a self, selection: &'a Selection) -> impl Iterator<Item = &'a SeriesChunks> {
        self.series.iter().filter(|series| {
            let overlaps = |c: &storage::Chunk| c.overlaps(selection.start_ms, selection.end_ms);
            selection.takes_tenant(&series.tenant)
                && selection.takes_labels(&series.labels)
                && series.chunks.iter().any(overlaps)
        })
    }
}

impl LocalHolder for FakeHolder {
    fn blocks(&self, _selection: &Selection) -> BTreeSet<Ulid> {
        self.blocks.iter().copied().collect()
    }

    fn select(&self, selection: &Selection) -> Result<LocalSeries, StorageError> {
        let mut found: Vec<SeriesChunks> = self.takes(selection).cloned().collect();
        if selection.labels_only {
            found.iter_mut().for_each(|series| series.chunks.clear());
        }
        if let Some(budget) = &selection.budget {
            budget.take_series(&found)?;
        }
        Ok(LocalSeries {
            series: vec![PackedSeries::pack(found)],
            blocks: self.blocks_read.iter().copied().collect(),
        })
    }

    fn label_names(&self, selection: &Selection) -> Result<BTreeSet<String>, StorageError> {
        let labels = self.takes(selection).flat_map(|series| series.labels.iter());
        Ok(labels.map(|(name, _)| name.to_owned()).collect())
    }

    fn label_values(
        &self,
        name: &str,
        selection: &Selection,
    ) -> Result<BTreeSet<String>, StorageError> {
        let values = self.takes(selection).filter_map(|series| series.labels.get(name));
        Ok(values.map(str::to_owned).collect())
    }

    /// Each metric is a gauge whose help is its tenant's name.
    fn metadata(&self, tenants: &[Matcher]) -> Result<Vec<FamilyMetadata>, StorageError> {
        let takes = |s: &&SeriesChunks| tenants.iter().all(|m| m.matches(s.tenant.as_str()));
        let family = |series: &SeriesChunks| FamilyMetadata {
            tenant: series.tenant.clone(),
            entry: MetadataEntry {
                family: series.labels.metric_name().to_owned(),
                metric_type: MetricType::Gauge,
                help: series.tenant.to_string(),
                unit: String::new(),
            },
        };
        Ok(self.series.iter().filter(takes).map(family).collect())
    }

    fn tenant_stats(&self) -> Result<Vec<TenantStats>, StorageError> {
        let mut tenants: BTreeMap<TenantName, u64> = BTreeMap::new();
        self.series.iter().for_each(|s| *tenants.entry(s.tenant.clone()).or_default() += 1);
        let row = |(tenant, series)| TenantStats { tenant, series, samples: series };
        Ok(tenants.into_iter().map(row).collect())
    }

    fn authority(&self) -> Authority {
        self.partial.clone().map_or_else(Authority::complete, Authority::partial)
    }

    fn blocking(&self) -> Blocking {
        self.blocking.clone().unwrap_or_else(inline)
    }

    fn workers(&self) -> Workers {
        Workers::one()
    }
}

/// The other nodes; a node that is not there is down.
#[derive(Default)]
pub struct FakeRemotes(pub BTreeMap<NodeId, FakeHolder>);

impl FakeRemotes {
    fn holder(&self, node: NodeId) -> Result<&FakeHolder, ReadError> {
        self.0.get(&node).ok_or_else(|| ReadError::Unavailable("connection refused".to_owned()))
    }
}

#[async_trait]
impl RemoteHolders for FakeRemotes {
    async fn select(
        &self,
        node: NodeId,
        selection: &Selection,
    ) -> Result<(Vec<PackedSeries>, Authority), ReadError> {
        let holder = self.holder(node)?;
        Ok((holder.select(selection)?.series, holder.authority()))
    }

    async fn labels(
        &self,
        node: NodeId,
        name: &str,
        selection: &Selection,
        _budget: &Budget,
    ) -> Result<(BTreeSet<String>, Authority), ReadError> {
        let holder = self.holder(node)?;
        let found = super::server::names_or_values(holder, name, selection)?;
        Ok((found, holder.authority()))
    }

    async fn metadata(
        &self,
        node: NodeId,
        tenants: &[Matcher],
    ) -> Result<(Vec<FamilyMetadata>, Authority), ReadError> {
        let holder = self.holder(node)?;
        Ok((holder.metadata(tenants)?, holder.authority()))
    }
}

/// A view that tests change.
pub struct FakeViews(pub Mutex<ReadView>);

impl Views for FakeViews {
    fn view(&self) -> ReadView {
        self.0.lock().clone()
    }
}

/// A reader of all tenants, whose answers may be incomplete.
pub fn fanout(sources: Sources, bytes_max: u64) -> Fanout {
    Fanout {
        sources,
        scope: TenantScope::All,
        tenant_label: "tenant_id".to_owned(),
        replica_labels: Vec::new(),
        partial_response: true,
        deadline: tokio::time::Instant::now() + std::time::Duration::from_secs(30),
        budget: Arc::new(Budget::new(bytes_max)),
        place: None,
    }
}

/// Nodes 1 to `nodes` in one ring that acknowledges with `ack_copies`; this is node 1, and those
/// without a holder are down.
pub fn sources(nodes: u64, ack_copies: usize, holders: Vec<(u64, FakeHolder)>) -> Sources {
    let mut holders: BTreeMap<NodeId, FakeHolder> =
        holders.into_iter().map(|(node, holder)| (NodeId(node), holder)).collect();
    let local = holders.remove(&NodeId(1)).unwrap_or_default();
    let all: BTreeSet<NodeId> = (1..=nodes).map(NodeId).collect();
    let ring = RingHolders { name: "default".to_owned(), ack_copies, nodes: all.clone() };
    let view = ReadView {
        own: NodeId(1),
        is_lease_valid: true,
        rings: vec![ring],
        live: all.clone(),
        names: all.into_iter().map(|id| (id, format!("node-{}", id.0))).collect(),
    };
    Sources {
        local: Arc::new(local),
        remote: Arc::new(FakeRemotes(holders)),
        bucket: None,
        views: Arc::new(FakeViews(Mutex::new(view))),
    }
}
