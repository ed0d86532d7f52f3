//! Opening: list, scan, make the last group durable, number the spares.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::{Journal, Status};
use crate::Position;
use crate::error::Result;
use crate::files::{Files, OpenMode};
use crate::frame::append_frame;
use crate::options::Options;
use crate::recovery::Recovery;
use crate::recovery::scan::{Found, Scan, Sink, reread};
use crate::segment::{SegmentHeader, SegmentName};
use crate::shelf::Shelf;
use crate::staging::{Group, Staging};
use crate::writer::{Live, Writer};

pub(super) fn open(
    files: Arc<dyn Files>,
    dir: &Path,
    options: Options,
    sink: Sink<'_>,
) -> Result<(Journal, Recovery)> {
    let options = options.resolved()?;
    files.create_dir_durable(dir)?;
    let names = segment_names(files.as_ref(), dir)?;
    let found = open_segments(files.as_ref(), dir, &names)?;
    let mut scan = Scan::new(&found, &options);
    scan.run(sink)?;
    let expected = scan.expected.unwrap_or_default().max(options.position_floor.next());
    let last = expected.previous();

    let mut shelf = Shelf::open(files.clone(), dir, &options, &names)?;
    shelf.keep_ballast(options.ballast_bytes)?;
    let shelf = Arc::new(Mutex::new(shelf));
    let live = Arc::new(Mutex::new(live_segments(&found, &scan)));
    let mut writer =
        Writer::new(files.clone(), dir.to_owned(), &options, shelf.clone(), live.clone());
    if !scan.unsynced.is_empty() && !crate::planted!("G25") {
        carry_over(&mut writer, &found, &scan)?;
        drop_superseded(&shelf, &live, scan.synced.next())?;
    }
    // A jump in positions is allowed between segments only.
    if scan.recovery.last != last {
        writer.retire();
    }
    let journal = Journal {
        staging: Mutex::new(Staging::new(&options, last)),
        staged: Notify::new(),
        status: watch::Sender::new(Status { durable: last, ..Status::default() }),
        writer: Mutex::new(writer),
        shelf,
        live,
        frame_bytes_max: options.frame_bytes_max,
        dir: dir.to_owned(),
    };
    Ok((journal, scan.recovery))
}

fn segment_names(files: &dyn Files, dir: &Path) -> Result<Vec<(SegmentName, u64)>> {
    let entries = files.list(dir)?;
    let mut names: Vec<_> = entries
        .iter()
        .filter(|entry| !entry.is_dir)
        .filter_map(|entry| Some((SegmentName::parse(&entry.name)?, entry.bytes)))
        .collect();
    names.sort_by_key(|(name, _)| name.sequence());
    Ok(names)
}

fn open_segments(
    files: &dyn Files,
    dir: &Path,
    names: &[(SegmentName, u64)],
) -> Result<Vec<Found>> {
    let live = names.iter().filter(|(name, _)| matches!(name, SegmentName::Live(_)));
    live.map(|(name, bytes)| {
        let file = files.open(&name.path(dir), OpenMode::READ)?;
        let sequence = name.sequence();
        let header = SegmentHeader::read(file.as_ref(), sequence)?;
        Ok(Found { sequence, bytes: *bytes, file, header })
    })
    .collect()
}

fn live_segments(found: &[Found], scan: &Scan<'_>) -> VecDeque<Live> {
    let segments = found.iter().zip(&scan.firsts);
    let live = segments.map(|(segment, first)| Live {
        sequence: segment.sequence,
        first: *first,
        damaged: segment.header.is_none(),
    });
    live.collect()
}

/// Writes the frames that may be in the page cache only into a new segment, which replaces their
/// first copy. A failed sync before a restart marks pages clean without writing them, so syncing
/// the old file again would prove nothing.
fn carry_over(writer: &mut Writer, found: &[Found], scan: &Scan<'_>) -> Result<()> {
    let first = scan.synced.next();
    let last = scan.recovery.last;
    let mut group = Group { bytes: Vec::new(), frames_bytes: 0, first, last };
    for place in &scan.unsynced {
        debug_assert!(place.header.position > scan.synced, "synced frames were forgotten");
        append_frame(&mut group.bytes, &place.header, &reread(found, place)?);
    }
    group.frames_bytes = group.bytes.len() as u64;
    writer.begin(&mut group, first, scan.synced)
}

/// Recycles segments all of whose frames are in the segment that begins at `first`.
fn drop_superseded(
    shelf: &Mutex<Shelf>,
    live: &Mutex<VecDeque<Live>>,
    first: Position,
) -> Result<()> {
    let mut shelf = shelf.lock();
    let mut live = live.lock();
    let newest = live.pop_back();
    while let Some(superseded) =
        live.pop_back_if(|segment| segment.first >= first && !segment.damaged)
    {
        shelf.recycle(superseded.sequence)?;
    }
    live.extend(newest);
    Ok(())
}
