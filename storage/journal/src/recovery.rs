//! What opening a journal found.

use crate::Position;

pub(crate) mod scan;
pub(crate) mod window;

/// What was on the disk. Nothing here was deleted but what is called so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Frames handed to the replay callback.
    pub frames: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// Segment files, those with damaged headers included.
    pub segments: u64,
    /// Frames that were there and are not readable, in order of position: repair them from a
    /// replica.
    pub damaged: Vec<Damage>,
    /// Bytes of frames at the very end that were never finished, as far as they can be told from
    /// unused space. They are cut.
    pub torn_tail_bytes: u64,
    /// The position of the last frame that was replayed, or [`Position::ZERO`].
    pub last: Position,
    /// Everything up to here was durable: a later frame says so. What comes after it may be the
    /// remains of a torn write, and damage there cannot be told from one.
    pub synced: Position,
}

/// A run of positions without readable frames, while something valid comes after them, or, for a
/// segment whose header is lost, possibly nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Number of the segment file after whose `offset` the frames are missing; file
    /// `<segment as 16 hex digits>.seg`.
    pub segment: u64,
    /// Where the unreadable bytes begin.
    pub offset: u64,
    /// How many bytes are unreadable at most.
    pub bytes: u64,
    /// First missing position.
    pub first: Position,
    /// Last missing position. Of a lost last segment: the last that it can have held.
    pub last: Position,
    /// The frames lie in the last group, which may never have been synced, so they may be the
    /// remains of a torn write that nobody was told is durable.
    pub maybe_unsynced: bool,
}
