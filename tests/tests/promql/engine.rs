//! The engine alone over samples in memory, answering as the HTTP API does.

use std::sync::atomic::AtomicBool;

use query::memory::MemoryStore;
use query::{Engine, QueryError, QueryTimes, json};
use tests::promql::compare::Reply;
use tests::promql::generator::{Question, Times};
use tests::samples::Written;

/// The series in memory.
pub fn store(series: &[Written]) -> MemoryStore {
    let mut store = MemoryStore::default();
    for (labels, samples) in series {
        samples.iter().for_each(|(time, value)| store.push(labels, *time, *value));
    }
    store
}

/// The engine's answer.
pub fn answer(store: &MemoryStore, question: &Question) -> Reply {
    match data(store, question) {
        Ok(data) => Reply::Data(serde_json::from_slice(&data).expect("answers are JSON")),
        Err(error) => Reply::Error(error.api_type().to_owned(), error.to_string()),
    }
}

fn data(store: &MemoryStore, question: &Question) -> Result<Vec<u8>, QueryError> {
    let times = match question.times {
        Times::Instant(time) => QueryTimes::Instant(time),
        Times::Range(start_ms, end_ms, step_ms) => QueryTimes::Range { start_ms, end_ms, step_ms },
    };
    let plan = Engine::default().prepare(&question.text, times)?;
    let cancel = AtomicBool::new(false);
    let result = query::run(&plan, store, &cancel);
    futures::executor::block_on(result).map(|result| json::data(&result))
}
