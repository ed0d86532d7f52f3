//! `head.state`: the few facts about a head that must be known before its journal is read. Two
//! copies, so that one damaged sector does not cost a whole disk.
//!
//! Layout (little endian): magic `granhead`, u32 version, u32 partitions, u64 window_ms, u64
//! incarnation, u64 position of the last whole checkpoint (0: none), u64 highest position known
//! when that was written, u32 CRC32C of all before. Replaced atomically.

use std::path::Path;

use journal::Position;
use journal::files::Files;

use super::HeadOptions;
use super::options::PARTITIONS_MAX;
use crate::StorageError;

const NAME: &str = "head.state";
const MAGIC: &[u8; 8] = b"granhead";
const VERSION: u32 = 1;
const BYTES: usize = 52;
/// Where the second copy begins: in another sector, and another page.
const COPY_AT: usize = 4096;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadState {
    /// Partitions of this directory.
    pub partitions: usize,
    /// Length of its windows.
    pub window_ms: i64,
    /// Random number of this life of the directory.
    pub incarnation: u64,
    /// Where replay begins to count; [`Position::ZERO`] when there was no checkpoint.
    pub checkpoint: Position,
    /// No new frame gets this position or a lower one.
    pub position_floor: Position,
}

impl HeadState {
    /// Reads the directory's state, or writes that of a new one.
    pub fn open(
        files: &dyn Files,
        dir: &Path,
        options: &HeadOptions,
    ) -> Result<HeadState, StorageError> {
        let path = dir.join(NAME);
        let io = |error| StorageError::io(format!("reading {}", path.display()), error);
        if files.exists(&path).map_err(io)? {
            let bytes = files.read(&path).map_err(io)?;
            let first = bytes.get(..BYTES).and_then(HeadState::decode);
            let second = || bytes.get(COPY_AT..).and_then(HeadState::decode);
            let state = first.or_else(second).ok_or_else(|| {
                StorageError::corrupt(path.display().to_string(), "both copies have a bad checksum")
            })?;
            if first.is_none() {
                let rewritten = state.write(files, dir);
                tracing::warn!(path = %path.display(), ?rewritten, "one of two copies is damaged");
            }
            return state.accept(options);
        }
        let state = HeadState {
            partitions: options.partitions,
            window_ms: options.window_ms,
            incarnation: options.incarnation,
            checkpoint: Position::ZERO,
            position_floor: Position::ZERO,
        };
        state.write(files, dir)?;
        Ok(state)
    }

    fn accept(self, options: &HeadOptions) -> Result<HeadState, StorageError> {
        if self.window_ms == options.window_ms {
            return Ok(self);
        }
        Err(StorageError::Invalid(format!(
            "the data directory has windows of {} ms and {} ms are asked for \
             (--tsdb.min-block-duration): it cannot change while the directory is in use",
            self.window_ms, options.window_ms
        )))
    }

    /// Replaces the file; durable on return.
    pub fn write(&self, files: &dyn Files, dir: &Path) -> Result<(), StorageError> {
        let path = dir.join(NAME);
        let io = |error| StorageError::io(format!("writing {}", path.display()), error);
        files.create_dir_durable(dir).map_err(io)?;
        let copy = self.encode();
        let mut both = copy.clone();
        both.resize(COPY_AT, 0);
        both.extend_from_slice(&copy);
        files.write_atomic(&path, &both).map_err(io)
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&(self.partitions as u32).to_le_bytes());
        out.extend_from_slice(&self.window_ms.to_le_bytes());
        out.extend_from_slice(&self.incarnation.to_le_bytes());
        out.extend_from_slice(&self.checkpoint.0.to_le_bytes());
        out.extend_from_slice(&self.position_floor.0.to_le_bytes());
        let crc = crc32c::crc32c(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    fn decode(bytes: &[u8]) -> Option<HeadState> {
        let (body, crc) = bytes.split_last_chunk::<4>()?;
        let whole = bytes.len() == BYTES && crc32c::crc32c(body) == u32::from_le_bytes(*crc);
        if !whole || !body.starts_with(MAGIC) {
            return None;
        }
        let u32_at = |at: usize| Some(u32::from_le_bytes(*body.get(at..)?.first_chunk()?));
        let u64_at = |at: usize| Some(u64::from_le_bytes(*body.get(at..)?.first_chunk()?));
        let partitions = usize::try_from(u32_at(12)?).ok()?;
        let sane = partitions.is_power_of_two() && partitions <= PARTITIONS_MAX;
        if u32_at(8)? != VERSION || !sane {
            return None;
        }
        Some(HeadState {
            partitions,
            window_ms: i64::try_from(u64_at(16)?).ok()?,
            incarnation: u64_at(24)?,
            checkpoint: Position(u64_at(32)?),
            position_floor: Position(u64_at(40)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use journal::files::memory::MemoryFiles;

    #[test]
    fn the_first_partitions_stay_and_damage_is_noticed() {
        let (files, dir) = (MemoryFiles::default(), Path::new("/data"));
        let options = HeadOptions { partitions: 4, incarnation: 9, ..HeadOptions::default() };
        let state = HeadState::open(&files, dir, &options).unwrap();
        let other = HeadOptions { partitions: 16, incarnation: 1, ..options.clone() };
        assert_eq!(HeadState::open(&files, dir, &other).unwrap(), state);
        let window = HeadOptions { window_ms: 60_000, ..options.clone() };
        let error = HeadState::open(&files, dir, &window).unwrap_err().to_string();
        assert!(error.contains("--tsdb.min-block-duration"), "{error}");
        let path = dir.join(NAME);
        files.flip(&path, 20, 1);
        assert_eq!(HeadState::open(&files, dir, &options).unwrap(), state);
        files.flip(&path, COPY_AT as u64 + 20, 1);
        assert_eq!(HeadState::open(&files, dir, &options).unwrap(), state, "the first was healed");
        files.flip(&path, 20, 1);
        let error = HeadState::open(&files, dir, &options).unwrap_err();
        assert!(matches!(error, StorageError::Corrupt { .. }));
    }
}
