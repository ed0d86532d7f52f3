//! Metadata of metric families, per tenant: journaled, replayed, bounded.

use std::collections::BTreeMap;

use journal::Position;
use proto::record::MetadataBatch;
use proto::{Epoch, MetadataEntry, TenantName};

use super::frame::Frame;
use super::options::METADATA_FAMILIES_MAX;
use super::{Head, StorageError};

/// Metadata of all tenants.
#[derive(Debug, Default)]
pub struct Metadata {
    tenants: BTreeMap<TenantName, BTreeMap<String, MetadataEntry>>,
}

impl Metadata {
    /// Those entries of a batch that change something.
    fn news(&self, batch: &MetadataBatch) -> Vec<MetadataEntry> {
        let known = self.tenants.get(&batch.tenant);
        let changed = |entry: &&MetadataEntry| {
            known.and_then(|families| families.get(&entry.family)) != Some(entry)
        };
        batch.entries.iter().filter(changed).cloned().collect()
    }

    /// How many families a tenant would have with these entries.
    fn count_with(&self, tenant: &TenantName, entries: &[MetadataEntry]) -> usize {
        let known = self.tenants.get(tenant);
        let is_new = |e: &&MetadataEntry| !known.is_some_and(|k| k.contains_key(&e.family));
        let fresh: std::collections::BTreeSet<&str> =
            entries.iter().filter(is_new).map(|entry| entry.family.as_str()).collect();
        known.map_or(0, BTreeMap::len) + fresh.len()
    }

    /// Stores the entries of a batch; the newest of a family stays.
    pub(super) fn apply(&mut self, batch: MetadataBatch) {
        let families = self.tenants.entry(batch.tenant).or_default();
        for entry in batch.entries {
            families.insert(entry.family.clone(), entry);
        }
    }

    /// Tenants with metadata.
    pub(super) fn tenants(&self) -> Vec<TenantName> {
        self.tenants.keys().cloned().collect()
    }

    /// All metadata of a tenant, for a checkpoint.
    pub(super) fn batch_of(&self, tenant: &TenantName) -> Option<MetadataBatch> {
        let entries = self.tenants.get(tenant)?.values().cloned().collect();
        Some(MetadataBatch { tenant: tenant.clone(), epoch: Epoch::default(), entries })
    }
}

/// The payload of a metadata frame.
pub(super) fn encode(batch: &MetadataBatch) -> Vec<u8> {
    let (mut record, mut payload) = (Vec::new(), Vec::new());
    batch.encode(&mut record);
    Frame::Record(&record).encode(&mut payload);
    payload
}

impl Head {
    /// Stores metadata of metric families. Acknowledge it when the position is durable. Over
    /// [`METADATA_FAMILIES_MAX`] families of a tenant nothing of the batch is stored.
    pub fn append_metadata(&self, batch: &MetadataBatch) -> Result<Position, StorageError> {
        let mut metadata = self.metadata_store().lock();
        let entries = metadata.news(batch);
        if entries.is_empty() {
            return Ok(self.journal().last_staged());
        }
        if metadata.count_with(&batch.tenant, &entries) > METADATA_FAMILIES_MAX {
            return Err(StorageError::Limit {
                what: "metric families with metadata of one tenant",
                limit: METADATA_FAMILIES_MAX as u64,
                flag: "fixed",
            });
        }
        let news = MetadataBatch { entries, ..batch.clone() };
        let stream = self.metadata_stream();
        let position = self.journal().stage(stream, news.epoch.0, &encode(&news))?;
        metadata.apply(news);
        Ok(position)
    }

    /// Metadata of a tenant's metric families, by name.
    pub fn metadata(&self, tenant: &TenantName) -> Vec<MetadataEntry> {
        let metadata = self.metadata_store().lock();
        let families = metadata.tenants.get(tenant);
        families.map(|families| families.values().cloned().collect()).unwrap_or_default()
    }
}
