//! The queries.

use std::borrow::Cow;

use super::data::Data;

/// Step of the range queries.
const STEP_MS: i64 = 30_000;
/// Times of the queries lie this long behind those of samples: whether a window holds a sample at
/// its very start is another question in every version.
const PHASE_MS: i64 = 7_000;

/// A query and its times.
#[derive(Clone, Debug)]
pub(super) struct Query {
    /// Short name.
    pub name: String,
    /// The expression.
    pub text: Cow<'static, str>,
    /// First time; `None` for an instant query.
    pub start_ms: Option<i64>,
    /// Last or only time.
    pub end_ms: i64,
    /// Distance of two times.
    pub step_ms: i64,
}

/// Over the pods' series.
const NARROW: [(&str, &str); 14] = [
    ("selector", "bench_requests_total"),
    ("sum", "sum(bench_requests_total)"),
    ("sum_by", "sum by (pod) (bench_requests_total)"),
    ("rate", "rate(bench_requests_total[5m])"),
    ("sum_by_rate", "sum by (pod) (rate(bench_requests_total[5m]))"),
    ("one_to_one", "bench_requests_total - bench_requests_total offset 1m"),
    ("many_to_one", "bench_requests_total / on (pod) group_left () bench_limit"),
    (
        "histogram_quantile",
        "histogram_quantile(0.9, sum by (pod, le) (rate(bench_duration_seconds_bucket[5m])))",
    ),
    ("topk", "topk(10, bench_requests_total)"),
    ("quantile_over_time", "quantile_over_time(0.9, bench_requests_total[30m])"),
    ("subquery", "max_over_time(rate(bench_requests_total[5m])[30m:1m])"),
    (
        "count_by_regex",
        "count by (namespace) (bench_requests_total{pod=~\"pod-.*[13579]\",code!=\"404\"})",
    ),
    ("absent", "absent(bench_requests_total)"),
    (
        "label_replace",
        "label_replace(label_replace(bench_requests_total, \"a\", \"$1\", \"pod\", \
         \"pod-(.*)\"), \"b\", \"$2-$1\", \"namespace\", \"(.*)-(.*)\")",
    ),
];

/// Over many series.
const WIDE: [(&str, &str); 8] = [
    ("wide_selector", "bench_wide_total{zone=\"zone-3\"}"),
    ("wide_sum", "sum(bench_wide_total)"),
    ("wide_sum_by", "sum by (pod) (bench_wide_total)"),
    ("wide_sum_by_rate", "sum by (pod) (rate(bench_wide_total[5m]))"),
    ("wide_topk", "topk(10, bench_wide_total)"),
    ("wide_count_by_regex", "count by (zone) (bench_wide_total{path=~\"/api/.*[02468]\"})"),
    ("wide_max_over_time", "sum by (pod) (max_over_time(bench_wide_total[15m]))"),
    ("wide_absent", "absent(bench_wide_total)"),
];

/// All of them.
pub(super) fn queries(data: &Data) -> Vec<Query> {
    let end_ms = data.end_ms + PHASE_MS;
    let over = |range_ms: i64| {
        move |(name, text): &(&str, &'static str)| Query {
            name: (*name).to_owned(),
            text: Cow::Borrowed(text),
            start_ms: Some(end_ms - range_ms),
            end_ms,
            step_ms: STEP_MS,
        }
    };
    let mut all: Vec<Query> = NARROW.iter().map(over(data.range_ms)).collect();
    if data.is_wide() {
        all.extend(WIDE.iter().map(over(data.wide_range_ms)));
    }
    let name = "instant_count_by_name".to_owned();
    let text = Cow::Borrowed("count by (__name__) ({__name__!=\"\"})");
    all.push(Query { name, text, start_ms: None, end_ms, step_ms: STEP_MS });
    all
}

/// Selects all generated series.
pub(super) const EVERYTHING: &str = "{__name__=~\"bench_(requests_total|limit|\
                                     duration_seconds_bucket|wide_total)\"}";
