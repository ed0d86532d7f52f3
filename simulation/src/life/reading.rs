//! Queries of everything, and their answers as the ledger takes them.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use proto::{Labels, MatchOp, Matcher, TenantName};
use serde_json::Value;

use super::SharedStage;
use crate::client;
use crate::host::HTTP_PORT;
use crate::ledger::{Answer, Question, ReadSeries};
use crate::random::Random;
use crate::traffic::SeriesKey;
use crate::world::clock::{EPOCH_MS, true_ms};

/// How long a client waits for an answer.
const QUERY_LIMIT: Duration = Duration::from_secs(30);
/// Label of the tenant in answers.
const TENANT_LABEL: &str = "tenant_id";
/// How far into the future clients send samples at most, milliseconds.
const FUTURE_MS: i64 = 30 * 60 * 1000;
/// How far before the start of a life clients send samples at most, milliseconds.
const PAST_MS: i64 = 14 * 60 * 60 * 1000;

/// Asks a node for everything and has the ledger judge the answer.
pub async fn ask(host: usize, stage: &SharedStage, _random: &mut Random) {
    let question = everything(stage, host);
    let Some(answer) = answer_of(host, stage, &question).await else {
        stage.borrow_mut().queries_lost += 1;
        return;
    };
    let mut stage = stage.borrow_mut();
    let judged = stage.ledger.judge(&question, &answer);
    stage.judged(judged);
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
    let warnings = body.get("warnings").and_then(Value::as_array).map_or(0, Vec::len);
    let series = body.get("data")?.get("result")?.as_array()?;
    let series: Option<Vec<ReadSeries>> = series.iter().map(series_of).collect();
    let answer = Answer { ended_ms: true_ms(), is_complete: warnings == 0, series: series? };
    let (stage, samples) = (stage.borrow(), answer.series.iter().map(|s| s.samples.len()));
    let samples: usize = samples.sum();
    let node = &question.node;
    stage.trace.event(format!("{node} answers {samples} samples, {warnings} warnings"));
    Some(answer)
}

/// Evaluates an instant query on a node; the whole answer, `None` when it failed.
pub async fn get(host: usize, stage: &SharedStage, query: &str, at_ms: i64) -> Option<Value> {
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
        Ok(answer) if answer.status == 200 => serde_json::from_slice(&answer.body).ok(),
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

/// A series of a matrix.
fn series_of(series: &Value) -> Option<ReadSeries> {
    let metric = series.get("metric")?.as_object()?;
    let tenant = TenantName::new(metric.get(TENANT_LABEL)?.as_str()?).ok()?;
    let labels = metric.iter().filter(|(name, _)| *name != TENANT_LABEL);
    let labels: Option<Vec<(&str, &str)>> =
        labels.map(|(name, value)| Some((name.as_str(), value.as_str()?))).collect();
    let labels = Labels::from_pairs(labels?).ok()?;
    let samples = series.get("values")?.as_array()?.iter();
    let samples: Option<Vec<(i64, u64)>> = samples.map(sample_of).collect();
    Some(ReadSeries { key: SeriesKey { tenant, labels }, samples: samples? })
}

fn sample_of(sample: &Value) -> Option<(i64, u64)> {
    let seconds = sample.get(0)?.as_f64()?;
    let value = match sample.get(1)?.as_str()? {
        "NaN" => f64::NAN,
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        text => text.parse().ok()?,
    };
    Some(((seconds * 1000.0).round() as i64, value.to_bits()))
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
