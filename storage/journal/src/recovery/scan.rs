//! The walk over all segments: finds every readable frame, and knows what is missing by the
//! positions, which have no gaps.

use std::sync::Arc;

use tracing::warn;

use super::window::Window;
use super::{Damage, Recovery};
use crate::Position;
use crate::error::{JournalError, Result};
use crate::files::File;
use crate::frame::{FRAME_ALIGN, FRAME_HEADER_BYTES, FrameHeader, FrameRef};
use crate::options::{Options, Progress};
use crate::segment::{DATA_OFFSET, SegmentHeader};

/// A segment file as found.
#[derive(Debug)]
pub(crate) struct Found {
    pub sequence: u64,
    pub bytes: u64,
    pub file: Arc<dyn File>,
    /// `None` when both copies are damaged.
    pub header: Option<SegmentHeader>,
}

/// Where a frame is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// Index into the list of segments found.
    pub segment: usize,
    pub offset: u64,
    pub header: FrameHeader,
}

/// Called with each readable frame.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(Position, FrameRef<'_>) -> Result<()>;

/// State of the walk.
#[derive(Debug)]
pub(crate) struct Scan<'a> {
    found: &'a [Found],
    progress: &'a Progress,
    segment_bytes: u64,
    pub recovery: Recovery,
    /// The position that must come next; `None` before the first header.
    pub expected: Option<Position>,
    /// Every position up to this one was durable before the crash.
    pub synced: Position,
    /// Frames after `synced`, which may be in the page cache only.
    pub unsynced: Vec<Place>,
    /// Where each segment begins, as far as known.
    pub firsts: Vec<Position>,
    /// Segment and offset after the last readable frame.
    last_end: (usize, u64),
    bytes_before: u64,
}

impl<'a> Scan<'a> {
    pub fn new(found: &'a [Found], options: &'a Options) -> Self {
        let progress = options.progress.as_ref();
        progress.begin(found.iter().map(|segment| segment.bytes).sum());
        Self {
            found,
            progress,
            segment_bytes: options.segment_bytes,
            recovery: Recovery { segments: found.len() as u64, ..Recovery::default() },
            expected: None,
            synced: Position::ZERO,
            unsynced: Vec::new(),
            firsts: Vec::new(),
            last_end: (0, DATA_OFFSET),
            bytes_before: 0,
        }
    }

    /// Walks all segments, oldest first.
    pub fn run(&mut self, sink: Sink<'_>) -> Result<()> {
        for (index, segment) in self.found.iter().enumerate() {
            if crate::planted!("M7") && !self.recovery.damaged.is_empty() {
                break;
            }
            self.enter(index, segment);
            if let Some(header) = segment.header {
                self.walk(index, &header, sink)?;
            }
            self.bytes_before += segment.bytes;
            self.progress.advance_to(self.bytes_before);
        }
        self.finish();
        Ok(())
    }

    /// Compares where the segment begins with where the one before ended.
    fn enter(&mut self, index: usize, segment: &Found) {
        let Some(header) = segment.header else {
            warn!(segment = segment.sequence, "both headers of a journal segment are damaged");
            self.firsts.push(self.expected.unwrap_or_default());
            self.last_end = (index, 0);
            return;
        };
        self.firsts.push(header.first);
        self.synced = self.synced.max(header.first.previous());
        self.forget_synced();
        let expected = self.expected.unwrap_or_else(|| self.lowest_before(index, header.first));
        if header.first > expected {
            self.missing(expected, header.first);
        }
        self.expected = Some(self.expected.unwrap_or_default().max(header.first));
        self.last_end = (index, DATA_OFFSET);
    }

    /// The lowest position that the segments before the first readable header can have held.
    fn lowest_before(&self, index: usize, first: Position) -> Position {
        let lost: u64 = self.found[..index].iter().map(|segment| self.size(segment)).sum();
        Position(first.0.saturating_sub(lost / FRAME_HEADER_BYTES).max(1)).min(first)
    }

    /// Leaves out positions that lost bytes at the end may have had, so that none is used twice.
    fn skip(&mut self, frames: u64) {
        if frames > 0 {
            let first = self.expected.unwrap_or_default().max(Position(1));
            let next = Position(first.0.saturating_add(frames));
            self.missing(first, next);
            self.expected = Some(next);
        }
    }

    /// What a segment was at least, even if it was cut since.
    fn size(&self, segment: &Found) -> u64 {
        segment.bytes.max(self.segment_bytes)
    }

    /// Positions from here on belong to a later segment.
    fn until(&self, index: usize) -> Position {
        let later = self.found[index + 1..].iter().find_map(|segment| segment.header);
        later.map_or(Position(u64::MAX), |header| header.first)
    }

    fn walk(&mut self, index: usize, header: &SegmentHeader, sink: Sink<'_>) -> Result<()> {
        let until = self.until(index);
        let mut window = Window::new(self.found[index].file.clone())?;
        let mut torn_end = DATA_OFFSET;
        let mut offset = DATA_OFFSET;
        while offset + FRAME_HEADER_BYTES <= window.file_bytes() {
            let frame = self.frame_at(&mut window, offset, header.salt, until)?;
            let Some(frame) = frame else {
                offset += FRAME_ALIGN;
                continue;
            };
            let end = offset + frame.frame_bytes();
            if self.deliver(&mut window, index, offset, &frame, sink)? {
                offset = end;
                self.progress.advance_to(self.bytes_before + offset);
            } else {
                torn_end = torn_end.max(end);
                offset += FRAME_ALIGN;
            }
        }
        if index + 1 == self.found.len() && self.last_end.0 == index {
            self.recovery.torn_tail_bytes = torn_end.saturating_sub(self.last_end.1);
        }
        Ok(())
    }

    /// A header that is possible here.
    fn frame_at(
        &self,
        window: &mut Window,
        offset: u64,
        salt: u64,
        until: Position,
    ) -> Result<Option<FrameHeader>> {
        let Some(bytes) = window.get(offset, FRAME_HEADER_BYTES)? else { return Ok(None) };
        let expected = self.expected.unwrap_or_default();
        let frame = FrameHeader::decode(bytes, salt).filter(|frame| {
            (expected..until).contains(&frame.position)
                && frame.synced < frame.position
                && frame.frame_bytes() <= window.file_bytes() - offset
        });
        Ok(frame)
    }

    /// Hands the frame over if its payload is whole.
    fn deliver(
        &mut self,
        window: &mut Window,
        index: usize,
        offset: u64,
        frame: &FrameHeader,
        sink: Sink<'_>,
    ) -> Result<bool> {
        let at = offset + FRAME_HEADER_BYTES;
        let payload = window.get(at, u64::from(frame.payload_bytes))?;
        let Some(payload) = payload.filter(|payload| frame.matches(payload)) else {
            return Ok(false);
        };
        let expected = self.expected.unwrap_or_default();
        if frame.position > expected {
            self.missing_until(expected, frame.position, (index, offset));
        }
        self.expected = Some(frame.position.next());
        self.last_end = (index, offset + frame.frame_bytes());
        self.recovery.frames += 1;
        self.recovery.bytes += u64::from(frame.payload_bytes);
        self.recovery.last = frame.position;
        self.synced = self.synced.max(frame.synced);
        self.forget_synced();
        self.unsynced.push(Place { segment: index, offset, header: *frame });
        sink(frame.position, FrameRef { stream: frame.stream, epoch: frame.epoch, payload })?;
        Ok(true)
    }

    fn forget_synced(&mut self) {
        let synced = self.synced;
        self.unsynced.retain(|place| place.header.position > synced);
    }

    /// A gap before a segment: in the one before it, or a file that is gone.
    fn missing(&mut self, expected: Position, next: Position) {
        let end = self.found[self.last_end.0].bytes;
        self.missing_until(expected, next, (self.last_end.0, end));
    }

    fn missing_until(&mut self, expected: Position, next: Position, end: (usize, u64)) {
        let (segment, offset) = self.last_end;
        let damage = Damage {
            segment: self.found[segment].sequence,
            offset,
            bytes: end.1.saturating_sub(offset),
            first: expected,
            last: next.previous(),
            maybe_unsynced: false,
        };
        warn!(?damage, "journal frames are damaged");
        self.recovery.damaged.push(damage);
    }

    /// Counts what the last segment can have lost, and says which damage may be a torn write.
    fn finish(&mut self) {
        if let Some(last) = self.found.last() {
            let lost = match last.header {
                None => self.size(last).saturating_sub(DATA_OFFSET),
                Some(header) => header.bytes.saturating_sub(last.bytes),
            };
            self.skip(lost / FRAME_HEADER_BYTES);
        }
        for damage in &mut self.recovery.damaged {
            damage.maybe_unsynced = damage.first > self.synced;
        }
        self.recovery.synced = self.synced;
    }
}

/// Reads a frame again that the walk has seen.
pub(crate) fn reread(found: &[Found], place: &Place) -> Result<Vec<u8>> {
    let mut payload = vec![0; place.header.payload_bytes as usize];
    let segment = &found[place.segment];
    segment.file.read_exact_at(&mut payload, place.offset + FRAME_HEADER_BYTES)?;
    if place.header.matches(&payload) {
        return Ok(payload);
    }
    let position = place.header.position;
    let text = format!("frame {position} of segment {} reads differently", segment.sequence);
    Err(JournalError::Failed(text.into()))
}
