//! Reads: series of all partitions by tenant and labels, with copies of their chunks.
//!
//! Candidates are found under a partition's lock; then their chunks are copied in steps of
//! [`LOCK_SLOTS_MAX`] slots, so that the writer waits for one step at most. A series that left, or
//! whose slot was reused, between two steps is recognised by its generation.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use proto::TenantName;

use super::chunks::{CHUNK_BYTES, encode_run};
use super::options::LOCK_SLOTS_MAX;
use super::partition::{Partition, TenantIndex};
use super::parts::PartIndex;
use super::slab::NONE;
use super::symbols::Symbols;
use super::{Head, StorageError};
use crate::series::{Chunk, ENCODING_XOR, Selection, SeriesChunks};

/// Slots found under one lock hold, to be read under later ones.
#[derive(Debug)]
pub(super) struct Candidates {
    pub tenant: TenantName,
    pub index: TenantIndex,
    /// Slot and generation.
    pub slots: Vec<(u32, u16)>,
}

/// A chunk whose bytes are in a common buffer.
struct Found {
    min_ms: i64,
    max_ms: i64,
    at: std::ops::Range<usize>,
}

/// Copies chunks of many series into one buffer.
#[derive(Default)]
struct Gather {
    bytes: Vec<u8>,
    chunks: Vec<Found>,
    series: Vec<(SeriesChunks, std::ops::Range<usize>)>,
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

/// Which chunks of a series to copy.
#[derive(Clone, Copy)]
pub(super) enum Wanted {
    /// Those that overlap a time, in any part that is not dropped.
    Time { start_ms: i64, end_ms: i64, labels_only: bool },
    /// Those of one part.
    Part(PartIndex),
}

impl Gather {
    fn push(&mut self, chunk: &ChunkRef<'_>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(chunk.data);
        let (min_ms, max_ms) = (chunk.min_ms, chunk.max_ms);
        self.chunks.push(Found { min_ms, max_ms, at: start..self.bytes.len() });
    }

    fn finish(self, out: &mut Vec<SeriesChunks>) {
        let Gather { bytes, chunks, series } = self;
        let bytes = Bytes::from(bytes);
        out.extend(series.into_iter().map(|(mut series, range)| {
            let found = chunks[range].iter().map(|found| Chunk {
                min_ms: found.min_ms,
                max_ms: found.max_ms,
                encoding: ENCODING_XOR,
                data: bytes.slice(found.at.clone()),
            });
            series.chunks = found.collect();
            series.chunks.sort_by_key(|chunk| (chunk.min_ms, chunk.max_ms));
            series
        }));
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
        candidates: &Candidates,
        step: &[(u32, u16)],
        wanted: Wanted,
        symbols: &Symbols,
        out: &mut Vec<SeriesChunks>,
    ) {
        let mut gather = Gather::default();
        let labels_only = matches!(wanted, Wanted::Time { labels_only: true, .. });
        for (slot, _) in step.iter().filter(|(s, g)| self.is_current(candidates, *s, *g)) {
            let (first, mut any) = (gather.chunks.len(), false);
            self.visit_chunks(*slot, wanted, &mut |chunk| {
                any = true;
                if !labels_only {
                    gather.push(&chunk);
                }
            });
            if !any {
                continue;
            }
            let series = SeriesChunks {
                tenant: candidates.tenant.clone(),
                id: self.id_of(*slot),
                labels: self.labels_of(*slot, symbols),
                chunks: Vec::new(),
            };
            let last = gather.chunks.len();
            gather.series.push((series, first..last));
        }
        gather.finish(out);
    }
}

impl Head {
    /// Series of the selection with copies of their chunks, in no particular order. Chunks of one
    /// series may overlap; see [`crate::series`].
    pub fn select(&self, selection: &Selection) -> Result<Vec<SeriesChunks>, StorageError> {
        let wanted = Wanted::Time {
            start_ms: selection.start_ms,
            end_ms: selection.end_ms,
            labels_only: selection.labels_only,
        };
        let mut out = Vec::new();
        for number in 0..self.partitions() {
            let found = {
                let partition = self.partition(number).lock();
                let symbols = self.shared().symbols.read();
                partition.candidates(selection, &symbols)
            };
            for candidates in &found {
                self.read_candidates(number, candidates, wanted, &mut out);
            }
        }
        Ok(out)
    }

    pub(super) fn read_candidates(
        &self,
        number: usize,
        candidates: &Candidates,
        wanted: Wanted,
        out: &mut Vec<SeriesChunks>,
    ) {
        for step in candidates.slots.chunks(LOCK_SLOTS_MAX) {
            let partition = self.partition(number).lock();
            let symbols = self.shared().symbols.read();
            partition.read_step(candidates, step, wanted, &symbols, out);
        }
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
