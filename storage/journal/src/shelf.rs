//! The supply of segment files: pre-written with zeros, recycled after release, and the ballast
//! that is given up when the disk is full.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::warn;

use crate::error::Result;
use crate::files::{Files, OpenMode};
use crate::options::Options;
use crate::segment::SegmentName;

const ZEROS_BYTES: u64 = 1 << 20;
const BALLAST_NAME: &str = "ballast";

/// Spare files of one journal and the numbers for new ones. Every number names one life of one
/// file and is never used twice.
#[derive(Debug)]
pub(crate) struct Shelf {
    files: Arc<dyn Files>,
    dir: PathBuf,
    /// Oldest number first: segments must come into use in the order of their numbers.
    spares: VecDeque<u64>,
    next_sequence: u64,
    segment_bytes: u64,
    spare_segments_max: usize,
    ballast: bool,
}

impl Shelf {
    /// Gives every spare file found a new number: it may hold frames of a life that never began.
    pub fn open(
        files: Arc<dyn Files>,
        dir: &Path,
        options: &Options,
        found: &[(SegmentName, u64)],
    ) -> Result<Self> {
        let highest = found.iter().map(|(name, _)| name.sequence()).max().unwrap_or(0);
        let mut shelf = Self {
            files,
            dir: dir.to_owned(),
            spares: VecDeque::new(),
            next_sequence: highest.saturating_add(1),
            segment_bytes: options.segment_bytes,
            spare_segments_max: options.spare_segments_max,
            ballast: false,
        };
        for (name, bytes) in found {
            if matches!(name, SegmentName::Spare(_)) {
                shelf.keep_or_remove(*name, *bytes)?;
            }
        }
        shelf.files.sync_dir(dir)?;
        Ok(shelf)
    }

    pub fn spares(&self) -> usize {
        self.spares.len()
    }

    /// A spare for use: its number. Made now if there is none.
    pub fn take(&mut self) -> Result<u64> {
        self.prepare()?;
        let sequence = self.spares.pop_front();
        Ok(sequence.expect("prepare left at least one spare"))
    }

    /// Puts a number back that could not be used.
    pub fn put_back(&mut self, sequence: u64) {
        self.spares.push_front(sequence);
    }

    /// Sees to it that a spare is there.
    pub fn prepare(&mut self) -> Result<()> {
        if self.spares.is_empty() {
            let sequence = self.make_with_ballast()?;
            self.spares.push_back(sequence);
        }
        Ok(())
    }

    /// Turns a segment that nobody needs into a spare, or removes it. Durable on return, so that
    /// segments disappear oldest first and never leave a hole.
    pub fn recycle(&mut self, sequence: u64) -> Result<()> {
        let name = SegmentName::Live(sequence);
        let bytes = self.files.len(&name.path(&self.dir))?;
        self.keep_or_remove(name, bytes)?;
        self.files.sync_dir(&self.dir)?;
        Ok(())
    }

    fn keep_or_remove(&mut self, name: SegmentName, bytes: u64) -> Result<()> {
        let path = name.path(&self.dir);
        if bytes != self.segment_bytes || self.spares.len() >= self.spare_segments_max {
            self.files.remove_file(&path)?;
            return Ok(());
        }
        let sequence = self.number();
        self.files.rename(&path, &SegmentName::Spare(sequence).path(&self.dir))?;
        self.spares.push_back(sequence);
        Ok(())
    }

    fn number(&mut self) -> u64 {
        let sequence = self.next_sequence;
        self.next_sequence = sequence.saturating_add(1);
        sequence
    }

    fn make_with_ballast(&mut self) -> Result<u64> {
        match self.make() {
            Err(error) if is_full(&error) && self.ballast => {
                warn!(dir = %self.dir.display(), "disk full: giving up the journal's ballast");
                self.files.remove_file(&self.dir.join(BALLAST_NAME))?;
                self.files.sync_dir(&self.dir)?;
                self.ballast = false;
                Ok(self.make()?)
            }
            made => Ok(made?),
        }
    }

    fn make(&mut self) -> io::Result<u64> {
        let sequence = self.number();
        let path = SegmentName::Spare(sequence).path(&self.dir);
        self.write_zeros(&path, OpenMode::CREATE_NEW, self.segment_bytes)?;
        self.files.sync_dir(&self.dir)?;
        Ok(sequence)
    }

    /// Writes a file full of zeros and syncs it; leaves none behind on error.
    fn write_zeros(&self, path: &Path, mode: OpenMode, bytes: u64) -> io::Result<()> {
        let file = self.files.open(path, mode)?;
        let fill = || {
            let zeros = vec![0; ZEROS_BYTES.min(bytes) as usize];
            for offset in (0..bytes).step_by(ZEROS_BYTES as usize) {
                let now = ZEROS_BYTES.min(bytes - offset) as usize;
                file.write_all_at(&zeros[..now], offset)?;
            }
            file.sync_all()
        };
        fill().inspect_err(|_| {
            if let Err(error) = self.files.remove_file(path) {
                warn!(%error, "half-written file stays until the next start");
            }
        })
    }

    /// Makes the ballast file, or leaves it as it is. A full disk is no error here.
    pub fn keep_ballast(&mut self, bytes: u64) -> Result<()> {
        let path = self.dir.join(BALLAST_NAME);
        let there = if self.files.exists(&path)? { self.files.len(&path)? } else { 0 };
        if bytes == 0 && there > 0 {
            self.files.remove_file(&path)?;
        }
        if bytes == 0 {
            return Ok(());
        }
        if there < bytes && !self.make_ballast(&path, bytes)? {
            return Ok(());
        }
        self.ballast = true;
        Ok(())
    }

    fn make_ballast(&self, path: &Path, bytes: u64) -> Result<bool> {
        match self.write_zeros(path, OpenMode::CREATE, bytes) {
            Ok(()) => {
                self.files.sync_dir(&self.dir)?;
                Ok(true)
            }
            Err(error) if is_full(&error) => {
                warn!(%error, "no space for the journal's ballast");
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::StorageFull
}
