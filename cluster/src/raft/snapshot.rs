//! The image of the applied state, and the snapshot file beside the journal.
//!
//! The file `snapshot` is `GRSN | version (1) | crc32c (4) | length (8) | image`. It is replaced
//! whole, fsynced and read back before the log behind it may be purged.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use journal::files::Files;
use serde::{Deserialize, Serialize};

use super::types::{LogId, Snapshot, SnapshotMeta, StoredMembership};
use crate::state::ClusterState;

const MAGIC: &[u8; 4] = b"GRSN";
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 17;
/// Format of an encoded image.
const IMAGE_VERSION: u8 = 1;

/// The applied state and what it is the state of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Applied {
    /// Last applied entry.
    pub log_id: Option<LogId>,
    /// Last applied membership.
    pub membership: StoredMembership,
    /// The state.
    pub state: Arc<ClusterState>,
}

impl Applied {
    /// `version (1) | JSON`, as in the file, in the cache and on the wire.
    pub fn encode(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![IMAGE_VERSION];
        serde_json::to_writer(&mut bytes, self)?;
        Ok(bytes)
    }

    /// Reads what [`Applied::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> io::Result<Applied> {
        match bytes.split_first() {
            Some((&IMAGE_VERSION, json)) => Ok(serde_json::from_slice(json)?),
            Some((other, _)) => Err(invalid(format!("image version {other} is not known"))),
            None => Err(invalid("the image is empty".to_owned())),
        }
    }

    /// What Raft wants to know of a snapshot.
    pub fn meta(&self) -> SnapshotMeta {
        SnapshotMeta { last_log_id: self.log_id, last_membership: self.membership.clone() }
    }

    /// As a snapshot.
    pub fn snapshot(&self) -> io::Result<Snapshot> {
        Ok(Snapshot { meta: self.meta(), snapshot: io::Cursor::new(self.encode()?) })
    }
}

/// The snapshot file.
#[derive(Clone, Debug)]
pub struct SnapshotFile {
    files: Arc<dyn Files>,
    path: PathBuf,
}

impl SnapshotFile {
    /// A file that need not exist yet.
    pub fn new(files: Arc<dyn Files>, path: PathBuf) -> SnapshotFile {
        SnapshotFile { files, path }
    }

    /// The snapshot there is. A damaged one is an error.
    pub fn read(&self) -> io::Result<Option<Applied>> {
        if !self.files.exists(&self.path)? {
            return Ok(None);
        }
        unseal(&self.files.read(&self.path)?).and_then(Applied::decode).map(Some)
    }

    /// Replaces the snapshot and reads it back.
    pub fn write(&self, applied: &Applied) -> io::Result<()> {
        let bytes = seal(&applied.encode()?);
        self.files.write_atomic(&self.path, &bytes)?;
        match self.files.read(&self.path)? == bytes {
            true => Ok(()),
            false => Err(invalid(format!("{} reads other than written", self.path.display()))),
        }
    }
}

fn seal(image: &[u8]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.push(VERSION);
    bytes.extend_from_slice(&crc32c::crc32c(image).to_le_bytes());
    bytes.extend_from_slice(&(image.len() as u64).to_le_bytes());
    bytes.extend_from_slice(image);
    bytes
}

fn unseal(bytes: &[u8]) -> io::Result<&[u8]> {
    let Some((header, image)) = bytes.split_at_checked(HEADER_BYTES) else {
        return Err(invalid("the snapshot is cut short".to_owned()));
    };
    if seal(image).get(..HEADER_BYTES) == Some(header) {
        return Ok(image);
    }
    Err(invalid("the snapshot is damaged or of another version".to_owned()))
}

fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}
