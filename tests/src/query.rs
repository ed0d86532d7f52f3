//! Client of the query API.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::Value;

use crate::http::{self, Request, Response};

/// Labels by name.
pub type LabelMap = BTreeMap<String, String>;

/// A good answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What `data` holds.
    pub data: Value,
    /// Warnings; an answer that is not complete has one.
    pub warnings: Vec<String>,
}

/// One series of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its labels.
    pub labels: LabelMap,
    /// Milliseconds since the Unix epoch, and the value as it was written.
    pub points: Vec<(i64, String)>,
}

/// Asks for the value of an expression, at `time_ms` or now.
pub fn instant(http: SocketAddr, query: &str, time_ms: Option<i64>) -> Result<Answer, String> {
    let mut form = vec![("query", query.to_owned())];
    form.extend(time_ms.map(|ms| ("time", seconds(ms))));
    ask(http, "/api/v1/query", &form, &[])
}

/// Asks for the values of an expression from `start_ms` to `end_ms`.
pub fn range(
    http: SocketAddr,
    query: &str,
    (start_ms, end_ms): (i64, i64),
    step: &str,
) -> Result<Answer, String> {
    let form = [
        ("query", query.to_owned()),
        ("start", seconds(start_ms)),
        ("end", seconds(end_ms)),
        ("step", step.to_owned()),
    ];
    ask(http, "/api/v1/query_range", &form, &[])
}

/// Posts a form to an API and reads the envelope of the answer.
pub fn ask(
    http: SocketAddr,
    path: &str,
    form: &[(&str, String)],
    headers: &[(&str, &str)],
) -> Result<Answer, String> {
    let body = form_text(form);
    let mut all = vec![("Content-Type", "application/x-www-form-urlencoded")];
    all.extend_from_slice(headers);
    let framing = http::Framing::Length;
    let body = body.as_bytes();
    answer(http::send(http, &Request { method: "POST", path, headers: &all, body, framing })?)
}

/// The same by GET.
pub fn ask_by_get(
    http: SocketAddr,
    path: &str,
    form: &[(&str, String)],
    headers: &[(&str, &str)],
) -> Result<Answer, String> {
    let path = format!("{path}?{}", form_text(form));
    let framing = http::Framing::Length;
    let request = Request { method: "GET", path: &path, headers, body: &[], framing };
    answer(http::send(http, &request)?)
}

/// Reads the envelope of an answer.
pub fn answer(response: Response) -> Result<Answer, String> {
    let wrong = |what: &str| format!("{what}: status {}, {}", response.status, response.body);
    let value: Value =
        serde_json::from_str(&response.body).map_err(|error| wrong(&error.to_string()))?;
    if response.status != 200 || value["status"] != "success" {
        return Err(wrong("no success"));
    }
    let warnings = value["warnings"].as_array().cloned().unwrap_or_default();
    let warnings = warnings.iter().map(|w| w.as_str().unwrap_or_default().to_owned()).collect();
    Ok(Answer { data: value["data"].clone(), warnings })
}

impl Answer {
    /// The series of a vector or matrix.
    pub fn series(&self) -> Vec<Series> {
        let list = self.data["result"].as_array().cloned().unwrap_or_default();
        list.iter().map(series).collect()
    }

    /// The values of a vector by the value of one label ("" where it is missing).
    pub fn by_label(&self, name: &str) -> BTreeMap<String, String> {
        let pair = |series: &Series| {
            let key = series.labels.get(name).cloned().unwrap_or_default();
            let value = series.points.last().map(|(_, value)| value.clone());
            (key, value.unwrap_or_default())
        };
        self.series().iter().map(pair).collect()
    }

    /// The answer, unless it came with a warning.
    pub fn complete(self) -> Result<Answer, String> {
        match self.warnings.is_empty() {
            true => Ok(self),
            false => Err(format!("not complete: {:?}", self.warnings)),
        }
    }
}

fn series(value: &Value) -> Series {
    let labels = value["metric"].as_object().cloned().unwrap_or_default();
    let labels = labels.iter().map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned()));
    let points = match &value["values"] {
        Value::Array(points) => points.iter().map(point).collect(),
        _ => vec![point(&value["value"])],
    };
    Series { labels: labels.collect(), points }
}

fn point(value: &Value) -> (i64, String) {
    let seconds = value[0].as_f64().unwrap_or(f64::NAN);
    ((seconds * 1000.0).round() as i64, value[1].as_str().unwrap_or_default().to_owned())
}

/// Milliseconds as the API takes times.
pub fn seconds(ms: i64) -> String {
    format!("{}.{:03}", ms.div_euclid(1000), ms.rem_euclid(1000))
}

/// Pairs as a query string or form.
pub fn form_text(form: &[(&str, String)]) -> String {
    let pairs: Vec<String> = form
        .iter()
        .map(|(name, value)| format!("{}={}", http::encoded(name), http::encoded(value)))
        .collect();
    pairs.join("&")
}
