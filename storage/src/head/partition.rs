//! One head partition: a single writer's series, and everything that belongs to them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use parking_lot::RwLock;
use proto::varint::{put_uvarint, take_uvarint};
use proto::{Labels, SampleBatch, SeriesId, TenantName};

use super::append::Scratch;
use super::chunks::Closed;
use super::index::Index;
use super::lines::{Cold, FLAG_LIVE, FLAG_NEW, Hot, Lines};
use super::parts::{NO_PART, PartIndex, Parts};
use super::slab::{NONE, Slab};
use super::symbols::{NameId, PairId, Symbols};
use super::table::{Table, spread};

/// What all partitions of a head share.
#[derive(Debug, Default)]
pub struct Shared {
    /// Label pairs of all series. Locked after a partition, never before one.
    pub symbols: RwLock<Symbols>,
    /// Series in memory.
    pub series: AtomicU64,
    /// Limit on `series`.
    pub series_max: u64,
    /// Cluster time as last told, milliseconds; `i64::MIN` before that.
    pub now_ms: AtomicI64,
}

/// Index of a tenant in its partition.
pub type TenantIndex = u32;

/// A tenant with series in this partition.
#[derive(Debug)]
pub struct Tenant {
    /// Its name.
    pub name: TenantName,
    /// Its series by labels.
    pub index: Index,
    /// Samples in memory.
    pub samples: u64,
}

/// Counters since the start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// Samples stored.
    pub appended: u64,
    /// Samples that were there already.
    pub duplicates: u64,
    /// Samples that differed from what was there.
    pub conflicts: u64,
    /// Samples stored behind a newer one of their series.
    pub out_of_order: u64,
    /// Samples in replayed frames whose series nobody had declared.
    pub orphans: u64,
}

/// See the module.
#[derive(Debug)]
pub struct Partition {
    pub(super) hot: Lines<Hot>,
    pub(super) cold: Lines<Cold>,
    pub(super) free_slots: Vec<u32>,
    pub(super) series: u32,
    pub(super) table: Table,
    pub(super) slab: Slab,
    pub(super) closed: Lines<Closed>,
    pub(super) closed_free: u32,
    pub(super) closed_chunks: u64,
    pub(super) tenants: Vec<Option<Tenant>>,
    pub(super) tenants_free: Vec<TenantIndex>,
    pub(super) tenants_by_name: BTreeMap<TenantName, TenantIndex>,
    pub(super) parts: Parts,
    /// Out-of-order samples by slot, part and timestamp.
    pub(super) side: BTreeMap<(u32, PartIndex, i64), u64>,
    pub(super) counters: Counters,
    pub(super) scratch: Scratch,
}

impl Partition {
    /// Without series.
    pub fn new(window_ms: i64) -> Partition {
        Partition {
            hot: Lines::default(),
            cold: Lines::default(),
            free_slots: Vec::new(),
            series: 0,
            table: Table::default(),
            slab: Slab::default(),
            closed: Lines::default(),
            closed_free: NONE,
            closed_chunks: 0,
            tenants: Vec::new(),
            tenants_free: Vec::new(),
            tenants_by_name: BTreeMap::new(),
            parts: Parts::new(window_ms),
            side: BTreeMap::new(),
            counters: Counters::default(),
            scratch: Scratch::default(),
        }
    }

    /// The tenant with this index, which exists while a line refers to it.
    pub(super) fn tenant(&self, index: TenantIndex) -> &Tenant {
        self.tenants[index as usize].as_ref().expect("a line refers to a tenant that exists")
    }

    pub(super) fn tenant_mut(&mut self, index: TenantIndex) -> &mut Tenant {
        self.tenants[index as usize].as_mut().expect("a line refers to a tenant that exists")
    }

    fn ensure_tenant(&mut self, name: &TenantName) -> TenantIndex {
        if let Some(index) = self.tenants_by_name.get(name) {
            return *index;
        }
        let index = self.tenants_free.pop().unwrap_or_else(|| {
            self.tenants.push(None);
            self.tenants.len() as TenantIndex - 1
        });
        let tenant = Tenant { name: name.clone(), index: Index::default(), samples: 0 };
        self.tenants[index as usize] = Some(tenant);
        self.tenants_by_name.insert(name.clone(), index);
        index
    }

    /// Slot of a tenant's series. The whole id and the tenant are compared, so that a collision of
    /// tags, or of ids of two tenants, is a miss.
    #[inline]
    pub(super) fn find(&self, tenant: TenantIndex, id: SeriesId) -> Option<u32> {
        let (low, high) = (id.0 as u64, (id.0 >> 64) as u64);
        self.table.find(spread(low), |slot| {
            let hot = self.hot.at(slot);
            hot.id_low == low && hot.tenant == tenant && self.cold.at(slot).id_high == high
        })
    }

    /// [`Partition::find`] by the tenant's name.
    pub(super) fn find_named(&self, tenant: &TenantName, id: SeriesId) -> Option<u32> {
        self.find(*self.tenants_by_name.get(tenant)?, id)
    }

    /// Id of the series in a slot.
    pub(super) fn id_of(&self, slot: u32) -> SeriesId {
        let (low, high) = (self.hot.at(slot).id_low, self.cold.at(slot).id_high);
        SeriesId(u128::from(high) << 64 | u128::from(low))
    }

    /// Adds a series that is not there.
    pub(super) fn create(
        &mut self,
        shared: &Shared,
        tenant: &TenantName,
        id: SeriesId,
        labels: &Labels,
    ) -> u32 {
        let tenant = self.ensure_tenant(tenant);
        let slot = self.take_slot();
        let mut pairs = std::mem::take(&mut self.scratch.pairs);
        pairs.clear();
        shared.symbols.write().intern(labels, &mut pairs);
        self.tenant_mut(tenant).index.insert(slot, &pairs);
        self.cold.at_mut(slot).labels = self.store_pairs(&pairs);
        self.scratch.pairs = pairs;
        let hot = self.hot.at_mut(slot);
        (hot.id_low, hot.tenant) = (id.0 as u64, tenant);
        self.cold.at_mut(slot).id_high = (id.0 >> 64) as u64;
        self.table.insert(spread(id.0 as u64), slot);
        self.series += 1;
        shared.series.fetch_add(1, Ordering::Relaxed);
        slot
    }

    fn take_slot(&mut self) -> u32 {
        let slot = self.free_slots.pop().unwrap_or_else(|| {
            self.cold.push();
            self.hot.push()
        });
        let generation = self.hot.at(slot).generation;
        *self.hot.at_mut(slot) = Hot {
            generation,
            tail: NONE,
            part: NO_PART,
            last_ms: i64::MIN,
            flags: FLAG_LIVE | FLAG_NEW,
            ..Hot::default()
        };
        *self.cold.at_mut(slot) = Cold { labels: NONE, closed: NONE, ..Cold::default() };
        slot
    }

    fn store_pairs(&mut self, pairs: &[(NameId, PairId)]) -> u32 {
        let bytes = &mut self.scratch.bytes;
        bytes.clear();
        put_uvarint(bytes, pairs.len() as u64);
        pairs.iter().for_each(|(_, pair)| put_uvarint(bytes, u64::from(*pair)));
        self.slab.store(bytes)
    }

    /// Pair ids of a series, in order of their names.
    pub(super) fn pairs_of(&self, slot: u32) -> impl Iterator<Item = PairId> + Clone {
        let mut bytes = self.slab.get(self.cold.at(slot).labels);
        let count = take_uvarint(&mut bytes).unwrap_or(0);
        let next = move |_| take_uvarint(&mut bytes).unwrap_or(u64::MAX) as PairId;
        (0..count).map(next)
    }

    /// Labels of a series.
    pub(super) fn labels_of(&self, slot: u32, symbols: &Symbols) -> Labels {
        symbols.labels(self.pairs_of(slot))
    }

    /// Takes out a series that has no samples.
    pub(super) fn remove(&mut self, shared: &Shared, slot: u32) {
        debug_assert!(self.is_vacant(slot), "only series without samples leave");
        let mut symbols = shared.symbols.write();
        let pairs: Vec<_> = self.pairs_of(slot).map(|p| (symbols.name_of(p), p)).collect();
        pairs.iter().for_each(|(_, pair)| symbols.release(*pair));
        drop(symbols);
        let hot = *self.hot.at(slot);
        self.table.remove(spread(hot.id_low), slot);
        self.slab.free(self.cold.at(slot).labels);
        let tenant = self.tenant_mut(hot.tenant);
        tenant.index.remove(slot, &pairs);
        if tenant.index.series() == 0 {
            let name = tenant.name.clone();
            self.tenants_by_name.remove(&name);
            self.tenants[hot.tenant as usize] = None;
            self.tenants_free.push(hot.tenant);
        }
        let line = self.hot.at_mut(slot);
        line.flags = 0;
        line.tenant = NONE;
        line.generation = hot.generation.wrapping_add(1);
        self.free_slots.push(slot);
        self.series -= 1;
        shared.series.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether a series has no samples in any part.
    pub(super) fn is_vacant(&self, slot: u32) -> bool {
        let (hot, cold) = (self.hot.at(slot), self.cold.at(slot));
        hot.tail == NONE && cold.closed == NONE && hot.side == 0
    }

    /// Bytes of memory held for this partition's series, without symbols and postings.
    pub(super) fn held_bytes(&self) -> u64 {
        let lines = u64::from(self.hot.len()) * (size_of::<Hot>() + size_of::<Cold>()) as u64;
        let closed = u64::from(self.closed.len()) * size_of::<Closed>() as u64;
        let side = self.side.len() as u64 * 48;
        lines + closed + side + self.table.held_bytes() + self.slab.held_bytes()
    }

    /// The scratch record, emptied, for this batch's tenant and epoch.
    pub(super) fn take_record(&mut self, batch: &SampleBatch) -> SampleBatch {
        let empty = || SampleBatch::new(batch.tenant.clone(), batch.epoch);
        let mut record = self.scratch.record.take().unwrap_or_else(empty);
        record.clear();
        record.tenant = batch.tenant.clone();
        record.epoch = batch.epoch;
        record
    }
}
