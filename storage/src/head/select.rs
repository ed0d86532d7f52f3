//! Reads: series of all partitions by tenant and labels, with copies of their chunks.
//!
//! Candidates are found under a partition's lock; then their chunks are copied in steps of
//! [`LOCK_SLOTS_MAX`] slots, so that the writer waits for one step at most. A series that left, or
//! whose slot was reused, between two steps is recognised by its generation.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;

use proto::TenantName;

use super::chunks::{CHUNK_BYTES, encode_run};
use super::options::LOCK_SLOTS_MAX;
use super::partition::{Partition, TenantIndex};
use super::parts::PartIndex;
use super::slab::NONE;
use super::symbols::{PairId, Symbols};
use super::{Head, StorageError};
use crate::chunk::{XOR_HEADER_BYTES, XOR_SAMPLE_BYTES_MAX};
use crate::packed::{GroupBuilder, PackedSeries, PairNumbers};
use crate::series::{ChunkView, ENCODING_XOR, Selection, SeriesChunks};

/// Bytes that are held before they are taken out of a budget.
const CHARGE_BYTES: usize = 1 << 20;

/// Slots found under one lock hold, to be read under later ones.
#[derive(Debug)]
pub(super) struct Candidates {
    pub tenant: TenantName,
    pub index: TenantIndex,
    /// Slot and generation.
    pub slots: Vec<(u32, u16)>,
}

/// Packs the series of one partition.
struct Packer<'s> {
    selection: Option<&'s Selection>,
    packed: PackedSeries,
    /// Pair numbers by symbol, as long as no symbol was freed.
    numbers: PairNumbers,
    freed: u64,
}

/// A chunk where it lies.
pub(super) struct ChunkRef<'a> {
    pub part: PartIndex,
    /// Whether samples may be appended to it.
    pub is_tail: bool,
    pub min_ms: i64,
    pub max_ms: i64,
    pub data: &'a [u8],
}

impl<'a> ChunkRef<'a> {
    fn view(&self) -> ChunkView<'a> {
        let (min_ms, max_ms) = (self.min_ms, self.max_ms);
        ChunkView { min_ms, max_ms, encoding: ENCODING_XOR, data: self.data }
    }
}

/// Which chunks of a series to copy.
#[derive(Clone, Copy)]
pub(super) enum Wanted {
    /// Those that overlap a time, in any part that is not dropped.
    Time { start_ms: i64, end_ms: i64, labels_only: bool, latest_only: bool },
    /// Those of one part.
    Part(PartIndex),
}

impl<'s> Packer<'s> {
    fn new(selection: Option<&'s Selection>) -> Packer<'s> {
        let (packed, numbers) = (PackedSeries::default(), PairNumbers::default());
        Packer { selection, packed, numbers, freed: 0 }
    }

    fn charge(&self, bytes: usize) -> Result<(), StorageError> {
        self.selection.map_or(Ok(()), |selection| selection.charge(bytes as u64))
    }

    /// Forgets symbols that may have come to mean something else.
    fn look_at(&mut self, symbols: &Symbols) {
        if symbols.freed() != self.freed {
            self.freed = symbols.freed();
            self.numbers.forget();
        }
    }

    fn number(&mut self, pair: PairId, near: Option<u32>, symbols: &Symbols) -> u32 {
        let Packer { packed, numbers, .. } = self;
        let write = || Ok::<u32, Infallible>(packed.pairs_mut().push(symbols.pair(pair)));
        let Ok(number) = numbers.number(u64::from(pair), near, write);
        number
    }
}

impl Partition {
    /// Whether a chunk of this part and time is wanted.
    fn wants(&self, wanted: Wanted, part: PartIndex, min_ms: i64, max_ms: i64) -> bool {
        match wanted {
            Wanted::Part(only) => part == only,
            Wanted::Time { start_ms, end_ms, .. } => {
                min_ms <= end_ms && max_ms >= start_ms && !self.parts.at(part).dropped
            }
        }
    }

    /// Hands over the wanted chunks of a series, in no particular order.
    pub(super) fn visit_chunks(
        &self,
        slot: u32,
        wanted: Wanted,
        visit: &mut impl FnMut(ChunkRef<'_>),
    ) {
        if matches!(wanted, Wanted::Time { latest_only: true, .. })
            && self.visit_latest(slot, wanted, visit)
        {
            return;
        }
        for line in self.closed_of(slot) {
            if self.wants(wanted, line.part, line.min_ms, line.max_ms()) {
                let data = &self.slab.get(line.data)[..usize::from(line.bytes)];
                let (part, min_ms, max_ms) = (line.part, line.min_ms, line.max_ms());
                visit(ChunkRef { part, is_tail: false, min_ms, max_ms, data });
            }
        }
        let (hot, min_ms) = (self.hot.at(slot), self.cold.at(slot).min_ms);
        if hot.tail != NONE && self.wants(wanted, hot.part, min_ms, hot.last_ms) {
            let data = &self.slab.get(hot.tail)[..hot.tail_bytes()];
            let (part, max_ms) = (hot.part, hot.last_ms);
            visit(ChunkRef { part, is_tail: true, min_ms, max_ms, data });
        }
        if hot.side > 0 {
            self.visit_side(slot, wanted, visit);
        }
    }

    /// Hands over the newest sample of a series alone, if it is wanted and nothing can stand
    /// beside it.
    fn visit_latest(
        &self,
        slot: u32,
        wanted: Wanted,
        visit: &mut impl FnMut(ChunkRef<'_>),
    ) -> bool {
        let hot = self.hot.at(slot);
        let (part, last_ms) = (hot.part, hot.last_ms);
        let is_alone = hot.tail != NONE && hot.side == 0 && hot.is_last(last_ms, hot.last_bits);
        if !is_alone || !self.wants(wanted, part, last_ms, last_ms) {
            return false;
        }
        let mut bytes = [0u8; XOR_HEADER_BYTES + XOR_SAMPLE_BYTES_MAX];
        let (length, ..) = encode_run(&[(part, last_ms, hot.last_bits)], &mut bytes);
        let (min_ms, max_ms, data) = (last_ms, last_ms, &bytes[..length]);
        visit(ChunkRef { part, is_tail: false, min_ms, max_ms, data });
        true
    }

    /// Encodes the samples beside the chunks, one chunk a part, and hands these over.
    fn visit_side(&self, slot: u32, wanted: Wanted, visit: &mut impl FnMut(ChunkRef<'_>)) {
        let samples: Vec<_> = self.side_of(slot).collect();
        for run in samples.chunk_by(|a, b| a.0 == b.0) {
            let (part, min_ms, max_ms) = (run[0].0, run[0].1, run[run.len() - 1].1);
            if self.wants(wanted, part, min_ms, max_ms) {
                let mut bytes = [0u8; CHUNK_BYTES];
                let (length, ..) = encode_run(run, &mut bytes);
                visit(ChunkRef { part, is_tail: false, min_ms, max_ms, data: &bytes[..length] });
            }
        }
    }

    /// Slots of the selection, per tenant.
    pub(super) fn candidates(&self, selection: &Selection, symbols: &Symbols) -> Vec<Candidates> {
        let tenants = self.tenants_by_name.iter();
        let taken = tenants.filter(|(name, _)| selection.takes_tenant(name));
        taken
            .map(|(name, index)| {
                let slots = self.tenant(*index).index.select(&selection.matchers, symbols);
                self.with_generations(name, *index, slots)
            })
            .collect()
    }

    pub(super) fn with_generations(
        &self,
        name: &TenantName,
        index: TenantIndex,
        slots: Vec<u32>,
    ) -> Candidates {
        let slots = slots.iter().map(|slot| (*slot, self.hot.at(*slot).generation)).collect();
        Candidates { tenant: name.clone(), index, slots }
    }

    /// Whether a candidate is still the series that was found.
    fn is_current(&self, candidates: &Candidates, slot: u32, generation: u16) -> bool {
        let hot = self.hot.at(slot);
        hot.is_live() && hot.generation == generation && hot.tenant == candidates.index
    }

    /// Copies one step of candidates.
    fn read_step(
        &self,
        (candidates, step): (&Candidates, &[(u32, u16)]),
        wanted: Wanted,
        symbols: &Symbols,
        packer: &mut Packer<'_>,
    ) -> Result<(), StorageError> {
        packer.look_at(symbols);
        let (mut group, mut charged) = (GroupBuilder::default(), 0);
        let (pairs_before, labels_only) = (
            packer.packed.pairs().bytes(),
            matches!(wanted, Wanted::Time { labels_only: true, .. }),
        );
        for (slot, _) in step.iter().filter(|(s, g)| self.is_current(candidates, *s, *g)) {
            let mut any = false;
            self.visit_chunks(*slot, wanted, &mut |chunk| {
                any = true;
                if !labels_only {
                    group.push_chunk(chunk.view());
                }
            });
            if !any {
                continue;
            }
            for pair in self.pairs_of(*slot) {
                let number = packer.number(pair, group.number_near(), symbols);
                group.push_number(number);
            }
            group.push_series(self.id_of(*slot));
            if group.bytes() - charged > CHARGE_BYTES {
                packer.charge(group.bytes() - charged)?;
                charged = group.bytes();
            }
        }
        let pairs = packer.packed.pairs().bytes() - pairs_before;
        packer.charge(group.bytes() - charged + pairs)?;
        packer.packed.push_group(candidates.tenant.clone(), group);
        Ok(())
    }
}

impl Head {
    /// Series of the selection with copies of their chunks, in no particular order. Chunks of one
    /// series may overlap; see [`crate::series`].
    pub fn select(&self, selection: &Selection) -> Result<Vec<SeriesChunks>, StorageError> {
        let mut out = Vec::new();
        for number in 0..self.partitions() {
            out.extend(self.select_partition(number, selection)?.into_series());
        }
        Ok(out)
    }

    /// The part of [`Head::select`] that is in partition `number`, packed.
    pub fn select_partition(
        &self,
        number: usize,
        selection: &Selection,
    ) -> Result<PackedSeries, StorageError> {
        let Selection { start_ms, end_ms, labels_only, latest_only, .. } = *selection;
        let wanted = Wanted::Time { start_ms, end_ms, labels_only, latest_only };
        let found = {
            let partition = self.partition(number).lock();
            let symbols = self.shared().symbols.read();
            partition.candidates(selection, &symbols)
        };
        let mut packer = Packer::new(Some(selection));
        for candidates in &found {
            self.pack_candidates(number, candidates, wanted, &mut packer)?;
        }
        Ok(packer.packed)
    }

    /// Series of a partition, one by one.
    pub(super) fn read_candidates(
        &self,
        number: usize,
        candidates: &Candidates,
        wanted: Wanted,
    ) -> Result<impl Iterator<Item = SeriesChunks> + use<>, StorageError> {
        let mut packer = Packer::new(None);
        self.pack_candidates(number, candidates, wanted, &mut packer)?;
        Ok(packer.packed.into_series())
    }

    fn pack_candidates(
        &self,
        number: usize,
        candidates: &Candidates,
        wanted: Wanted,
        packer: &mut Packer<'_>,
    ) -> Result<(), StorageError> {
        for step in candidates.slots.chunks(LOCK_SLOTS_MAX) {
            let partition = self.partition(number).lock();
            let symbols = self.shared().symbols.read();
            partition.read_step((candidates, step), wanted, &symbols, packer)?;
        }
        Ok(())
    }

    /// Names of labels of the selection's series. Without matchers on labels the index answers,
    /// and time is not looked at: what is in the head is recent.
    pub fn label_names(&self, selection: &Selection) -> Result<Vec<String>, StorageError> {
        let mut names: BTreeSet<Arc<str>> = BTreeSet::new();
        if selection.matchers.is_empty() {
            self.visit_tenants(selection, |partition, index, symbols| {
                let found = partition.tenant(index).index.names();
                names.extend(found.into_iter().map(|name| symbols.name_text(name).clone()));
            });
        } else {
            for series in self.select(&labels_of(selection))? {
                names.extend(series.labels.iter().map(|(name, _)| Arc::from(name)));
            }
        }
        Ok(names.into_iter().map(|name| name.to_string()).collect())
    }

    /// Values of one label over the selection's series; see [`Head::label_names`].
    pub fn label_values(
        &self,
        name: &str,
        selection: &Selection,
    ) -> Result<Vec<String>, StorageError> {
        let mut values = BTreeSet::new();
        if selection.matchers.is_empty() {
            self.visit_tenants(selection, |partition, index, symbols| {
                let Some(name) = symbols.name(name) else { return };
                let pairs = partition.tenant(index).index.pairs_of(name);
                values.extend(pairs.map(|(pair, _)| symbols.value(pair).to_owned()));
            });
        } else {
            let found = self.select(&labels_of(selection))?;
            values.extend(found.iter().filter_map(|s| s.labels.get(name).map(str::to_owned)));
        }
        Ok(values.into_iter().collect())
    }

    fn visit_tenants(
        &self,
        selection: &Selection,
        mut visit: impl FnMut(&Partition, TenantIndex, &Symbols),
    ) {
        for number in 0..self.partitions() {
            let partition = self.partition(number).lock();
            let symbols = self.shared().symbols.read();
            for (name, index) in &partition.tenants_by_name {
                if selection.takes_tenant(name) {
                    visit(&partition, *index, &symbols);
                }
            }
        }
    }
}

fn labels_of(selection: &Selection) -> Selection {
    Selection { labels_only: true, ..selection.clone() }
}
