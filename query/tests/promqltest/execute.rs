//! Runs commands against an in-memory store.

use std::sync::atomic::AtomicBool;

use async_trait::async_trait;
use proto::{Labels, Matcher, STALE_NAN_BITS};
use query::memory::MemoryStore;
use query::{
    Dictionary, Engine, EngineOptions, QueryError, QueryResult, QueryTimes, Queryable,
    SelectRequest, SeriesSet, SourceError,
};

use crate::compare;
use crate::script::{Command, Eval, When};
use crate::values::{SeriesLine, Value};

/// How a script went.
#[derive(Default)]
pub struct Outcome {
    /// Cases that did as expected.
    pub passed: usize,
    /// What the others did.
    pub failures: Vec<String>,
}

/// Samples as floats; series that hold what is not supported yet cannot be selected.
#[derive(Default)]
struct Storage {
    store: MemoryStore,
    unsupported: Vec<Labels>,
}

#[async_trait]
impl Queryable for Storage {
    async fn select(
        &self,
        request: &SelectRequest,
        dictionary: &Dictionary,
    ) -> Result<SeriesSet, SourceError> {
        let hits = |labels: &Labels| {
            let value = |m: &Matcher| labels.get(m.name()).unwrap_or("").to_owned();
            request.matchers.iter().all(|m| m.matches(&value(m)))
        };
        if self.unsupported.iter().any(hits) {
            let text = "native histograms and start timestamps are not supported yet";
            return Err(SourceError::Internal(text.to_owned()));
        }
        self.store.select(request, dictionary).await
    }
}

/// Runs all commands; a bad load fails the case after it by its consequences, and is reported.
pub fn run(commands: &[Command]) -> Outcome {
    let mut outcome = Outcome::default();
    let mut storage = Storage::default();
    for command in commands {
        match command {
            Command::Clear => storage = Storage::default(),
            Command::Load { interval_ms, series, start_times, with_nhcb } => {
                for line in series {
                    if *with_nhcb {
                        storage.unsupported.extend(nhcb_of(line));
                    }
                    if let Err(error) = load(&mut storage, *interval_ms, line, *start_times) {
                        outcome.failures.push(format!("load: {error}"));
                    }
                }
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

/// Labels of the native histogram that a classic bucket belongs to.
fn nhcb_of(line: &SeriesLine) -> Option<Labels> {
    let base = |name: &str, value: &str| match (name, value.strip_suffix("_bucket")) {
        ("le", _) => None,
        ("__name__", base) => base.map(str::to_owned),
        _ => Some(value.to_owned()),
    };
    let is_bucket = line.labels.iter().any(|(n, v)| n == "__name__" && v.ends_with("_bucket"));
    let pairs = line.labels.iter().filter_map(|(n, v)| base(n, v).map(|v| (n.as_str(), v)));
    if is_bucket { Labels::from_pairs(pairs).ok() } else { None }
}

fn load(
    storage: &mut Storage,
    interval_ms: i64,
    line: &SeriesLine,
    start_times: bool,
) -> Result<(), String> {
    let pairs = line.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let labels = Labels::from_pairs(pairs).map_err(|error| error.to_string())?;
    if start_times || line.values.contains(&Value::Histogram) {
        storage.unsupported.push(labels.clone());
    }
    for (position, value) in line.values.iter().enumerate() {
        let time = position as i64 * interval_ms;
        match value {
            Value::Number(value) => storage.store.push(&labels, time, *value),
            Value::Stale => storage.store.push(&labels, time, f64::from_bits(STALE_NAN_BITS)),
            Value::Missing | Value::Histogram => {}
        }
    }
    Ok(())
}

fn case(storage: &Storage, eval: &Eval) -> Result<(), String> {
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
fn as_range(storage: &Storage, eval: &Eval) -> Result<(), String> {
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
    storage: &Storage,
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
