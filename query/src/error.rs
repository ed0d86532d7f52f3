//! Why a query has no answer.

use crate::queryable::SourceError;
use crate::syntax::ParseError;

/// Error of a query. [`QueryError::api_type`] is the `errorType` of Prometheus' HTTP API.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The query text or its parameters are wrong: the caller must change them.
    #[error("{0}")]
    Parse(#[from] ParseError),
    /// A parameter of the request is wrong.
    #[error("{0}")]
    BadData(String),
    /// The query is well formed but cannot be evaluated on this data.
    #[error("{0}")]
    Execution(String),
    /// A limit of the engine was crossed; the text names it, its value and its flag.
    #[error("{0}")]
    Limit(String),
    /// The caller's flag was raised: the client went away or the deadline passed.
    #[error("query was canceled in expression evaluation")]
    Canceled,
    /// A source could not answer.
    #[error("expanding series: {0}")]
    Source(#[from] SourceError),
}

impl QueryError {
    /// The name of this error in the HTTP API.
    pub fn api_type(&self) -> &'static str {
        match self {
            QueryError::Parse(_) | QueryError::BadData(_) => "bad_data",
            QueryError::Execution(_) | QueryError::Limit(_) => "execution",
            QueryError::Canceled => "canceled",
            QueryError::Source(SourceError::Limit(_)) => "execution",
            QueryError::Source(SourceError::Unavailable(_)) => "unavailable",
            QueryError::Source(SourceError::Internal(_)) => "internal",
        }
    }

    /// The HTTP status of this error in the HTTP API.
    pub fn http_status(&self) -> u16 {
        match self.api_type() {
            "bad_data" => 400,
            "execution" => 422,
            "internal" => 500,
            // Nobody waits for this answer any more; nginx' number for that.
            "canceled" => 499,
            _ => 503,
        }
    }

    /// An [`QueryError::Execution`].
    pub(crate) fn execution(text: impl Into<String>) -> QueryError {
        QueryError::Execution(text.into())
    }
}
