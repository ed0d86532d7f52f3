//! Places in the product at which a host can be made to crash, told by the file operations there.

use std::path::Path;

/// What is about to be done, or was just done, to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// About to write.
    Write,
    /// About to sync a file.
    BeforeSync,
    /// Synced a file.
    AfterSync,
    /// About to give something this name.
    BeforeRename,
    /// Gave something this name.
    AfterRename,
    /// About to remove.
    Remove,
}

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Barrier {
    /// Frames of the head's journal are written and not yet synced.
    BeforeJournalSync,
    /// Frames of the head's journal are durable and nobody was told.
    AfterJournalSync,
    /// In the middle of a block's files.
    WithinBlock,
    /// A block is written and does not have its name.
    BeforeBlockRename,
    /// A block has its name, which is not durable yet.
    AfterBlockRename,
    /// A segment of the head's journal is about to be given up.
    BeforeSegmentReuse,
    /// Entries or the vote are written to Raft's log and not yet synced.
    BeforeRaftSync,
    /// Entries or the vote are durable in Raft's log and nobody was told.
    AfterRaftSync,
    /// A snapshot of the cluster's state is about to get its name.
    BeforeSnapshotRename,
    /// A block is about to be removed from the disk.
    BeforeBlockRemoval,
}

impl Barrier {
    /// All of them.
    pub const ALL: [Barrier; 10] = [
        Barrier::BeforeJournalSync,
        Barrier::AfterJournalSync,
        Barrier::WithinBlock,
        Barrier::BeforeBlockRename,
        Barrier::AfterBlockRename,
        Barrier::BeforeSegmentReuse,
        Barrier::BeforeRaftSync,
        Barrier::AfterRaftSync,
        Barrier::BeforeSnapshotRename,
        Barrier::BeforeBlockRemoval,
    ];

    /// Its name, as it is counted.
    pub fn name(self) -> &'static str {
        match self {
            Barrier::BeforeJournalSync => "crash before a journal fsync",
            Barrier::AfterJournalSync => "crash after a journal fsync",
            Barrier::WithinBlock => "crash within a block",
            Barrier::BeforeBlockRename => "crash before a block's rename",
            Barrier::AfterBlockRename => "crash after a block's rename",
            Barrier::BeforeSegmentReuse => "crash before a segment is given up",
            Barrier::BeforeRaftSync => "crash before a Raft fsync",
            Barrier::AfterRaftSync => "crash after a Raft fsync",
            Barrier::BeforeSnapshotRename => "crash before a snapshot's rename",
            Barrier::BeforeBlockRemoval => "crash before a block's removal",
        }
    }

    /// Whether a node comes there a few times in a life, if at all.
    pub fn is_seldom(self) -> bool {
        matches!(self, Barrier::BeforeSnapshotRename | Barrier::BeforeBlockRemoval)
    }

    pub(super) fn is_at(self, step: Step, path: &Path) -> bool {
        let within = |folder: &str| path.components().any(|part| part.as_os_str() == folder);
        match self {
            Barrier::BeforeJournalSync => step == Step::BeforeSync && within("head"),
            Barrier::AfterJournalSync => step == Step::AfterSync && within("head"),
            Barrier::WithinBlock => step == Step::Write && within("blocks"),
            Barrier::BeforeBlockRename => step == Step::BeforeRename && within("blocks"),
            Barrier::AfterBlockRename => step == Step::AfterRename && within("blocks"),
            Barrier::BeforeSegmentReuse => {
                matches!(step, Step::BeforeRename | Step::Remove) && within("head")
            }
            Barrier::BeforeRaftSync => step == Step::BeforeSync && within("log"),
            Barrier::AfterRaftSync => step == Step::AfterSync && within("log"),
            Barrier::BeforeSnapshotRename => {
                step == Step::BeforeRename && path.ends_with("raft/snapshot")
            }
            Barrier::BeforeBlockRemoval => step == Step::Remove && within("blocks"),
        }
    }
}
