//! Client of remote write 1.0.

use std::net::SocketAddr;

use proto::Labels;
use proto::remote_write::RequestWriter;

use crate::http::{self, Framing, Request, Response};

/// The path that the tests write to.
pub const RECEIVE: &str = "/api/v1/receive";
/// The header that names the tenant.
pub const TENANT_HEADER: &str = "THANOS-TENANT";

/// A label set of pairs.
pub fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).expect("the pairs of a test are valid labels")
}

/// The compressed body of a request with these series.
pub fn body(series: &[(Labels, Vec<(i64, f64)>)]) -> Vec<u8> {
    let mut request = RequestWriter::default();
    for (labels, samples) in series {
        request.series(labels, samples);
    }
    compressed(request.as_bytes())
}

/// A snappy block.
pub fn compressed(bytes: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(bytes).expect("test bodies are small")
}

/// Writes series of a tenant, or of the default tenant.
pub fn write(
    address: SocketAddr,
    tenant: Option<&str>,
    series: &[(Labels, Vec<(i64, f64)>)],
) -> Result<Response, String> {
    post(address, tenant, &body(series), Framing::Length)
}

/// Posts a body as remote write to a node.
pub fn post(
    address: SocketAddr,
    tenant: Option<&str>,
    body: &[u8],
    framing: Framing,
) -> Result<Response, String> {
    post_to(RECEIVE, address, tenant, body, framing)
}

/// Posts a body as remote write.
pub fn post_to(
    path: &str,
    address: SocketAddr,
    tenant: Option<&str>,
    body: &[u8],
    framing: Framing,
) -> Result<Response, String> {
    let mut headers = vec![
        ("Content-Encoding", "snappy"),
        ("Content-Type", "application/x-protobuf"),
        ("X-Prometheus-Remote-Write-Version", "0.1.0"),
    ];
    headers.extend(tenant.map(|tenant| (TENANT_HEADER, tenant)));
    let request = Request { method: "POST", path, headers: &headers, body, framing };
    http::send(address, &request)
}
