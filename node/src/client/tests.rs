//! A remote-write request taken apart again, and a sender against a server with a script.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use proto::varint::{take_bytes, take_uvarint};
use proto::{Labels, TenantName};

use super::remote_write::{RemoteWriter, RetryLimits, TENANT_HEADER};
use super::{ClientError, http, query};

/// The series of a compressed request, with (timestamp, value) of each sample.
pub(crate) fn decode(body: &[u8]) -> Vec<(Labels, Vec<(i64, f64)>)> {
    let protobuf = snap::raw::Decoder::new().decompress_vec(body).unwrap();
    let mut rest = protobuf.as_slice();
    let mut series = Vec::new();
    while !rest.is_empty() {
        assert_eq!(take_uvarint(&mut rest), Some(0x0a), "WriteRequest.timeseries");
        series.push(decode_series(take_bytes(&mut rest).unwrap()));
    }
    series
}

fn decode_series(mut rest: &[u8]) -> (Labels, Vec<(i64, f64)>) {
    let (mut labels, mut samples) = (Vec::new(), Vec::new());
    while !rest.is_empty() {
        let field = rest;
        let tag = take_uvarint(&mut rest).unwrap();
        let message = take_bytes(&mut rest).unwrap();
        match tag {
            0x0a => labels.extend_from_slice(&field[..field.len() - rest.len()]),
            0x12 => samples.push(decode_sample(message)),
            other => panic!("unknown tag {other:#x} in a TimeSeries"),
        }
    }
    (Labels::from_canonical(labels.into()).unwrap(), samples)
}

fn decode_sample(message: &[u8]) -> (i64, f64) {
    assert_eq!((message[0], message[9]), (0x09, 0x10));
    let value = f64::from_le_bytes(message[1..9].try_into().unwrap());
    let mut rest = &message[10..];
    let timestamp = take_uvarint(&mut rest).unwrap() as i64;
    assert!(rest.is_empty());
    (timestamp, value)
}

/// Answers with each status of the script in turn, then 204; refuses what is not as it must be.
struct Script {
    statuses: Vec<u16>,
    next: AtomicUsize,
}

async fn answer(request: HttpRequest, script: web::Data<Script>) -> HttpResponse {
    let header = |name: &str| request.headers().get(name).map(|v| v.to_str().unwrap_or("?"));
    let as_specified = header("content-encoding") == Some("snappy")
        && header("content-type") == Some("application/x-protobuf")
        && header("x-prometheus-remote-write-version") == Some("0.1.0")
        && header(TENANT_HEADER) == Some("a");
    if !as_specified {
        return HttpResponse::ImATeapot().finish();
    }
    let status = script.statuses.get(script.next.fetch_add(1, Ordering::SeqCst)).unwrap_or(&204);
    HttpResponse::build(actix_web::http::StatusCode::from_u16(*status).unwrap()).body("because")
}

fn serve(statuses: &[u16]) -> String {
    let script = Script { statuses: statuses.to_vec(), next: AtomicUsize::new(0) };
    let script = web::Data::from(Arc::new(script));
    let app = move || {
        App::new()
            .app_data(script.clone())
            .route("/api/v1/receive", web::post().to(answer))
            .route("/api/v1/query", web::get().to(echo_get))
            .route("/api/v1/query", web::post().to(echo_form))
    };
    let server = HttpServer::new(app).workers(1).bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", server.addrs()[0]);
    tokio::spawn(server.disable_signals().run());
    base
}

#[derive(serde::Deserialize)]
struct Parameters {
    query: String,
}

fn echo(query: &str) -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({"status": "success", "data": {
        "resultType": "vector",
        "result": [{"metric": {"q": query}, "value": [1, "17"]}],
    }}))
}

async fn echo_get(parameters: web::Query<Parameters>) -> HttpResponse {
    echo(&parameters.query)
}

async fn echo_form(parameters: web::Form<Parameters>) -> HttpResponse {
    echo(&parameters.query)
}

fn writer(attempts_max: u32) -> RemoteWriter {
    let limits = RetryLimits {
        attempts_max,
        backoff_first: Duration::from_millis(1),
        ..RetryLimits::default()
    };
    RemoteWriter::new(http(Duration::from_secs(5)).unwrap(), TENANT_HEADER, limits).unwrap()
}

async fn send(urls: &[String], attempts_max: u32) -> super::remote_write::Delivery {
    let tenant = TenantName::new("a").unwrap();
    writer(attempts_max).send(urls, 0, Some(&tenant), "x".into()).await
}

fn receive(base: &str) -> Vec<String> {
    vec![format!("{base}/api/v1/receive")]
}

#[actix_web::test]
async fn what_may_pass_is_sent_again_until_acked() {
    let delivery = send(&receive(&serve(&[503, 429, 500])), 8).await;
    assert_eq!(delivery.statuses, [Some(503), Some(429), Some(500), Some(204)]);
    assert!(delivery.verdict.is_ok());
}

#[actix_web::test]
async fn a_refusal_is_final() {
    let delivery = send(&receive(&serve(&[400])), 8).await;
    assert_eq!(delivery.statuses, [Some(400)]);
    assert!(matches!(delivery.verdict,
        Err(ClientError::Refused { status: 400, body }) if body == "because"));
}

#[actix_web::test]
async fn attempts_are_bounded() {
    let delivery = send(&receive(&serve(&[503, 503, 503, 503])), 3).await;
    assert_eq!(delivery.statuses.len(), 3);
    assert!(matches!(delivery.verdict, Err(ClientError::Unavailable { attempts: 3, .. })));
}

#[actix_web::test]
async fn a_dead_address_is_passed_over() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut urls = receive(&format!("http://{closed}"));
    urls.extend(receive(&serve(&[])));
    let delivery = send(&urls, 8).await;
    assert_eq!(delivery.statuses, [None, Some(204)]);
    assert_eq!(delivery.url, 1);
    assert!(send(&[], 8).await.verdict.is_err());
}

#[actix_web::test]
async fn an_expression_arrives_unchanged_by_get_and_post() {
    let base = serve(&[]);
    let client = http(Duration::from_secs(5)).unwrap();
    for method in [query::Method::Get, query::Method::Post] {
        let expression = "count(up{a=~\"b+&%\"}) by (tenant_id)";
        let answer = query::instant(&client, &base, method, expression).await.unwrap();
        assert_eq!(answer.rows[0].labels["q"], expression);
        assert_eq!(answer.rows[0].value, "17");
    }
}
