//! What the journal of this node has lost to damage, over restarts.
//!
//! The journal finds a damaged frame each time it is read, but only until its segment is given up.
//! The samples of the frame are still missing then, so that the node must go on saying that others
//! have to be asked: until it keeps nothing of that time, and the bucket serves it.
//!
//! The file `head/damage` is a file of slots ([`journal::files::slots`]) that hold the number of
//! frames (8 bytes) and when they were last found (8 bytes, milliseconds since 1970), both little
//! endian.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

use journal::files::Files;
use journal::files::slots::{SlotFile, SlotKind};

const KIND: SlotKind = SlotKind { magic: b"GRDM", slot_bytes: 4096 };

/// What a node keeps.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    /// How long, after samples came; `None` if they never go.
    pub lasts: Option<Duration>,
    /// When its oldest block begins: blocks stay longer while the bucket lacks them.
    pub oldest_ms: Option<i64>,
}

impl Kept {
    /// Whether nothing of this time is kept any more.
    fn is_past(self, at_ms: i64, now_ms: i64) -> bool {
        let Some(lasts) = self.lasts else { return false };
        let lasts_ms = i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX);
        now_ms > at_ms.saturating_add(lasts_ms) && self.oldest_ms.is_none_or(|from| from > at_ms)
    }
}

/// Notes that so many frames are found damaged now, and answers how many are missing at least:
/// those and the ones of before, unless nothing of that time is kept any more. Frames found before
/// may be among those found now, so that the larger of two numbers is what is certain.
pub fn note(
    files: &dyn Files,
    path: &Path,
    (found, now_ms): (u64, i64),
    kept: Kept,
) -> io::Result<u64> {
    let (mut file, known) = match SlotFile::open(files, path, KIND) {
        // Something was written, and it can only have been that.
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            files.remove_file(path)?;
            (SlotFile::open(files, path, KIND)?.0, Some((1, now_ms)))
        }
        opened => opened.map(|(file, bytes)| (file, bytes.as_deref().and_then(decode)))?,
    };
    let known = known.filter(|(_, at_ms)| !kept.is_past(*at_ms, now_ms));
    let Some((frames, at_ms)) = (match (found, known) {
        (0, known) => known,
        (_, known) => Some((known.map_or(found, |(frames, _)| frames.max(found)), now_ms)),
    }) else {
        return Ok(0);
    };
    // Into both slots: damage of one of them must not hide it.
    for _ in 0..2 {
        file.write(&encode(frames, at_ms))?;
    }
    Ok(frames)
}

fn encode(frames: u64, at_ms: i64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&frames.to_le_bytes());
    bytes[8..].copy_from_slice(&at_ms.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<(u64, i64)> {
    let (frames, at_ms) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_le_bytes(*frames), i64::from_le_bytes(at_ms.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use journal::files::memory::MemoryFiles;

    const HOUR_MS: i64 = 3_600_000;

    #[test]
    fn damage_is_known_when_its_segment_is_gone_and_until_the_data_is() {
        let files = MemoryFiles::default();
        let path = Path::new("/damage");
        let lasts = Some(Duration::from_secs(7_200));
        let start = |found, now_ms, oldest_ms| {
            note(&files, path, (found, now_ms), Kept { lasts, oldest_ms }).unwrap()
        };
        assert_eq!(start(0, 0, None), 0);
        assert_eq!(start(2, HOUR_MS, None), 2);
        assert_eq!(start(0, 2 * HOUR_MS, Some(9 * HOUR_MS)), 2, "the segment was given up");
        assert!(files.flip(path, 25, 1));
        assert_eq!(start(1, 2 * HOUR_MS, None), 2, "one slot is enough");
        assert_eq!(start(0, 4 * HOUR_MS, None), 2);
        assert_eq!(start(0, 5 * HOUR_MS, Some(2 * HOUR_MS)), 2, "a block of then is still there");
        assert_eq!(start(0, 5 * HOUR_MS, Some(3 * HOUR_MS)), 0, "nothing of then is kept here");
        let for_ever = Kept { lasts: None, oldest_ms: None };
        assert_eq!(note(&files, path, (0, i64::MAX), for_ever).unwrap(), 2);
        for slot in [0, 4096] {
            assert!(files.flip(path, slot + 25, 1));
        }
        assert_eq!(start(0, 5 * HOUR_MS, None), 1, "a file that cannot be read says enough");
    }
}
