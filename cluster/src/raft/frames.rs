//! What the Raft log writes into its journal, and what a replay makes of it.
//!
//! A frame's payload is `version (1) | kind (1) | JSON`. An *image* is the whole log in one frame:
//! it replaces everything before it, so that older segments can be released and damage in them
//! does not matter.

use std::collections::BTreeMap;
use std::io;

use journal::{Damage, Position, Recovery};
use openraft::entry::RaftEntry;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::mark::Mark;
use super::types::{Entry, LogId, Vote};
use crate::error::{ClusterError, Result};

/// Stream of the Raft log within its journal.
pub const STREAM: u32 = 0;
/// Format of the frames.
const VERSION: u8 = 1;
const KIND_VOTE: u8 = 1;
const KIND_COMMITTED: u8 = 2;
const KIND_ENTRY: u8 = 3;
const KIND_TRUNCATE: u8 = 4;
const KIND_IMAGE: u8 = 5;

/// The log in memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LogImage {
    /// The last vote.
    pub vote: Option<Vote>,
    /// The last entry known to be committed.
    pub committed: Option<LogId>,
    /// The last entry that was purged.
    pub purged: Option<LogId>,
    /// Entries after it, by index, without holes.
    pub entries: BTreeMap<u64, Entry>,
}

impl LogImage {
    /// Id of the last entry, purged ones included.
    pub fn last(&self) -> Option<LogId> {
        self.entries.last_key_value().map(|(_, e)| e.log_id()).or(self.purged)
    }

    /// Whether exactly this entry is, or was last before the first, in the log.
    pub fn contains(&self, id: &LogId) -> bool {
        let entry = self.entries.get(&id.index).map(|e| e.log_id());
        entry.as_ref() == Some(id) || self.purged.as_ref() == Some(id)
    }

    /// Drops entries from `index` on.
    pub fn truncate_from(&mut self, index: u64) {
        self.entries.split_off(&index);
    }

    /// Drops entries up to `id`, which becomes the purged one.
    pub fn purge(&mut self, id: LogId) {
        self.entries = self.entries.split_off(&(id.index + 1));
        if self.purged < Some(id) {
            self.purged = Some(id);
        }
    }

    /// Whether the entries follow each other and the purged one.
    fn is_whole(&self) -> bool {
        let mut next = self.purged.map(|id| id.index + 1);
        self.entries.keys().all(|index| {
            let follows = next.is_none_or(|n| n == *index);
            next = Some(index + 1);
            follows
        })
    }

    fn apply(&mut self, frame: Frame) {
        match frame {
            Frame::Vote(vote) => self.vote = Some(vote),
            Frame::Committed(id) => self.committed = id,
            Frame::Entry(entry) => {
                self.entries.insert(entry.log_id().index, *entry);
            }
            Frame::Truncate(index) => self.truncate_from(index),
            Frame::Image(image) => *self = *image,
        }
    }
}

/// One frame.
#[derive(Debug)]
pub enum Frame {
    /// A vote was given or a term was seen.
    Vote(Vote),
    /// Entries up to here are committed.
    Committed(Option<LogId>),
    /// An entry was appended.
    Entry(Box<Entry>),
    /// Entries from this index on are gone.
    Truncate(u64),
    /// The whole log.
    Image(Box<LogImage>),
}

/// Bytes of a vote frame.
pub fn vote(vote: &Vote) -> io::Result<Vec<u8>> {
    encode(KIND_VOTE, vote)
}

/// Bytes of a committed frame.
pub fn committed(id: &Option<LogId>) -> io::Result<Vec<u8>> {
    encode(KIND_COMMITTED, id)
}

/// Bytes of an entry frame.
pub fn entry(entry: &Entry) -> io::Result<Vec<u8>> {
    encode(KIND_ENTRY, entry)
}

/// Bytes of a truncate frame.
pub fn truncate(index: u64) -> io::Result<Vec<u8>> {
    encode(KIND_TRUNCATE, &index)
}

/// Bytes of an image frame.
pub fn image(image: &LogImage) -> io::Result<Vec<u8>> {
    encode(KIND_IMAGE, image)
}

fn encode<T: Serialize>(kind: u8, value: &T) -> io::Result<Vec<u8>> {
    let mut bytes = vec![VERSION, kind];
    serde_json::to_writer(&mut bytes, value)?;
    Ok(bytes)
}

/// Reads a frame; the error says what is wrong with it.
pub fn decode(payload: &[u8]) -> std::result::Result<Frame, String> {
    let [version, kind, json @ ..] = payload else { return Err("cut short".to_owned()) };
    if *version != VERSION {
        return Err(format!("frame version {version} is not known, {VERSION} is"));
    }
    match *kind {
        KIND_VOTE => Ok(Frame::Vote(parse(json)?)),
        KIND_COMMITTED => Ok(Frame::Committed(parse(json)?)),
        KIND_ENTRY => Ok(Frame::Entry(parse(json)?)),
        KIND_TRUNCATE => Ok(Frame::Truncate(parse(json)?)),
        KIND_IMAGE => Ok(Frame::Image(parse(json)?)),
        other => Err(format!("frame kind {other} is not known")),
    }
}

fn parse<T: DeserializeOwned>(json: &[u8]) -> std::result::Result<T, String> {
    serde_json::from_slice(json).map_err(|e| e.to_string())
}

/// Collects the frames of a replay.
#[derive(Debug, Default)]
pub struct Replay {
    frames: Vec<(Position, Frame)>,
}

impl Replay {
    /// Takes a frame; an image makes all before it superfluous.
    pub fn take(&mut self, at: Position, payload: &[u8]) -> std::result::Result<(), String> {
        let frame = decode(payload).map_err(|e| format!("frame {}: {e}", at.0))?;
        if matches!(frame, Frame::Image(_)) {
            self.frames.clear();
        }
        self.frames.push((at, frame));
        Ok(())
    }

    /// What the frames add up to, and what of the acknowledged is missing. Damage before the image
    /// is harmless; the log ends at any other. The mark then says what was lost of it: nothing
    /// when a crash tore a last group that was never synced, and else entries that this node
    /// answered for. Without a mark only such a torn end can be passed over.
    pub fn finish(self, recovery: &Recovery, mark: Option<&Mark>) -> Result<Replayed> {
        let image = self.frames.first().filter(|(_, f)| matches!(f, Frame::Image(_)));
        let from = image.map_or(Position::ZERO, |(at, _)| *at);
        let matters: Vec<_> = recovery.damaged.iter().filter(|d| d.last > from).collect();
        if let Some(damage) = matters.iter().find(|d| mark.is_none() && !d.maybe_unsynced) {
            return Err(beyond_repair(damage));
        }
        let end = matters.iter().map(|d| d.first).min();
        let mut log = LogImage::default();
        for (at, frame) in self.frames {
            if end.is_none_or(|end| at < end) {
                log.apply(frame);
            }
        }
        if !log.is_whole() {
            let indexes: Vec<u64> = log.entries.keys().copied().collect();
            return Err(ClusterError::Damaged(format!(
                "the Raft log has holes: {indexes:?}; replace this node by an empty one"
            )));
        }
        let vote = mark.and_then(|mark| mark.vote).filter(|vote| log.vote < Some(*vote));
        log.vote = vote.or(log.vote);
        let owed = mark.and_then(|mark| mark.last).filter(|last| log.last() < Some(*last));
        let must_rewrite = end.is_some() || vote.is_some() || owed.is_some();
        Ok(Replayed { log, owed, must_rewrite })
    }
}

/// What a replay came to.
#[derive(Debug)]
pub struct Replayed {
    /// The log as far as it is readable, with the last vote.
    pub log: LogImage,
    /// The last entry that was acknowledged, if the log does not reach to it any more.
    pub owed: Option<LogId>,
    /// Whether what is on the disk is not this log.
    pub must_rewrite: bool,
}

fn beyond_repair(damage: &Damage) -> ClusterError {
    let Damage { first, last, segment, .. } = damage;
    ClusterError::Damaged(format!(
        "the Raft log is damaged and nothing says what it had acknowledged: positions {} to {} of \
         segment {segment:016x}.seg are unreadable; replace this node by an empty one",
        first.0, last.0
    ))
}
