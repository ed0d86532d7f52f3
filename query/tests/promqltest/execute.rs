//! Runs commands against an in-memory store.

use std::sync::atomic::AtomicBool;

use query::memory::MemoryStore;
use query::{Engine, EngineOptions, QueryError, QueryResult, QueryTimes};

use crate::script::{Command, Eval, When};
use crate::{compare, rerun, storing};

/// Most samples a query may hold.
const SAMPLES_MAX: usize = 10_000;

/// Calls whose value tells an instant query from a range.
const OF_THE_QUERY: [&str; 4] = ["start()", "end()", "range()", "step()"];

/// How a script went.
#[derive(Default)]
pub struct Outcome {
    /// Cases that did as expected.
    pub passed: usize,
    /// Queries that those took.
    pub queries: usize,
    /// What the others did.
    pub failures: Vec<String>,
}

/// What cases are run against.
struct Storage {
    store: MemoryStore,
    engine: Engine,
}

/// The settings of upstream's tests.
pub fn upstream() -> EngineOptions {
    EngineOptions {
        delayed_name_removal: true,
        samples_max: SAMPLES_MAX,
        ..EngineOptions::default()
    }
}

/// Runs all commands; a bad load fails the case after it by its consequences, and is reported.
pub fn run(commands: &[Command], options: EngineOptions) -> Outcome {
    let mut outcome = Outcome::default();
    let mut storage = Storage { store: MemoryStore::default(), engine: Engine::new(options) };
    for command in commands {
        match command {
            Command::Clear => storage.store = MemoryStore::default(),
            Command::Load { interval_ms, series, with_nhcb } => {
                let mut loads =
                    series.iter().map(|l| storing::series(&mut storage.store, *interval_ms, l));
                let loaded = loads.try_for_each(|loaded| loaded);
                let loaded = loaded.and_then(|()| match with_nhcb {
                    true => storing::converted(&mut storage.store, *interval_ms, series),
                    false => Ok(()),
                });
                outcome.failures.extend(loaded.err().map(|error| format!("load: {error}")));
            }
            Command::Eval(eval) => match case(&storage, eval) {
                Ok(queries) => {
                    outcome.passed += 1;
                    outcome.queries += queries;
                }
                Err(why) => {
                    outcome.failures.push(format!("line {}: {}: {why}", eval.line, eval.query));
                }
            },
        }
    }
    outcome
}

/// Runs a case with all its re-runs; how many queries these were.
fn case(storage: &Storage, eval: &Eval) -> Result<usize, String> {
    let at = match (eval.when, eval.expect.range) {
        (When::Range(..), _) => return once(storage, eval, &eval.query, eval.when).map(|_| 1),
        (When::Instant(_), Some((_, end, _))) => end,
        (When::Instant(at), None) => at,
    };
    let mut queries = 0;
    for (text, time) in rerun::variants(&eval.query, at) {
        let shown = |error: String| format!("as {text} at {time} ms: {error}");
        queries += 1;
        if once(storage, eval, &text, When::Instant(time)).map_err(shown)? {
            let ran = as_range(storage, eval, &text, time);
            queries += usize::from(ran.map_err(|error| shown(format!("as a range: {error}")))?);
        }
    }
    Ok(queries)
}

/// Asks once; whether there is an answer, as expected, or else the expected failure.
fn once(storage: &Storage, eval: &Eval, text: &str, when: When) -> Result<bool, String> {
    let answer = match (query(storage, text, when), &eval.expect.fail) {
        (Ok(answer), None) => answer,
        (Ok(_), Some(_)) => return Err("it should fail and does not".to_owned()),
        (Err(error), None) => return Err(format!("it fails: {error}")),
        (Err(error), Some(expected)) => return compare::failure(&error, expected).map(|()| false),
    };
    compare::annotations(&answer, &eval.expect)?;
    compare::value(&answer, eval, when)?;
    Ok(true)
}

/// Evaluates an instant case again as the middle step of a range, where the answer does not
/// depend on the kind of query; whether it does not.
fn as_range(storage: &Storage, eval: &Eval, text: &str, at: i64) -> Result<bool, String> {
    let expect = &eval.expect;
    let depends = OF_THE_QUERY.iter().any(|call| text.contains(call));
    if expect.range.is_some() || expect.string.is_some() || depends {
        return Ok(false);
    }
    let range = When::Range(at - 60_000, at + 60_000, 60_000);
    let answer = query(storage, text, range).map_err(|error| format!("it fails: {error}"))?;
    if !expect.ordered {
        compare::middle(&answer, eval, at)?;
    }
    Ok(true)
}

fn query(storage: &Storage, text: &str, when: When) -> Result<QueryResult, QueryError> {
    let times = match when {
        When::Instant(at) => QueryTimes::Instant(at),
        When::Range(start_ms, end_ms, step_ms) => QueryTimes::Range { start_ms, end_ms, step_ms },
    };
    let plan = storage.engine.prepare(text, times)?;
    futures::executor::block_on(query::run(&plan, &storage.store, &AtomicBool::new(false)))
}
