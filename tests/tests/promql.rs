//! The engine and a real Prometheus answer random questions about the same random data alike.

#[path = "promql/engine.rs"]
mod engine;

use tests::parts::program;
use tests::prometheus::Prometheus;
use tests::promql::run::{Run, ask};

/// 2023-11-14T22:00:00Z.
const BASE_MS: i64 = 1_699_999_200_000;
const QUESTIONS: u64 = 6000;

#[test]
fn random_questions_are_answered_as_prometheus_answers_them() {
    let Some(prometheus) = program("prometheus") else { return };
    let folder = tempfile::tempdir().expect("a temporary directory");
    let prometheus = Prometheus::receiver(&prometheus, folder.path());
    let run = Run::new("promql", BASE_MS, QUESTIONS);
    let series = run.series();
    prometheus.write(&series);
    let store = engine::store(&series);
    run.compare(|q| engine::answer(&store, q), |q| ask(prometheus.address, q));
}
