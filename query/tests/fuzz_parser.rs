//! Damaged queries against the parser and the engine, for `FUZZ_SECONDS` (a few by default); a run
//! is decided by `FUZZ_SEED`. Nothing may panic; what parses must print, and read back the same;
//! errors must name a place in the query.

#[path = "queries/damage.rs"]
mod damage;
#[path = "queries/generator.rs"]
mod generator;
#[path = "queries/random.rs"]
mod random;
#[path = "queries/store.rs"]
mod store;
#[path = "queries/tree.rs"]
mod tree;

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use damage::damaged;
use generator::{Generator, Language};
use query::syntax::{ParseError, parse, pretty};
use query::{Engine, EngineOptions, QueryTimes};
use random::Random;
use tokio::time::Instant;
use tree::tree;

/// Seconds that a test takes if nothing else is asked for.
const SECONDS_DEFAULT: u64 = 3;

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Calls `check` with damaged queries until the time is over.
fn fuzz(name: &str, mut check: impl FnMut(&str)) {
    let seed = variable("FUZZ_SEED", 1);
    let end = Instant::now() + Duration::from_secs(variable("FUZZ_SECONDS", SECONDS_DEFAULT));
    let (mut random, mut count) = (Random::new(seed), 0u64);
    while Instant::now() < end {
        let mut generator = Generator::new(seed.wrapping_add(count), Language::Whole);
        let (query, other) = (generator.query(), generator.query());
        for _ in 0..20 {
            let text = damaged(&query, &other, &mut random);
            let shown = Shown(&text);
            check(&text);
            std::mem::forget(shown);
            count += 1;
        }
    }
    println!("{name}: {count} queries with seed {seed}");
}

/// Prints the query at hand when the check of it panics.
struct Shown<'t>(&'t str);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        println!("the query was {:?}", self.0);
    }
}

#[test]
fn no_damaged_query_confuses_the_parser() {
    fuzz("parser", |text| match parse(text) {
        Err(error) => check_place(text, &error),
        Ok(expr) => {
            let printed = expr.to_string();
            let again = parse(&printed).expect("what is printed parses");
            assert_eq!(again.to_string(), printed);
            assert_eq!(tree(&again), tree(&expr));
            let split = pretty(&expr, usize::MAX).expect("there is no limit");
            let split = parse(&split).expect("what is printed on lines parses");
            assert_eq!(split.to_string(), printed);
        }
    });
}

fn check_place(text: &str, error: &ParseError) {
    assert!(!error.message.is_empty());
    let lines: Vec<&str> = text.split('\n').collect();
    let line = lines.get(error.line - 1).expect("the line exists");
    assert!((1..=line.len() + 1).contains(&error.column), "{error}");
}

#[test]
fn no_damaged_query_confuses_the_engine() {
    let store = store::store();
    let cancel = AtomicBool::new(false);
    let options = EngineOptions { samples_max: 10_000, ..EngineOptions::default() };
    let range = QueryTimes::Range { start_ms: 0, end_ms: 300_000, step_ms: 30_000 };
    fuzz("engine", |text| {
        for times in [QueryTimes::Instant(200_000), range] {
            let Ok(plan) = Engine::new(options).prepare(text, times) else { continue };
            let answer = query::run(&plan, &store, &cancel);
            if let Ok(answer) = futures::executor::block_on(answer) {
                assert!(!query::json::data(&answer).is_empty());
            }
        }
    });
}
