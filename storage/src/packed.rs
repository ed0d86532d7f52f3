//! Series of one source in a form for many of them: each label pair once, chunks in common buffers.
//!
//! Every source of a query answers in this form; whoever wants series one by one takes it apart.

use bytes::Bytes;
use proto::{Labels, SeriesId, TenantName};
use xxhash_rust::xxh3::xxh3_64;

use crate::head::table::{Table, spread};
use crate::series::{Chunk, ChunkView, SeriesChunks};

/// Selected series of a source. One may occur more than once.
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
    encoding: u8,
}

/// A series: what of the group's numbers and chunks ends with it.
#[derive(Clone, Copy, Debug)]
struct Entry {
    id: SeriesId,
    numbers_end: usize,
    chunks_end: usize,
}

/// Finds the numbers of pairs by keys of the source's, each of which names one pair.
#[derive(Debug, Default)]
pub(crate) struct PairNumbers {
    table: Table,
    /// The key of each number.
    keys: Vec<u64>,
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

    /// Packs series that came one by one, those of one tenant best behind each other.
    pub fn pack(series: impl IntoIterator<Item = SeriesChunks>) -> PackedSeries {
        let (mut packed, mut known) = (PackedSeries::default(), Table::default());
        let mut group: Option<(TenantName, GroupBuilder)> = None;
        for series in series {
            if group.as_ref().is_some_and(|(tenant, _)| *tenant != series.tenant) {
                packed.push_open(group.take());
            }
            let (_, builder) =
                group.get_or_insert_with(|| (series.tenant.clone(), GroupBuilder::default()));
            for pair in series.labels.pairs() {
                let number = packed.pairs.number_of(pair, builder.number_near(), &mut known);
                builder.push_number(number);
            }
            series.chunks.iter().for_each(|chunk| builder.push_chunk(chunk.view()));
            builder.push_series(series.id);
        }
        packed.push_open(group);
        packed
    }

    fn push_open(&mut self, group: Option<(TenantName, GroupBuilder)>) {
        if let Some((tenant, builder)) = group {
            self.push_group(tenant, builder);
        }
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

    /// The number of a canonical pair that is known, `near` perhaps, or new.
    fn number_of(&mut self, pair: &[u8], near: Option<u32>, known: &mut Table) -> u32 {
        if let Some(near) = near.filter(|near| self.bytes_of(*near) == pair) {
            return near;
        }
        let hash = spread(xxh3_64(pair));
        known.find(hash, |number| self.bytes_of(number) == pair).unwrap_or_else(|| {
            let number = self.push(pair);
            known.insert(hash, number);
            number
        })
    }

    fn bytes_of(&self, number: u32) -> &[u8] {
        let number = number as usize;
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[number]]
    }

    /// Id of the series with these pairs, which are in order of their names.
    pub(crate) fn id_of(&self, numbers: &[u32], tenant_seed: u64) -> SeriesId {
        SeriesId::of(self.join_bytes(numbers).as_slice(), tenant_seed)
    }

    /// The label set of pairs that are in order of their names.
    fn join(&self, numbers: &[u32]) -> Labels {
        labels(self.join_bytes(numbers).into())
    }

    fn join_bytes(&self, numbers: &[u32]) -> Vec<u8> {
        let bytes: usize = numbers.iter().map(|number| self.bytes_of(*number).len()).sum();
        let mut joined = Vec::with_capacity(bytes);
        numbers.iter().for_each(|number| joined.extend_from_slice(self.bytes_of(*number)));
        joined
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
            encoding: chunk.encoding,
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

impl PairNumbers {
    /// The number of a key's pair: `near` perhaps, known, or made by `write`.
    pub(crate) fn number<E>(
        &mut self,
        key: u64,
        near: Option<u32>,
        write: impl FnOnce() -> Result<u32, E>,
    ) -> Result<u32, E> {
        if let Some(near) = near.filter(|near| self.keys[*near as usize] == key) {
            return Ok(near);
        }
        let hash = spread(key);
        if let Some(number) = self.table.find(hash, |number| self.keys[number as usize] == key) {
            return Ok(number);
        }
        let number = write()?;
        debug_assert_eq!(number as usize, self.keys.len(), "pairs are numbered here only");
        self.keys.push(key);
        self.table.insert(hash, number);
        Ok(number)
    }

    /// Forgets what the keys name; numbers stay.
    pub(crate) fn forget(&mut self) {
        self.table = Table::default();
    }
}

impl GroupBuilder {
    /// Copies a chunk of the series that comes next.
    pub(crate) fn push_chunk(&mut self, chunk: ChunkView<'_>) {
        let start = self.data.len();
        self.data.extend_from_slice(chunk.data);
        let ChunkView { min_ms, max_ms, encoding, .. } = chunk;
        self.chunks.push(PackedChunk { min_ms, max_ms, start, end: self.data.len(), encoding });
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
