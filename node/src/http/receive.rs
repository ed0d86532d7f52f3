//! The write edge: `POST /api/v1/receive` (also `/api/v1/write` and `/api/v1/push`).

use std::sync::Arc;

use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use actix_web::http::{StatusCode, header::HeaderMap};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use proto::TenantName;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Duration, Instant, timeout_at};

use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::write::BUDGET_UNIT_BYTES;
use crate::write::alias::Aliases;
use crate::write::membership::ClusterRouting;
use crate::write::request::Request;
use crate::write::router::Router;
use crate::write::verdict::{Unavailable, Verdict, rejection_text};

/// Seconds that a client is asked to wait before it comes back.
const RETRY_AFTER_SECONDS: u32 = 1;

/// A body must be here in this time: it holds a share of everybody's budget.
const BODY_DEADLINE: Duration = Duration::from_secs(15);

/// Everything a write request needs.
pub struct WriteEdge {
    /// Drives requests.
    pub router: Router,
    /// Seeds and accepted times.
    pub routing: Arc<ClusterRouting>,
    /// Aliases of series of senders that encode labels differently.
    pub aliases: Arc<Aliases>,
    /// Header that names the tenant.
    pub tenant_header: String,
    /// Tenant of requests without it.
    pub default_tenant: TenantName,
    /// Largest body as it comes.
    pub request_bytes_max: usize,
    /// Largest body after decompression.
    pub decoded_bytes_max: usize,
    /// Budget of all client requests, in units of [`BUDGET_UNIT_BYTES`].
    pub budget: Arc<Semaphore>,
    /// Whether the node may serve.
    pub readiness: Arc<Readiness>,
    /// Counters.
    pub metrics: Arc<Metrics>,
}

/// A refusal before the request could be routed.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("{0}")]
    Bad(String),
    #[error("{0}")]
    TooLarge(String),
    #[error("{0}")]
    Unsupported(String),
    #[error("the body did not arrive within {} s", BODY_DEADLINE.as_secs())]
    Slow,
    #[error("{0}")]
    Retry(Unavailable),
}

/// Mounts the write paths.
pub fn configure(config: &mut web::ServiceConfig) {
    for path in ["/api/v1/receive", "/api/v1/write", "/api/v1/push"] {
        config.route(path, web::post().to(receive));
    }
}

async fn receive(
    request: HttpRequest,
    payload: web::Payload,
    edge: web::Data<WriteEdge>,
) -> HttpResponse {
    let started = Instant::now();
    let response = match edge.take(&request, payload).await {
        Ok(verdict) => edge.respond(verdict),
        Err(refusal) => refuse(&refusal),
    };
    edge.metrics.write_seconds.observe(started.elapsed().as_secs_f64());
    edge.metrics.count_request("receive", response.status().as_u16());
    response
}

impl WriteEdge {
    async fn take(
        &self,
        request: &HttpRequest,
        payload: web::Payload,
    ) -> Result<(Verdict, usize), Refusal> {
        self.readiness.check().map_err(|text| Refusal::Retry(Unavailable::NotReady(text)))?;
        check_types(request.headers())?;
        let tenant = self.tenant(request.headers())?;
        let accepted = self.routing.accepted().map_err(Refusal::Retry)?;
        let (body, read_permit) = self.read(request.headers(), payload).await?;
        let (body, permit) = self.decode(&body)?;
        drop(read_permit);
        let seed = self.routing.seed(&tenant);
        let request = Request::parse(tenant, seed, &body, accepted, &self.aliases)
            .map_err(|error| Refusal::Bad(error.to_string()))?;
        let samples = request.samples();
        Ok((self.router.write(request, Some(permit)).await, samples))
    }

    /// The tenant by header, else the default one. Only the configured header counts.
    fn tenant(&self, headers: &HeaderMap) -> Result<TenantName, Refusal> {
        let value = headers.get(self.tenant_header.as_str()).filter(|_| !journal::planted!("M24"));
        let Some(value) = value else { return Ok(self.default_tenant.clone()) };
        let header = &self.tenant_header;
        let text = value
            .to_str()
            .map_err(|_| Refusal::Bad(format!("the header {header} is not plain ASCII")))?;
        TenantName::new(text).map_err(|error| Refusal::Bad(format!("header {header}: {error}")))
    }

    fn reserve(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let units = u32::try_from(bytes.div_ceil(BUDGET_UNIT_BYTES)).unwrap_or(u32::MAX);
        self.budget.clone().try_acquire_many_owned(units).map_err(|_| {
            let text = "requests in flight use up --receive.inflight-bytes-max";
            Refusal::Retry(Unavailable::Overloaded(text.to_owned()))
        })
    }

    /// Reads the body, never more than allowed, and only with room in the budget for it.
    async fn read(
        &self,
        headers: &HeaderMap,
        mut payload: web::Payload,
    ) -> Result<(Bytes, OwnedSemaphorePermit), Refusal> {
        let length = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
        let limit = self.request_bytes_max;
        let too_large = || {
            let text = format!("the body is over {limit} bytes (--receive.request-bytes-max)");
            Refusal::TooLarge(text)
        };
        if length.is_some_and(|length: usize| length > limit) {
            return Err(too_large());
        }
        let permit = self.reserve(length.unwrap_or(limit))?;
        let mut body = BytesMut::with_capacity(length.unwrap_or(0));
        let deadline = Instant::now() + BODY_DEADLINE;
        loop {
            let next = timeout_at(deadline, payload.next()).await;
            let next = next.map_err(|_| Refusal::Slow)?;
            let Some(chunk) = next else { return Ok((body.freeze(), permit)) };
            let chunk = chunk.map_err(|e| Refusal::Bad(format!("the body broke off: {e}")))?;
            if body.len() + chunk.len() > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
    }

    /// Decompresses snappy's block format.
    fn decode(&self, body: &[u8]) -> Result<(Bytes, OwnedSemaphorePermit), Refusal> {
        let broken =
            |error| Refusal::Bad(format!("the body is not snappy (block format): {error}"));
        let length = snap::raw::decompress_len(body).map_err(broken)?;
        if length > self.decoded_bytes_max {
            return Err(Refusal::TooLarge(format!(
                "the body has {length} bytes decompressed; at most {} are allowed \
                 (--receive.decoded-bytes-max)",
                self.decoded_bytes_max
            )));
        }
        let permit = self.reserve(length)?;
        let mut decoded = vec![0; length];
        let written = snap::raw::Decoder::new().decompress(body, &mut decoded).map_err(broken)?;
        decoded.truncate(written);
        Ok((Bytes::from(decoded), permit))
    }

    fn respond(&self, (verdict, samples): (Verdict, usize)) -> HttpResponse {
        match verdict {
            Verdict::Done { copies, epoch, rejections } => {
                let lost = rejections.count.min(samples as u64);
                self.metrics.samples_rejected.inc_by(rejections.count);
                self.metrics.samples_acknowledged.inc_by(samples as u64 - lost);
                if copies == 1 {
                    self.metrics.single_copy_acks.inc();
                }
                let durable = format!("copies={copies}; epoch={epoch}");
                if rejections.is_empty() {
                    return HttpResponse::Ok()
                        .insert_header(("X-Granary-Durable", durable))
                        .finish();
                }
                HttpResponse::BadRequest()
                    .insert_header(("X-Granary-Durable", durable))
                    .content_type("text/plain; charset=utf-8")
                    .body(rejection_text(&rejections))
            }
            Verdict::Retry(unavailable) => refuse(&Refusal::Retry(unavailable)),
        }
    }
}

fn refuse(refusal: &Refusal) -> HttpResponse {
    let status = match refusal {
        Refusal::Bad(_) => StatusCode::BAD_REQUEST,
        Refusal::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        Refusal::Unsupported(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Refusal::Retry(Unavailable::TooManySeries(_)) => StatusCode::TOO_MANY_REQUESTS,
        Refusal::Retry(_) | Refusal::Slow => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = HttpResponse::build(status);
    if matches!(refusal, Refusal::Retry(_) | Refusal::Slow) {
        response.insert_header((RETRY_AFTER, RETRY_AFTER_SECONDS));
    }
    response.content_type("text/plain; charset=utf-8").body(format!("{refusal}\n"))
}

/// Remote write 1.0 with snappy; headers that are left out are taken to mean that.
fn check_types(headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |name| headers.get(name).map(|v| v.to_str().unwrap_or("?").to_ascii_lowercase());
    if let Some(kind) = text(CONTENT_TYPE) {
        let mut parts = kind.split(';').map(str::trim);
        let protobuf = parts.next() == Some("application/x-protobuf");
        let message = parts.find_map(|part| part.strip_prefix("proto="));
        if !protobuf || message.is_some_and(|m| m != "prometheus.writerequest") {
            return Err(Refusal::Unsupported(format!(
                "the content type {kind:?} is not supported; send application/x-protobuf \
                 (remote write 1.0, prometheus.WriteRequest)"
            )));
        }
    }
    match text(CONTENT_ENCODING) {
        Some(encoding) if encoding != "snappy" => Err(Refusal::Unsupported(format!(
            "the content encoding {encoding:?} is not supported; send snappy (block format)"
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn headers(kind: &'static str, encoding: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        headers
    }

    #[test]
    fn only_remote_write_1_with_snappy_is_taken() {
        assert!(check_types(&headers("application/x-protobuf", "snappy")).is_ok());
        let v1 = "application/x-protobuf; proto=prometheus.WriteRequest";
        assert!(check_types(&headers(v1, "snappy")).is_ok());
        let v2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
        assert!(matches!(check_types(&headers(v2, "snappy")), Err(Refusal::Unsupported(_))));
        let json = headers("application/json", "snappy");
        assert!(matches!(check_types(&json), Err(Refusal::Unsupported(_))));
        let gzip = headers("application/x-protobuf", "gzip");
        assert!(matches!(check_types(&gzip), Err(Refusal::Unsupported(_))));
        assert!(check_types(&HeaderMap::new()).is_ok());
    }
}
