//! The one error of this crate. Each variant tells its caller what to do.

use std::io;

use journal::JournalError;

/// Why the cluster could not do something.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// An option contradicts another or is out of range: fix the configuration.
    #[error("{0}")]
    Options(String),
    /// The cluster decided against it; repeating it gives the same answer.
    #[error("{0}")]
    Refused(String),
    /// Nothing was done; try again later.
    #[error("the cluster is not available: {0}")]
    Unavailable(String),
    /// The deadline passed after the command was sent: it may or may not hold. Commands may be
    /// repeated safely.
    #[error("the outcome is unknown: {0}; the command may be repeated safely")]
    OutcomeUnknown(String),
    /// What is on this node's disk contradicts itself: the node must not go on with it.
    #[error("{0}")]
    Damaged(String),
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The Raft log failed; the process must end, recovery decides what is on the disk.
    #[error("the Raft log failed: {0}")]
    Journal(#[from] JournalError),
    /// Raft stopped.
    #[error("Raft stopped: {0}")]
    Raft(String),
}

/// Result of this crate.
pub type Result<T> = std::result::Result<T, ClusterError>;
