//! Instant queries over `/api/v1/query`.

use std::collections::BTreeMap;

use reqwest::Url;
use serde::Deserialize;

use super::{ClientError, lost, read_body, read_error_text};

/// Longest answer that is read.
pub const ANSWER_BYTES_MAX: usize = 64 << 20;

/// One element of an instant vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The labels, by name.
    pub labels: BTreeMap<String, String>,
    /// The value as the server wrote it, so that nothing is lost by printing it.
    pub value: String,
}

/// An instant vector and what the server said about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The elements in the server's order.
    pub rows: Vec<Row>,
    /// Warnings; not empty when the answer is not complete.
    pub warnings: Vec<String>,
}

/// How the expression travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// In the address.
    Get,
    /// In a form body.
    Post,
}

#[derive(Deserialize)]
struct Envelope {
    status: String,
    data: Option<Data>,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    result: Vec<Element>,
}

#[derive(Deserialize)]
struct Element {
    metric: BTreeMap<String, String>,
    value: (f64, String),
}

/// Asks `base` (`http://host:port`) for the value of `expression` now.
pub async fn instant(
    http: &reqwest::Client,
    base: &str,
    method: Method,
    expression: &str,
) -> Result<Answer, ClientError> {
    let address = format!("{base}/api/v1/query");
    let mut url = Url::parse(&address)
        .map_err(|error| ClientError::Setup(format!("{address:?} is no address: {error}")))?;
    url.query_pairs_mut().append_pair("query", expression);
    let request = match method {
        Method::Get => http.get(url),
        Method::Post => {
            let form = url.query().unwrap_or_default().to_owned();
            url.set_query(None);
            http.post(url).header("Content-Type", "application/x-www-form-urlencoded").body(form)
        }
    };
    let response = request.send().await.map_err(|error| lost(&error))?;
    let status = response.status();
    if status.is_success() {
        return parse(&read_body(response, ANSWER_BYTES_MAX).await?);
    }
    let body = read_error_text(response).await;
    Err(ClientError::Refused { status: status.as_u16(), body })
}

fn parse(body: &[u8]) -> Result<Answer, ClientError> {
    let bad = |error: serde_json::Error| ClientError::Answer(error.to_string());
    let envelope: Envelope = serde_json::from_slice(body).map_err(bad)?;
    if envelope.status != "success" {
        return Err(ClientError::Answer(format!("{}: {}", envelope.status, envelope.error)));
    }
    let data = envelope.data.ok_or_else(|| ClientError::Answer("it has no data".to_owned()))?;
    if data.result_type != "vector" {
        return Err(ClientError::Answer(format!("it is a {}, not a vector", data.result_type)));
    }
    let row = |e: Element| Row { labels: e.metric, value: e.value.1 };
    Ok(Answer { rows: data.result.into_iter().map(row).collect(), warnings: envelope.warnings })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_is_read_with_its_warnings() {
        let body = br#"{"status":"success","warnings":["one node is missing"],"data":
            {"resultType":"vector","result":[{"metric":{"tenant_id":"a"},"value":[1.5,"1"]}]}}"#;
        let answer = parse(body).unwrap();
        assert_eq!(answer.warnings, ["one node is missing"]);
        assert_eq!(answer.rows[0].labels["tenant_id"], "a");
        assert_eq!(answer.rows[0].value, "1");
    }

    #[test]
    fn what_is_no_vector_is_an_error() {
        for body in [
            &b"<html>"[..],
            b"{}",
            br#"{"status":"error","error":"parse error"}"#,
            br#"{"status":"success"}"#,
            br#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#,
        ] {
            assert!(matches!(parse(body), Err(ClientError::Answer(_))));
        }
    }
}
