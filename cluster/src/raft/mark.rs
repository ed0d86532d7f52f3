//! What Raft was told is durable: its vote and the last entry of its log, in the file
//! `acknowledged` beside the journal.
//!
//! The journal alone cannot tell damage at its very end from a write that the power cut tore, of
//! which nobody was told. With the mark it can: what was acknowledged and is not there was lost.
//!
//! Two slots of 4 KiB are overwritten in turn, so that a torn write leaves the one before. A slot
//! is `GRAK | version (1) | crc32c (4) | sequence (8) | length (4) | JSON`; the checksum is over
//! what follows it. Numbers are little endian.

use std::io;
use std::path::Path;
use std::sync::Arc;

use journal::files::{File, Files, OpenMode, parent};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::types::{LogId, Vote};

const MAGIC: &[u8; 4] = b"GRAK";
const VERSION: u8 = 1;
const SLOT_BYTES: usize = 4096;
const SLOTS: u64 = 2;
/// Where the part under the checksum begins.
const CHECKED_FROM: usize = 9;
const JSON_FROM: usize = 21;

/// The vote and the last entry that were acknowledged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// The last vote.
    pub vote: Option<Vote>,
    /// The last entry.
    pub last: Option<LogId>,
}

/// The file. One writer.
#[derive(Debug)]
pub struct MarkFile {
    file: Arc<dyn File>,
    written: Mutex<(u64, Option<Mark>)>,
}

impl MarkFile {
    /// Opens the file, or makes it, at its full size: later writes need no space.
    pub fn open(files: &dyn Files, path: &Path) -> io::Result<MarkFile> {
        let file = files.open(path, OpenMode::CREATE)?;
        let size = SLOT_BYTES as u64 * SLOTS;
        let mut newest = (0, None);
        if file.len()? < size {
            file.write_all_at(&vec![0; size as usize], 0)?;
            file.sync_all()?;
            files.sync_dir(parent(path))?;
        }
        for slot in 0..SLOTS {
            let mut bytes = vec![0; SLOT_BYTES];
            file.read_exact_at(&mut bytes, slot * SLOT_BYTES as u64)?;
            if let Some((sequence, mark)) = decode(&bytes).filter(|(found, _)| *found > newest.0) {
                newest = (sequence, Some(mark));
            }
        }
        Ok(MarkFile { file, written: Mutex::new(newest) })
    }

    /// The last mark; `None` if there was none or both slots are damaged.
    pub fn read(&self) -> Option<Mark> {
        self.written.lock().1.clone()
    }

    /// Makes a mark durable. After an error, do not go on.
    pub fn write(&self, mark: &Mark) -> io::Result<()> {
        let mut written = self.written.lock();
        if written.1.as_ref() == Some(mark) {
            return Ok(());
        }
        let sequence = written.0 + 1;
        let slot = sequence % SLOTS;
        self.file.write_all_at(&encode(sequence, mark)?, slot * SLOT_BYTES as u64)?;
        self.file.sync_data()?;
        *written = (sequence, Some(mark.clone()));
        Ok(())
    }
}

fn encode(sequence: u64, mark: &Mark) -> io::Result<Vec<u8>> {
    let json = serde_json::to_vec(mark)?;
    let mut checked = sequence.to_le_bytes().to_vec();
    checked.extend_from_slice(&(json.len() as u32).to_le_bytes());
    checked.extend_from_slice(&json);
    let mut bytes = MAGIC.to_vec();
    bytes.push(VERSION);
    bytes.extend_from_slice(&crc32c::crc32c(&checked).to_le_bytes());
    bytes.extend_from_slice(&checked);
    match bytes.len() <= SLOT_BYTES {
        true => Ok(bytes),
        false => Err(io::Error::other("what Raft acknowledged does not fit into its slot")),
    }
}

/// Sequence and mark of a slot that is whole.
fn decode(slot: &[u8]) -> Option<(u64, Mark)> {
    let json_bytes = u32::from_le_bytes(slot.get(JSON_FROM - 4..JSON_FROM)?.try_into().ok()?);
    let end = JSON_FROM.checked_add(usize::try_from(json_bytes).ok()?)?;
    let json = slot.get(JSON_FROM..end)?;
    let checksum = crc32c::crc32c(slot.get(CHECKED_FROM..end)?).to_le_bytes();
    let is_whole = slot.starts_with(MAGIC)
        && slot.get(MAGIC.len()) == Some(&VERSION)
        && slot.get(MAGIC.len() + 1..CHECKED_FROM) == Some(&checksum);
    let sequence = slot.get(CHECKED_FROM..JSON_FROM - 4)?.try_into().ok()?;
    let mark = is_whole.then(|| serde_json::from_slice(json).ok()).flatten()?;
    Some((u64::from_le_bytes(sequence), mark))
}
