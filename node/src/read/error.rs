//! Why something could not be read.

use storage::StorageError;

/// Error of a source or of the read as a whole.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReadError {
    /// A limit of the query was crossed; the text names it, its value and its flag. The query must
    /// become smaller.
    #[error("{0}")]
    Limit(String),
    /// The source did not answer. The answer goes on without it and says so.
    #[error("{0}")]
    Unavailable(String),
    /// The source answered what cannot be right, or has damaged data. As `Unavailable`, but trying
    /// again does not help.
    #[error("{0}")]
    Damaged(String),
}

impl From<StorageError> for ReadError {
    fn from(error: StorageError) -> ReadError {
        match error {
            StorageError::OverBudget { .. } => ReadError::Limit(error.to_string()),
            _ if error.is_retryable() => ReadError::Unavailable(error.to_string()),
            _ => ReadError::Damaged(error.to_string()),
        }
    }
}

impl From<tonic::Status> for ReadError {
    fn from(status: tonic::Status) -> ReadError {
        ReadError::Unavailable(format!("{:?}: {}", status.code(), status.message()))
    }
}
