//! The segment that is written now.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::Position;
use crate::error::{JournalError, Result};
use crate::files::{File, Files, OpenMode};
use crate::frame::{SECTOR_BYTES, seal};
use crate::options::Options;
use crate::segment::{DATA_OFFSET, SegmentHeader, SegmentName};
use crate::shelf::Shelf;
use crate::staging::Group;

/// A segment that replay would read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Live {
    pub sequence: u64,
    /// Frames before this position are in earlier segments.
    pub first: Position,
    /// Its header is lost: it stays as evidence until it is released.
    pub damaged: bool,
}

/// Where the next group goes.
#[derive(Debug)]
struct Active {
    file: Arc<dyn File>,
    salt: u64,
    offset: u64,
}

/// Writes groups, one at a time.
#[derive(Debug)]
pub(crate) struct Writer {
    files: Arc<dyn Files>,
    dir: PathBuf,
    salt_seed: u64,
    segment_bytes: u64,
    sync: bool,
    active: Option<Active>,
    shelf: Arc<Mutex<Shelf>>,
    live: Arc<Mutex<VecDeque<Live>>>,
}

impl Writer {
    pub fn new(
        files: Arc<dyn Files>,
        dir: PathBuf,
        options: &Options,
        shelf: Arc<Mutex<Shelf>>,
        live: Arc<Mutex<VecDeque<Live>>>,
    ) -> Self {
        Self {
            files,
            dir,
            salt_seed: options.salt_seed,
            segment_bytes: options.segment_bytes,
            sync: options.sync,
            active: None,
            shelf,
            live,
        }
    }

    /// Writes a group and syncs once. `synced` is what is durable already. `NoSpace` leaves all
    /// as it was, so that the same group may be tried again; any other error is final.
    pub fn write(&mut self, group: &mut Group, synced: Position) -> Result<()> {
        let bytes = padded_bytes(group);
        match self.active.take_if(|active| active.offset + bytes > self.segment_bytes) {
            Some(_full) => self.begin(group, group.first, synced),
            None if self.active.is_none() => self.begin(group, group.first, synced),
            None => self.append(group, synced),
        }
    }

    /// The next group begins a new segment.
    pub fn retire(&mut self) {
        self.active = None;
    }

    fn append(&mut self, group: &mut Group, synced: Position) -> Result<()> {
        let Some(active) = &mut self.active else {
            return Err(JournalError::Failed("no segment is open".into()));
        };
        seal_and_pad(group, active.salt, synced);
        active.file.write_all_at(&group.bytes, active.offset).map_err(write_error)?;
        sync_data(self.sync, active.file.as_ref())?;
        active.offset += group.bytes.len() as u64;
        Ok(())
    }

    /// Begins a segment at position `first` with a group. The file gets the name of a segment
    /// only when header and group are synced, so a segment always has a header.
    pub fn begin(&mut self, group: &mut Group, first: Position, synced: Position) -> Result<()> {
        let shelf = self.shelf.clone();
        let mut shelf = shelf.lock();
        let sequence = shelf.take().map_err(shelf_error)?;
        let begun = self.begin_in(sequence, group, first, synced);
        if let Err(JournalError::NoSpace(_)) = &begun {
            shelf.put_back(sequence);
        }
        self.active = Some(begun?);
        self.live.lock().push_back(Live { sequence, first, damaged: false });
        Ok(())
    }

    fn begin_in(
        &self,
        sequence: u64,
        group: &mut Group,
        first: Position,
        synced: Position,
    ) -> Result<Active> {
        let bytes = self.segment_bytes.max(DATA_OFFSET + padded_bytes(group));
        let header = SegmentHeader::new(sequence, self.salt_seed, first, bytes);
        let spare = SegmentName::Spare(sequence).path(&self.dir);
        let file = self.files.open(&spare, OpenMode::READ_WRITE).map_err(fatal)?;
        seal_and_pad(group, header.salt, synced);
        file.write_all_at(&header.encode_area(), 0).map_err(write_error)?;
        file.write_all_at(&group.bytes, DATA_OFFSET).map_err(write_error)?;
        sync_data(self.sync, file.as_ref())?;
        self.files.rename(&spare, &SegmentName::Live(sequence).path(&self.dir)).map_err(fatal)?;
        if self.sync && !crate::planted!("M4") {
            self.files.sync_dir(&self.dir).map_err(fatal)?;
        }
        Ok(Active { file, salt: header.salt, offset: DATA_OFFSET + group.bytes.len() as u64 })
    }
}

fn padded_bytes(group: &Group) -> u64 {
    group.frames_bytes.next_multiple_of(SECTOR_BYTES)
}

fn seal_and_pad(group: &mut Group, salt: u64, synced: Position) {
    group.bytes.truncate(group.frames_bytes as usize);
    seal(&mut group.bytes, salt, synced);
    group.bytes.resize(padded_bytes(group) as usize, 0);
}

fn sync_data(sync: bool, file: &dyn File) -> Result<()> {
    if !sync || crate::planted!("G2") {
        return Ok(());
    }
    let retries = if crate::planted!("M5") { 3 } else { 0 };
    let again = |synced: io::Result<()>, _| synced.or_else(|_| file.sync_data());
    (0..retries).fold(file.sync_data(), again).map_err(fatal)
}

/// A full disk found by a write harms nothing: the same bytes go to the same place later.
fn write_error(error: io::Error) -> JournalError {
    match error.kind() {
        io::ErrorKind::StorageFull => JournalError::NoSpace(error.to_string().into()),
        _ => fatal(error),
    }
}

fn fatal(error: io::Error) -> JournalError {
    JournalError::Failed(error.to_string().into())
}

fn shelf_error(error: JournalError) -> JournalError {
    match error {
        JournalError::NoSpace(_) => error,
        other => JournalError::Failed(other.to_string().into()),
    }
}
