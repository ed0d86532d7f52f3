//! The client side of a node's HTTP API: remote write and instant queries. `granary demo` and
//! `granary bench` are built on it.

pub mod encode;
pub mod query;
pub mod remote_write;

#[cfg(test)]
pub(crate) mod tests;

use std::time::Duration;

/// Longest wait for a TCP connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Most bytes of an error's body that are kept for the message.
pub const ERROR_BODY_BYTES_MAX: usize = 1024;

/// Why a request got no good answer, and what the caller should do about it.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The client could not be made; a defect of the machine or of an argument.
    #[error("the HTTP client cannot be set up: {0}")]
    Setup(String),
    /// The server will never accept this request: do not send it again.
    #[error("refused with status {status}: {body}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Start of the body.
        body: String,
    },
    /// No good answer within the limits: try again later, or another node.
    #[error("no success after {attempts} attempts; the last: {last}")]
    Unavailable {
        /// Attempts made.
        attempts: u32,
        /// What happened in the last one.
        last: String,
    },
    /// The answer is not what the API promises.
    #[error("the answer is not understood: {0}")]
    Answer(String),
}

/// A client for plain and TLS addresses that never goes through a proxy. `timeout` bounds each
/// request from connecting to the last byte of the answer.
pub fn http(timeout: Duration) -> Result<reqwest::Client, ClientError> {
    // An error means that the process has a provider already, which serves as well.
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::builder()
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(timeout)
        .user_agent(concat!("granary/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| ClientError::Setup(describe(&error)))
}

/// An error with its causes: reqwest's own text leaves out why a connection failed.
pub fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Reads a body up to `bytes_max`; more is an error.
pub(crate) async fn read_body(
    mut response: reqwest::Response,
    bytes_max: usize,
) -> Result<Vec<u8>, ClientError> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| lost(&error))? {
        if body.len() + piece.len() > bytes_max {
            return Err(ClientError::Answer(format!("it is longer than {bytes_max} bytes")));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// The start of a body as text, for messages.
pub(crate) async fn read_error_text(mut response: reqwest::Response) -> String {
    let mut body = Vec::new();
    while body.len() < ERROR_BODY_BYTES_MAX {
        match response.chunk().await {
            Ok(Some(piece)) => body.extend_from_slice(&piece),
            Ok(None) | Err(_) => break,
        }
    }
    body.truncate(ERROR_BODY_BYTES_MAX);
    String::from_utf8_lossy(&body).trim().to_owned()
}

/// One attempt that brought no answer.
pub(crate) fn lost(error: &reqwest::Error) -> ClientError {
    ClientError::Unavailable { attempts: 1, last: describe(error) }
}
