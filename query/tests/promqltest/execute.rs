//! Runs commands against an in-memory store.

use std::sync::atomic::AtomicBool;

use query::memory::MemoryStore;
use query::{Engine, EngineOptions, QueryError, QueryResult, QueryTimes};

use crate::script::{Command, Eval, When};
use crate::{compare, storing};

/// How a script went.
#[derive(Default)]
pub struct Outcome {
    /// Cases that did as expected.
    pub passed: usize,
    /// What the others did.
    pub failures: Vec<String>,
}

/// Runs all commands; a bad load fails the case after it by its consequences, and is reported.
pub fn run(commands: &[Command]) -> Outcome {
    let mut outcome = Outcome::default();
    let mut storage = MemoryStore::default();
    for command in commands {
        match command {
            Command::Clear => storage = MemoryStore::default(),
            Command::Load { interval_ms, series, with_nhcb } => {
                let mut loads =
                    series.iter().map(|l| storing::series(&mut storage, *interval_ms, l));
                let loaded = loads.try_for_each(|loaded| loaded);
                let loaded = loaded.and_then(|()| match with_nhcb {
                    true => storing::converted(&mut storage, *interval_ms, series),
                    false => Ok(()),
                });
                outcome.failures.extend(loaded.err().map(|error| format!("load: {error}")));
            }
            Command::Eval(eval) => match case(&storage, eval) {
                Ok(()) => outcome.passed += 1,
                Err(why) => {
                    outcome.failures.push(format!("line {}: {}: {why}", eval.line, eval.query));
                }
            },
        }
    }
    outcome
}

fn case(storage: &MemoryStore, eval: &Eval) -> Result<(), String> {
    let answer = query(storage, &eval.query, eval.when, eval.expect.range.map(|(_, end, _)| end));
    let answer = match (answer, &eval.expect.fail) {
        (Ok(answer), None) => answer,
        (Ok(_), Some(_)) => return Err("it should fail and does not".to_owned()),
        (Err(error), None) => return Err(format!("it fails: {error}")),
        (Err(error), Some(expected)) => return compare::failure(&error, expected),
    };
    compare::annotations(&answer, &eval.expect)?;
    compare::value(&answer, eval)?;
    as_range(storage, eval)
}

/// Evaluates an instant case again as the middle step of a range, as upstream's runner does,
/// where the answer does not depend on the kind of query.
fn as_range(storage: &MemoryStore, eval: &Eval) -> Result<(), String> {
    let When::Instant(at) = eval.when else { return Ok(()) };
    let expect = &eval.expect;
    let of_the_query = ["start()", "end()", "range()", "step()"];
    let depends = of_the_query.iter().any(|call| eval.query.contains(call));
    if expect.ordered || expect.range.is_some() || expect.string.is_some() || depends {
        return Ok(());
    }
    let range = When::Range(at - 60_000, at + 60_000, 60_000);
    let answer = query(storage, &eval.query, range, None);
    let answer = answer.map_err(|error| format!("as a range it fails: {error}"))?;
    compare::middle(&answer, eval, at).map_err(|error| format!("as a range: {error}"))
}

/// The answer; `end` is when an instant query for a range vector is evaluated.
fn query(
    storage: &MemoryStore,
    text: &str,
    when: When,
    end: Option<i64>,
) -> Result<QueryResult, QueryError> {
    let options = EngineOptions { delayed_name_removal: true, ..EngineOptions::default() };
    let times = match when {
        When::Instant(at) => QueryTimes::Instant(end.unwrap_or(at)),
        When::Range(start_ms, end_ms, step_ms) => QueryTimes::Range { start_ms, end_ms, step_ms },
    };
    let plan = Engine::new(options).prepare(text, times)?;
    futures::executor::block_on(query::run(&plan, storage, &AtomicBool::new(false)))
}
