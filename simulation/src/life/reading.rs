//! Queries of everything, and their answers as the ledger takes them.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use proto::{MatchOp, Matcher};

use super::completeness::{self, View};
use super::durable::BLOCKS;
use super::{SharedStage, Stage};
use crate::client;
use crate::host::HTTP_PORT;
use crate::invariants::Violation;
use crate::invariants::i16_corruption::{Damage, check_noticed};
use crate::ledger::{Answer, Question, Reply};
use crate::model::Shape;
use crate::random::Random;
use crate::world::clock::{EPOCH_MS, true_ms};

/// How long a client waits for an answer.
const QUERY_LIMIT: Duration = Duration::from_secs(30);
/// Label of the tenant in answers.
const TENANT_LABEL: &str = "tenant_id";
/// How far an instant selector looks back: `--query.lookback-delta`.
const LOOKBACK_MS: i64 = 5 * 60 * 1000;
/// Longest range of a query that is compared with the model, milliseconds.
const RANGE_MS_MAX: i64 = 10 * 60 * 1000;
/// How far into the future clients send samples at most, milliseconds.
const FUTURE_MS: i64 = 30 * 60 * 1000;
/// How far before the start of a life clients send samples at most, milliseconds.
const PAST_MS: i64 = 14 * 60 * 60 * 1000;

/// Asks a node for everything, or something of PromQL, and has the answer judged.
pub async fn ask(host: usize, stage: &SharedStage, random: &mut Random) {
    let view = View::of(host, stage);
    let is_complete = match random.percent(50) {
        true => ask_everything(host, stage).await,
        false => ask_model(host, stage, random).await,
    };
    match is_complete {
        Some(is_complete) => completeness::judge(view, is_complete, stage).await,
        None => stage.borrow_mut().queries_lost += 1,
    }
}

/// Asks for every sample; whether the answer calls itself complete, if there is one.
async fn ask_everything(host: usize, stage: &SharedStage) -> Option<bool> {
    let question = everything(stage, host);
    let start = stage.borrow().hosts[host].running()?.start;
    let answer = answer_of(host, stage, &question).await?;
    let mut stage = stage.borrow_mut();
    let judged = damage_noticed(&question, host, start, &mut stage);
    stage.judged(judged);
    let judged = stage.ledger.judge(&question, &answer);
    stage.checked("I2");
    stage.checked("I3");
    stage.judged(judged);
    Some(answer.is_complete)
}

/// Checks that a node which has just read everything knows which of its blocks are damaged (I16).
fn damage_noticed(
    question: &Question,
    host: usize,
    start: u64,
    stage: &mut Stage,
) -> Result<(), Violation> {
    let host_health = &stage.health.hosts[host];
    if host_health.is_disk_failing {
        // A block that could not be opened was not read.
        return Ok(());
    }
    let Some(running) = stage.hosts[host].running().filter(|r| r.start == start) else {
        return Ok(());
    };
    let known = running.blocks.damaged();
    let there = stage.hosts[host].disk.durable_names(Path::new(BLOCKS));
    let now_ms = true_ms();
    let damages = host_health.damaged_blocks.iter().filter(|block| there.contains(*block));
    let damage = |block: &String| Damage {
        place: question.node.clone(),
        file: block.clone(),
        read_ms: Some(question.started_ms),
        reported_ms: known.iter().any(|(ulid, _)| ulid.to_string() == *block).then_some(now_ms),
    };
    let damages: Vec<Damage> = damages.map(damage).collect();
    if !damages.is_empty() {
        stage.checked("I16");
    }
    check_noticed(&damages, now_ms, 0)
}

/// Asks something of PromQL and compares the answer with the model.
async fn ask_model(host: usize, stage: &SharedStage, random: &mut Random) -> Option<bool> {
    let shape = Shape::draw(random, LOOKBACK_MS, RANGE_MS_MAX);
    let at_ms = true_ms() + random.pick([0, 0, -20_000, -90_000, 60_000]);
    let (mut question, trace) = {
        let stage = stage.borrow();
        let question = shape.question(&stage.hosts[host].name, at_ms);
        let calm_since_ms = stage.calm_since_ms();
        (Question { calm_since_ms, ..question }, stage.trace.clone())
    };
    question.started_ms = true_ms();
    let body = get(host, stage, &shape.promql(), at_ms).await?;
    let reply = Reply::parse(&body).ok()?;
    let (ended_ms, is_complete) = (true_ms(), reply.warnings.is_empty());
    let answer = Answer { ended_ms, is_complete, series: Vec::new() };
    let rows = reply.rows();
    trace.event(format!("{} answers {} with {} rows", question.node, shape.promql(), rows.len()));
    let mut stage = stage.borrow_mut();
    let expected = shape.expected(&stage.ledger, &question, &answer);
    stage.checked(expected.invariant());
    if expected.is_exact() {
        stage.sometimes("answer of PromQL exact");
    }
    stage.model_answers += 1;
    let judged = expected.check(&rows);
    stage.judged(judged);
    Some(is_complete)
}

/// The question for every sample of every tenant.
pub fn everything(stage: &SharedStage, host: usize) -> Question {
    let now_ms = true_ms();
    let at_ms = now_ms + FUTURE_MS;
    let matcher = Matcher::new("__name__", MatchOp::Regex, ".+").expect("a valid matcher");
    let stage = stage.borrow();
    let node = &stage.hosts[host].name;
    let mut question = Question::range(node, vec![matcher], at_ms, at_ms - (EPOCH_MS - PAST_MS));
    question.started_ms = now_ms;
    question.calm_since_ms = stage.calm_since_ms();
    question
}

/// Has a node answer a question; `None` when it cannot.
pub async fn answer_of(host: usize, stage: &SharedStage, question: &Question) -> Option<Answer> {
    let range_ms = question.to_ms - question.from_ms + 1;
    let query = format!("{{__name__=~\".+\"}}[{range_ms}ms]");
    let body = get(host, stage, &query, question.to_ms).await?;
    let reply = Reply::parse(&body).ok()?;
    let answer = reply.answer(TENANT_LABEL, true_ms()).ok()?;
    let samples: usize = answer.series.iter().map(|series| series.samples.len()).sum();
    let (node, warnings) = (&question.node, reply.warnings.len());
    let trace = stage.borrow().trace.clone();
    let first = reply.warnings.first().map_or("", String::as_str);
    trace.event(format!("{node} answers {samples} samples, {warnings} warnings {first}"));
    Some(answer)
}

/// Evaluates an instant query on a node; the body of the answer, `None` when it failed.
pub async fn get(host: usize, stage: &SharedStage, query: &str, at_ms: i64) -> Option<Bytes> {
    let (node, trace) = {
        let stage = stage.borrow();
        (stage.hosts[host].name.clone(), stage.trace.clone())
    };
    let form =
        format!("dedup=false&time={}&query={}", at_ms as f64 / 1000.0, percent_encoded(query));
    let request = Request::post("/api/v1/query")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from(form)))
        .ok()?;
    let answer = client::send(&node, HTTP_PORT, request, QUERY_LIMIT, &trace).await;
    match answer {
        Ok(answer) if answer.status == 200 => Some(answer.body),
        Ok(answer) => {
            trace.event(format!("{node} answers a query with status {}", answer.status));
            None
        }
        Err(lost) => {
            trace.event(format!("{node} does not answer a query: {lost}"));
            None
        }
    }
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
