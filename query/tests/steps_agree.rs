//! A range query gives at each step what an instant query gives at that time: kernels go over whole
//! ranges, with sums and resets carried from step to step.

#[path = "queries/generator.rs"]
mod generator;
#[path = "queries/random.rs"]
mod random;
#[path = "queries/store.rs"]
mod store;

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::sync::atomic::AtomicBool;

use generator::{Generator, Language};
use proptest::prelude::*;
use query::memory::MemoryStore;
use query::{Engine, EngineOptions, QueryError, QueryResult, QueryTimes};

const STEP_MS: i64 = 25_000;
const STEPS: i64 = 13;
/// Random subqueries of small steps would else take minutes.
const SAMPLES_MAX: usize = 200_000;

static STORE: LazyLock<MemoryStore> = LazyLock::new(store::store);

/// Values by labels.
type Answer = BTreeMap<Vec<(String, String)>, Value>;

#[derive(Debug)]
enum Value {
    Float(f64),
    Histogram(String),
}

fn ask(store: &MemoryStore, query: &str, times: QueryTimes) -> Result<QueryResult, QueryError> {
    let options = EngineOptions { samples_max: SAMPLES_MAX, ..EngineOptions::default() };
    let plan = Engine::new(options).prepare(query, times)?;
    futures::executor::block_on(query::run(&plan, store, &AtomicBool::new(false)))
}

/// The values of an answer at one time.
fn at(result: &QueryResult, time: i64) -> Answer {
    let mut answer = Answer::new();
    for series in result.series() {
        let float = series.samples.iter().find(|(t, _)| *t == time);
        let histogram = series.histograms.iter().find(|(t, _)| *t == time);
        let value = match (float, histogram) {
            (Some((_, value)), _) => Value::Float(*value),
            (None, Some((_, histogram))) => Value::Histogram(format!("{:.6e}", histogram.count)),
            (None, None) => continue,
        };
        answer.insert(series.labels, value);
    }
    answer
}

fn agree(a: &Answer, b: &Answer) -> bool {
    let equal = |(a, b): (&Value, &Value)| match (a, b) {
        (Value::Float(a), Value::Float(b)) => {
            a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * (a.abs() + b.abs())
        }
        (Value::Histogram(a), Value::Histogram(b)) => a == b,
        _ => false,
    };
    a.keys().eq(b.keys()) && a.values().zip(b.values()).all(equal)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None,
        ..ProptestConfig::default() })]

    #[test]
    fn ranges_are_instants_in_a_row(seed: u64) {
        let store = &*STORE;
        let query = Generator::new(seed, Language::Whole).query();
        let of_the_query = ["start()", "end()", "step()", "range()"];
        if of_the_query.iter().any(|call| query.contains(call)) {
            return Ok(());
        }
        let end_ms = (STEPS - 1) * STEP_MS;
        let range = ask(store, &query, QueryTimes::Range { start_ms: 0, end_ms, step_ms: STEP_MS });
        // What fails at one step fails as a whole.
        let Ok(range) = range else { return Ok(()) };
        for time in (0..STEPS).map(|step| step * STEP_MS) {
            let Ok(instant) = ask(store, &query, QueryTimes::Instant(time)) else {
                return Err(TestCaseError::fail(format!("{query} fails at {time} only alone")));
            };
            if instant.scalar().is_some() {
                continue;
            }
            let (range, instant) = (at(&range, time), at(&instant, time));
            prop_assert!(agree(&range, &instant), "{} at {}: {:?} and {:?}", query, time, range,
                instant);
        }
    }
}
