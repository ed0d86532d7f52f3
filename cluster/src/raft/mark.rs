//! What Raft was told is durable: its vote and the last entry of its log, in the file
//! `acknowledged` beside the journal.
//!
//! The journal alone cannot tell damage at its very end from a write that the power cut tore, of
//! which nobody was told. With the mark it can: what was acknowledged and is not there was lost.
//!
//! It is a file of slots ([`journal::files::slots`]) that hold JSON.

use std::io;
use std::path::Path;

use journal::files::Files;
use journal::files::slots::{SlotFile, SlotKind};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::types::{LogId, Vote};

const KIND: SlotKind = SlotKind { magic: b"GRAK", slot_bytes: 4096 };

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
    written: Mutex<(SlotFile, Option<Mark>)>,
}

impl MarkFile {
    /// Opens the file, or makes it, at its full size: later writes need no space. A file of which
    /// nothing can be read is made anew: a log that is whole needs no mark, and one that is not
    /// stops the node without one.
    pub fn open(files: &dyn Files, path: &Path) -> io::Result<MarkFile> {
        let (file, json) = match SlotFile::open(files, path, KIND) {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                tracing::warn!(%error, "what Raft acknowledged cannot be read");
                files.remove_file(path)?;
                SlotFile::open(files, path, KIND)?
            }
            opened => opened?,
        };
        let mark = json.map(|json| serde_json::from_slice(&json)).transpose()?;
        Ok(MarkFile { written: Mutex::new((file, mark)) })
    }

    /// The last mark; `None` if there was none.
    pub fn read(&self) -> Option<Mark> {
        self.written.lock().1.clone()
    }

    /// Makes a mark durable. After an error, do not go on.
    pub fn write(&self, mark: &Mark) -> io::Result<()> {
        let mut written = self.written.lock();
        if written.1.as_ref() == Some(mark) {
            return Ok(());
        }
        written.0.write(&serde_json::to_vec(mark)?)?;
        written.1 = Some(mark.clone());
        Ok(())
    }
}
