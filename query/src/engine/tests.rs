//! Tests of the engine from query to answer.

use std::sync::atomic::AtomicBool;

use futures::executor::block_on;
use proto::STALE_NAN_BITS;

use super::*;
use crate::QueryKind;
use crate::memory::MemoryStore;
use crate::queryable::{SelectRequest, SourceError};

const RANGE: QueryTimes = QueryTimes::Range { start_ms: 0, end_ms: 120_000, step_ms: 60_000 };

fn store() -> MemoryStore {
    let mut store = MemoryStore::default();
    let stale = f64::from_bits(STALE_NAN_BITS);
    for (name, value) in [("a_total", 1.0), ("b_total", 10.0)] {
        for pod in ["x", "y"] {
            let labels = [("__name__", name), ("pod", pod)];
            store.add(&labels, &[(0, value), (60_000, 2.0 * value), (120_000, 3.0 * value)]);
        }
    }
    store.add(&[("__name__", "gone")], &[(0, 1.0), (30_000, stale)]);
    store
}

fn answer(query: &str, times: QueryTimes) -> Result<QueryResult, QueryError> {
    let plan = Engine::default().prepare(query, times)?;
    block_on(run(&plan, &store(), &AtomicBool::new(false)))
}

fn shown(query: &str, times: QueryTimes) -> Vec<String> {
    let answer = answer(query, times).unwrap();
    let series = answer.series().map(|series| {
        let labels: Vec<String> =
            series.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let samples: Vec<String> =
            series.samples.iter().map(|(t, v)| format!("{v}@{}", t / 1000)).collect();
        format!("{} {}", labels.join(","), samples.join(" "))
    });
    series.collect()
}

#[test]
fn stale_markers_end_a_series_before_the_lookback_does() {
    assert_eq!(shown("gone", RANGE), ["__name__=gone 1@0"]);
    assert_eq!(shown("gone", QueryTimes::Instant(29_999)).len(), 1);
    assert!(shown("gone", QueryTimes::Instant(30_000)).is_empty());
    assert_eq!(shown("count_over_time(gone[10m])", QueryTimes::Instant(60_000)), [" 1@60"]);
}

/// Not for a script: those are run again as they are printed, with the matchers sorted.
#[test]
fn absent_reads_the_matchers_in_their_order() {
    let at = QueryTimes::Instant(0);
    assert_eq!(shown("absent(x{a=~\"1.*\", a=\"1\"})", at), ["a=1 1@0"]);
    assert_eq!(shown("absent(x{a=\"1\", a=~\"1.*\"})", at), [" 1@0"]);
}

#[test]
fn names_are_dropped_by_what_makes_a_new_metric() {
    let at = QueryTimes::Instant(120_000);
    assert_eq!(shown("-a_total{pod=\"x\"}", at), ["pod=x -3@120"]);
    assert_eq!(shown("a_total{pod=\"x\"} > 1", at), ["__name__=a_total,pod=x 3@120"]);
    assert_eq!(shown("sum by (__name__) (-a_total)", at), [" -6@120"]);
    let error = answer("-{pod=\"x\"}", at).unwrap_err();
    assert_eq!(error.to_string(), "vector cannot contain metrics with the same labelset");
    assert_eq!(error.api_type(), "execution");
}

#[test]
fn joins_match_on_labels_and_refuse_many_to_many() {
    let at = QueryTimes::Instant(0);
    assert_eq!(shown("b_total / a_total", at), ["pod=x 10@0", "pod=y 10@0"]);
    let many = answer("a_total / on () b_total", at).unwrap_err().to_string();
    assert!(many.starts_with(
        "found duplicate series for the match group {} on the right hand-side of the operation: \
         [{__name__=\"b_total\", pod=\"x\"}, {__name__=\"b_total\", pod=\"y\"}];many-to-many"
    ), "{many}");
    let left = answer("a_total + on () b_total{pod=\"x\"}", at).unwrap_err().to_string();
    assert!(left.starts_with("multiple matches for labels: many-to-one"), "{left}");
    assert_eq!(
        shown("a_total * on () group_left b_total{pod=\"x\"}", at),
        ["pod=x 10@0", "pod=y 10@0"]
    );
}

#[test]
fn aggregations_run_over_all_steps() {
    assert_eq!(
        shown("sum by (pod) (a_total)", RANGE),
        ["pod=x 1@0 2@60 3@120", "pod=y 1@0 2@60 3@120"]
    );
    assert_eq!(shown("topk(1, b_total)", RANGE)[0], "__name__=b_total,pod=x 10@0 20@60 30@120");
    assert_eq!(shown("count_values(\"v\", a_total)", QueryTimes::Instant(0)), ["v=1 2@0"]);
    assert_eq!(shown("count(rate(a_total[2m]))", RANGE), [" 2@60 2@120"]);
}

#[test]
fn the_limit_on_samples_is_named() {
    let options = EngineOptions { samples_max: 5, ..EngineOptions::default() };
    let plan = Engine::new(options).prepare("sort(a_total)", RANGE).unwrap();
    let error = block_on(run(&plan, &store(), &AtomicBool::new(false))).unwrap_err();
    assert!(error.to_string().contains("more than 5 (--query.max-samples)"), "{error}");
    let wide = QueryTimes::Instant(0);
    let plan = Engine::default().prepare("max_over_time(vector(1)[200y:1ms])", wide).unwrap();
    let error = block_on(run(&plan, &store(), &AtomicBool::new(false))).unwrap_err();
    assert!(matches!(error, QueryError::Limit(_)), "{error}");
}

#[test]
fn a_raised_flag_ends_the_query() {
    let plan = Engine::default().prepare("a_total", RANGE).unwrap();
    let error = block_on(run(&plan, &store(), &AtomicBool::new(true))).unwrap_err();
    assert_eq!((error.api_type(), error.http_status()), ("canceled", 499));
}

#[test]
fn times_that_make_no_range_are_bad_data() {
    let range = |start_ms, end_ms, step_ms| QueryTimes::Range { start_ms, end_ms, step_ms };
    for (times, text) in [
        (range(0, 1, 0), "zero or negative query resolution step widths"),
        (range(1, 0, 1), "end timestamp must not be before start time"),
        (range(i64::MIN, i64::MAX, 1), "too many samples"),
    ] {
        let error = Engine::default().prepare("a_total", times).unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
    }
    let error = Engine::default().prepare("a_total[5m]", RANGE).unwrap_err();
    assert!(error.to_string().contains("must be Scalar or instant Vector"), "{error}");
}

#[test]
fn extreme_times_do_not_overflow() {
    for at in [i64::MIN, i64::MIN + 1, i64::MAX] {
        for query in [
            "a_total",
            "rate(a_total[5m] offset 100y)",
            "max_over_time(a_total[1h:1m])",
            "year()",
            "timestamp(a_total)",
            "a_total @ -9223372036854.775",
            "increase(a_total[5m] anchored)",
            "increase(a_total[5m] smoothed)",
            "a_total smoothed offset -100y",
            "info(a_total)",
        ] {
            let result = answer(query, QueryTimes::Instant(at));
            assert!(result.is_ok(), "{query} at {at}: {:?}", result.err());
        }
    }
}

#[test]
fn the_deepest_query_runs_on_a_small_stack() {
    for (before, after, times) in [
        ("abs(-(", "))", 45),
        ("info(", ")", 140),
        ("sum by (i) (", ")", 140),
        ("topk(9, ", ")", 140),
        ("sort(", ")", 140),
        ("clamp(", ", 0, 1)", 140),
        ("label_replace(", ", \"b\", \"\", \"b\", \"\")", 140),
        ("histogram_quantile(0.5, ", ")", 140),
        ("histogram_count(", ")", 140),
        ("vector(scalar(", "))", 70),
        ("absent(", ")", 140),
        ("last_over_time(", "[1ms:1ms])", 70),
        ("rate(", "[1ms:1ms])", 70),
        ("(", " + a_total)", 70),
        ("(", " or a_total)", 70),
        ("(a_total unless ", ")", 70),
    ] {
        let query = before.repeat(times) + "a_total" + &after.repeat(times);
        let work = move || answer(&query, RANGE).map(|answer| answer.series_len());
        let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap();
        let found = thread.join().unwrap();
        assert!(found.is_ok(), "{before}: {found:?}");
    }
}

#[test]
fn warnings_of_sources_reach_the_answer() {
    struct Warning;
    #[async_trait::async_trait]
    impl Queryable for Warning {
        async fn select(
            &self,
            _: &SelectRequest,
            _: &Dictionary,
        ) -> Result<SeriesSet, SourceError> {
            Ok(SeriesSet { warnings: vec!["incomplete".to_owned()], ..SeriesSet::default() })
        }
    }
    let plan = Engine::default().prepare("quantile(2, x)", QueryTimes::Instant(0)).unwrap();
    let answer = block_on(run(&plan, &Warning, &AtomicBool::new(false))).unwrap();
    assert_eq!(answer.warnings, ["incomplete"]);
    assert_eq!(plan.grid().count, 1);
    assert_eq!(plan.kind, QueryKind::Instant);
}

#[test]
fn a_source_that_fails_fails_the_query() {
    struct Broken;
    #[async_trait::async_trait]
    impl Queryable for Broken {
        async fn select(
            &self,
            _: &SelectRequest,
            _: &Dictionary,
        ) -> Result<SeriesSet, SourceError> {
            Err(SourceError::Unavailable("node b does not answer".to_owned()))
        }
    }
    let plan = Engine::default().prepare("x", QueryTimes::Instant(0)).unwrap();
    let error = block_on(run(&plan, &Broken, &AtomicBool::new(false))).unwrap_err();
    assert_eq!(error.to_string(), "expanding series: node b does not answer");
    assert_eq!(error.http_status(), 503);
}

#[test]
fn labels_that_double_at_every_level_hit_a_limit() {
    let start = r#"label_replace(vector(1), "a", "xxxxxxxx", "", "")"#.to_owned();
    let nested = |inner: String, _| format!(r#"label_join({inner}, "a", "", "a", "a")"#);
    let error = answer(&(0..40).fold(start, nested), QueryTimes::Instant(0)).unwrap_err();
    assert!(matches!(&error, QueryError::Limit(text) if text.contains("65536")), "{error}");
    let template = r#"label_replace(vector(1), "a", "TEMPLATE", "", "(.*)")"#;
    let wide = template.replace("TEMPLATE", &"x".repeat(70_000));
    assert!(matches!(answer(&wide, QueryTimes::Instant(0)), Err(QueryError::Limit(_))));
}

#[test]
fn a_query_has_a_limit_of_different_selectors() {
    let sum = |count: usize| (0..count).map(|n| format!("m{n}")).collect::<Vec<_>>().join(" or ");
    let text = format!("sum({}) or sum({})", sum(100), sum(100));
    assert!(Engine::default().prepare(&text, QueryTimes::Instant(0)).is_ok());
    let pairs = |from: usize| {
        let names: Vec<String> = (from..from + 100).map(|n| format!("m{n}")).collect();
        format!("sum({})", names.join(" or "))
    };
    let many = [pairs(0), pairs(100), pairs(200)].join(" or ");
    let error = Engine::default().prepare(&many, QueryTimes::Instant(0)).unwrap_err();
    assert!(error.to_string().contains("256 different selectors"), "{error}");
}
