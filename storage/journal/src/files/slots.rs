//! A small file that is replaced in place, so that a full disk does not stop it.
//!
//! Two slots of one size are overwritten in turn: a torn write leaves the one before. A slot is
//! `magic (4) | version 1 (1) | crc32c (4) | sequence (8) | length (4) | payload`; the checksum is
//! over what follows it. Numbers are little endian.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{File, Files, OpenMode, parent};

const VERSION: u8 = 1;
const SLOTS: u64 = 2;
/// Where the part under the checksum begins.
const CHECKED_FROM: usize = 9;
const LENGTH_FROM: usize = 17;
const PAYLOAD_FROM: usize = 21;

/// What a kind of file looks like.
#[derive(Clone, Copy, Debug)]
pub struct SlotKind {
    /// How a slot begins.
    pub magic: &'static [u8; 4],
    /// Bytes of a slot; the payload has 21 less.
    pub slot_bytes: usize,
}

/// The file. One writer.
#[derive(Debug)]
pub struct SlotFile {
    file: Arc<dyn File>,
    path: PathBuf,
    kind: SlotKind,
    sequence: u64,
}

/// A slot as it was read.
enum Slot {
    /// Nothing was ever written.
    Blank,
    /// A write that tore, or damage.
    Broken,
    /// Sequence and payload.
    Whole(u64, Vec<u8>),
}

impl SlotFile {
    /// Opens the file, or makes it at its full size: later writes need no space. Also answers the
    /// payload that was written last, if there is one.
    ///
    /// # Errors
    /// `InvalidData` if something was written and no slot is whole; the file is left as it is.
    pub fn open(
        files: &dyn Files,
        path: &Path,
        kind: SlotKind,
    ) -> io::Result<(SlotFile, Option<Vec<u8>>)> {
        let file = files.open(path, OpenMode::CREATE)?;
        let size = kind.slot_bytes as u64 * SLOTS;
        let mut bytes = vec![0; usize::try_from(file.len()?.min(size)).unwrap_or(0)];
        file.read_exact_at(&mut bytes, 0)?;
        let is_short = bytes.len() as u64 != size;
        bytes.resize(kind.slot_bytes * SLOTS as usize, 0);
        let slots: Vec<Slot> = bytes.chunks(kind.slot_bytes).map(|s| decode(s, kind)).collect();
        // The first write of all may have torn: the other slot is blank then.
        let is_lost = slots.iter().all(|slot| matches!(slot, Slot::Broken));
        if is_lost || is_short && bytes.iter().any(|byte| *byte != 0) {
            let text = format!("{}: both copies are damaged", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        if is_short {
            file.write_all_at(&bytes, 0)?;
            file.sync_all()?;
            files.sync_dir(parent(path))?;
        }
        let whole = slots.into_iter().filter_map(|slot| match slot {
            Slot::Whole(sequence, payload) => Some((sequence, payload)),
            Slot::Blank | Slot::Broken => None,
        });
        let newest = whole.max_by_key(|(sequence, _)| *sequence);
        let (sequence, payload) = newest.map_or((0, None), |(n, payload)| (n, Some(payload)));
        Ok((SlotFile { file, path: path.to_owned(), kind, sequence }, payload))
    }

    /// Makes a payload durable in place of the last one, which stays what is read after an error.
    pub fn write(&mut self, payload: &[u8]) -> io::Result<()> {
        let sequence = self.sequence + 1;
        let bytes = encode(sequence, payload, self.kind);
        if bytes.len() > self.kind.slot_bytes {
            let (path, slot) = (self.path.display(), self.kind.slot_bytes);
            let text = format!("{path}: {} bytes do not fit into a slot of {slot}", bytes.len());
            return Err(io::Error::other(text));
        }
        let slot = sequence % SLOTS;
        self.file.write_all_at(&bytes, slot * self.kind.slot_bytes as u64)?;
        self.file.sync_data()?;
        self.sequence = sequence;
        Ok(())
    }
}

fn encode(sequence: u64, payload: &[u8], kind: SlotKind) -> Vec<u8> {
    let mut checked = sequence.to_le_bytes().to_vec();
    checked.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    checked.extend_from_slice(payload);
    let mut bytes = kind.magic.to_vec();
    bytes.push(VERSION);
    bytes.extend_from_slice(&crc32c::crc32c(&checked).to_le_bytes());
    bytes.extend_from_slice(&checked);
    bytes
}

fn decode(slot: &[u8], kind: SlotKind) -> Slot {
    if slot.iter().all(|byte| *byte == 0) {
        return Slot::Blank;
    }
    decode_whole(slot, kind).map_or(Slot::Broken, |(n, payload)| Slot::Whole(n, payload))
}

fn decode_whole(slot: &[u8], kind: SlotKind) -> Option<(u64, Vec<u8>)> {
    let length = u32::from_le_bytes(slot.get(LENGTH_FROM..PAYLOAD_FROM)?.try_into().ok()?);
    let end = PAYLOAD_FROM.checked_add(usize::try_from(length).ok()?)?;
    let payload = slot.get(PAYLOAD_FROM..end)?;
    let checksum = crc32c::crc32c(slot.get(CHECKED_FROM..end)?).to_le_bytes();
    let is_whole = slot.starts_with(kind.magic)
        && slot.get(kind.magic.len()) == Some(&VERSION)
        && slot.get(kind.magic.len() + 1..CHECKED_FROM) == Some(&checksum);
    let sequence = slot.get(CHECKED_FROM..LENGTH_FROM)?.try_into().ok()?;
    is_whole.then(|| (u64::from_le_bytes(sequence), payload.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::memory::MemoryFiles;

    const KIND: SlotKind = SlotKind { magic: b"TEST", slot_bytes: 512 };

    fn open(files: &MemoryFiles) -> io::Result<(SlotFile, Option<Vec<u8>>)> {
        SlotFile::open(files, Path::new("/slots"), KIND)
    }

    #[test]
    fn the_last_payload_is_read_and_one_slot_may_be_damaged() {
        let files = MemoryFiles::default();
        let (mut file, none) = open(&files).unwrap();
        assert_eq!(none, None);
        for text in ["one", "two", "three"] {
            file.write(text.as_bytes()).unwrap();
            assert_eq!(open(&files).unwrap().1.as_deref(), Some(text.as_bytes()));
        }
        assert!(files.flip(Path::new("/slots"), 512 + 22, 1));
        let (mut file, before) = open(&files).unwrap();
        assert_eq!(before.as_deref(), Some(&b"two"[..]), "the slot of before is whole");
        file.write(b"four").unwrap();
        assert_eq!(open(&files).unwrap().1.as_deref(), Some(&b"four"[..]));
        assert!(files.flip(Path::new("/slots"), 22, 1));
        assert!(files.flip(Path::new("/slots"), 512 + 22, 1));
        assert_eq!(open(&files).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_full_disk_is_no_obstacle() {
        let files = MemoryFiles::default();
        let (mut file, _) = open(&files).unwrap();
        files.set_capacity_bytes(Some(0));
        file.write(&[7; 400]).unwrap();
        assert_eq!(open(&files).unwrap().1, Some(vec![7; 400]));
        assert!(file.write(&[7; 512]).unwrap_err().to_string().contains("do not fit"));
    }

    #[test]
    fn a_first_write_that_tears_leaves_a_file_without_payload() {
        let files = MemoryFiles::default();
        let (mut file, _) = open(&files).unwrap();
        file.write(&[7; 400]).unwrap();
        assert!(files.flip(Path::new("/slots"), 512 + 100, 1));
        assert_eq!(open(&files).unwrap().1, None);
    }

    #[test]
    fn another_file_is_not_taken_for_one_nor_touched() {
        let files = MemoryFiles::default();
        files.write_atomic(Path::new("/slots"), b"something else").unwrap();
        assert_eq!(open(&files).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(files.read(Path::new("/slots")).unwrap(), b"something else");
    }
}
