//! Why a node could not start or go on.

/// The error of the node crate. It ends the process; the text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// A listener could not be opened.
    #[error("cannot listen on {address} ({flag}): {source}")]
    Listen {
        /// The address.
        address: String,
        /// The flag that sets it.
        flag: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The data directory is in use or cannot be used.
    #[error("data directory {path} (--tsdb.path): {reason}")]
    DataDirectory {
        /// The directory.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// The configuration does not fit what is there.
    #[error("{0}")]
    Config(String),
    /// Head or blocks cannot be used.
    #[error(transparent)]
    Storage(#[from] storage::StorageError),
    /// The cluster part cannot be used.
    #[error(transparent)]
    Cluster(#[from] cluster::ClusterError),
    /// Something failed that must not be survived.
    #[error("the node cannot go on: {0}")]
    Fatal(String),
    /// A defect.
    #[error("internal error: {0}")]
    Internal(String),
}
