//! The one error of this crate; its kinds say what the caller can do.

use std::io;

/// Why storage could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The journal took nothing, or will take nothing more. Nothing of the call is applied beyond
    /// frames that were staged before; answer "unavailable" and never acknowledge.
    #[error("the journal refused: {0}")]
    Journal(#[from] journal::JournalError),
    /// A file operation failed. Try again later; what was durable still is.
    #[error("{context}: {source}")]
    Io {
        /// What was being done, and on which path.
        context: String,
        /// What the system said.
        source: io::Error,
    },
    /// Bytes on disk or in the bucket are not what was written. They are never returned; repair
    /// from another copy.
    #[error("{what} is damaged: {reason}")]
    Corrupt {
        /// Which file or structure.
        what: String,
        /// What was found.
        reason: String,
    },
    /// A chunk cannot be decoded; see [`crate::chunk::ChunkError`].
    #[error(transparent)]
    Chunk(#[from] crate::chunk::ChunkError),
    /// The bucket did not do what it was asked for. Try again later.
    #[error("{context}: {source}")]
    Bucket {
        /// What was being done, and on which object.
        context: String,
        /// What the bucket said.
        source: object_store::Error,
    },
    /// The call or a setting does not fit. Trying again gives the same answer.
    #[error("{0}")]
    Invalid(String),
    /// A read would hold more than its budget. The query must become smaller.
    #[error(
        "the query needs more than {limit} bytes of series ({flag}); ask for fewer series or a \
         shorter time",
        flag = crate::budget::BYTES_MAX_FLAG
    )]
    OverBudget {
        /// Bytes of the budget.
        limit: u64,
    },
    /// A limit fired. Make room or raise the flag.
    #[error("{what} reached the limit of {limit} ({flag})")]
    Limit {
        /// What is too many or too large.
        what: &'static str,
        /// The limit's value.
        limit: u64,
        /// The flag that sets it, or "fixed".
        flag: &'static str,
    },
}

impl StorageError {
    /// An [`StorageError::Io`] with its context.
    pub fn io(context: impl Into<String>, source: io::Error) -> StorageError {
        StorageError::Io { context: context.into(), source }
    }

    /// A [`StorageError::Bucket`] with its context.
    pub fn bucket(context: impl Into<String>, source: object_store::Error) -> StorageError {
        StorageError::Bucket { context: context.into(), source }
    }

    /// A [`StorageError::Corrupt`].
    pub fn corrupt(what: impl Into<String>, reason: impl Into<String>) -> StorageError {
        StorageError::Corrupt { what: what.into(), reason: reason.into() }
    }

    /// Whether the same call may succeed later without anybody changing it.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            StorageError::Journal(_)
                | StorageError::Io { .. }
                | StorageError::Bucket { .. }
                | StorageError::Limit { .. }
        )
    }
}
