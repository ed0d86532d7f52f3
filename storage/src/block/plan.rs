//! What a selection needs of a block: series from its index, then ranges of its chunk segments.
//!
//! The plan is made without reading chunks, so that a disk (blocking) and a bucket (async) share
//! it: both fetch the ranges of [`Plan::reads`] and hand the bytes to [`Plan::take`].

use bytes::Bytes;
use proto::varint::take_uvarint;
use proto::{SeriesId, TenantName};

use super::format::{Origin, SEGMENT_HEADER_BYTES, checked_bytes, segment_path};
use super::index::{ChunkPlace, Index, LabelReference};
use crate::StorageError;
use crate::budget::ENTRY_BYTES;
use crate::chunk::CHUNK_BYTES_MAX;
use crate::packed::{GroupBuilder, PackedSeries, PairNumbers};
use crate::series::{Chunk, Selection};

/// Most series in the answer of one block.
pub const SELECT_SERIES_MAX: usize = 10_000_000;
/// Most bytes of chunks in the answer of one block.
pub const SELECT_CHUNK_BYTES_MAX: u64 = 4 << 30;
/// Bytes that are assumed for a chunk of which nothing is known.
const CHUNK_ENTRY_BYTES_GUESS: u64 = 4 << 10;
/// Longest entry of a segment: length, encoding, data, checksum.
const CHUNK_ENTRY_BYTES_MAX: u64 = CHUNK_BYTES_MAX as u64 + 16;

/// How reads of neighbouring chunks are joined.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadShape {
    /// Bytes between two chunks that are read along rather than asked for separately.
    pub(crate) gap_bytes_max: u64,
    /// Longest joined read.
    pub(crate) read_bytes_max: u64,
}

/// A chunk that has to be read.
struct Wanted {
    series: usize,
    place: ChunkPlace,
    /// Where its entry ends at the latest, as far as is known.
    end_guess: u64,
}

/// A range of a segment that holds wanted chunks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ChunkRead {
    /// Number of the segment, from 0.
    pub(crate) segment: usize,
    /// First byte.
    pub(crate) start: u64,
    /// Behind the last byte.
    pub(crate) end: u64,
    /// Which of the wanted chunks, in the order of their references.
    members: std::ops::Range<usize>,
}

/// Series that were selected, and the chunks that they still lack.
pub(crate) struct Plan {
    tenant: TenantName,
    packed: PackedSeries,
    series: Vec<PlannedSeries>,
    /// Pair numbers of all series.
    numbers: Vec<u32>,
    /// Ordered by reference.
    wanted: Vec<Wanted>,
    chunks: Vec<Option<Chunk>>,
}

/// A series and what of the plan's numbers ends with it.
struct PlannedSeries {
    id: SeriesId,
    numbers_end: usize,
}

impl Plan {
    /// Evaluates the matchers and the time range of a selection on an index.
    pub(crate) fn make(
        index: &Index,
        selection: &Selection,
        tenant: &TenantName,
        tenant_seed: u64,
        entry_bytes_max: u64,
    ) -> Result<Plan, StorageError> {
        let guess = match entry_bytes_max {
            0 => CHUNK_ENTRY_BYTES_GUESS,
            known => known.min(CHUNK_ENTRY_BYTES_MAX),
        };
        let mut plan = Plan {
            tenant: tenant.clone(),
            packed: PackedSeries::default(),
            series: vec![],
            numbers: vec![],
            wanted: vec![],
            chunks: vec![],
        };
        let (mut reader, mut known) = (index.series_reader(), PairNumbers::default());
        for id in index.select(&selection.matchers)? {
            let (labels, chunks) = reader.read(id)?;
            let overlaps =
                |c: &ChunkPlace| c.min_ms <= selection.end_ms && c.max_ms >= selection.start_ms;
            if !chunks.iter().any(overlaps) {
                continue;
            }
            let wanted_before = plan.wanted.len();
            if !selection.labels_only {
                plan.want(&chunks, overlaps, guess);
            }
            let pairs_before = plan.packed.pairs().bytes();
            plan.add_series(index, labels, &mut known, tenant_seed)?;
            let entries = (plan.wanted.len() - wanted_before + 1) as u64;
            let pairs = (plan.packed.pairs().bytes() - pairs_before) as u64;
            selection.charge(pairs + entries * ENTRY_BYTES)?;
            check_limit("series selected in a block", plan.series.len(), SELECT_SERIES_MAX)?;
        }
        plan.wanted.sort_by_key(|wanted| wanted.place.reference);
        plan.chunks = vec![None; plan.wanted.len()];
        Ok(plan)
    }

    fn add_series(
        &mut self,
        index: &Index,
        labels: &[LabelReference],
        known: &mut PairNumbers,
        tenant_seed: u64,
    ) -> Result<(), StorageError> {
        let start = self.numbers.len();
        let before = self.series.len().checked_sub(2).map_or(0, |at| self.series[at].numbers_end);
        for (place, (name, value)) in labels.iter().enumerate() {
            let near = (before + place < start).then(|| self.numbers[before + place]);
            let key = u64::from(*name) << 32 | u64::from(*value);
            let pairs = self.packed.pairs_mut();
            let number = known.number(key, near, || {
                Ok::<_, StorageError>(pairs.push(index.label((*name, *value))?.as_bytes()))
            })?;
            self.numbers.push(number);
        }
        let id = self.packed.pairs().id_of(&self.numbers[start..], tenant_seed);
        self.series.push(PlannedSeries { id, numbers_end: self.numbers.len() });
        Ok(())
    }

    fn want(&mut self, chunks: &[ChunkPlace], overlaps: impl Fn(&ChunkPlace) -> bool, guess: u64) {
        let series = self.series.len();
        for (i, place) in chunks.iter().enumerate().filter(|(_, place)| overlaps(place)) {
            let offset = place.reference & 0xffff_ffff;
            let next = chunks.get(i + 1).map(|next| next.reference);
            let end_guess = match next {
                Some(next) if next >> 32 == place.reference >> 32 && next > place.reference => {
                    (next & 0xffff_ffff).min(offset + guess)
                }
                _ => offset + guess,
            };
            self.wanted.push(Wanted { series, place: *place, end_guess });
        }
    }

    /// The ranges to read, given the sizes of the segments.
    pub(crate) fn reads(
        &self,
        segments: &[u64],
        shape: ReadShape,
    ) -> Result<Vec<ChunkRead>, StorageError> {
        let mut reads: Vec<ChunkRead> = Vec::new();
        for (i, wanted) in self.wanted.iter().enumerate() {
            let (segment, start) = split(wanted.place.reference);
            let size = segments.get(segment).copied().unwrap_or(0);
            if start < SEGMENT_HEADER_BYTES || start >= size {
                let name = segment_path(segment as u32);
                let origin = Origin { file: &name, offset: start };
                return Err(origin.damaged("the index refers to a chunk that is not there"));
            }
            let end = wanted.end_guess.min(size);
            let joined = reads.last_mut().filter(|read| {
                read.segment == segment
                    && start <= read.end.saturating_add(shape.gap_bytes_max)
                    && end - read.start.min(end) <= shape.read_bytes_max
            });
            match joined {
                Some(read) => {
                    read.end = read.end.max(end);
                    read.members.end = i + 1;
                }
                None => reads.push(ChunkRead { segment, start, end, members: i..i + 1 }),
            }
        }
        let (total, limit) = (bytes_of(&reads) as usize, SELECT_CHUNK_BYTES_MAX as usize);
        check_limit("bytes of chunks selected in a block", total, limit)?;
        Ok(reads)
    }

    /// Takes the bytes of a read. Chunks that turn out longer than the read need the reads that
    /// are given back.
    pub(crate) fn take(
        &mut self,
        read: &ChunkRead,
        bytes: &Bytes,
        file: &str,
    ) -> Result<Vec<ChunkRead>, StorageError> {
        let mut longer = Vec::new();
        for i in read.members.clone() {
            let place = self.wanted[i].place;
            let (segment, offset) = split(place.reference);
            let entry = bytes.slice((offset - read.start) as usize..);
            match parse_entry(&entry, Origin { file, offset })? {
                Entry::Whole { encoding, data } => {
                    let (min_ms, max_ms) = (place.min_ms, place.max_ms);
                    self.chunks[i] = Some(Chunk { min_ms, max_ms, encoding, data });
                }
                Entry::Longer(length) => {
                    let end = offset + length;
                    longer.push(ChunkRead { segment, start: offset, end, members: i..i + 1 });
                }
            }
        }
        Ok(longer)
    }

    /// The answer. All chunks must have been taken.
    pub(crate) fn finish(self) -> Result<PackedSeries, StorageError> {
        let Plan { tenant, mut packed, series, numbers, wanted, mut chunks } = self;
        // Writers put chunks in the order of their series; others are brought into it.
        let mut order: Vec<usize> = (0..wanted.len()).collect();
        order.sort_by_key(|i| wanted[*i].series);
        let (mut order, mut group) = (order.into_iter().peekable(), GroupBuilder::default());
        let mut start = 0;
        for (at, PlannedSeries { id, numbers_end }) in series.into_iter().enumerate() {
            while let Some(i) = order.next_if(|i| wanted[*i].series == at) {
                let missing = || StorageError::corrupt("a block", "a chunk was not read");
                group.push_chunk(chunks[i].take().ok_or_else(missing)?.view());
            }
            numbers[start..numbers_end].iter().for_each(|number| group.push_number(*number));
            start = numbers_end;
            group.push_series(id);
        }
        packed.push_group(tenant, group);
        Ok(packed)
    }
}

/// Bytes of some reads.
pub(crate) fn bytes_of(reads: &[ChunkRead]) -> u64 {
    reads.iter().map(|read| read.end - read.start).sum()
}

fn check_limit(what: &'static str, count: usize, limit: usize) -> Result<(), StorageError> {
    if count > limit {
        return Err(StorageError::Limit { what, limit: limit as u64, flag: "fixed" });
    }
    Ok(())
}

/// Segment and offset of a chunk reference.
fn split(reference: u64) -> (usize, u64) {
    ((reference >> 32) as usize, reference & 0xffff_ffff)
}

enum Entry {
    Whole { encoding: u8, data: Bytes },
    Longer(u64),
}

/// Takes an entry apart: length of the data, encoding, data, CRC32C of encoding and data.
fn parse_entry(bytes: &Bytes, origin: Origin<'_>) -> Result<Entry, StorageError> {
    let mut rest = bytes.as_ref();
    let length = match take_uvarint(&mut rest) {
        Some(length) if length <= CHUNK_BYTES_MAX as u64 => length,
        None if bytes.len() < 10 => return Ok(Entry::Longer(bytes.len() as u64 + 10)),
        _ => return Err(origin.damaged("a chunk has no valid length")),
    };
    let head = bytes.len() - rest.len();
    let whole = head + 1 + length as usize + 4;
    if bytes.len() < whole {
        return Ok(Entry::Longer(whole as u64));
    }
    let content = checked_bytes(&bytes.slice(head..whole), origin)?;
    Ok(Entry::Whole { encoding: content[0], data: content.slice(1..) })
}
