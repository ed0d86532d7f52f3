//! Damage at rest: bits that turn over, sectors that are lost, files that are cut short.

use std::path::{Path, PathBuf};

use super::Disk;
use crate::random::Random;

/// What can be damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Area {
    /// The head's journal.
    Journal,
    /// Chunks of a local block.
    Chunks,
    /// The index of a local block.
    Index,
    /// `meta.json` of a local block.
    Meta,
    /// Raft's log.
    RaftLog,
}

/// What was damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// The file.
    pub path: PathBuf,
    /// Whether every byte that was touched is under a checksum.
    pub is_checked: bool,
    /// In words.
    pub words: String,
}

const SECTOR_BYTES: u64 = 512;
/// How many offsets are tried until one has content.
const OFFSETS_MAX: usize = 16;
/// Bytes of a file of chunks that no checksum is over.
const CHUNKS_HEADER_BYTES: u64 = 8;

impl Area {
    fn has(self, path: &Path) -> bool {
        let within = |folder: &str| path.components().any(|part| part.as_os_str() == folder);
        let named = |name: &str| path.file_name().is_some_and(|found| found == name);
        let is_spare = path.extension().is_some_and(|extension| extension == "free");
        match self {
            Area::Journal => within("head") && !is_spare,
            Area::Chunks => within("blocks") && within("chunks"),
            Area::Index => within("blocks") && named("index"),
            Area::Meta => within("blocks") && named("meta.json"),
            Area::RaftLog => within("raft") && within("log") && !is_spare,
        }
    }
}

impl Disk {
    /// Damages a file of an area, if there is one.
    pub fn damage(&self, area: Area, random: &mut Random) -> Option<Damaged> {
        let files: Vec<(PathBuf, u64)> = self.memory.all_files();
        let of_area = |(path, bytes): &&(PathBuf, u64)| area.has(path) && *bytes > 0;
        let files: Vec<&(PathBuf, u64)> = files.iter().filter(of_area).collect();
        if files.is_empty() {
            return None;
        }
        let (path, bytes) = files[random.index(files.len())];
        let offset = self.offset_of_content(path, *bytes, random);
        let shown = path.display();
        self.count("damage at rest");
        let words = match random.below(4) {
            0 => {
                let from = offset - offset % SECTOR_BYTES;
                self.memory.zero(path, from, SECTOR_BYTES);
                format!("the sector at {from} of {shown} is zero")
            }
            1 if area != Area::Journal && area != Area::RaftLog => {
                self.memory.truncate(path, offset);
                format!("{shown} is cut to {offset} of {bytes} bytes")
            }
            _ => {
                let bit = random.below(8);
                self.memory.flip(path, offset, 1 << bit);
                format!("bit {bit} of byte {offset} of {shown} turned over")
            }
        };
        let is_checked = area == Area::Chunks && offset >= CHUNKS_HEADER_BYTES;
        Some(Damaged { path: path.clone(), is_checked, words })
    }

    /// An offset that has content: segments are written with zeros in advance, groups of frames
    /// end with them.
    fn offset_of_content(&self, path: &Path, bytes: u64, random: &mut Random) -> u64 {
        let content = journal::files::Files::read(&self.memory, path).unwrap_or_default();
        let used = content.iter().rposition(|byte| *byte != 0).map_or(bytes, |at| at as u64 + 1);
        let offsets = std::iter::repeat_with(|| random.below(used.max(1)));
        let is_zero = |at: &u64| content.get(*at as usize).is_none_or(|byte| *byte == 0);
        let mut tried = offsets.take(OFFSETS_MAX);
        tried.by_ref().find(|at| !is_zero(at)).unwrap_or(used.saturating_sub(1))
    }
}
