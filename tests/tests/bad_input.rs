//! Broken, oversize and unwelcome writes: each gets its status and a reason, what is good beside it
//! is stored, and the node goes on.

use std::time::Duration;

use proto::record::{MetadataEntry, MetricType};
use proto::remote_write::RequestWriter;
use tests::clock::{now_ms, wait_for};
use tests::http::{self, Framing, Request, Response};
use tests::query::{answer, instant};
use tests::{Cluster, ClusterPlan, Node, write};

const LIMIT: Duration = Duration::from_secs(20);
/// `--receive.request-bytes-max` of the node.
const REQUEST_BYTES_MAX: usize = 64 << 10;
/// `--receive.decoded-bytes-max` of the node.
const DECODED_BYTES_MAX: usize = 256 << 10;

fn cluster() -> Cluster {
    let plan = ClusterPlan::of(1).flag("--receive.accept-age=1h").flag("--receive.accept-ahead=5m");
    plan.flag("--receive.request-bytes-max=64KiB")
        .flag("--receive.decoded-bytes-max=256KiB")
        .start()
}

/// A field of wire type 2.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    proto::varint::put_uvarint(&mut out, bytes.len() as u64);
    out.extend_from_slice(bytes);
    out
}

/// Label entries exactly as given.
fn raw_labels(pairs: &[(&str, &str)]) -> Vec<u8> {
    let entry = |(name, value): &(&str, &str)| {
        field(1, &[field(1, name.as_bytes()), field(2, value.as_bytes())].concat())
    };
    pairs.iter().flat_map(entry).collect()
}

fn sample(time: i64, value: f64) -> Vec<u8> {
    let mut out = vec![0x09];
    out.extend_from_slice(&value.to_le_bytes());
    out.push(0x10);
    proto::varint::put_uvarint(&mut out, time as u64);
    field(2, &out)
}

/// A whole request with one series made of these fields.
fn request(parts: &[Vec<u8>]) -> Vec<u8> {
    field(1, &parts.concat())
}

fn post(node: &Node, tenant: &str, plain: &[u8]) -> Response {
    let body = write::compressed(plain);
    write::post(node.at.write, Some(tenant), &body, Framing::Length).expect("an answer")
}

/// The values of a metric now, by the label `l`.
fn stored(node: &Node, metric: &str) -> Vec<(String, String)> {
    let found = instant(node.at.http, metric, Some(now_ms() + 1)).expect("an answer");
    found.by_label("l").into_iter().collect()
}

fn assert_refused(response: &Response, status: u16, part: &str) {
    assert_eq!(response.status, status, "{part}: {response:?}");
    assert!(response.body.contains(part), "{part:?} is not said: {response:?}");
}

/// Everything that is no request at all, and a proof that the node goes on.
#[test]
fn what_is_no_request_is_refused_and_the_node_goes_on() {
    let cluster = cluster();
    let node = &cluster.nodes[0];
    let now = now_ms();
    let good = request(&[raw_labels(&[("__name__", "before"), ("l", "x")]), sample(now, 1.0)]);
    assert!(post(node, "t", &good).is_success());

    let send = |body: &[u8]| write::post(node.at.write, Some("t"), body, Framing::Length);
    let packed = write::compressed(&good);
    for broken in [&b"not snappy at all"[..], &[0xff; 40], &packed[..packed.len() - 3]] {
        assert_refused(&send(broken).expect("an answer"), 400, "snappy");
    }
    assert_refused(&send(&[]).expect("an answer"), 400, "snappy");
    for broken in [&[0x0a, 0x7f][..], b"\x0a\x02\x0a\x09", b"\x08\x01", &[0xff; 12]] {
        assert_refused(&post(node, "t", broken), 400, "WriteRequest");
    }
    for name in ["a/b", "..", "with space", &"x".repeat(151)] {
        let response = post(node, name, &good);
        assert_refused(&response, 400, "THANOS-TENANT");
    }
    // Any byte flipped anywhere: an answer, and never a crash.
    for at in 0..packed.len() {
        let mut flipped = packed.clone();
        flipped[at] ^= 0x55;
        let response = write::post(node.at.write, Some("fuzz"), &flipped, Framing::Length);
        assert!(response.is_ok_and(|r| r.status == 200 || r.status == 400), "byte {at}");
    }
    node.is_ready().expect("the node goes on");
    assert_eq!(stored(node, "before{tenant_id=\"t\"}"), [("x".to_owned(), "1".to_owned())]);
}

#[test]
fn types_encodings_and_sizes_have_their_own_statuses() {
    let cluster = cluster();
    let node = &cluster.nodes[0];
    let time = now_ms();
    let good = request(&[raw_labels(&[("__name__", "sized"), ("l", "x")]), sample(time, 1.0)]);
    let body = write::compressed(&good);
    let v2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
    for (kind, encoding) in
        [("application/json", "snappy"), (v2, "snappy"), ("application/x-protobuf", "gzip")]
    {
        let headers = [("Content-Type", kind), ("Content-Encoding", encoding)];
        let (path, framing) = (write::RECEIVE, Framing::Length);
        let request = Request { method: "POST", path, headers: &headers, body: &body, framing };
        let response = http::send(node.at.write, &request).expect("an answer");
        assert_eq!(response.status, 415, "{kind} {encoding}: {response:?}");
    }
    // Over the limit as it comes, told by Content-Length or only by the bytes themselves.
    let large = vec![0xaa; REQUEST_BYTES_MAX + 1];
    for framing in [Framing::Length, Framing::Chunked(8 << 10)] {
        let response = write::post(node.at.write, None, &large, framing).expect("an answer");
        assert_refused(&response, 413, "--receive.request-bytes-max");
    }
    // Over the limit when decompressed: zeros compress well.
    let bomb = write::compressed(&vec![0; DECODED_BYTES_MAX + 1]);
    assert!(bomb.len() < REQUEST_BYTES_MAX);
    let response = write::post(node.at.write, None, &bomb, Framing::Length).expect("an answer");
    assert_refused(&response, 413, "--receive.decoded-bytes-max");
    for framing in [Framing::Http10, Framing::Chunked(7), Framing::Length] {
        let response = write::post(node.at.write, Some("t"), &body, framing).expect("an answer");
        assert!(response.is_success(), "{framing:?}: {response:?}");
    }
    assert_eq!(stored(node, "sized"), [("x".to_owned(), "1".to_owned())]);
}

/// One bad series beside a good one: 400 that names it, and the good one is stored.
#[test]
fn a_bad_series_takes_nothing_from_a_good_one() {
    let cluster = cluster();
    let node = &cluster.nodes[0];
    let now = now_ms();
    let hour = 3_600_000;
    let named = |l: &str| raw_labels(&[("__name__", "beside"), ("l", l)]);
    let bad: [(&str, Vec<Vec<u8>>, &str); 9] = [
        ("empty", vec![sample(now, 1.0)], "label"),
        ("no-name", vec![raw_labels(&[("l", "z")]), sample(now, 1.0)], "__name__"),
        (
            "twice",
            vec![raw_labels(&[("__name__", "b"), ("x", "1"), ("x", "2")]), sample(now, 1.0)],
            "twice",
        ),
        (
            "empty-name",
            vec![raw_labels(&[("", "v"), ("__name__", "b")]), sample(now, 1.0)],
            "empty",
        ),
        ("old", vec![named("old"), sample(now - 2 * hour, 1.0)], "--receive.accept-age"),
        ("new", vec![named("new"), sample(now + hour, 1.0)], "--receive.accept-ahead"),
        ("histogram", vec![named("histogram"), field(4, &[0x18, 0x01])], "histogram"),
        ("exemplar", vec![named("exemplar"), field(3, &[])], "exemplar"),
        ("utf8", vec![field(1, &[field(1, &[0xff]), field(2, b"v")].concat())], "UTF-8"),
    ];
    for (case, parts, part) in bad {
        let mut parts = parts;
        if case == "utf8" {
            parts.push(sample(now, 1.0));
        }
        let good = request(&[named(&format!("good-{case}")), sample(now, 2.0)]);
        let response = post(node, "t", &[request(&parts), good].concat());
        assert_refused(&response, 400, part);
        let found = stored(node, &format!("beside{{l=\"good-{case}\"}}"));
        assert_eq!(found, [(format!("good-{case}"), "2".to_owned())], "{case}: {}", response.body);
    }
    // Floats beside an exemplar or histogram of the same series are stored too.
    let mixed = [named("mixed"), sample(now, 3.0), field(3, &[]), field(4, &[0x18, 0x01])];
    assert_refused(&post(node, "t", &request(&mixed)), 400, "mixed");
    assert_eq!(stored(node, "beside{l=\"mixed\"}"), [("mixed".to_owned(), "3".to_owned())]);
    for l in ["old", "new", "histogram", "exemplar"] {
        assert_eq!(stored(node, &format!("beside{{l=\"{l}\"}}")), [], "{l}");
    }
    node.is_ready().expect("the node goes on");
}

#[test]
fn the_same_series_in_another_order_of_labels_is_the_same_series() {
    let cluster = cluster();
    let node = &cluster.nodes[0];
    let now = now_ms();
    let sorted = raw_labels(&[("__name__", "ordered"), ("a", "1"), ("l", "x")]);
    let shuffled = raw_labels(&[("l", "x"), ("__name__", "ordered"), ("a", "1")]);
    assert!(post(node, "t", &request(&[sorted, sample(now - 1000, 1.0)])).is_success());
    let again = request(&[shuffled, sample(now, 2.0)]);
    assert!(post(node, "t", &again).is_success());
    // A repeat is no error, another value for the same time is.
    assert!(post(node, "t", &again).is_success());
    let sorted = raw_labels(&[("__name__", "ordered"), ("a", "1"), ("l", "x")]);
    assert_refused(&post(node, "t", &request(&[sorted, sample(now, 9.0)])), 400, "ordered");
    let count = instant(node.at.http, "count_over_time(ordered[1m])", Some(now + 1));
    let series = count.expect("an answer").series();
    assert_eq!(series.len(), 1, "{series:?}");
    assert_eq!(series[0].points[0].1, "2");
}

#[test]
fn metadata_is_kept_and_served() {
    let cluster = cluster();
    let node = &cluster.nodes[0];
    let mut request = RequestWriter::default();
    request.metadata(&MetadataEntry {
        family: "http_requests_total".to_owned(),
        metric_type: MetricType::Counter,
        help: "Requests answered.".to_owned(),
        unit: String::new(),
    });
    let labels = write::labels(&[("__name__", "http_requests_total"), ("l", "x")]);
    request.series(&labels, &[(now_ms(), 1.0)]);
    assert!(post(node, "t", request.as_bytes()).is_success());
    wait_for("the metadata", LIMIT, || {
        let found = answer(http::get(node.at.http, "/api/v1/metadata")?)?.data;
        let entry = &found["http_requests_total"][0];
        let right = entry["type"] == "counter" && entry["help"] == "Requests answered.";
        if right { Ok(()) } else { Err(found.to_string()) }
    });
}
