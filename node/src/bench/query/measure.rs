//! Asking a server.

use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::time::{Instant, sleep};

use super::data::Data;
use super::set::{EVERYTHING, Query};
use crate::bench::BenchError;
use crate::client::{ClientError, lost, read_error_text};

/// How long a server may take until what it acked can be queried.
const VISIBLE_DEADLINE: Duration = Duration::from_secs(120);

/// A server with Prometheus' HTTP API.
pub(super) struct Api {
    pub http: reqwest::Client,
    /// `http://host:port`
    pub base: String,
}

/// What an answer holds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Shape {
    /// Series.
    pub series: u64,
    /// Points of all series.
    pub points: u64,
    /// Sum of all finite values.
    pub sum: f64,
}

/// What a server holds of the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// Series.
    pub series: u64,
    /// Samples.
    pub samples: u64,
}

impl Held {
    /// Whether it is what was written but for a millionth of the samples: Prometheus 2.42 shows a
    /// few less of some millions. The report says how many there are.
    fn is_enough(self, wanted: Held) -> bool {
        let lacking = wanted.samples.checked_sub(self.samples);
        self.series == wanted.series
            && lacking.is_some_and(|lacking| lacking <= wanted.samples / 1_000_000)
    }
}

#[derive(Deserialize)]
struct Envelope {
    data: Answer,
}

#[derive(Deserialize)]
struct Answer {
    result: Vec<Series>,
}

#[derive(Deserialize)]
struct Series {
    #[serde(default)]
    values: Vec<(IgnoredAny, String)>,
    value: Option<(IgnoredAny, String)>,
}

impl Api {
    /// Sends a query; the answer's status is good.
    async fn ask(&self, query: &Query) -> Result<reqwest::Response, ClientError> {
        let seconds = |ms: i64| (ms as f64 / 1000.0).to_string();
        let path = if query.start_ms.is_some() { "query_range" } else { "query" };
        let address = format!("{}/api/v1/{path}", self.base);
        let mut url = Url::parse(&address)
            .map_err(|error| ClientError::Setup(format!("{address:?} is no address: {error}")))?;
        {
            // VictoriaMetrics caches and shifts the times of queries unless it is told not to.
            let mut pairs = url.query_pairs_mut();
            pairs.append_pair("query", &query.text).append_pair("nocache", "1");
            match query.start_ms {
                Some(start_ms) => {
                    pairs.append_pair("start", &seconds(start_ms));
                    pairs.append_pair("end", &seconds(query.end_ms));
                    pairs.append_pair("step", &seconds(query.step_ms));
                }
                None => {
                    pairs.append_pair("time", &seconds(query.end_ms));
                }
            }
        }
        let response = self.http.get(url).send().await.map_err(|error| lost(&error))?;
        let status = response.status().as_u16();
        if !response.status().is_success() {
            return Err(ClientError::Refused { status, body: read_error_text(response).await });
        }
        Ok(response)
    }

    /// What the answer holds.
    pub(super) async fn shape(&self, query: &Query) -> Result<Shape, ClientError> {
        let body = self.ask(query).await?.bytes().await.map_err(|error| lost(&error))?;
        let answer: Envelope = serde_json::from_slice(&body)
            .map_err(|error| ClientError::Answer(error.to_string()))?;
        let mut shape = Shape { series: answer.data.result.len() as u64, ..Shape::default() };
        for (_, value) in answer.data.result.iter().flat_map(|s| s.values.iter().chain(&s.value)) {
            shape.points += 1;
            let value: f64 = value.parse().unwrap_or(f64::NAN);
            shape.sum += if value.is_finite() { value } else { 0.0 };
        }
        Ok(shape)
    }

    /// Time from the request to the last byte of the answer.
    pub(super) async fn timed(&self, query: &Query) -> Result<Duration, ClientError> {
        let begun = Instant::now();
        let mut response = self.ask(query).await?;
        while response.chunk().await.map_err(|error| lost(&error))?.is_some() {}
        Ok(begun.elapsed())
    }

    /// Waits until the server shows all of the data; an error if it never does.
    pub(super) async fn wait_for(&self, data: &Data) -> Result<Held, BenchError> {
        let wanted = Held { series: data.series(), samples: data.samples() };
        let until = Instant::now() + VISIBLE_DEADLINE;
        loop {
            let held = self.held(data).await;
            match held {
                Ok(held) if held.is_enough(wanted) => return Ok(held),
                Err(error) if Instant::now() > until => return Err(error.into()),
                Ok(held) if Instant::now() > until => {
                    return Err(BenchError::Series(format!(
                        "the server holds {held:?}, not {wanted:?}"
                    )));
                }
                _ => sleep(Duration::from_secs(2)).await,
            }
        }
    }

    async fn held(&self, data: &Data) -> Result<Held, ClientError> {
        let window = data.reach_ms() / 1000 + 1;
        let count = |text: String| async move {
            let query = Query {
                name: "held".to_owned(),
                text: text.into(),
                start_ms: None,
                end_ms: data.end_ms,
                step_ms: 1000,
            };
            self.shape(&query).await.map(|shape| shape.sum as u64)
        };
        let series = count(format!("count({EVERYTHING})")).await?;
        let samples = format!("sum(count_over_time({EVERYTHING}[{window}s]))");
        Ok(Held { series, samples: count(samples).await? })
    }
}
