//! Sends remote-write 1.0 requests, again and elsewhere when the answer says that this can help.

use std::time::Duration;

use bytes::Bytes;
use proto::TenantName;
use reqwest::header::{HeaderName, HeaderValue, RETRY_AFTER};
use tokio::time::Instant;

use super::{ClientError, describe, read_error_text};

/// Header that names the tenant unless the node was told another one.
pub const TENANT_HEADER: &str = "THANOS-TENANT";
/// Bytes of a good answer that are read so that the connection can be used again.
const ACK_BODY_BYTES_MAX: usize = 64 << 10;

/// How often and how long one request is tried.
#[derive(Clone, Debug)]
pub struct RetryLimits {
    /// Most attempts, the first included.
    pub attempts_max: u32,
    /// No attempt starts later than this after the first.
    pub deadline: Duration,
    /// Pause after the first failure; doubled after each further one.
    pub backoff_first: Duration,
    /// Longest pause, also when the server's Retry-After asks for more.
    pub backoff_max: Duration,
}

impl Default for RetryLimits {
    fn default() -> RetryLimits {
        RetryLimits {
            attempts_max: 8,
            deadline: Duration::from_secs(30),
            backoff_first: Duration::from_millis(50),
            backoff_max: Duration::from_secs(2),
        }
    }
}

/// What became of one request.
#[derive(Debug)]
pub struct Delivery {
    /// Status of each attempt in order; `None` where no answer came.
    pub statuses: Vec<Option<u16>>,
    /// Index into the urls of the one that answered last.
    pub url: usize,
    /// Ok is a 2xx: the server vouches for every sample.
    pub verdict: Result<(), ClientError>,
}

/// Sends bodies to remote-write endpoints.
#[derive(Clone, Debug)]
pub struct RemoteWriter {
    http: reqwest::Client,
    tenant_header: HeaderName,
    limits: RetryLimits,
}

/// Result of one attempt.
enum Attempt {
    Acked(u16),
    Refused(u16, String),
    Again { status: Option<u16>, wait: Option<Duration>, reason: String },
}

impl RemoteWriter {
    /// A sender that names tenants with `tenant_header`.
    pub fn new(
        http: reqwest::Client,
        tenant_header: &str,
        limits: RetryLimits,
    ) -> Result<RemoteWriter, ClientError> {
        let tenant_header = HeaderName::from_bytes(tenant_header.as_bytes())
            .map_err(|_| ClientError::Setup(format!("{tenant_header:?} is no header name")))?;
        Ok(RemoteWriter { http, tenant_header, limits })
    }

    /// Sends a snappy body to `urls[first]`; after a failure that may pass (5xx, 429, no
    /// connection, no answer) to the next of `urls`, until the limits are reached.
    pub async fn send(
        &self,
        urls: &[String],
        first: usize,
        tenant: Option<&TenantName>,
        body: Bytes,
    ) -> Delivery {
        let started = Instant::now();
        let mut statuses = Vec::with_capacity(1);
        let mut backoff = self.limits.backoff_first;
        for round in 0.. {
            let url = (first + round) % urls.len().max(1);
            let Some(address) = urls.get(url) else { break };
            let (wait, last) = match self.attempt(address, tenant, body.clone()).await {
                Attempt::Acked(status) => {
                    statuses.push(Some(status));
                    return Delivery { statuses, url, verdict: Ok(()) };
                }
                Attempt::Refused(status, body) => {
                    statuses.push(Some(status));
                    let verdict = Err(ClientError::Refused { status, body });
                    return Delivery { statuses, url, verdict };
                }
                Attempt::Again { status, wait, reason } => {
                    statuses.push(status);
                    (wait.unwrap_or(backoff).min(self.limits.backoff_max), reason)
                }
            };
            let attempts = statuses.len() as u32;
            let late = started.elapsed() + wait >= self.limits.deadline;
            if late || attempts >= self.limits.attempts_max {
                let verdict = Err(ClientError::Unavailable { attempts, last });
                return Delivery { statuses, url, verdict };
            }
            tokio::time::sleep(wait).await;
            backoff = (backoff * 2).min(self.limits.backoff_max);
        }
        let nowhere = ClientError::Setup("no address to write to".to_owned());
        Delivery { statuses, url: 0, verdict: Err(nowhere) }
    }

    async fn attempt(&self, url: &str, tenant: Option<&TenantName>, body: Bytes) -> Attempt {
        let mut request = self
            .http
            .post(url)
            .header("Content-Encoding", "snappy")
            .header("Content-Type", "application/x-protobuf")
            .header("X-Prometheus-Remote-Write-Version", "0.1.0")
            .body(body);
        if let Some(tenant) = tenant.and_then(|t| HeaderValue::from_str(t.as_str()).ok()) {
            request = request.header(&self.tenant_header, tenant);
        }
        match request.send().await {
            Ok(response) => judge(response).await,
            Err(error) if error.is_builder() => Attempt::Refused(0, describe(&error)),
            Err(error) => Attempt::Again { status: None, wait: None, reason: describe(&error) },
        }
    }
}

/// Only 2xx is an ack; only 429 and 5xx may pass.
async fn judge(response: reqwest::Response) -> Attempt {
    let status = response.status();
    let code = status.as_u16();
    if status.is_success() {
        drain(response).await;
        return Attempt::Acked(code);
    }
    let wait = retry_after(&response);
    let body = read_error_text(response).await;
    if code == 429 || status.is_server_error() {
        let reason = format!("status {code}: {body}");
        return Attempt::Again { status: Some(code), wait, reason };
    }
    Attempt::Refused(code, body)
}

/// The ack is in the status; a body that breaks off takes nothing away from it.
async fn drain(mut response: reqwest::Response) {
    let mut read = 0;
    while let Ok(Some(piece)) = response.chunk().await {
        read += piece.len();
        if read > ACK_BODY_BYTES_MAX {
            return;
        }
    }
}

/// Retry-After in seconds (the form with a date is not used by any receiver known).
fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
