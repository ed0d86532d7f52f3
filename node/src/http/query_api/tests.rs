//! Requests over a test server, answered from holders in memory.

use actix_web::http::StatusCode;
use actix_web::{App, test, web};
use serde_json::{Value, json};

use super::*;
use crate::read::fakes::{FakeHolder, FakeViews, inline, sources};
use crate::read::sources::ReadView;

#[derive(Debug)]
struct Clock;

impl WallClock for Clock {
    fn now_ms(&self) -> i64 {
        60_000
    }
}

fn parts(sources: Sources) -> QueryParts {
    QueryParts {
        sources,
        clock: Arc::new(Clock),
        blocking: inline(),
        tenant_label: "tenant_id".to_owned(),
        tenant_header: "X-Team".to_owned(),
        enforce_tenancy: false,
        replica_labels: vec!["prometheus_replica".to_owned()],
        partial_response: true,
        timeout: Duration::from_secs(60),
        lookback: Duration::from_secs(300),
        samples_max: 1_000_000,
        bytes_max: 1 << 20,
        concurrent_max: 2,
        workers: query::Workers::one(),
    }
}

fn holder() -> FakeHolder {
    let mut holder = FakeHolder::default();
    for tenant in ["a", "b"] {
        let own = format!("only_{tenant}");
        holder.add(tenant, &[("__name__", "up"), ("job", "x")], &[(50_000, 1.0)]);
        holder.add(tenant, &[("__name__", "up"), ("job", &own)], &[(50_000, 1.0)]);
    }
    holder
}

fn three(holders: &[u64]) -> Sources {
    sources(3, 2, holders.iter().map(|n| (*n, holder())).collect())
}

/// Status, body and headers of a GET, with a tenant in `X-Team` if one is given.
async fn get_as(parts: QueryParts, uri: &str, tenant: Option<&str>) -> (StatusCode, String) {
    let mut request = test::TestRequest::get().uri(uri);
    if let Some(tenant) = tenant {
        request = request.insert_header(("X-Team", tenant));
    }
    call(parts, request).await
}

async fn call(parts: QueryParts, request: test::TestRequest) -> (StatusCode, String) {
    let api = web::Data::new(QueryApi::new(parts));
    let app = test::init_service(App::new().app_data(api).configure(configure)).await;
    let response = test::call_service(&app, request.to_request()).await;
    let status = response.status();
    (status, String::from_utf8(test::read_body(response).await.to_vec()).unwrap())
}

async fn get(sources: Sources, uri: &str) -> (StatusCode, Value) {
    let (status, body) = get_as(parts(sources), uri, None).await;
    (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
}

const COUNT: &str = "/api/v1/query?query=count(up)+by+(tenant_id)";

fn counts(body: &Value) -> Vec<(&str, &str)> {
    let result = body["data"]["result"].as_array().unwrap().iter();
    let mut counts: Vec<_> = result
        .map(|r| (r["metric"]["tenant_id"].as_str().unwrap(), r["value"][1].as_str().unwrap()))
        .collect();
    counts.sort_unstable();
    counts
}

#[actix_web::test]
async fn copies_count_once_and_one_of_three_may_be_down() {
    for up in [&[1, 2, 3][..], &[1, 2]] {
        let (status, body) = get(three(up), COUNT).await;
        assert_eq!((status, counts(&body)), (StatusCode::OK, vec![("a", "2"), ("b", "2")]));
        assert!(body.get("warnings").is_none(), "{body}");
    }
}

#[actix_web::test]
async fn an_answer_that_may_be_short_says_so_or_fails() {
    let (status, body) = get(three(&[1]), COUNT).await;
    assert_eq!((status, counts(&body).len()), (StatusCode::OK, 2));
    let text = body["warnings"][0].as_str().unwrap();
    assert!(text.contains("\"default\"") && text.contains("node-2 (connection refused)"), "{text}");
    for uri in [COUNT, "/api/v1/labels?", "/api/v1/series?match[]=up", "/api/v1/metadata?"] {
        let (status, body) = get(three(&[1]), &format!("{uri}&partial_response=false")).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{uri}");
        assert_eq!(body["errorType"], "unavailable", "{uri}");
    }
}

#[actix_web::test]
async fn without_a_lease_or_authority_answers_are_flagged() {
    let mut cut_off = three(&[1, 2, 3]);
    let view = ReadView { is_lease_valid: false, ..cut_off.views.view() };
    cut_off.views = Arc::new(FakeViews(parking_lot::Mutex::new(view)));
    assert!(get(cut_off, COUNT).await.1["warnings"][0].as_str().unwrap().contains("majority"));
    let mut replaying = holder();
    replaying.partial = Some("it replays".to_owned());
    let alone = sources(1, 1, vec![(1, replaying)]);
    let (_, body) = get(alone, COUNT).await;
    assert!(body["warnings"][0].as_str().unwrap().contains("it replays"), "{body}");
}

#[actix_web::test]
async fn nothing_of_another_tenant_is_seen_when_tenancy_is_enforced() {
    let selectors = [
        "up",
        "up%7Btenant_id%3D~%22.*%22%7D",
        "up%7Btenant_id%3D%22b%22%7D",
        "%7Bjob%3D~%22.%2B%22%7D",
    ];
    let mut uris = vec![
        "/api/v1/labels".to_owned(),
        "/api/v1/label/job/values".to_owned(),
        "/api/v1/label/tenant_id/values".to_owned(),
        "/api/v1/metadata".to_owned(),
    ];
    for selector in selectors {
        uris.push(format!("/api/v1/query?query={selector}"));
        uris.push(format!("/api/v1/query_range?query={selector}&start=50&end=60&step=5"));
        uris.push(format!("/api/v1/series?match[]={selector}"));
        uris.push(format!("/api/v1/labels?match[]={selector}"));
        uris.push(format!("/api/v1/label/tenant_id/values?match[]={selector}"));
        uris.push(format!("/api/v1/label/job/values?match[]={selector}"));
    }
    for uri in uris {
        let enforced = || QueryParts { enforce_tenancy: true, ..parts(three(&[1, 2, 3])) };
        let (status, body) = get_as(enforced(), &uri, Some("a")).await;
        assert_eq!(status, StatusCode::OK, "{uri}: {body}");
        assert!(!body.contains("only_b") && !body.contains("\"b\""), "{uri}: {body}");
        let (status, body) = get_as(enforced(), &uri, None).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{uri}");
        assert!(body.contains("X-Team"), "{body}");
    }
}

#[actix_web::test]
async fn only_the_configured_header_names_the_tenant() {
    let enforced = QueryParts { enforce_tenancy: true, ..parts(three(&[1, 2, 3])) };
    let request = test::TestRequest::get().uri(COUNT).insert_header(("THANOS-TENANT", "a"));
    assert_eq!(call(enforced, request).await.0, StatusCode::UNAUTHORIZED);
    let enforced = QueryParts { enforce_tenancy: true, ..parts(three(&[1, 2, 3])) };
    let (status, _) = get_as(enforced, &format!("{COUNT}&tenant=b"), Some("a")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[actix_web::test]
async fn the_parameter_tenant_narrows() {
    let (_, body) = get(three(&[1, 2, 3]), &format!("{COUNT}&tenant=b")).await;
    assert_eq!(counts(&body), [("b", "2")]);
    let (_, body) = get(three(&[1, 2, 3]), "/api/v1/label/job/values?tenant=b").await;
    assert_eq!(body["data"], json!(["only_b", "x"]));
    let (_, body) = get(three(&[1, 2, 3]), "/api/v1/label/tenant_id/values").await;
    assert_eq!(body["data"], json!(["a", "b"]));
}

#[actix_web::test]
async fn replicas_are_one_series_unless_dedup_is_off() {
    let mut holder = FakeHolder::default();
    for (replica, value) in [("0", 1.0), ("1", 2.0)] {
        let labels = [("__name__", "up"), ("prometheus_replica", replica)];
        holder.add("a", &labels, &[(50_000, value)]);
    }
    let one = || sources(1, 1, vec![(1, holder.clone())]);
    let (_, body) = get(one(), "/api/v1/query?query=up").await;
    assert_eq!(body["data"]["result"][0]["metric"], json!({"__name__": "up", "tenant_id": "a"}));
    assert_eq!(body["data"]["result"][0]["value"], json!([60, "1"]));
    assert_eq!(body["data"]["result"].as_array().unwrap().len(), 1);
    let (_, body) = get(one(), "/api/v1/query?query=up&dedup=false").await;
    assert_eq!(body["data"]["result"].as_array().unwrap().len(), 2);
}

#[actix_web::test]
async fn of_conflicting_copies_every_node_takes_the_same() {
    let holder = |value| {
        let mut holder = FakeHolder::default();
        holder.add("a", &[("__name__", "up")], &[(50_000, value)]);
        holder
    };
    for (here, there) in [(1.0, 2.0), (2.0, 1.0)] {
        let both = sources(2, 2, vec![(1, holder(here)), (2, holder(there))]);
        let (_, body) = get(both, "/api/v1/query?query=up").await;
        assert_eq!(body["data"]["result"][0]["value"][1], "2");
    }
}

#[actix_web::test]
async fn forms_are_taken_like_addresses() {
    let request = test::TestRequest::post()
        .uri("/api/v1/query_range")
        .insert_header(("Content-Type", "application/x-www-form-urlencoded"))
        .set_payload("query=sum(up)&start=50&end=60&step=5&dedup=true&partial_response=true");
    let (status, body) = call(parts(three(&[1, 2, 3])), request).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let values = r#""values":[[50,"4"],[55,"4"],[60,"4"]]"#;
    assert!(body.contains(values), "{body}");
}

#[actix_web::test]
async fn wrong_parameters_are_bad_data_and_unknown_paths_not_found() {
    for uri in [
        "/api/v1/query",
        "/api/v1/query?query=up{",
        "/api/v1/query?query=up&time=x",
        "/api/v1/query?query=up&timeout=x",
        "/api/v1/query?query=up&dedup=maybe",
        "/api/v1/query?query=up&storeMatch[]=x",
        "/api/v1/query?query=up&tenant=a/b",
        "/api/v1/query_range?query=up&start=0&end=1",
        "/api/v1/query_range?query=up&start=1&end=0&step=1",
        "/api/v1/query_range?query=up&start=0&end=11001&step=1",
        "/api/v1/series",
        "/api/v1/series?match[]=rate(up[5m])",
        "/api/v1/labels?limit=x",
    ] {
        let (status, body) = get(three(&[1, 2, 3]), uri).await;
        assert_eq!(
            (status, &body["errorType"]),
            (StatusCode::BAD_REQUEST, &json!("bad_data")),
            "{uri}"
        );
    }
    for uri in ["/api/v1/nothing", "/config/v1/rules"] {
        let (status, body) = get(three(&[1, 2, 3]), uri).await;
        assert_eq!((status, body), (StatusCode::NOT_FOUND, json!("404 page not found\n")));
    }
}

#[actix_web::test]
async fn limits_are_named() {
    let small = QueryParts { bytes_max: 100, ..parts(three(&[1, 2, 3])) };
    let (status, body) = get_as(small, COUNT, None).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(body.contains("100 bytes") && body.contains("--query.max-bytes"), "{body}");
    let (_, body) = get(three(&[1, 2, 3]), "/api/v1/label/job/values?limit=1").await;
    assert_eq!(body["data"], json!(["only_a"]));
    assert_eq!(body["warnings"], json!(["results truncated due to limit"]));
}

#[actix_web::test]
async fn a_query_waits_for_a_place_only_so_long() {
    let mut api = QueryApi::new(parts(three(&[1, 2, 3])));
    api.admission = Arc::new(Semaphore::new(0));
    let api = web::Data::new(api);
    let app = test::init_service(App::new().app_data(api).configure(configure)).await;
    for uri in [
        "query?query=1",
        "query_range?query=1&start=0&end=1&step=1",
        "series?match[]=up",
        "labels?match[]=up",
        "labels?dedup=true",
        "label/job/values?match[]=up",
        "metadata?metric=up",
        "format_query?query=1",
        "parse_query?query=1",
        "query_exemplars?query=1",
    ] {
        let uri = format!("/api/v1/{uri}&timeout=10ms");
        let request = test::TestRequest::get().uri(&uri).to_request();
        let response = test::call_service(&app, request).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{uri}");
        assert_eq!(response.headers().get("Retry-After").unwrap(), "1", "{uri}");
    }
}

#[actix_web::test]
async fn places_are_given_back() {
    let api = web::Data::new(QueryApi::new(parts(three(&[1, 2, 3]))));
    let free = || api.admission.available_permits();
    let before = free();
    let app = test::init_service(App::new().app_data(api.clone()).configure(configure)).await;
    for (uri, status) in [
        ("query?query=up", 200),
        ("query?query=up{", 400),
        ("series?match[]=up", 200),
        ("series?match[]=up{", 400),
        ("labels", 200),
        ("label/job/values", 200),
        ("metadata", 200),
        ("format_query?query=up", 200),
        ("format_query?query=up{", 400),
        ("parse_query?query=up", 200),
    ] {
        let request = test::TestRequest::get().uri(&format!("/api/v1/{uri}")).to_request();
        let response = test::call_service(&app, request).await;
        assert_eq!((response.status().as_u16(), free()), (status, before), "{uri}");
    }
}

#[actix_web::test]
async fn queries_are_understood_where_it_may_take_long() {
    for path in ["query", "format_query", "parse_query", "query_exemplars", "series", "labels"] {
        let done = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = done.clone();
        let blocking: crate::read::Blocking = Arc::new(move |work| {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            work();
        });
        let uri = format!("/api/v1/{path}?query=up{{&match[]=up{{");
        let (status, _) =
            get_as(QueryParts { blocking, ..parts(three(&[1, 2, 3])) }, &uri, None).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
        assert_eq!(done.load(std::sync::atomic::Ordering::Relaxed), 1, "{path}");
    }
}

#[actix_web::test]
async fn what_grafana_asks_is_answered() {
    for (uri, data) in [
        ("/api/v1/rules", json!({"groups": []})),
        ("/api/v1/alerts", json!({"alerts": []})),
        ("/api/v1/query_exemplars?query=up", json!([])),
        ("/api/v1/status/flags", json!({})),
        ("/api/v1/query?query=1%2B1", json!({"resultType": "scalar", "result": [60, "2"]})),
        ("/api/v1/labels?match[]=up", json!(["__name__", "job", "tenant_id"])),
        ("/api/v1/metadata?limit=1&metric=none", json!({})),
    ] {
        let (status, body) = get(three(&[1, 2, 3]), uri).await;
        assert_eq!((status, &body["data"]), (StatusCode::OK, &data), "{uri}");
    }
    let (_, body) = get(three(&[1, 2, 3]), "/api/v1/status/buildinfo").await;
    assert!(body["data"].get("features").is_none());
    assert_eq!(body["data"]["version"].as_str().unwrap().split('.').count(), 3);
    let (_, body) = get(three(&[1, 2, 3]), "/api/v1/series?match[]=up&match[]=up&tenant=a").await;
    assert_eq!(body["data"].as_array().unwrap().len(), 2);
    let (_, body) = get(three(&[1, 2]), "/api/v1/stores").await;
    assert_eq!(body["data"]["receive"].as_array().unwrap().len(), 3);
}

mod wording;
