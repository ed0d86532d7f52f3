//! Answers that are too large to be made at once come in pieces, as fast as they are taken.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use tests::clock::now_ms;
use tests::http::{self, Framing, Request, Response};
use tests::query::{form_text, seconds};
use tests::{ClusterPlan, Node, write};

const SERIES: usize = 120;
const SAMPLES: i64 = 240;
const STEP_MS: i64 = 15_000;

/// Writes the series; gives the time of the last sample.
fn write_series(node: &Node) -> i64 {
    let end = now_ms() / 1000 * 1000;
    let sample = |series: usize, i: i64| {
        (end - (SAMPLES - 1 - i) * STEP_MS, (series as i64 * SAMPLES + i) as f64 / 7.0)
    };
    let all: Vec<_> = (0..SERIES)
        .map(|series| {
            let number = format!("{series:03}");
            let labels = write::labels(&[("__name__", "large"), ("number", &number)]);
            (labels, (0..SAMPLES).map(|i| sample(series, i)).collect::<Vec<_>>())
        })
        .collect();
    for some in all.chunks(20) {
        let response = write::write(node.at.write, None, some).expect("an answer");
        assert!(response.is_success(), "{response:?}");
    }
    end
}

/// The path of a range query over the last hour.
fn path(query: &str, end: i64, step: &str) -> String {
    let form = [
        ("query", query.to_owned()),
        ("start", seconds(end - SAMPLES * STEP_MS)),
        ("end", seconds(end)),
        ("step", step.to_owned()),
    ];
    format!("/api/v1/query_range?{}", form_text(&form))
}

fn ask(http: SocketAddr, path: &str, framing: Framing, headers: &[(&str, &str)]) -> Response {
    let request = Request { method: "GET", path, headers, body: &[], framing };
    let response = http::send(http, &request).expect("an answer");
    assert_eq!(response.status, 200, "{}", response.body);
    response
}

const BEFORE: &str = "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[";
const BEHIND: &str = "]}}";

#[test]
fn a_large_answer_is_what_small_ones_make() {
    let cluster = ClusterPlan::of(1).flag("--receive.accept-age=4h").start();
    let (end, http) = (write_series(&cluster.nodes[0]), cluster.nodes[0].at.http);
    let get = |query: &str| ask(http, &path(query, end, "5"), Framing::Length, &[]);
    let parts: Vec<String> = (0..SERIES)
        .map(|series| {
            let small = get(&format!("large{{number=\"{series:03}\"}}"));
            assert!(small.header("content-length").is_some(), "{}", small.head);
            let rest = small.body.strip_prefix(BEFORE).expect("it begins like any answer");
            rest.strip_suffix(BEHIND).expect("it ends like any answer").to_owned()
        })
        .collect();
    let whole = format!("{BEFORE}{}{BEHIND}", parts.join(","));
    let large = get("large");
    assert!(whole.len() > 1 << 20, "{}", whole.len());
    assert_eq!(large.header("transfer-encoding"), Some("chunked"), "{}", large.head);
    assert_eq!(large.header("content-type"), Some("application/json"));
    assert!(large.body == whole, "the large answer differs from the small ones");
    let old = ask(http, &path("large", end, "5"), Framing::Http10, &[]);
    assert!(old.header("content-length").is_some(), "{}", old.head);
    assert!(old.body == whole, "an old client gets the same");
    let accepts = [("Accept-Encoding", "gzip")];
    let packed = ask(http, &path("large", end, "5"), Framing::Length, &accepts);
    assert_eq!(packed.header("content-encoding"), Some("gzip"), "{}", packed.head);
}

/// Far more than sockets hold: 3,601 points of each series, several times.
const VAST: &str = "large or label_replace(large, \"copy\", \"1\", \"\", \"\") \
                    or label_replace(large, \"copy\", \"2\", \"\", \"\") \
                    or label_replace(large, \"copy\", \"3\", \"\", \"\")";

#[test]
fn a_client_that_goes_away_gives_its_place_back() {
    let cluster =
        ClusterPlan::of(1).flag("--receive.accept-age=4h").flag("--query.max-concurrent=1").start();
    let (end, http) = (write_series(&cluster.nodes[0]), cluster.nodes[0].at.http);
    let mut reader = TcpStream::connect(http).expect("the node listens");
    let request = format!("GET {} HTTP/1.1\r\nHost: {http}\r\n\r\n", path(VAST, end, "1"));
    reader.write_all(request.as_bytes()).expect("the request is taken");
    let mut first = [0; 12];
    reader.read_exact(&mut first).expect("the answer begins");
    assert_eq!(&first, b"HTTP/1.1 200");
    let waiting = http::get(http, "/api/v1/query?query=vector(1)&timeout=1s").expect("an answer");
    assert_eq!(waiting.status, 503, "the rest of the answer holds the only place");
    drop(reader);
    let next = http::get(http, "/api/v1/query?query=vector(1)").expect("an answer");
    assert_eq!(next.status, 200, "{}", next.body);
}
