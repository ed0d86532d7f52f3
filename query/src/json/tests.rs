//! Tests of the JSON form.

use std::sync::Arc;

use proto::FloatHistogram;
use proto::histogram::Buckets;

use super::*;
use crate::memory::MemoryStore;
use crate::{EngineOptions, Plan, QueryTimes, run};

fn result(query: &str, times: QueryTimes) -> QueryResult {
    let mut store = MemoryStore::default();
    store.add(&[("__name__", "m"), ("l", "a\"\n\u{1}é")], &[(1_500, 0.5), (2_500, 1e21)]);
    let histogram = FloatHistogram {
        count: 6.0,
        sum: 2.5,
        zero_threshold: 0.001,
        zero_count: 1.0,
        positive: Buckets::contiguous(0, vec![2.0, 0.0, 1.0]).unwrap(),
        negative: Buckets::contiguous(1, vec![2.0]).unwrap(),
        ..FloatHistogram::default()
    };
    let labels = proto::Labels::from_pairs([("__name__", "h")]).unwrap();
    store.push_histogram(&labels, 1_500, Arc::new(histogram));
    store.add(&[("__name__", "m"), ("l", "b")], &[(1_500, f64::INFINITY), (2_500, -2.0)]);
    let options = EngineOptions { count_samples: true, ..EngineOptions::default() };
    let plan = Plan::new(query, times, options).unwrap();
    futures::executor::block_on(run(&plan, &store, &Default::default())).unwrap()
}

fn json(query: &str, times: QueryTimes) -> String {
    written(&result(query, times))
}

fn written(result: &QueryResult) -> String {
    let bytes = data(result);
    let parsed: Result<serde_json::Value, _> = serde_json::from_slice(&bytes);
    assert!(parsed.is_ok(), "not JSON: {}", String::from_utf8_lossy(&bytes));
    String::from_utf8(bytes).unwrap()
}

#[test]
fn statistics_are_shown_where_somebody_asked_for_times() {
    let times = QueryTimes::Range { start_ms: 1_000, end_ms: 3_000, step_ms: 1_000 };
    let mut result = result("max_over_time(m[2s]) + count_over_time(m[1s])", times);
    assert!(!written(&result).contains("stats"));
    // Two series, two samples each: seen by the windows of 2 and 3 s, and by those of one second.
    assert_eq!(result.samples.read, 8);
    assert_eq!(result.samples.total, 2 * (1 + 2) + 2 * (1 + 1));
    result.timings = Some(crate::Timings { queue: 1.0, preparation: 2.0, evaluation: 4.0 });
    let value: serde_json::Value = serde_json::from_str(&written(&result)).unwrap();
    assert_eq!(value["stats"]["timings"]["execTotalTime"], 7.0);
    assert_eq!(value["stats"]["samples"]["samplesRead"], 8);
}

#[test]
fn an_answer_is_cut_to_a_number_of_series() {
    let at = QueryTimes::Instant(2_500);
    let range = QueryTimes::Range { start_ms: 1_000, end_ms: 3_000, step_ms: 1_000 };
    for (query, times) in [("m", at), ("m[5s]", at), ("m", range)] {
        let mut result = result(query, times);
        assert!(!result.truncate(2));
        assert!(result.truncate(1), "{query}");
        assert_eq!(result.series_len(), 1);
        assert!(!written(&result).contains("\"l\":\"b\""), "the first one stays");
    }
    assert!(!result("1", at).truncate(0));
}

#[test]
fn vectors_have_one_value() {
    assert_eq!(
        json("m", QueryTimes::Instant(2_500)),
        "{\"resultType\":\"vector\",\"result\":[\
         {\"metric\":{\"__name__\":\"m\",\"l\":\"a\\\"\\n\\u0001é\"},\
         \"value\":[2.500,\"1e+21\"]},\
         {\"metric\":{\"__name__\":\"m\",\"l\":\"b\"},\"value\":[2.500,\"-2\"]}]}"
    );
}

#[test]
fn matrices_have_values_by_step() {
    let times = QueryTimes::Range { start_ms: 1_000, end_ms: 3_000, step_ms: 1_000 };
    assert_eq!(
        json("m{l=\"b\"}", times),
        "{\"resultType\":\"matrix\",\"result\":[{\"metric\":{\"__name__\":\"m\",\"l\":\"b\"},\
         \"values\":[[2,\"+Inf\"],[3,\"-2\"]]}]}"
    );
    assert_eq!(json("m > 1e30", times).matches("values").count(), 1);
}

#[test]
fn scalars_strings_and_ranges() {
    let at = QueryTimes::Instant(2_500);
    assert_eq!(json("1 / 3", at), r#"{"resultType":"scalar","result":[2.5,"0.3333333333333333"]}"#);
    assert_eq!(json("\"a\\tb\"", at), r#"{"resultType":"string","result":[2.5,"a\tb"]}"#);
    assert_eq!(
        json("m{l=\"b\"}[1s]", at),
        "{\"resultType\":\"matrix\",\"result\":[{\"metric\":{\"__name__\":\"m\",\"l\":\"b\"},\
         \"values\":[[2.500,\"-2\"]]}]}"
    );
    assert_eq!(json("nothing", at), r#"{"resultType":"vector","result":[]}"#);
}

#[test]
fn histograms_have_totals_and_buckets() {
    let value = "{\"count\":\"6\",\"sum\":\"2.5\",\"buckets\":[[1,\"-2\",\"-1\",\"2\"],\
                 [3,\"-0.001\",\"0.001\",\"1\"],[0,\"0.5\",\"1\",\"2\"],[0,\"2\",\"4\",\"1\"]]}";
    let metric = "{\"metric\":{\"__name__\":\"h\"}";
    assert_eq!(
        json("h", QueryTimes::Instant(2_500)),
        format!(
            "{{\"resultType\":\"vector\",\"result\":[{metric},\"histogram\":[2.500,{value}]}}]}}"
        )
    );
    assert_eq!(
        json("h[1s]", QueryTimes::Instant(2_000)),
        format!(
            "{{\"resultType\":\"matrix\",\"result\":[{metric},\"histograms\":[[1.500,{value}]]}}]}}"
        )
    );
}

#[test]
fn a_large_answer_has_pieces_that_make_it() {
    let mut store = MemoryStore::default();
    for series in 0..100 {
        let samples: Vec<(i64, f64)> = (0..400).map(|i| (i * 1000, i as f64 / 7.0)).collect();
        store.add(&[("__name__", "m"), ("series", &series.to_string())], &samples);
    }
    let range = QueryTimes::Range { start_ms: 0, end_ms: 399_000, step_ms: 1_000 };
    for (query, times) in [("m", range), ("m[5m]", QueryTimes::Instant(399_000))] {
        let plan = Plan::new(query, times, EngineOptions::default()).unwrap();
        let cancel = Default::default();
        let result = futures::executor::block_on(run(&plan, &store, &cancel)).unwrap();
        let pieces = Pieces::of(result);
        let each: Vec<Vec<u8>> = (0..pieces.count()).map(|index| pieces.piece(index)).collect();
        assert!(each.len() > 1 && each.iter().all(|piece| piece.len() <= PIECE_BYTES), "{query}");
        let mut whole = Vec::new();
        pieces.append(&mut whole);
        assert_eq!(each.concat(), whole, "{query}");
        assert!(whole.len() <= pieces.bytes_expected());
        let parsed: serde_json::Value = serde_json::from_slice(&whole).unwrap();
        assert_eq!(parsed["result"].as_array().unwrap().len(), 100, "{query}");
    }
}
