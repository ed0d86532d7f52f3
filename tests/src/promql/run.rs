//! Asks two servers the same random questions.

use std::fmt::Display;
use std::net::SocketAddr;

use super::compare::{Reply, compare};
use super::data;
use super::generator::{Generator, Question, Times};
use crate::http;
use crate::query::{form_text, seconds};
use crate::samples::Written;

/// Differences that are shown before the rest is only counted.
const SHOWN_MAX: usize = 5;

/// Which questions are asked about which data.
///
/// The environment may say otherwise: `PROMQL_SEED` is the seed of the first question, the next one
/// has the next seed; `PROMQL_QUERIES` is their number and `PROMQL_DATA` the seed of the data.
pub struct Run {
    /// Name of the test, for the command that repeats a question.
    pub test: &'static str,
    /// When the data begins, milliseconds; a whole hour.
    pub base_ms: i64,
    first: u64,
    questions: u64,
    data: u64,
}

impl Run {
    /// `questions` questions about data that begins at `base_ms`.
    pub fn new(test: &'static str, base_ms: i64, questions: u64) -> Run {
        let set = |name: &str, default: u64| match std::env::var(name) {
            Ok(text) => text.parse().unwrap_or_else(|e| panic!("{name}={text}: {e}")),
            Err(_) => default,
        };
        let questions = set("PROMQL_QUERIES", questions);
        Run { test, base_ms, first: set("PROMQL_SEED", 1), questions, data: set("PROMQL_DATA", 1) }
    }

    /// The data.
    pub fn series(&self) -> Vec<Written> {
        data::series(self.data, self.base_ms)
    }

    /// Asks all questions; panics when answers differ, with the first few of those.
    pub fn compare(
        &self,
        mut granary: impl FnMut(&Question) -> Reply,
        mut prometheus: impl FnMut(&Question) -> Reply,
    ) {
        let (mut differences, mut seen) = (Vec::new(), Seen::default());
        for seed in self.first..self.first + self.questions {
            let question = Generator::new(seed, self.base_ms).question();
            let (ours, theirs) = (granary(&question), prometheus(&question));
            seen.count(&theirs);
            if let Err(difference) = compare(&ours, &theirs, question.is_ordered) {
                differences.push(self.told(seed, &question, &difference));
            }
        }
        let (all, wrong) = (self.questions, differences.len());
        println!("{}: {all} questions, {seen}; {wrong} differ", self.test);
        differences.truncate(SHOWN_MAX);
        assert!(wrong == 0, "{wrong} of {all} answers differ:\n\n{}", differences.join("\n\n"));
    }

    fn told(&self, seed: u64, question: &Question, difference: &str) -> String {
        let Question { text, times, .. } = question;
        let (data, test) = (self.data, self.test);
        format!(
            "{text}\n{times:?}\n{difference}\nagain: PROMQL_DATA={data} PROMQL_SEED={seed} \
             PROMQL_QUERIES=1 cargo test --release -p tests --test {test}"
        )
    }
}

/// What kinds of answers came.
#[derive(Default)]
struct Seen {
    errors: usize,
    empty: usize,
    filled: usize,
}

impl Seen {
    fn count(&mut self, reply: &Reply) {
        match reply.series_len() {
            None => self.errors += 1,
            Some(0) => self.empty += 1,
            Some(_) => self.filled += 1,
        }
    }
}

impl Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Seen { errors, empty, filled } = self;
        write!(f, "{filled} with series, {empty} without, {errors} errors")
    }
}

/// Asks a server.
pub fn ask(server: SocketAddr, question: &Question) -> Reply {
    let mut form = vec![("query", question.text.clone())];
    let path = match question.times {
        Times::Instant(time) => {
            form.push(("time", seconds(time)));
            "/api/v1/query"
        }
        Times::Range(start, end, step) => {
            form.extend(
                [("start", start), ("end", end), ("step", step)]
                    .map(|(name, ms)| (name, seconds(ms))),
            );
            "/api/v1/query_range"
        }
    };
    match http::post_form(server, path, &form_text(&form)) {
        Ok(response) => Reply::of_body(&response.body),
        Err(error) => Reply::Error("no answer".to_owned(), error),
    }
}
