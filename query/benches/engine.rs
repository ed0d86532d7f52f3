//! Queries over 1,000 series of floats, and 100 of native histograms, 6 hours at 30 s, in memory.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use criterion::{Criterion, criterion_group, criterion_main};
use futures::executor::block_on;
use proto::histogram::{Buckets, CounterResetHint};
use proto::{FloatHistogram, Labels};
use query::memory::MemoryStore;
use query::{Engine, QueryTimes, evaluate, json, select};

const SERIES: usize = 1_000;
const HISTOGRAM_SERIES: usize = 100;
const STEP_MS: i64 = 30_000;
const SAMPLES: i64 = 720;

fn store() -> MemoryStore {
    let mut store = MemoryStore::default();
    for series in 0..SERIES {
        let (pod, zone) = (format!("pod-{series}"), format!("zone-{}", series % 3));
        let pairs = [("__name__", "requests_total"), ("pod", &pod), ("zone", &zone)];
        let Ok(labels) = Labels::from_pairs(pairs) else { continue };
        for sample in 0..SAMPLES {
            let jitter = (sample * 7919 + series as i64 * 31) % 1000;
            store.push(&labels, sample * STEP_MS + jitter, (sample * 3 + jitter % 5) as f64);
        }
    }
    store
}

fn queries(c: &mut Criterion) {
    let (store, engine) = (store(), Engine::default());
    let times =
        QueryTimes::Range { start_ms: 0, end_ms: (SAMPLES - 1) * STEP_MS, step_ms: STEP_MS };
    let mut group = c.benchmark_group("1000 series x 720 steps");
    group.sample_size(10);
    for text in [
        "requests_total",
        "sum(requests_total)",
        "sum by (zone) (requests_total)",
        "rate(requests_total[5m])",
        "sum by (pod) (rate(requests_total[5m]))",
        "sum_over_time(requests_total[5m])",
        "max_over_time(requests_total[5m])",
        "requests_total / requests_total",
        "topk(5, requests_total)",
        "quantile_over_time(0.9, requests_total[5m])",
    ] {
        let plan = engine.prepare(text, times).expect("the queries of the bench parse");
        let cancel = AtomicBool::new(false);
        group.bench_function(text, |b| {
            b.iter(|| {
                let selected = block_on(select(&plan, &store)).expect("memory does not fail");
                evaluate(&plan, selected, &cancel).expect("the queries of the bench evaluate")
            });
        });
    }
    let plan = engine.prepare("requests_total", times).expect("the query parses");
    let selected = block_on(select(&plan, &store)).expect("memory does not fail");
    let answer = evaluate(&plan, selected, &AtomicBool::new(false)).expect("it evaluates");
    group.bench_function("json of 720,000 samples", |b| b.iter(|| black_box(json::data(&answer))));
    group.finish();
}

/// Native histograms with 40 buckets, counting up.
fn histogram_store() -> MemoryStore {
    let mut store = MemoryStore::default();
    for series in 0..HISTOGRAM_SERIES {
        let (pod, zone) = (format!("pod-{series}"), format!("zone-{}", series % 3));
        let pairs = [("__name__", "latency"), ("pod", &pod), ("zone", &zone)];
        let Ok(labels) = Labels::from_pairs(pairs) else { continue };
        for sample in 0..SAMPLES {
            let count = |bucket: i64| (sample * (1 + (bucket + series as i64) % 5)) as f64;
            let counts: Vec<f64> = (0..40).map(count).collect();
            let histogram = FloatHistogram {
                counter_reset_hint: CounterResetHint::NotReset,
                schema: 3,
                count: counts.iter().sum(),
                sum: sample as f64,
                positive: Buckets::contiguous(-20, counts).expect("40 buckets are not too many"),
                ..FloatHistogram::default()
            };
            store.push_histogram(&labels, sample * STEP_MS, Arc::new(histogram));
        }
    }
    store
}

fn histogram_queries(c: &mut Criterion) {
    let (store, engine) = (histogram_store(), Engine::default());
    let times =
        QueryTimes::Range { start_ms: 0, end_ms: (SAMPLES - 1) * STEP_MS, step_ms: STEP_MS };
    let mut group = c.benchmark_group("100 histogram series x 720 steps");
    group.sample_size(10);
    for text in [
        "latency",
        "rate(latency[5m])",
        "sum by (zone) (rate(latency[5m]))",
        "histogram_quantile(0.9, sum(rate(latency[5m])))",
        "histogram_count(sum(rate(latency[5m])))",
    ] {
        let plan = engine.prepare(text, times).expect("the queries of the bench parse");
        let cancel = AtomicBool::new(false);
        group.bench_function(text, |b| {
            b.iter(|| {
                let selected = block_on(select(&plan, &store)).expect("memory does not fail");
                evaluate(&plan, selected, &cancel).expect("the queries of the bench evaluate")
            });
        });
    }
    group.finish();
}

criterion_group!(benches, queries, histogram_queries);
criterion_main!(benches);
