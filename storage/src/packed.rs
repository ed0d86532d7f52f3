//! Series of a head in a form for many of them: each label pair once, chunks in common buffers.

use bytes::Bytes;
use proto::{Labels, SeriesId, TenantName};

use crate::series::{Chunk, ChunkView, ENCODING_XOR, SeriesChunks};

/// Series that were selected in a part of a head, each once.
#[derive(Clone, Debug, Default)]
pub struct PackedSeries {
    pairs: PackedPairs,
    groups: Vec<PackedGroup>,
}

/// Label pairs by number, each in its canonical encoding. The same pair may have two numbers.
#[derive(Clone, Debug, Default)]
pub struct PackedPairs {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// Series of one tenant that were read at one time.
#[derive(Clone, Debug)]
pub struct PackedGroup {
    tenant: TenantName,
    data: Bytes,
    chunks: Vec<PackedChunk>,
    numbers: Vec<u32>,
    series: Vec<Entry>,
}

/// A chunk whose bytes are in the group's data.
#[derive(Clone, Copy, Debug)]
struct PackedChunk {
    min_ms: i64,
    max_ms: i64,
    start: usize,
    end: usize,
}

/// A series: what of the group's numbers and chunks ends with it.
#[derive(Clone, Copy, Debug)]
struct Entry {
    id: SeriesId,
    numbers_end: usize,
    chunks_end: usize,
}

/// Makes a group.
#[derive(Debug, Default)]
pub(crate) struct GroupBuilder {
    data: Vec<u8>,
    chunks: Vec<PackedChunk>,
    numbers: Vec<u32>,
    series: Vec<Entry>,
}

impl PackedSeries {
    /// The label pairs.
    pub fn pairs(&self) -> &PackedPairs {
        &self.pairs
    }

    /// The series, group by group.
    pub fn groups(&self) -> &[PackedGroup] {
        &self.groups
    }

    /// Keeps the groups of tenants that `takes`.
    pub fn retain_tenants(&mut self, takes: impl Fn(&TenantName) -> bool) {
        self.groups.retain(|group| takes(&group.tenant));
    }

    /// Number of series.
    pub fn len(&self) -> usize {
        self.groups.iter().map(PackedGroup::len).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The series one by one.
    pub fn into_series(self) -> impl Iterator<Item = SeriesChunks> {
        let PackedSeries { pairs, groups } = self;
        groups.into_iter().flat_map(move |group| {
            let series: Vec<_> = (0..group.len()).map(|i| group.series_chunks(i, &pairs)).collect();
            series
        })
    }

    /// Groups without their pairs, to be kept after these were translated.
    pub fn into_groups(self) -> Vec<PackedGroup> {
        self.groups
    }

    pub(crate) fn pairs_mut(&mut self) -> &mut PackedPairs {
        &mut self.pairs
    }

    pub(crate) fn push_group(&mut self, tenant: TenantName, builder: GroupBuilder) {
        let GroupBuilder { data, chunks, numbers, series } = builder;
        if !series.is_empty() {
            self.groups.push(PackedGroup { tenant, data: data.into(), chunks, numbers, series });
        }
    }
}

impl PackedPairs {
    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all pairs.
    pub fn bytes(&self) -> usize {
        self.bytes.len() + size_of_val(self.ends.as_slice())
    }

    /// A pair as a label set of its own.
    pub fn pair(&self, number: u32) -> Labels {
        labels(Bytes::copy_from_slice(self.bytes_of(number)))
    }

    pub(crate) fn push(&mut self, canonical: &[u8]) -> u32 {
        self.bytes.extend_from_slice(canonical);
        self.ends.push(self.bytes.len());
        (self.ends.len() - 1) as u32
    }

    fn bytes_of(&self, number: u32) -> &[u8] {
        let number = number as usize;
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[number]]
    }

    /// The label set of pairs that are in order of their names.
    fn join(&self, numbers: &[u32]) -> Labels {
        let bytes: usize = numbers.iter().map(|number| self.bytes_of(*number).len()).sum();
        let mut joined = Vec::with_capacity(bytes);
        numbers.iter().for_each(|number| joined.extend_from_slice(self.bytes_of(*number)));
        labels(joined.into())
    }
}

fn labels(canonical: Bytes) -> Labels {
    Labels::from_canonical(canonical).expect("the pairs came from a label set, in its order")
}

impl PackedGroup {
    /// The tenant of all series.
    pub fn tenant(&self) -> &TenantName {
        &self.tenant
    }

    /// Number of series.
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// Numbers of the label pairs of series `index`, in order of the names.
    pub fn numbers(&self, index: usize) -> &[u32] {
        let start = index.checked_sub(1).map_or(0, |before| self.series[before].numbers_end);
        &self.numbers[start..self.series[index].numbers_end]
    }

    /// Chunks of series `index`, by time.
    pub fn chunks(&self, index: usize) -> impl Iterator<Item = ChunkView<'_>> {
        let start = index.checked_sub(1).map_or(0, |before| self.series[before].chunks_end);
        let chunks = &self.chunks[start..self.series[index].chunks_end];
        chunks.iter().map(|chunk| ChunkView {
            min_ms: chunk.min_ms,
            max_ms: chunk.max_ms,
            encoding: ENCODING_XOR,
            data: &self.data[chunk.start..chunk.end],
        })
    }

    /// Series `index` with chunks of its own, which share the group's bytes.
    pub fn series_chunks(&self, index: usize, pairs: &PackedPairs) -> SeriesChunks {
        SeriesChunks {
            tenant: self.tenant.clone(),
            id: self.series[index].id,
            labels: pairs.join(self.numbers(index)),
            chunks: self.shared_chunks(index),
        }
    }

    /// Chunks of series `index`, by time, sharing the group's bytes.
    pub fn shared_chunks(&self, index: usize) -> Vec<Chunk> {
        let chunk = |view: ChunkView<'_>| Chunk {
            min_ms: view.min_ms,
            max_ms: view.max_ms,
            encoding: view.encoding,
            data: self.data.slice_ref(view.data),
        };
        self.chunks(index).map(chunk).collect()
    }

    /// Bytes of memory that the group holds.
    pub fn bytes(&self) -> usize {
        self.data.len()
            + size_of_val(self.chunks.as_slice())
            + size_of_val(self.numbers.as_slice())
            + size_of_val(self.series.as_slice())
    }
}

impl GroupBuilder {
    /// Copies a chunk of the series that comes next.
    pub(crate) fn push_chunk(&mut self, chunk: ChunkView<'_>) {
        let start = self.data.len();
        self.data.extend_from_slice(chunk.data);
        let (min_ms, max_ms, end) = (chunk.min_ms, chunk.max_ms, self.data.len());
        self.chunks.push(PackedChunk { min_ms, max_ms, start, end });
    }

    /// Adds a label pair of the series that comes next.
    pub(crate) fn push_number(&mut self, number: u32) {
        self.numbers.push(number);
    }

    /// The number that the series before has at this place.
    pub(crate) fn number_near(&self) -> Option<u32> {
        let ends = |entry: &Entry| entry.numbers_end;
        let before = self.series.len().checked_sub(2).map_or(0, |at| ends(&self.series[at]));
        let last = self.series.last().map_or(0, ends);
        let at = before + (self.numbers.len() - last);
        if at < last { Some(self.numbers[at]) } else { None }
    }

    /// Ends a series whose chunks, in any order, and labels were pushed.
    pub(crate) fn push_series(&mut self, id: SeriesId) {
        let start = self.series.last().map_or(0, |entry| entry.chunks_end);
        let chunks = &mut self.chunks[start..];
        if !chunks.is_sorted_by_key(|chunk| (chunk.min_ms, chunk.max_ms)) {
            chunks.sort_by_key(|chunk| (chunk.min_ms, chunk.max_ms));
        }
        let (numbers_end, chunks_end) = (self.numbers.len(), self.chunks.len());
        self.series.push(Entry { id, numbers_end, chunks_end });
    }

    /// Bytes that the group holds so far.
    pub(crate) fn bytes(&self) -> usize {
        self.data.len()
            + size_of_val(self.chunks.as_slice())
            + size_of_val(self.numbers.as_slice())
            + size_of_val(self.series.as_slice())
    }
}
