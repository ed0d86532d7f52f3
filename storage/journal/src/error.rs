//! The one error of this crate; each variant says what its caller can do.

use std::error::Error;
use std::io;
use std::sync::Arc;

/// Why the journal refused, or could not do, something. Never a sign that a frame is durable.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JournalError {
    /// Too much waits for the disk. Retry after the next commit; nothing was staged.
    #[error("journal is full: {staged} bytes staged, staged_bytes_max is {limit}")]
    Full {
        /// Bytes that wait for a commit.
        staged: u64,
        /// `Options::staged_bytes_max`.
        limit: u64,
    },
    /// The payload can never be taken. Reject or split it.
    #[error("frame of {bytes} bytes is too large, frame_bytes_max is {limit}")]
    FrameTooLarge {
        /// Bytes of the refused payload.
        bytes: u64,
        /// The effective `Options::frame_bytes_max`.
        limit: u64,
    },
    /// The disk is full. Stop admitting and retry later: frames already staged stay staged, their
    /// outcome is unknown until a later commit succeeds or the process restarts.
    #[error("no space left for the journal: {0}")]
    NoSpace(Arc<str>),
    /// A write or sync failed; what was staged is not durable and this journal takes nothing any
    /// more. Restart the process: recovery decides what is on the disk.
    #[error("journal failed and needs a restart: {0}")]
    Failed(Arc<str>),
    /// `Journal::close` was called. Unavailable from now on.
    #[error("journal is closed")]
    Closed,
    /// The options contradict each other. Fix the configuration.
    #[error("journal options: {0}")]
    Options(String),
    /// A file operation outside the commit path failed (open, release, prepare). Retry or restart.
    #[error(transparent)]
    Io(Arc<io::Error>),
    /// The replay callback refused a frame; opening stopped.
    #[error("replay stopped: {0}")]
    Replay(Arc<dyn Error + Send + Sync>),
}

impl From<io::Error> for JournalError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::StorageFull {
            return Self::NoSpace(error.to_string().into());
        }
        Self::Io(Arc::new(error))
    }
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, JournalError>;
