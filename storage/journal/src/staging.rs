//! Frames that wait for a commit, already in the groups in which they will be written.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::Position;
use crate::error::{JournalError, Result};
use crate::frame::{FrameHeader, append_frame, framed_bytes};
use crate::options::Options;

/// Group buffers kept for reuse.
const SPARE_BUFFERS_MAX: usize = 4;

/// Frames that are written and synced together.
#[derive(Debug)]
pub(crate) struct Group {
    /// Whole frames, their salted checksums still missing.
    pub bytes: Vec<u8>,
    /// Bytes of the frames, without the padding that is added when they are written.
    pub frames_bytes: u64,
    pub first: Position,
    pub last: Position,
}

/// What refuses frames, if anything does.
#[derive(Debug)]
enum Gate {
    Open,
    /// The disk is full; a commit that succeeds opens it again.
    Starved(Arc<str>),
    Closed,
    Failed(Arc<str>),
}

#[derive(Debug)]
pub(crate) struct Staging {
    groups: VecDeque<Group>,
    spare_buffers: Vec<Vec<u8>>,
    /// Bytes of `groups` and of the group that a commit has taken.
    bytes: u64,
    last: Position,
    gate: Gate,
    staged_bytes_max: u64,
    group_bytes_max: u64,
}

impl Staging {
    pub fn new(options: &Options, last: Position) -> Self {
        Self {
            groups: VecDeque::new(),
            spare_buffers: Vec::new(),
            bytes: 0,
            last,
            gate: Gate::Open,
            staged_bytes_max: options.staged_bytes_max,
            group_bytes_max: options.group_bytes_max,
        }
    }

    pub fn last(&self) -> Position {
        self.last
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    pub fn is_closed(&self) -> bool {
        matches!(self.gate, Gate::Closed)
    }

    /// Whether nothing will ever be written any more.
    pub fn is_failed(&self) -> bool {
        matches!(self.gate, Gate::Failed(_))
    }

    pub fn close(&mut self) {
        if !self.is_failed() {
            self.gate = Gate::Closed;
        }
    }

    /// Copies a frame in and numbers it. `header.position` is set here.
    pub fn push(&mut self, mut header: FrameHeader, payload: &[u8]) -> Result<Position> {
        self.check_gate()?;
        let bytes = framed_bytes(payload.len() as u64);
        if self.bytes + bytes > self.staged_bytes_max {
            return Err(JournalError::Full { staged: self.bytes, limit: self.staged_bytes_max });
        }
        header.position = self.last.next();
        let group = self.group_for(bytes, header.position);
        append_frame(&mut group.bytes, &header, payload);
        group.frames_bytes = group.bytes.len() as u64;
        group.last = header.position;
        self.bytes += bytes;
        self.last = header.position;
        Ok(self.last)
    }

    fn check_gate(&self) -> Result<()> {
        match &self.gate {
            Gate::Open => Ok(()),
            Gate::Starved(cause) => Err(JournalError::NoSpace(cause.clone())),
            Gate::Closed => Err(JournalError::Closed),
            Gate::Failed(cause) => Err(JournalError::Failed(cause.clone())),
        }
    }

    fn group_for(&mut self, bytes: u64, first: Position) -> &mut Group {
        let limit = self.group_bytes_max;
        let fits = |group: &Group| {
            let unpadded = group.bytes.len() as u64 == group.frames_bytes;
            unpadded && group.frames_bytes + bytes <= limit
        };
        if !self.groups.back().is_some_and(fits) {
            let bytes = self.spare_buffers.pop().unwrap_or_default();
            self.groups.push_back(Group { bytes, frames_bytes: 0, first, last: first });
        }
        self.groups.back_mut().expect("a group was pushed if there was none")
    }

    /// The oldest group, or `None` when nothing waits. Give it back with `written` or `put_back`.
    pub fn take(&mut self) -> Result<Option<Group>> {
        match &self.gate {
            Gate::Failed(cause) => Err(JournalError::Failed(cause.clone())),
            _ => Ok(self.groups.pop_front()),
        }
    }

    /// The group is durable.
    pub fn written(&mut self, group: Group) {
        self.bytes -= group.frames_bytes;
        if matches!(self.gate, Gate::Starved(_)) {
            self.gate = Gate::Open;
        }
        let keep = group.bytes.capacity() as u64 <= 2 * self.group_bytes_max;
        if keep && self.spare_buffers.len() < SPARE_BUFFERS_MAX {
            let mut buffer = group.bytes;
            buffer.clear();
            self.spare_buffers.push(buffer);
        }
    }

    /// The group found no space. It stays the oldest; new frames are refused until it fits.
    pub fn put_back(&mut self, group: Group, cause: Arc<str>) {
        self.groups.push_front(group);
        if matches!(self.gate, Gate::Open | Gate::Starved(_)) {
            self.gate = Gate::Starved(cause);
        }
    }

    /// Nothing staged will become durable.
    pub fn fail(&mut self, cause: Arc<str>) {
        self.gate = Gate::Failed(cause);
        self.groups.clear();
        self.bytes = 0;
    }
}
