//! Prometheus' words for what is wrong, and the shapes of what looks at no data.

use super::*;

async fn error(uri: &str) -> (u16, String) {
    let (status, body) = get(three(&[1, 2, 3]), uri).await;
    assert_eq!(body["status"], "error", "{uri}: {body}");
    (status.as_u16(), body["error"].as_str().unwrap_or_default().to_owned())
}

#[actix_web::test]
async fn errors_are_worded_as_prometheus_words_them() {
    let range = "/api/v1/query_range?query=up&start=0&end=60";
    for (uri, text) in [
        (
            "/api/v1/query",
            "invalid parameter \"query\": 1:1: parse error: no expression found in input",
        ),
        (
            "/api/v1/query?query=up{",
            "invalid parameter \"query\": 1:4: parse error: unexpected end of input inside braces",
        ),
        (
            "/api/v1/query?query=up&time=x",
            "invalid parameter \"time\": invalid time value for 'time': cannot parse \"x\" to a valid timestamp",
        ),
        (
            "/api/v1/query?query=up&timeout=x",
            "invalid parameter \"timeout\": cannot parse \"x\" to a valid duration",
        ),
        (
            "/api/v1/query?query=up&limit=-1",
            "invalid parameter \"limit\": limit must be non-negative",
        ),
        (
            "/api/v1/query?query=up&limit=x",
            "invalid parameter \"limit\": strconv.Atoi: parsing \"x\": invalid syntax",
        ),
        (
            "/api/v1/query?query=up&lookback_delta=x",
            "error parsing lookback delta duration: cannot parse \"x\" to a valid duration",
        ),
        (
            "/api/v1/query_range?query=up",
            "invalid parameter \"start\": cannot parse \"\" to a valid timestamp",
        ),
        (
            "/api/v1/query_range?query=up&start=0",
            "invalid parameter \"end\": cannot parse \"\" to a valid timestamp",
        ),
        (range, "invalid parameter \"step\": cannot parse \"\" to a valid duration"),
        (
            &format!("{range}&step=0"),
            "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer",
        ),
        (
            "/api/v1/query_range?query=up&start=1&end=0&step=1",
            "invalid parameter \"end\": end timestamp must not be before start time",
        ),
        (
            "/api/v1/query_range?query=up&start=0&end=11001&step=1",
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        ),
        (
            "/api/v1/query_range?query=up[1m]&start=0&end=1&step=1",
            "invalid parameter \"query\": invalid expression type \"range vector\" for range query, must be Scalar or instant Vector",
        ),
        ("/api/v1/series", "no match[] parameter provided"),
        ("/api/v1/metadata?limit=x", "limit must be a number"),
        (
            "/api/v1/query_exemplars?query=up&start=2&end=1",
            "end timestamp must not be before start timestamp",
        ),
        (
            "/api/v1/format_query?query=1%2B",
            "invalid parameter \"query\": 1:3: parse error: unexpected end of input",
        ),
    ] {
        assert_eq!(error(uri).await, (400, text.to_owned()), "{uri}");
    }
    let (_, whole) =
        get(three(&[1, 2, 3]), "/api/v1/query_range?query=up&start=0&end=11000&step=1").await;
    assert_eq!(whole["status"], "success", "11,001 points are allowed");
}

#[actix_web::test]
async fn selectors_of_series_take_no_time() {
    for uri in ["up+offset+5m", "up+@+1", "up+smoothed", "1", "{}"] {
        let (status, text) = error(&format!("/api/v1/labels?match[]={uri}")).await;
        assert_eq!(status, 400, "{text}");
    }
}

#[actix_web::test]
async fn a_time_that_ends_before_it_begins_has_nothing() {
    for path in ["series?match[]=up&", "labels?", "label/job/values?"] {
        let (status, body) = get(three(&[1, 2, 3]), &format!("/api/v1/{path}start=2&end=1")).await;
        assert_eq!((status, &body["data"]), (StatusCode::OK, &json!([])), "{path}");
    }
}

#[actix_web::test]
async fn answers_are_cut_to_the_limit_and_say_so() {
    let range = "/api/v1/query_range?query=up&start=50&end=60&step=5";
    for uri in ["/api/v1/query?query=up", range, "/api/v1/query?query=up[5m]"] {
        let (_, all) = get(three(&[1, 2, 3]), &format!("{uri}&limit=4")).await;
        assert_eq!(all["data"]["result"].as_array().unwrap().len(), 4, "{uri}");
        assert!(all.get("warnings").is_none(), "{uri}");
        let (_, cut) = get(three(&[1, 2, 3]), &format!("{uri}&limit=3")).await;
        assert_eq!(cut["data"]["result"].as_array().unwrap().len(), 3, "{uri}");
        assert_eq!(cut["warnings"], json!(["results truncated due to limit"]), "{uri}");
    }
    let (_, none) = get(three(&[1, 2, 3]), "/api/v1/metadata?limit=0").await;
    assert_eq!(none["data"], json!({}));
}

#[actix_web::test]
async fn statistics_come_when_they_are_asked_for() {
    let (_, without) = get(three(&[1, 2, 3]), COUNT).await;
    assert!(without["data"].get("stats").is_none());
    for (value, warned) in [("all", false), ("true", false), ("1", true)] {
        let (_, body) = get(three(&[1, 2, 3]), &format!("{COUNT}&stats={value}")).await;
        let samples = &body["data"]["stats"]["samples"];
        assert_eq!(samples["totalQueryableSamples"], 4, "{body}");
        assert!(body["data"]["stats"]["timings"]["execTotalTime"].is_number(), "{body}");
        assert_eq!(body.get("warnings").is_some(), warned, "{body}");
    }
}

#[actix_web::test]
async fn infos_stand_beside_warnings() {
    let mut holder = FakeHolder::default();
    holder.add("a", &[("__name__", "up")], &[(20_000, 1.0), (50_000, 1.0)]);
    let uri = "/api/v1/query?query=rate(up[5m])+or+quantile(2,up)";
    let (_, body) = get(sources(1, 1, vec![(1, holder)]), uri).await;
    assert!(body["infos"][0].as_str().unwrap().starts_with("PromQL info: "), "{body}");
    assert!(body["warnings"][0].as_str().unwrap().starts_with("PromQL warning: "), "{body}");
}

/// The answer to a query in a form.
async fn posted(path: &str, query: &str) -> (StatusCode, String) {
    let request = test::TestRequest::post()
        .uri(&format!("/api/v1/{path}"))
        .insert_header(("Content-Type", "application/x-www-form-urlencoded"))
        .set_payload(format!("query={}", query.replace('+', "%2B")));
    call(parts(three(&[1, 2, 3])), request).await
}

#[actix_web::test]
async fn looking_at_a_query_is_bounded() {
    let long = "1".to_owned() + &" ".repeat(64 << 10);
    let selectors = "up or ".repeat(100) + "up";
    let many = format!("label_join(up, {})", vec!["up"; 1000].join(","));
    for path in ["format_query", "parse_query", "query_exemplars"] {
        for (query, why) in [
            (&long, "the query has 65537 bytes; at most 65536 are taken"),
            (&many, "the query has more than 1000 selectors"),
        ] {
            let (status, body) = posted(path, query).await;
            assert_eq!(status, StatusCode::BAD_REQUEST);
            assert!(body.contains(why), "{body}");
        }
        assert_eq!(posted(path, &selectors).await.0, StatusCode::OK, "{path}");
    }
    // The arguments stand on lines of their own, each behind 141 levels of indentation.
    let (open, close) = ("(".repeat(140), ")".repeat(140));
    let deep = format!("{open}label_join(x,\"a\",\"b\"{}){close}", ",\"c\"".repeat(15_000));
    let (status, body) = posted("format_query", &deep).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(body.contains("the answer would have more than 4194304 bytes"), "{body}");
    assert_eq!(posted("parse_query", &deep).await.0, StatusCode::OK);
}

#[actix_web::test]
async fn queries_are_formatted_and_taken_apart() {
    let (_, body) = get(three(&[]), "/api/v1/format_query?query=foo/bar").await;
    assert_eq!(body, json!({"status": "success", "data": "foo / bar"}));
    let (_, body) = get(three(&[]), "/api/v1/parse_query?query=foo/bar").await;
    assert_eq!(body["data"]["type"], "binaryExpr");
    assert_eq!(body["data"]["matching"]["card"], "one-to-one");
    let (status, _) = get(three(&[]), "/api/v1/query_exemplars?query=1").await;
    assert_eq!(status, StatusCode::NO_CONTENT);
}
