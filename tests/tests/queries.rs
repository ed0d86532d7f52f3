//! The query API on a small known data set, and tenants kept apart by header.

use std::net::SocketAddr;

use proto::record::{MetadataEntry, MetricType};
use proto::remote_write::RequestWriter;
use serde_json::{Value, json};
use tests::clock::now_ms;
use tests::http::{self, Framing, Request};
use tests::query::{Answer, ask, ask_by_get, instant, range, seconds};
use tests::{ClusterPlan, Node, write};

/// Step between the samples.
const STEP_MS: i64 = 15_000;
const SAMPLES: i64 = 20;
/// A label value of one tenant that no other may ever see.
const SECRET: &str = "only-for-the-other-tenant";

/// Two tenants with counters of a known slope; gives the time of the last sample.
fn write_known(node: &Node) -> i64 {
    let end = now_ms() / 1000 * 1000;
    for (tenant, host, slope) in [("mine", "h1", 2.0), ("other", SECRET, 5.0)] {
        let labels = [("__name__", "requests_total"), ("host", host), ("job", "api")];
        let sample = |i: i64| (end - (SAMPLES - 1 - i) * STEP_MS, slope * (i * 15) as f64);
        let samples: Vec<(i64, f64)> = (0..SAMPLES).map(sample).collect();
        let body = body_with_help(&labels, &samples, host);
        let response = write::post(node.at.write, Some(tenant), &body, Framing::Length);
        let response = response.expect("an answer");
        assert!(response.is_success(), "{response:?}");
    }
    end
}

/// A request with one series and the metadata of its family.
fn body_with_help(labels: &[(&str, &str)], samples: &[(i64, f64)], help: &str) -> Vec<u8> {
    let mut request = RequestWriter::default();
    request.series(&write::labels(labels), samples);
    request.metadata(&MetadataEntry {
        family: "requests_total".to_owned(),
        metric_type: MetricType::Counter,
        help: format!("Help for {help}."),
        unit: String::new(),
    });
    write::compressed(request.as_bytes())
}

/// Every form of a question: path, parameters.
fn questions(end: i64) -> Vec<(&'static str, Vec<(&'static str, String)>)> {
    let (start, end) = (seconds(end - SAMPLES * STEP_MS), seconds(end));
    let times = [("start", start), ("end", end.clone())];
    let with_times = |mut form: Vec<(&'static str, String)>| {
        form.extend(times.clone());
        form
    };
    let all = "{tenant_id=~\".*\",__name__=~\".+\"}".to_owned();
    let other = "requests_total{tenant_id=\"other\"}".to_owned();
    let query = |text: &str| vec![("query", text.to_owned()), ("time", end.clone())];
    let stepped = with_times(vec![("query", all.clone()), ("step", "15".to_owned())]);
    vec![
        ("/api/v1/query", query(&all)),
        ("/api/v1/query", query(&other)),
        ("/api/v1/query", query("{tenant_id!=\"mine\",__name__!=\"\"}")),
        ("/api/v1/query", query("count by (tenant_id, host) (requests_total offset 15s)")),
        ("/api/v1/query", query("requests_total[5m]")),
        ("/api/v1/query_range", stepped),
        ("/api/v1/series", with_times(vec![("match[]", all.clone())])),
        ("/api/v1/series", with_times(vec![("match[]", other)])),
        ("/api/v1/labels", with_times(Vec::new())),
        ("/api/v1/label/host/values", with_times(Vec::new())),
        ("/api/v1/label/tenant_id/values", with_times(vec![("match[]", all)])),
        ("/api/v1/metadata", Vec::new()),
    ]
}

/// Asks by GET and, where there is POST, checks that it answers the same.
fn both(http: SocketAddr, path: &str, form: &[(&str, String)], headers: &[(&str, &str)]) -> Answer {
    let by_get = ask_by_get(http, path, form, headers).unwrap_or_else(|e| panic!("{path}: {e}"));
    if !path.contains("/label/") && !path.ends_with("/metadata") {
        let by_post = ask(http, path, form, headers).unwrap_or_else(|e| panic!("{path}: {e}"));
        assert_eq!(by_get.data, by_post.data, "GET and POST of {path} {form:?}");
    }
    by_get.complete().unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn vector(http: SocketAddr, query: &str, time: i64) -> Vec<(String, String)> {
    let answer = instant(http, query, Some(time)).unwrap_or_else(|e| panic!("{query}: {e}"));
    let rows = answer.complete().expect("complete").series();
    let label = |row: &tests::query::Series| row.labels.get("tenant_id").cloned();
    rows.iter().map(|r| (label(r).unwrap_or_default(), r.points[0].1.clone())).collect()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[test]
fn answers_are_right_and_name_the_tenant() {
    let cluster = ClusterPlan::of(1).start();
    let node = &cluster.nodes[0];
    let end = write_known(node);
    let at = node.at.http;
    let last = pairs(&[("mine", "570"), ("other", "1425")]);
    assert_eq!(vector(at, "sort(requests_total)", end), last);
    assert_eq!(
        vector(at, "sort(round(rate(requests_total[2m]), 0.001))", end),
        pairs(&[("mine", "2"), ("other", "5")])
    );
    assert_eq!(vector(at, "sum(requests_total)", end), pairs(&[("", "1995")]));
    assert_eq!(
        vector(at, "requests_total{tenant_id=\"mine\"} offset 30s", end),
        pairs(&[("mine", "510")])
    );
    let mut counts = vector(at, "count_over_time(requests_total[1h])", end);
    counts.sort();
    assert_eq!(counts, pairs(&[("mine", "20"), ("other", "20")]));

    let answer = range(at, "sum by (job) (requests_total)", (end - 30_000, end), "15s");
    let series = answer.expect("an answer").complete().expect("complete").series();
    assert_eq!(series.len(), 1);
    assert_eq!(series[0].labels.get("job").map(String::as_str), Some("api"));
    let values: Vec<&str> = series[0].points.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(values, ["1785", "1890", "1995"]);
    assert_eq!(series[0].points[0].0, end - 30_000);

    for (path, form) in questions(end) {
        let answer = both(at, path, &form, &[]);
        assert_ne!(answer.data, json!([]), "{path} {form:?}");
    }
    let hosts = both(at, "/api/v1/label/host/values", &questions(end)[9].1, &[]);
    assert_eq!(hosts.data, json!(["h1", SECRET]));
    let names = both(at, "/api/v1/labels", &questions(end)[8].1, &[]);
    assert_eq!(names.data, json!(["__name__", "host", "job", "tenant_id"]));
    let build = ask_by_get(at, "/api/v1/status/buildinfo", &[], &[]);
    let build = build.expect("an answer");
    assert!(build.data["version"].is_string() && build.data["features"] == Value::Null);
}

#[test]
fn mistakes_are_told_as_prometheus_tells_them() {
    let cluster = ClusterPlan::of(1).start();
    let at = cluster.nodes[0].at.http;
    for (path, part) in [
        ("/api/v1/query?query=sum(", "1:"),
        ("/api/v1/query", "query"),
        ("/api/v1/query?query=1&time=yesterday", "time"),
        ("/api/v1/query_range?query=1&start=0&end=100000&step=1", "maximum resolution"),
        ("/api/v1/query_range?query=1&start=10&end=0&step=1", "end"),
        ("/api/v1/series", "match[]"),
    ] {
        let response = http::get(at, path).expect("an answer");
        let body: Value = serde_json::from_str(&response.body).expect("JSON");
        assert_eq!(response.status, 400, "{path}: {body}");
        assert_eq!((&body["status"], &body["errorType"]), (&json!("error"), &json!("bad_data")));
        assert!(body["error"].to_string().contains(part), "{path}: {body}");
    }
    assert_eq!(http::get(at, "/api/v1/no-such-thing").expect("an answer").status, 404);
}

#[test]
fn with_enforcement_no_answer_ever_shows_another_tenant() {
    let plan = ClusterPlan::of(1).flag("--query.enforce-tenancy");
    let cluster = plan.flag("--receive.tenant-header=X-Team").start();
    let node = &cluster.nodes[0];
    // The harness writes with Thanos' header, which this node does not look at.
    let end = now_ms() / 1000 * 1000;
    for (team, host) in [("mine", "h1"), ("other", SECRET)] {
        let labels = [("__name__", "requests_total"), ("host", host), ("job", team)];
        let body = body_with_help(&labels, &[(end, 1.0)], host);
        let headers = [
            ("X-Team", team),
            ("Content-Encoding", "snappy"),
            ("Content-Type", "application/x-protobuf"),
        ];
        let (method, path, framing) = ("POST", write::RECEIVE, Framing::Length);
        let request = Request { method, path, headers: &headers, body: &body, framing };
        let response = http::send(node.at.write, &request).expect("an answer");
        assert!(response.is_success(), "{response:?}");
    }
    let mut seen = 0;
    for (path, form) in questions(end) {
        let answer = both(node.at.http, path, &form, &[("X-Team", "mine")]);
        let text = answer.data.to_string();
        assert!(!text.contains(SECRET) && !text.contains("\"other\""), "{path} {form:?}: {text}");
        seen += usize::from(text.contains("h1"));
        // The fallback to Thanos' header must not open another door.
        for headers in [&[][..], &[("THANOS-TENANT", "mine")], &[("X-Team", "no/name")]] {
            let refused = ask_by_get(node.at.http, path, &form, headers);
            let error = refused.expect_err("a question without a tenant is refused");
            assert!(!error.contains(SECRET) && !error.contains("h1"), "{path}: {error}");
        }
    }
    assert!(seen >= 4, "the tenant's own data was in {seen} answers only");
}
