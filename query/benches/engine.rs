//! Queries over 1,000 series, 6 hours at 30 s, in memory.

use std::hint::black_box;
use std::sync::atomic::AtomicBool;

use criterion::{Criterion, criterion_group, criterion_main};
use futures::executor::block_on;
use proto::Labels;
use query::memory::MemoryStore;
use query::{Engine, QueryTimes, evaluate, json, select};

const SERIES: usize = 1_000;
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

criterion_group!(benches, queries);
criterion_main!(benches);
