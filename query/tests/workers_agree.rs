//! An answer is the same, byte for byte, whatever the number of threads.

use std::sync::atomic::AtomicBool;

use query::memory::MemoryStore;
use query::{Engine, EngineOptions, QueryTimes, Spread, Workers};

const QUERIES: [&str; 10] = [
    "x_total",
    "sum by (pod) (rate(x_total[5m]))",
    "avg(x_total) / on () group_left () sum(rate(x_total[3m]))",
    "topk(3, x_total)",
    "bottomk by (zone) (2, rate(x_total[5m]))",
    "quantile_over_time(0.3, x_total[7m])",
    "max_over_time(rate(x_total[5m])[10m:1m])",
    "stddev by (zone) (x_total)",
    "label_replace(x_total, \"a\", \"$1\", \"pod\", \"pod-(.).*\")",
    "x_total - on (pod) rate(x_total[1s])",
];

fn threads(count: usize) -> Workers {
    let spread: Spread = |helpers, help, lead| {
        std::thread::scope(|scope| {
            (0..helpers).for_each(|_| drop(scope.spawn(help)));
            lead();
        });
    };
    Workers { count, spread }
}

fn store() -> MemoryStore {
    let mut store = MemoryStore::default();
    for series in 0..700u32 {
        let (pod, zone) = (format!("pod-{series}"), format!("z{}", series % 7));
        let noise =
            |i: i64| f64::from(series.wrapping_mul(2_654_435_761).wrapping_add(i as u32) % 9973);
        let samples: Vec<_> = (0..40).map(|i| (i * 30_000, noise(i * i) / 7.0)).collect();
        store.add(&[("__name__", "x_total"), ("pod", &pod), ("zone", &zone)], &samples);
    }
    store
}

fn answer(store: &MemoryStore, query: &str, times: QueryTimes, workers: usize) -> Vec<u8> {
    let options = EngineOptions { workers: threads(workers), ..EngineOptions::default() };
    let plan = Engine::new(options).prepare(query, times).expect("the query is valid");
    let result = futures::executor::block_on(query::run(&plan, store, &AtomicBool::new(false)));
    match result {
        Ok(result) => query::json::data(&result),
        Err(error) => error.to_string().into_bytes(),
    }
}

#[test]
fn answers_do_not_depend_on_the_number_of_threads() {
    let store = store();
    let range = QueryTimes::Range { start_ms: 0, end_ms: 1_200_000, step_ms: 17_000 };
    for query in QUERIES {
        for times in [range, QueryTimes::Instant(900_000)] {
            let one = answer(&store, query, times, 1);
            for workers in [2, 5] {
                assert!(answer(&store, query, times, workers) == one, "{query}, {workers} workers");
            }
        }
    }
}

#[test]
fn a_limit_is_crossed_at_the_same_place() {
    let store = store();
    let options = |workers| EngineOptions {
        workers: threads(workers),
        samples_max: 900,
        ..EngineOptions::default()
    };
    for workers in [1, 4] {
        let times = QueryTimes::Range { start_ms: 0, end_ms: 1_200_000, step_ms: 17_000 };
        let plan = Engine::new(options(workers)).prepare("x_total", times).unwrap();
        let result =
            futures::executor::block_on(query::run(&plan, &store, &AtomicBool::new(false)));
        assert!(result.unwrap_err().to_string().contains("too many samples"));
    }
}
