//! The two tables of an index that are kept in memory: symbols and the places of postings.

use std::ops::Range;

use bytes::Bytes;

use super::format::{Fields, Origin};
use crate::StorageError;

/// The sorted texts of an index. Version 2 refers to them by number, version 1 by file offset.
pub(super) struct Symbols {
    bytes: Bytes,
    /// Offset of each text's length in `bytes`.
    starts: Vec<u32>,
    /// Offset of `bytes` in the file when references are file offsets.
    version1_base: Option<u64>,
    /// Whether references compare as their texts do.
    in_order: bool,
}

impl Symbols {
    /// Takes the content of the section that lies at `origin`.
    pub(super) fn parse(
        bytes: Bytes,
        origin: Origin<'_>,
        version: u8,
    ) -> Result<Symbols, StorageError> {
        let mut fields = Fields::new(&bytes, origin);
        let count = fields.be32()? as usize;
        let mut starts = Vec::with_capacity(count.min(bytes.len()));
        let (mut in_order, mut before) = (true, None);
        for _ in 0..count {
            starts.push((bytes.len() - fields.rest.len()) as u32);
            let text = fields.text()?;
            in_order &= before.is_none_or(|before| before < text);
            before = Some(text);
        }
        let version1_base = (version == 1).then_some(origin.offset + 4);
        Ok(Symbols { bytes, starts, version1_base, in_order })
    }

    /// Bytes of memory.
    pub(super) fn size(&self) -> usize {
        self.bytes.len() + 4 * self.starts.len()
    }

    /// Whether the text of `a` is less than that of `b`; both exist.
    pub(super) fn is_less(&self, a: u32, b: u32) -> bool {
        if self.in_order { a < b } else { self.get(a) < self.get(b) }
    }

    /// The text of a reference.
    pub(super) fn get(&self, reference: u32) -> Option<&str> {
        let number = match self.version1_base {
            None => reference as usize,
            Some(base) => {
                let start = u32::try_from(u64::from(reference).checked_sub(base)?).ok()?;
                self.starts.binary_search(&start).ok()?
            }
        };
        let start = *self.starts.get(number)? as usize;
        Some(text_at(&mut &self.bytes[start..]))
    }
}

/// Takes a text that was checked when its table was read.
fn text_at<'a>(rest: &mut &'a [u8]) -> &'a str {
    let bytes = proto::varint::take_bytes(rest).expect("the table was checked when it was read");
    std::str::from_utf8(bytes).expect("the table was checked when it was read")
}

/// Where the postings of each pair of name and value lie.
pub(super) struct PostingsTable {
    bytes: Bytes,
    /// Offset of each entry in `bytes`, in the order of name and value.
    starts: Vec<u32>,
}

/// An entry of the table.
pub(super) struct PostingsEntry<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a str,
    /// Offset of the list's section in the file.
    pub(super) offset: u64,
}

impl PostingsTable {
    /// Takes the content of the section. Version 1 need not be sorted.
    pub(super) fn parse(
        bytes: Bytes,
        origin: Origin<'_>,
        version: u8,
    ) -> Result<PostingsTable, StorageError> {
        let mut fields = Fields::new(&bytes, origin);
        let count = fields.be32()? as usize;
        let mut starts: Vec<u32> = Vec::with_capacity(count.min(bytes.len()));
        for _ in 0..count {
            let start = (bytes.len() - fields.rest.len()) as u32;
            // One byte, as `entry_at` skips it: a longer varint of 2 is not what writers write.
            if fields.rest.first() != Some(&2) || fields.uvarint()? != 2 {
                return Err(origin.damaged("an entry of the postings offset table has no pair"));
            }
            fields.text()?;
            fields.text()?;
            fields.uvarint()?;
            starts.push(start);
        }
        let mut table = PostingsTable { bytes, starts };
        table.put_in_order(version, origin)?;
        Ok(table)
    }

    fn put_in_order(&mut self, version: u8, origin: Origin<'_>) -> Result<(), StorageError> {
        let key = |start: u32| {
            let entry = entry_at(&self.bytes, start);
            (entry.name, entry.value)
        };
        if version == 1 {
            self.starts.sort_by(|a, b| key(*a).cmp(&key(*b)));
        }
        if self.starts.windows(2).any(|two| key(two[0]) >= key(two[1])) {
            return Err(origin.damaged("the postings offset table is not sorted"));
        }
        Ok(())
    }

    /// Bytes of memory.
    pub(super) fn size(&self) -> usize {
        self.bytes.len() + 4 * self.starts.len()
    }

    /// Number of entries.
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// The entry of this number.
    pub(super) fn entry(&self, number: usize) -> PostingsEntry<'_> {
        entry_at(&self.bytes, self.starts[number])
    }

    /// The entry of a pair.
    pub(super) fn find(&self, name: &str, value: &str) -> Option<PostingsEntry<'_>> {
        let number = self.first_from(name, value);
        let entry = (number < self.starts.len()).then(|| self.entry(number))?;
        (entry.name == name && entry.value == value).then_some(entry)
    }

    /// Number of the first entry that is not less than the pair.
    pub(super) fn first_from(&self, name: &str, value: &str) -> usize {
        self.starts.partition_point(|start| {
            let entry = entry_at(&self.bytes, *start);
            (entry.name, entry.value) < (name, value)
        })
    }

    /// Entries of one label name.
    pub(super) fn of_name(&self, name: &str) -> Range<usize> {
        let start = self.first_from(name, "");
        let rest = &self.starts[start..];
        let count = rest.partition_point(|s| entry_at(&self.bytes, *s).name == name);
        start..start + count
    }

    /// All label names, without the name "" of the list of all series.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        let mut next = self.of_name("").end;
        while next < self.starts.len() {
            let name = self.entry(next).name;
            names.push(name);
            next = self.of_name(name).end;
        }
        names
    }
}

fn entry_at(bytes: &[u8], start: u32) -> PostingsEntry<'_> {
    let mut rest = &bytes[start as usize + 1..];
    let (name, value) = (text_at(&mut rest), text_at(&mut rest));
    let offset =
        proto::varint::take_uvarint(&mut rest).expect("the table was checked when it was read");
    PostingsEntry { name, value, offset }
}
