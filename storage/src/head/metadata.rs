//! Metadata of metric families, per tenant: journaled, replayed, bounded.

use std::collections::BTreeMap;
use std::ops::Bound;

use journal::Position;
use proto::record::MetadataBatch;
use proto::{Epoch, MetadataEntry, TenantName};

use super::frame::Frame;
use super::options::{
    FRAME_BYTES, METADATA_BYTES_MAX, METADATA_FAMILIES_MAX, METADATA_FAMILY_BYTES_MAX,
    METADATA_HELP_BYTES_MAX, METADATA_TENANTS_MAX, METADATA_UNIT_BYTES_MAX,
};
use super::{Head, StorageError};

/// Bytes that an entry counts beside its texts.
const ENTRY_BYTES: usize = 32;

/// What became of a batch of metadata.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MetadataAppended {
    /// Journal position that carries what was stored; acknowledge it when that is durable.
    pub position: Position,
    /// Entries that a limit left out (`METADATA_*_MAX` in [`super::options`]). Sending them again
    /// gives the same answer.
    pub refused: u64,
}

/// One tenant's families by name, and what they count.
#[derive(Debug, Default)]
struct Families {
    entries: BTreeMap<String, MetadataEntry>,
    bytes: usize,
}

impl Families {
    fn insert(&mut self, entry: MetadataEntry) {
        self.bytes += bytes_of(&entry);
        if let Some(before) = self.entries.insert(entry.family.clone(), entry) {
            self.bytes -= bytes_of(&before);
        }
    }
}

fn bytes_of(entry: &MetadataEntry) -> usize {
    entry.family.len() + entry.help.len() + entry.unit.len() + ENTRY_BYTES
}

fn is_too_long(entry: &MetadataEntry) -> bool {
    entry.family.len() > METADATA_FAMILY_BYTES_MAX
        || entry.help.len() > METADATA_HELP_BYTES_MAX
        || entry.unit.len() > METADATA_UNIT_BYTES_MAX
}

/// Metadata of all tenants.
#[derive(Debug, Default)]
pub struct Metadata {
    tenants: BTreeMap<TenantName, Families>,
}

impl Metadata {
    /// Those entries of a batch that change something and that the limits let in, and how many
    /// they do not.
    fn news(&self, batch: &MetadataBatch) -> (Vec<MetadataEntry>, u64) {
        let (none, mut refused) = (Families::default(), 0);
        let known = self.tenants.get(&batch.tenant);
        let room = known.is_some() || self.tenants.len() < METADATA_TENANTS_MAX;
        let known = known.unwrap_or(&none);
        let mut news: BTreeMap<&str, &MetadataEntry> = BTreeMap::new();
        let (mut families, mut bytes) = (known.entries.len(), known.bytes);
        for entry in &batch.entries {
            let stored = known.entries.get(&entry.family);
            let before = news.get(entry.family.as_str()).copied().or(stored);
            if before == Some(entry) {
                continue;
            }
            let families_now = families + usize::from(before.is_none());
            let bytes_now = bytes + bytes_of(entry) - before.map_or(0, bytes_of);
            let over = families_now > METADATA_FAMILIES_MAX || bytes_now > METADATA_BYTES_MAX;
            if !room || over || is_too_long(entry) {
                refused += 1;
                continue;
            }
            (families, bytes) = (families_now, bytes_now);
            news.insert(&entry.family, entry);
        }
        (news.into_values().cloned().collect(), refused)
    }

    /// Stores the entries of a batch; the newest of a family stays.
    pub(super) fn apply(&mut self, batch: MetadataBatch) {
        let families = self.tenants.entry(batch.tenant).or_default();
        batch.entries.into_iter().for_each(|entry| families.insert(entry));
    }

    /// Tenants with metadata.
    pub(super) fn tenants(&self) -> Vec<TenantName> {
        self.tenants.keys().cloned().collect()
    }

    /// Metadata of a tenant behind the family `after`, no more than one frame takes.
    pub(super) fn batch_after(
        &self,
        tenant: &TenantName,
        after: Option<&str>,
    ) -> Option<MetadataBatch> {
        let behind = after.map_or(Bound::Unbounded, Bound::Excluded);
        let families = self.tenants.get(tenant)?;
        let rest = families.entries.range::<str, _>((behind, Bound::Unbounded));
        let entries: Vec<MetadataEntry> =
            first_frame(rest.map(|(_, entry)| entry)).cloned().collect();
        let batch = MetadataBatch { tenant: tenant.clone(), epoch: Epoch::default(), entries };
        (!batch.entries.is_empty()).then_some(batch)
    }
}

/// The first entries, as many as one frame takes, at least one.
fn first_frame<'a>(
    entries: impl Iterator<Item = &'a MetadataEntry>,
) -> impl Iterator<Item = &'a MetadataEntry> {
    let mut bytes = 0;
    entries.take_while(move |entry| {
        let first = bytes == 0;
        bytes += bytes_of(entry);
        first || bytes <= FRAME_BYTES
    })
}

/// The payload of a metadata frame.
pub(super) fn encode(batch: &MetadataBatch) -> Vec<u8> {
    let (mut record, mut payload) = (Vec::new(), Vec::new());
    batch.encode(&mut record);
    Frame::Record(&record).encode(&mut payload);
    payload
}

impl Head {
    /// Stores metadata of metric families. What a limit leaves out is counted and no error:
    /// metadata never holds samples up.
    ///
    /// # Errors
    /// `Journal`: some of the batch may be stored; sending it again is right.
    pub fn append_metadata(&self, batch: &MetadataBatch) -> Result<MetadataAppended, StorageError> {
        let mut metadata = self.metadata_store().lock();
        let (mut entries, refused) = metadata.news(batch);
        while !entries.is_empty() {
            let rest = entries.split_off(first_frame(entries.iter()).count());
            let (tenant, epoch) = (batch.tenant.clone(), batch.epoch);
            let news = MetadataBatch { tenant, epoch, entries };
            self.journal().stage(self.metadata_stream(), news.epoch.0, &encode(&news))?;
            metadata.apply(news);
            entries = rest;
        }
        Ok(MetadataAppended { position: self.journal().last_staged(), refused })
    }

    /// Tenants with metadata, by name.
    pub fn metadata_tenants(&self) -> Vec<TenantName> {
        self.metadata_store().lock().tenants.keys().cloned().collect()
    }

    /// Metadata of a tenant's metric families, by name.
    pub fn metadata(&self, tenant: &TenantName) -> Vec<MetadataEntry> {
        let metadata = self.metadata_store().lock();
        let families = metadata.tenants.get(tenant);
        families.map(|found| found.entries.values().cloned().collect()).unwrap_or_default()
    }
}
