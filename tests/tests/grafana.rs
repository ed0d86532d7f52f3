//! What Grafana's Prometheus data source sends, to a node and to a real Prometheus that hold the
//! same data: the answers are the same, or have the same shape where the two must differ.
//!
//! Grafana asks with forms (POST) where the API has them, and takes GET after a 405; its server
//! writes times as seconds with a fraction and steps as seconds.

use std::net::SocketAddr;

use proto::record::{MetadataEntry, MetricType};
use proto::remote_write::RequestWriter;
use serde_json::{Value, json};
use tests::http::{self, Framing, Request, Response};
use tests::promql::both::Both;
use tests::promql::compare::{Reply, compare};
use tests::promql::data::{SPAN_MS, TENANT};
use tests::query::{form_text, seconds};
use tests::write;

/// A request: path and parameters.
struct Asked {
    path: &'static str,
    form: Vec<(&'static str, String)>,
}

fn asked(path: &'static str, form: &[(&'static str, &str)]) -> Asked {
    Asked { path, form: form.iter().map(|(name, value)| (*name, (*value).to_owned())).collect() }
}

impl Asked {
    fn during(mut self, (start, end): (i64, i64)) -> Asked {
        self.form.extend([("start", seconds(start)), ("end", seconds(end))]);
        self
    }

    fn with(mut self, name: &'static str, value: impl ToString) -> Asked {
        self.form.push((name, value.to_string()));
        self
    }

    fn post(&self, server: SocketAddr) -> Response {
        http::post_form(server, self.path, &form_text(&self.form)).expect("an answer")
    }

    fn get(&self, server: SocketAddr) -> Response {
        let path = format!("{}?{}", self.path, form_text(&self.form));
        http::get(server, &path).expect("an answer")
    }

    /// Asks both by POST and by GET and checks that all four say the same.
    fn agree(&self, both: &Both) -> Value {
        let (by_post, by_get) = (self.post(both.node()), self.get(both.node()));
        assert_eq!(by_post.body, by_get.body, "POST and GET of {} {:?}", self.path, self.form);
        self.same(&by_post, &self.post(both.prometheus.address))
    }

    /// Asks both by GET only.
    fn agree_by_get(&self, both: &Both) -> Value {
        self.same(&self.get(both.node()), &self.get(both.prometheus.address))
    }

    fn same(&self, ours: &Response, theirs: &Response) -> Value {
        let what = format!("{} {:?}", self.path, self.form);
        assert_eq!(ours.status, theirs.status, "{what}: {} and {}", ours.body, theirs.body);
        let kind = |response: &Response| response.header("Content-Type").map(str::to_owned);
        assert_eq!(kind(ours), kind(theirs), "{what}");
        let (own, other) = (json_of(ours), json_of(theirs));
        assert_eq!(own["status"], other["status"], "{what}");
        assert_eq!(own["errorType"], other["errorType"], "{what}");
        if own["data"]["resultType"].is_string() {
            let (own, other) = (Reply::of_body(&ours.body), Reply::of_body(&theirs.body));
            compare(&own, &other, false).unwrap_or_else(|error| panic!("{what}: {error}"));
        } else if own["data"].is_array() {
            assert_eq!(sorted(&own["data"]), sorted(&other["data"]), "{what}");
        } else {
            assert_eq!(own["data"], other["data"], "{what}");
        }
        own["data"].clone()
    }
}

fn json_of(response: &Response) -> Value {
    serde_json::from_str(&response.body).unwrap_or_else(|e| panic!("{e}: {response:?}"))
}

/// Series come in no order that means anything.
fn sorted(list: &Value) -> Vec<String> {
    let mut texts: Vec<String> =
        list.as_array().expect("a list").iter().map(Value::to_string).collect();
    texts.sort();
    texts
}

/// Names of the fields of an object.
fn fields(value: &Value) -> Vec<&String> {
    value.as_object().map_or_else(Vec::new, |object| object.keys().collect())
}

#[test]
fn grafana_gets_from_a_node_what_it_gets_from_prometheus() {
    let Some(both) = Both::start("grafana", 0) else { return };
    let begin = both.run.base_ms + 600_000;
    let whole = (begin, both.run.base_ms + SPAN_MS);
    save_and_test(&both);
    panels(&both, begin);
    names_and_values(&both, whole);
    variables(&both, whole);
    mistakes(&both);
    metadata(&both);
    alerting(&both);
}

/// The button "Save & test": a sum, and what the server is.
fn save_and_test(both: &Both) {
    let sum = asked("/api/v1/query", &[("query", "1+1")]).with("time", seconds(both.run.base_ms));
    assert_eq!(sum.agree(both)["result"][1], "2");
    let info = asked("/api/v1/status/buildinfo", &[]);
    let (own, other) =
        (json_of(&info.get(both.node())), json_of(&info.get(both.prometheus.address)));
    assert_eq!(fields(&own["data"]), fields(&other["data"]), "no `features`, or it is Mimir");
    let version = own["data"]["version"].as_str().unwrap_or_default().split('.');
    assert_eq!(version.filter(|part| part.parse::<u32>().is_ok()).count(), 3, "{own}");
}

/// Panels of a dashboard: ranges, instants and exemplars.
fn panels(both: &Both, begin: i64) {
    let end = begin + 1_800_000;
    for query in [
        "up",
        "sum by (job) (rate(requests_total{job=~\"api|web\"}[1m15s]))",
        "histogram_quantile(0.95, sum by (le) (rate(latency_bucket[1m15s])))",
        "topk(3, queue_length)",
        "requests_total{job=\"none\"}",
        "max_over_time(temperature[5m]) > 10",
        "time()",
    ] {
        let range = asked("/api/v1/query_range", &[("query", query)]).during((begin, end));
        range.with("step", 15).with("timeout", "60s").agree(both);
        let at = asked("/api/v1/query", &[("query", query)]).with("time", seconds(end));
        at.agree(both);
        let exemplars = asked("/api/v1/query_exemplars", &[("query", query)]).during((begin, end));
        let (ours, theirs) = (exemplars.post(both.node()), exemplars.post(both.prometheus.address));
        // Without a selector there is nothing to look for: 204.
        assert_eq!((ours.status, ours.body), (theirs.status, theirs.body), "{query}");
    }
}

/// The editor: names of metrics and labels, values, series.
fn names_and_values(both: &Both, during: (i64, i64)) {
    let selectors = ["up", "{job=\"api\"}", "{__name__=~\"latency.*\", le!=\"1\"}", "nothing"];
    let names = asked("/api/v1/labels", &[]).during(during).agree(both);
    assert_ne!(names, json!([]));
    for name in names.as_array().expect("a list") {
        let path = format!("/api/v1/label/{}/values", name.as_str().unwrap_or_default());
        let path: &'static str = path.leak();
        assert_ne!(asked(path, &[]).during(during).agree_by_get(both), json!([]));
        for selector in selectors {
            asked(path, &[("match[]", selector)]).during(during).agree_by_get(both);
        }
    }
    for selector in selectors {
        asked("/api/v1/labels", &[("match[]", selector)]).during(during).agree(both);
        asked("/api/v1/series", &[("match[]", selector)]).during(during).agree(both);
    }
    let two = [("match[]", "up"), ("match[]", "build_info")];
    asked("/api/v1/series", &two).during(during).agree(both);
    asked("/api/v1/labels", &two).during(during).agree(both);
    // A name that is no Prometheus name of old comes escaped; it has no values here.
    asked("/api/v1/label/U__no_2e_such/values", &[]).during(during).agree_by_get(both);
    let limited = asked("/api/v1/labels", &[("limit", "2")]).during(during).post(both.node());
    assert_eq!(json_of(&limited)["data"].as_array().map(Vec::len), Some(2));
}

/// Variables: `label_values(metric, label)`, `metrics(...)` and `query_result(...)`.
fn variables(both: &Both, during: (i64, i64)) {
    let values = asked("/api/v1/label/instance/values", &[("match[]", "queue_length")]);
    values.during(during).agree_by_get(both);
    asked("/api/v1/label/__name__/values", &[]).during(during).agree_by_get(both);
    let result = asked("/api/v1/query", &[("query", "count by (job) (up)")]);
    result.with("time", seconds(during.1)).agree(both);
}

/// The pages of alerts: there are no rules, and no ruler that could be configured.
fn alerting(both: &Both) {
    assert_eq!(asked("/api/v1/rules", &[]).agree_by_get(both), json!({"groups": []}));
    assert_eq!(asked("/api/v1/alerts", &[]).agree_by_get(both), json!({"alerts": []}));
    let flags = asked("/api/v1/status/flags", &[]).get(both.node());
    assert!(json_of(&flags)["data"].is_object());
    for path in ["/api/v1/rules/a/b", "/config/v1/rules", "/prometheus/config/v1/rules"] {
        let missing = asked(path, &[]).get(both.node());
        assert_eq!(missing.status, 404, "{path}: {missing:?}");
        assert!(missing.body.contains("page not found"), "{path}: {missing:?}");
    }
}

/// What users get wrong in a panel.
fn mistakes(both: &Both) {
    let range = |query, start, end, step| {
        asked("/api/v1/query_range", &[("query", query), ("start", start), ("end", end)])
            .with("step", step)
    };
    let at = |query| asked("/api/v1/query", &[("query", query), ("time", "1700000000")]);
    let wrong = [
        at("sum("),
        at(""),
        at("up @"),
        at("rate(up)"),
        at("nosuch(up)"),
        at("up + on (job) group_left up").with("timeout", "1s"),
        asked("/api/v1/query", &[("query", "up"), ("time", "yesterday")]),
        asked("/api/v1/query", &[("query", "up"), ("timeout", "soon")]),
        range("up", "0", "100000", "1"),
        range("up", "10", "0", "1"),
        range("up", "0", "10", "0"),
        range("up", "0", "10", "-1"),
        range("up", "x", "10", "1"),
        range("up[5m]", "0", "10", "1"),
        range("\"text\"", "0", "10", "1"),
        asked("/api/v1/query_range", &[("query", "up")]),
        asked("/api/v1/series", &[]),
        asked("/api/v1/series", &[("match[]", "up{")]),
        asked("/api/v1/series", &[("match[]", "{}")]),
        asked("/api/v1/labels", &[("match[]", "1")]),
        asked("/api/v1/labels", &[("start", "x")]),
        asked("/api/v1/labels", &[("start", "10"), ("end", "0")]),
        asked("/api/v1/query_exemplars", &[("query", "up{")]),
    ];
    wrong.iter().for_each(|request| drop(request.agree(both)));
    let many = asked("/api/v1/query", &[("query", "up * on (job) up")]);
    let many = many.with("time", seconds(both.run.base_ms + SPAN_MS / 2));
    many.agree(both);
    assert_eq!(many.post(both.node()).status, 422, "the data makes this one wrong");
}

/// Metadata comes with remote write; a Prometheus only has what it scrapes.
fn metadata(both: &Both) {
    let entry = MetadataEntry {
        family: "requests_total".to_owned(),
        metric_type: MetricType::Counter,
        help: "Requests since the start.".to_owned(),
        unit: "requests".to_owned(),
    };
    let mut request = RequestWriter::default();
    request.metadata(&entry);
    let body = write::compressed(request.as_bytes());
    let at = both.cluster.nodes[0].at.write;
    let response = write::post(at, Some(TENANT), &body, Framing::Length).expect("an answer");
    assert!(response.is_success(), "{response:?}");
    let shown = json!([{"type": "counter", "help": entry.help, "unit": entry.unit}]);
    for form in [&[("limit", "1000")][..], &[("metric", "requests_total")], &[]] {
        let answer = json_of(&asked("/api/v1/metadata", form).get(both.node()));
        assert_eq!(answer["data"], json!({"requests_total": shown}), "{form:?}");
    }
    // A form where there is none is refused so that Grafana asks again by GET.
    let (method, path, framing) = ("POST", "/api/v1/metadata", Framing::Length);
    let request = Request { method, path, headers: &[], body: &[], framing };
    let refused = http::send(both.node(), &request).expect("an answer");
    assert!([400, 404, 405].contains(&refused.status), "{refused:?}");
}
