//! The envelope of answers and errors.

use std::collections::BTreeSet;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ContentType, RETRY_AFTER};
use query::{QueryError, json::write_texts};
use serde::Serialize;
use serde_json::json;

use crate::read::ReadError;

/// The warning of an answer that was cut to its limit.
pub const TRUNCATED: &str = "results truncated due to limit";

/// Why a request has no answer, in Prometheus' terms.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    kind: String,
    text: String,
    may_retry: bool,
}

impl ApiError {
    fn new(status: StatusCode, kind: &str, text: impl Into<String>) -> ApiError {
        ApiError { status, kind: kind.to_owned(), text: text.into(), may_retry: false }
    }

    /// A parameter is wrong.
    pub fn bad_data(text: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, "bad_data", text)
    }

    /// The request does not say for which tenant it asks.
    pub fn unauthorized(text: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::UNAUTHORIZED, "bad_data", text)
    }

    /// A defect.
    pub fn internal(text: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", text)
    }

    /// The deadline passed.
    pub fn timeout(text: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", text)
    }

    /// No place for the query; the caller should come back.
    pub fn busy(text: impl Into<String>) -> ApiError {
        ApiError { may_retry: true, ..ApiError::timeout(text) }
    }

    /// The response.
    pub fn response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if self.may_retry {
            response.insert_header((RETRY_AFTER, "1"));
        }
        let (kind, text) = (&self.kind, &self.text);
        response.json(json!({"status": "error", "errorType": kind, "error": text}))
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> ApiError {
        let status = StatusCode::from_u16(error.http_status());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        ApiError::new(status, error.api_type(), error.to_string())
    }
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> ApiError {
        let (status, kind) = match error {
            ReadError::Limit(_) => (StatusCode::UNPROCESSABLE_ENTITY, "execution"),
            ReadError::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            ReadError::Damaged(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        };
        ApiError::new(status, kind, error.to_string())
    }
}

/// An answer or an error as a response.
pub fn respond(answer: Result<HttpResponse, ApiError>) -> HttpResponse {
    answer.unwrap_or_else(|error| error.response())
}

/// What a successful answer begins with; its data follows.
pub const SUCCESS: &[u8] = b"{\"status\":\"success\",\"data\":";

/// Appends what follows the data of a successful answer.
pub fn end_success(warnings: &[String], infos: &[String], body: &mut Vec<u8>) {
    for (name, texts) in [("warnings", warnings), ("infos", infos)] {
        if !texts.is_empty() {
            body.extend_from_slice(format!(",\"{name}\":").as_bytes());
            write_texts(texts, body);
        }
    }
    body.push(b'}');
}

/// A body of JSON.
pub fn json_body(body: Vec<u8>) -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(body)
}

/// A successful answer.
pub fn found(data: &impl Serialize, warnings: BTreeSet<String>) -> Result<HttpResponse, ApiError> {
    let warnings: Vec<String> = warnings.into_iter().collect();
    let mut body = SUCCESS.to_vec();
    serde_json::to_writer(&mut body, data).map_err(|e| ApiError::internal(e.to_string()))?;
    end_success(&warnings, &[], &mut body);
    Ok(json_body(body))
}
