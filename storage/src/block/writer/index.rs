//! Collects series in memory and writes them as an index of version 2.
//!
//! Labels are kept as numbers of pairs and pairs as numbers of symbols, so that a series costs four
//! bytes a label until the index is written; samples are not kept.

use std::path::Path;

use journal::files::Files;
use proto::varint::{put_uvarint, put_varint};
use proto::{FixedMap, Labels};

use super::sink::Sink;
use crate::StorageError;
use crate::block::format::{INDEX_HEADER_BYTES, INDEX_MAGIC, SERIES_ALIGN};

/// Time and place of a chunk.
#[derive(Clone, Copy)]
pub(super) struct ChunkPlace {
    pub(super) min_ms: i64,
    pub(super) max_ms: i64,
    pub(super) reference: u64,
}

/// Ends of a series' runs in the flat lists.
struct SeriesEnd {
    pairs: u32,
    chunks: u32,
}

/// The series of an index to be.
#[derive(Default)]
pub(super) struct IndexBuilder {
    symbols: FixedMap<Box<str>, u32>,
    pairs: FixedMap<(u32, u32), u32>,
    series_pairs: Vec<u32>,
    chunks: Vec<ChunkPlace>,
    series: Vec<SeriesEnd>,
}

/// Offsets of the sections.
#[derive(Default)]
struct Contents {
    symbols: u64,
    series: u64,
    label_indices: u64,
    label_indices_table: u64,
    postings: u64,
    postings_table: u64,
}

/// What came out.
pub(super) struct IndexSummary {
    pub(super) file_bytes: u64,
    pub(super) series_bytes_max: u64,
}

impl IndexBuilder {
    /// Series so far.
    pub(super) fn series(&self) -> u64 {
        self.series.len() as u64
    }

    /// Chunks so far.
    pub(super) fn chunks(&self) -> u64 {
        self.chunks.len() as u64
    }

    /// Adds a series, which must be greater than the one before.
    pub(super) fn add(&mut self, labels: &Labels, chunks: &[ChunkPlace]) {
        for (name, value) in labels {
            let pair = (self.symbol(name), self.symbol(value));
            let next = self.pairs.len() as u32;
            self.series_pairs.push(*self.pairs.entry(pair).or_insert(next));
        }
        self.chunks.extend_from_slice(chunks);
        let (pairs, chunks) = (self.series_pairs.len() as u32, self.chunks.len() as u32);
        self.series.push(SeriesEnd { pairs, chunks });
    }

    fn symbol(&mut self, text: &str) -> u32 {
        if let Some(number) = self.symbols.get(text) {
            return *number;
        }
        let number = self.symbols.len() as u32;
        self.symbols.insert(text.into(), number);
        number
    }

    /// Writes the file, durably.
    pub(super) fn write(
        self,
        files: &dyn Files,
        path: &Path,
    ) -> Result<IndexSummary, StorageError> {
        let mut sink = Sink::create(files, path)?;
        sink.write(&INDEX_MAGIC.to_be_bytes())?;
        sink.write(&[2])?;
        debug_assert_eq!(sink.position(), INDEX_HEADER_BYTES);
        let sorted = Sorted::of(&self);
        let mut contents =
            Contents { symbols: sorted.write_symbols(&mut sink)?, ..Contents::default() };
        contents.series = sink.position();
        let (ids, series_bytes_max) = self.write_series(&mut sink, &sorted)?;
        contents.label_indices = sink.position();
        let names = sorted.write_label_indices(&mut sink)?;
        contents.postings = sink.position();
        let lists = self.write_postings(&mut sink, &sorted, &ids)?;
        contents.label_indices_table = sorted.write_label_table(&mut sink, &names)?;
        contents.postings_table = sorted.write_postings_table(&mut sink, &lists)?;
        contents.write(&mut sink)?;
        Ok(IndexSummary { file_bytes: sink.finish()?, series_bytes_max })
    }

    /// Writes the series and gives their ids (offset / 16) and the longest entry.
    fn write_series(
        &self,
        sink: &mut Sink,
        sorted: &Sorted<'_>,
    ) -> Result<(Vec<u32>, u64), StorageError> {
        let mut ids = Vec::with_capacity(self.series.len());
        let (mut entry, mut head, mut bytes_max) = (Vec::new(), Vec::new(), 0);
        let (mut pairs_from, mut chunks_from) = (0, 0);
        for end in &self.series {
            sink.pad(SERIES_ALIGN)?;
            let id = u32::try_from(sink.position() / SERIES_ALIGN).map_err(|_| too_long())?;
            ids.push(id);
            entry.clear();
            let pairs = &self.series_pairs[pairs_from..end.pairs as usize];
            put_uvarint(&mut entry, pairs.len() as u64);
            for pair in pairs {
                let (name, value) = sorted.pair_symbols[*pair as usize];
                put_uvarint(&mut entry, name.into());
                put_uvarint(&mut entry, value.into());
            }
            put_chunks(&mut entry, &self.chunks[chunks_from..end.chunks as usize]);
            (pairs_from, chunks_from) = (end.pairs as usize, end.chunks as usize);
            head.clear();
            put_uvarint(&mut head, entry.len() as u64);
            sink.write(&head)?;
            sink.write(&entry)?;
            sink.write(&crc32c::crc32c(&entry).to_be_bytes())?;
            bytes_max = bytes_max.max((head.len() + entry.len() + 4) as u64);
        }
        Ok((ids, bytes_max))
    }

    /// Writes the list of all series and one for each pair; gives their offsets, all first.
    fn write_postings(
        &self,
        sink: &mut Sink,
        sorted: &Sorted<'_>,
        ids: &[u32],
    ) -> Result<Vec<u64>, StorageError> {
        let (starts, members) = self.series_by_pair(ids);
        let mut offsets = Vec::with_capacity(sorted.pair_order.len() + 1);
        offsets.push(write_list(sink, ids)?);
        for pair in &sorted.pair_order {
            let pair = *pair as usize;
            let list = &members[starts[pair] as usize..starts[pair + 1] as usize];
            offsets.push(write_list(sink, list)?);
        }
        Ok(offsets)
    }

    /// Ids of the series of each pair: where each pair's run starts, and the runs.
    fn series_by_pair(&self, ids: &[u32]) -> (Vec<u32>, Vec<u32>) {
        let mut starts = vec![0u32; self.pairs.len() + 1];
        for pair in &self.series_pairs {
            starts[*pair as usize + 1] += 1;
        }
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        let mut next = starts.clone();
        let mut members = vec![0u32; self.series_pairs.len()];
        let mut from = 0;
        for (end, id) in self.series.iter().zip(ids) {
            for pair in &self.series_pairs[from..end.pairs as usize] {
                let slot = &mut next[*pair as usize];
                members[*slot as usize] = *id;
                *slot += 1;
            }
            from = end.pairs as usize;
        }
        (starts, members)
    }
}

fn put_chunks(entry: &mut Vec<u8>, chunks: &[ChunkPlace]) {
    put_uvarint(entry, chunks.len() as u64);
    let mut previous: Option<&ChunkPlace> = None;
    for chunk in chunks {
        let length_ms = chunk.max_ms.wrapping_sub(chunk.min_ms) as u64;
        match previous {
            None => put_varint(entry, chunk.min_ms),
            Some(p) => put_uvarint(entry, chunk.min_ms.wrapping_sub(p.max_ms) as u64),
        }
        put_uvarint(entry, length_ms);
        match previous {
            None => put_uvarint(entry, chunk.reference),
            Some(p) => put_varint(entry, chunk.reference.wrapping_sub(p.reference) as i64),
        }
        previous = Some(chunk);
    }
}

fn write_list(sink: &mut Sink, ids: &[u32]) -> Result<u64, StorageError> {
    sink.pad(4)?;
    let mut content = Vec::with_capacity(4 + 4 * ids.len());
    content.extend_from_slice(&(ids.len() as u32).to_be_bytes());
    for id in ids {
        content.extend_from_slice(&id.to_be_bytes());
    }
    sink.section(&content, "postings list")
}

fn too_long() -> StorageError {
    StorageError::Invalid("the series of a block would be longer than 64 GiB".into())
}

/// Symbols and pairs in the order of the file.
struct Sorted<'a> {
    /// Texts by their number in the file.
    texts: Vec<&'a str>,
    /// Name and value (numbers in the file) of each pair, by its number in the builder.
    pair_symbols: Vec<(u32, u32)>,
    /// Numbers of the pairs, ordered by name and value.
    pair_order: Vec<u32>,
}

impl<'a> Sorted<'a> {
    fn of(builder: &'a IndexBuilder) -> Sorted<'a> {
        let mut symbols: Vec<(&str, u32)> =
            builder.symbols.iter().map(|(text, number)| (text.as_ref(), *number)).collect();
        symbols.sort_unstable();
        let mut place = vec![0u32; symbols.len()];
        for (i, (_, number)) in symbols.iter().enumerate() {
            place[*number as usize] = i as u32;
        }
        let mut pair_symbols = vec![(0, 0); builder.pairs.len()];
        for ((name, value), pair) in &builder.pairs {
            pair_symbols[*pair as usize] = (place[*name as usize], place[*value as usize]);
        }
        let mut pair_order: Vec<u32> = (0..pair_symbols.len() as u32).collect();
        pair_order.sort_unstable_by_key(|pair| pair_symbols[*pair as usize]);
        let texts = symbols.into_iter().map(|(text, _)| text).collect();
        Sorted { texts, pair_symbols, pair_order }
    }

    fn write_symbols(&self, sink: &mut Sink) -> Result<u64, StorageError> {
        let mut content = Vec::new();
        content.extend_from_slice(&(self.texts.len() as u32).to_be_bytes());
        for text in &self.texts {
            put_text(&mut content, text);
        }
        sink.section(&content, "symbols")
    }

    /// Writes one list of values for each name; gives names and offsets.
    fn write_label_indices(&self, sink: &mut Sink) -> Result<Vec<(u32, u64)>, StorageError> {
        let pair = |number: &u32| self.pair_symbols[*number as usize];
        let mut names = Vec::new();
        for group in self.pair_order.chunk_by(|a, b| pair(a).0 == pair(b).0) {
            sink.pad(4)?;
            let mut content = Vec::with_capacity(8 + 4 * group.len());
            content.extend_from_slice(&1u32.to_be_bytes());
            content.extend_from_slice(&(group.len() as u32).to_be_bytes());
            for number in group {
                content.extend_from_slice(&pair(number).1.to_be_bytes());
            }
            names.push((pair(&group[0]).0, sink.section(&content, "label index")?));
        }
        Ok(names)
    }

    fn write_label_table(
        &self,
        sink: &mut Sink,
        names: &[(u32, u64)],
    ) -> Result<u64, StorageError> {
        let mut content = Vec::new();
        content.extend_from_slice(&(names.len() as u32).to_be_bytes());
        for (name, offset) in names {
            content.push(1);
            put_text(&mut content, self.texts[*name as usize]);
            put_uvarint(&mut content, *offset);
        }
        sink.section(&content, "label offset table")
    }

    /// Writes the table of the lists that `write_postings` wrote.
    fn write_postings_table(&self, sink: &mut Sink, lists: &[u64]) -> Result<u64, StorageError> {
        let mut content = Vec::new();
        content.extend_from_slice(&(lists.len() as u32).to_be_bytes());
        let pairs = self.pair_order.iter().map(|pair| {
            let (name, value) = self.pair_symbols[*pair as usize];
            (self.texts[name as usize], self.texts[value as usize])
        });
        for ((name, value), offset) in std::iter::once(("", "")).chain(pairs).zip(lists) {
            content.push(2);
            put_text(&mut content, name);
            put_text(&mut content, value);
            put_uvarint(&mut content, *offset);
        }
        sink.section(&content, "postings offset table")
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_uvarint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

impl Contents {
    fn write(&self, sink: &mut Sink) -> Result<(), StorageError> {
        let offsets = [
            self.symbols,
            self.series,
            self.label_indices,
            self.label_indices_table,
            self.postings,
            self.postings_table,
        ];
        let mut toc = Vec::new();
        for offset in offsets {
            toc.extend_from_slice(&offset.to_be_bytes());
        }
        let crc = crc32c::crc32c(&toc);
        toc.extend_from_slice(&crc.to_be_bytes());
        sink.write(&toc)
    }
}
