//! Reads an index file (versions 1 and 2). Every section is checked against its CRC32C on read.

mod verify;

use std::ops::Range;

use bytes::Bytes;
use proto::labels::LABELS_MAX;
use proto::varint::{put_uvarint, take_uvarint, uvarint_len};
use proto::{Labels, Matcher};

use super::format::{
    Fields, INDEX_HEADER_BYTES, INDEX_MAGIC, Origin, SERIES_ALIGN, TOC_BYTES, checked,
    checked_bytes,
};
use super::postings;
use super::source::ReadAt;
use super::tables::{PostingsTable, Symbols};
use crate::StorageError;

/// Longest series entry that is read: 256 labels of the longest kind fit.
pub(crate) const SERIES_ENTRY_BYTES_MAX: u64 = 64 << 20;
/// Bytes that are read around a series entry when the ones before it were not read.
const WINDOW_BYTES_MIN: u64 = 4 << 10;
/// Most bytes that are read ahead when series are read one behind the other.
const WINDOW_BYTES_MAX: u64 = 256 << 10;

/// An open index.
pub(crate) struct Index {
    source: Box<dyn ReadAt>,
    version: u8,
    symbols: Symbols,
    table: PostingsTable,
}

/// Time and place of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChunkPlace {
    pub(crate) min_ms: i64,
    pub(crate) max_ms: i64,
    /// Segment number from 0 in the high half, offset in the low one.
    pub(crate) reference: u64,
}

/// Name and value of a label as references to symbols.
pub(crate) type LabelReference = (u32, u32);

impl Index {
    /// Opens an index: header, table of contents, symbols and the places of the postings.
    pub(crate) fn open(source: Box<dyn ReadAt>) -> Result<Index, StorageError> {
        let version = read_version(source.as_ref())?;
        let toc = read_contents(source.as_ref())?;
        let (symbols_at, table_at) = (toc[0], toc[5]);
        let section = read_section(source.as_ref(), symbols_at)?;
        let origin = Origin { file: source.name(), offset: symbols_at };
        let symbols = Symbols::parse(section, origin, version)?;
        let section = read_section(source.as_ref(), table_at)?;
        let origin = Origin { file: source.name(), offset: table_at };
        let table = PostingsTable::parse(section, origin, version)?;
        Ok(Index { source, version, symbols, table })
    }

    /// Bytes of memory that the tables take.
    pub(crate) fn tables_bytes(&self) -> usize {
        self.symbols.size() + self.table.size()
    }

    /// All label names, sorted.
    pub(crate) fn label_names(&self) -> Vec<&str> {
        self.table.names()
    }

    /// All values of a label, sorted.
    pub(crate) fn label_values(&self, name: &str) -> impl Iterator<Item = &str> {
        let entries = if name.is_empty() { 0..0 } else { self.table.of_name(name) };
        entries.map(|number| self.table.entry(number).value)
    }

    /// Ids of the series that all matchers take, ascending.
    pub(crate) fn select(&self, matchers: &[Matcher]) -> Result<Vec<u32>, StorageError> {
        let (subtracting, adding): (Vec<_>, Vec<_>) =
            matchers.iter().partition(|matcher| matcher.matches_empty());
        let mut ids: Option<Vec<u32>> = None;
        for matcher in adding {
            let matching = self.series_with(&self.entries_for(matcher, true))?;
            let ids_now = match ids {
                Some(before) => postings::intersect(&before, &matching),
                None => matching,
            };
            if ids_now.is_empty() {
                return Ok(ids_now);
            }
            ids = Some(ids_now);
        }
        let mut ids = match ids {
            Some(ids) => ids,
            None => self.all_series()?,
        };
        for matcher in subtracting {
            let others = self.series_with(&self.entries_for(matcher, false))?;
            ids = postings::subtract(&ids, &others);
        }
        Ok(ids)
    }

    fn all_series(&self) -> Result<Vec<u32>, StorageError> {
        match self.table.find("", "") {
            Some(entry) => self.read_postings(entry.offset),
            None => Ok(Vec::new()),
        }
    }

    /// Offsets of the lists of the values that the matcher takes, or of those it does not take.
    fn entries_for(&self, matcher: &Matcher, taken: bool) -> Vec<u64> {
        let name = matcher.name();
        if name.is_empty() {
            return Vec::new();
        }
        if let (true, Some(values)) = (taken, matcher.set_matches()) {
            let found = values.iter().filter_map(|value| self.table.find(name, value));
            return found.map(|entry| entry.offset).collect();
        }
        let mut range = self.table.of_name(name);
        if let (true, Some(prefix)) = (taken, matcher.prefix()) {
            range = self.with_prefix(range, name, prefix);
        }
        let entries = range.map(|number| self.table.entry(number));
        let wanted = entries.filter(|entry| matcher.matches(entry.value) == taken);
        wanted.map(|entry| entry.offset).collect()
    }

    fn with_prefix(&self, range: Range<usize>, name: &str, prefix: &str) -> Range<usize> {
        let start = self.table.first_from(name, prefix).max(range.start);
        let has_prefix = |number: &usize| self.table.entry(*number).value.starts_with(prefix);
        start..start + (start..range.end).take_while(has_prefix).count()
    }

    fn series_with(&self, lists: &[u64]) -> Result<Vec<u32>, StorageError> {
        if let [one] = lists {
            return self.read_postings(*one);
        }
        let mut all = Vec::new();
        for offset in lists {
            all.append(&mut self.read_postings(*offset)?);
        }
        Ok(postings::union(all))
    }

    fn read_postings(&self, offset: u64) -> Result<Vec<u32>, StorageError> {
        let section = read_section(self.source.as_ref(), offset)?;
        let origin = Origin { file: self.source.name(), offset };
        let count = Fields::new(&section, origin).be32()? as usize;
        let (ids, rest) = section[4..].as_chunks::<4>();
        if ids.len() != count || !rest.is_empty() {
            return Err(origin.damaged("a postings list has a wrong length"));
        }
        let ids: Vec<u32> = ids.iter().map(|id| u32::from_be_bytes(*id)).collect();
        if ids.windows(2).any(|two| two[0] >= two[1]) {
            return Err(origin.damaged("a postings list is not sorted"));
        }
        Ok(ids)
    }

    /// Reads series by ascending ids.
    pub(crate) fn series_reader(&self) -> SeriesReader<'_> {
        let window = Window { start: 0, bytes: Bytes::new(), ahead: WINDOW_BYTES_MIN };
        SeriesReader { index: self, window, labels: Vec::new() }
    }

    /// A label in its canonical encoding, which is a label set of its own.
    pub(crate) fn label(&self, (name, value): LabelReference) -> Result<Labels, StorageError> {
        let origin = Origin { file: self.source.name(), offset: 0 };
        let mut bytes = Vec::new();
        put_label(&mut bytes, self.symbol(name, origin)?, self.symbol(value, origin)?);
        Labels::from_canonical(bytes.into())
            .map_err(|error| origin.damaged(format!("a series has a bad label ({error})")))
    }

    fn symbol(&self, reference: u32, origin: Origin<'_>) -> Result<&str, StorageError> {
        self.symbols.get(reference).ok_or_else(|| origin.damaged("a symbol does not exist"))
    }
}

/// The bytes of the series section that were read last.
struct Window {
    start: u64,
    bytes: Bytes,
    ahead: u64,
}

/// Reads series one by one; neighbours are read together.
pub(crate) struct SeriesReader<'a> {
    index: &'a Index,
    window: Window,
    labels: Vec<LabelReference>,
}

impl SeriesReader<'_> {
    /// Labels, strictly ascending by name, and chunks of the series of this id.
    pub(crate) fn read(
        &mut self,
        id: u32,
    ) -> Result<(&[LabelReference], Vec<ChunkPlace>), StorageError> {
        let scale = if self.index.version == 1 { 1 } else { SERIES_ALIGN };
        let offset = u64::from(id) * scale;
        let entry = self.entry_at(offset)?;
        let origin = Origin { file: self.index.source.name(), offset };
        let content = checked(&entry, origin)?;
        let chunks = parse_series(self.index, content, origin, &mut self.labels)?;
        Ok((&self.labels, chunks))
    }

    /// Content and checksum of the entry at an offset.
    fn entry_at(&mut self, offset: u64) -> Result<Bytes, StorageError> {
        let origin = Origin { file: self.index.source.name(), offset };
        let head = self.bytes_at(offset, 10)?;
        let mut rest = head.as_ref();
        let length = take_uvarint(&mut rest)
            .filter(|length| *length <= SERIES_ENTRY_BYTES_MAX)
            .ok_or_else(|| origin.damaged("a series entry has no valid length"))?;
        let head_bytes = (head.len() - rest.len()) as u64;
        let whole = self.bytes_at(offset, head_bytes + length + 4)?;
        if (whole.len() as u64) < head_bytes + length + 4 {
            return Err(origin.damaged("a series entry reaches behind the end"));
        }
        Ok(whole.slice(head_bytes as usize..))
    }

    /// Up to `length` bytes at an offset; fewer only at the end of the file.
    fn bytes_at(&mut self, offset: u64, length: u64) -> Result<Bytes, StorageError> {
        let window = &mut self.window;
        let window_end = window.start + window.bytes.len() as u64;
        let inside = |end: u64| offset >= window.start && end <= window_end;
        let size = self.index.source.size();
        let end = offset.saturating_add(length).min(size);
        if !inside(end) {
            let next = offset >= window.start && offset <= window_end + WINDOW_BYTES_MIN;
            window.ahead = match next {
                true => (window.ahead * 2).min(WINDOW_BYTES_MAX),
                false => WINDOW_BYTES_MIN,
            };
            let read_end = offset.saturating_add(length.max(window.ahead)).min(size);
            let read_length = read_end.saturating_sub(offset);
            window.bytes = self.index.source.read_checked(offset, read_length)?;
            window.start = offset;
        }
        let from = (offset - window.start) as usize;
        let until = (end.max(offset) - window.start) as usize;
        Ok(window.bytes.slice(from..until))
    }
}

fn parse_series(
    index: &Index,
    content: &[u8],
    origin: Origin<'_>,
    labels: &mut Vec<LabelReference>,
) -> Result<Vec<ChunkPlace>, StorageError> {
    let mut fields = Fields::new(content, origin);
    labels.clear();
    let count = fields.uvarint()?;
    if count > LABELS_MAX as u64 {
        return Err(origin.damaged(format!("a series has {count} labels")));
    }
    for _ in 0..count {
        let (name, value) = (fields.uvarint32()?, fields.uvarint32()?);
        index.symbol(name, origin)?;
        index.symbol(value, origin)?;
        if labels.last().is_some_and(|(before, _)| !index.symbols.is_less(*before, name)) {
            return Err(origin.damaged("the labels of a series are not in order"));
        }
        labels.push((name, value));
    }
    parse_chunks(&mut fields, origin)
}

/// Appends a label in the canonical encoding; the result is checked afterwards.
fn put_label(out: &mut Vec<u8>, name: &str, value: &str) {
    let field = |text: &str| 1 + uvarint_len(text.len() as u64) + text.len();
    out.push(0x0a);
    put_uvarint(out, (field(name) + field(value)) as u64);
    for (tag, text) in [(0x0a, name), (0x12, value)] {
        out.push(tag);
        put_uvarint(out, text.len() as u64);
        out.extend_from_slice(text.as_bytes());
    }
}

fn parse_chunks(
    fields: &mut Fields<'_>,
    origin: Origin<'_>,
) -> Result<Vec<ChunkPlace>, StorageError> {
    let count = fields.uvarint()? as usize;
    let mut chunks: Vec<ChunkPlace> = Vec::with_capacity(count.min(fields.rest.len() / 3 + 1));
    for _ in 0..count {
        let previous = chunks.last().copied();
        let min_ms = match previous {
            None => fields.varint()?,
            Some(p) => p.max_ms.wrapping_add(fields.uvarint()? as i64),
        };
        let max_ms = min_ms.wrapping_add(fields.uvarint()? as i64);
        let reference = match previous {
            None => fields.uvarint()?,
            Some(p) => p.reference.wrapping_add(fields.varint()? as u64),
        };
        if max_ms < min_ms {
            return Err(origin.damaged("a chunk ends before it starts"));
        }
        chunks.push(ChunkPlace { min_ms, max_ms, reference });
    }
    Ok(chunks)
}

fn read_version(source: &dyn ReadAt) -> Result<u8, StorageError> {
    let head = source.read_checked(0, INDEX_HEADER_BYTES)?;
    let origin = Origin { file: source.name(), offset: 0 };
    if Fields::new(&head, origin).be32()? != INDEX_MAGIC {
        return Err(origin.damaged("the magic number of an index is not there"));
    }
    match head[4] {
        version @ (1 | 2) => Ok(version),
        other => Err(origin.damaged(format!("index version {other} is not supported"))),
    }
}

/// Offsets of the six sections.
fn read_contents(source: &dyn ReadAt) -> Result<[u64; 6], StorageError> {
    let offset = source.size().saturating_sub(TOC_BYTES);
    let origin = Origin { file: source.name(), offset };
    let toc = source.read_checked(offset, TOC_BYTES)?;
    let mut fields = Fields::new(checked(&toc, origin)?, origin);
    let mut offsets = [0; 6];
    for slot in &mut offsets {
        *slot = fields.be64()?;
    }
    Ok(offsets)
}

/// Content of the section `be32 length, content, CRC32C` at an offset.
fn read_section(source: &dyn ReadAt, offset: u64) -> Result<Bytes, StorageError> {
    let origin = Origin { file: source.name(), offset };
    let head = source.read_checked(offset, 4)?;
    let length = u64::from(Fields::new(&head, origin).be32()?);
    let framed = source.read_checked(offset + 4, length + 4)?;
    checked_bytes(&framed, origin)
}
