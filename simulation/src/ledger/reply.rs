//! Reads what Prometheus' HTTP API answers to `query`.

use proto::{Labels, LabelsBuilder, TenantName};
use serde_json::Value;

use super::{Answer, ReadSeries};
use crate::traffic::SeriesKey;

/// The body is no answer with series; the text says what is wrong.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not an answer of the query API: {0}")]
pub struct ReplyError(pub String);

/// Series of a vector or matrix.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// Warnings: with any, the answer may lack something.
    pub warnings: Vec<String>,
    /// Labels as they were given, and samples: timestamp in ms, bits of the value. One in a vector.
    pub series: Vec<(Labels, Vec<(i64, u64)>)>,
}

impl Reply {
    /// Parses the body of a successful answer.
    pub fn parse(body: &[u8]) -> Result<Reply, ReplyError> {
        let body: Value = serde_json::from_slice(body).map_err(|e| ReplyError(e.to_string()))?;
        if body["status"] != "success" {
            return Err(ReplyError(body.to_string()));
        }
        let texts = body["warnings"].as_array().into_iter().flatten();
        let warnings = texts.map(|text| text.as_str().unwrap_or_default().to_owned()).collect();
        let result = body["data"]["result"].as_array().ok_or_else(|| missing("data.result"))?;
        let series = result.iter().map(series).collect::<Result<_, _>>()?;
        Ok(Reply { warnings, series })
    }

    /// As an answer of the ledger, which was there at a time. Every series names its tenant by
    /// `tenant_label`.
    pub fn answer(&self, tenant_label: &str, ended_ms: i64) -> Result<Answer, ReplyError> {
        let series = self.series.iter().map(|(labels, samples)| {
            let key = split_tenant(labels, tenant_label)?;
            Ok(ReadSeries { key, samples: samples.clone() })
        });
        let series = series.collect::<Result<_, ReplyError>>()?;
        Ok(Answer { ended_ms, is_complete: self.warnings.is_empty(), series })
    }

    /// As the rows of a vector.
    pub fn rows(&self) -> Vec<(Labels, f64)> {
        let last = |samples: &[(i64, u64)]| samples.last().map(|(_, bits)| f64::from_bits(*bits));
        let rows = self.series.iter();
        rows.filter_map(|(labels, samples)| Some((labels.clone(), last(samples)?))).collect()
    }
}

fn missing(what: &str) -> ReplyError {
    ReplyError(format!("{what} is missing or of another type"))
}

fn split_tenant(labels: &Labels, tenant_label: &str) -> Result<SeriesKey, ReplyError> {
    let tenant = labels.get(tenant_label).unwrap_or_default();
    let tenant = TenantName::new(tenant).map_err(|e| ReplyError(format!("{labels}: {e}")))?;
    let mut builder = LabelsBuilder::from_labels(labels);
    builder.remove(tenant_label);
    let labels = builder.build().map_err(|e| ReplyError(e.to_string()))?;
    Ok(SeriesKey { tenant, labels })
}

fn series(entry: &Value) -> Result<(Labels, Vec<(i64, u64)>), ReplyError> {
    let metric = entry["metric"].as_object().ok_or_else(|| missing("metric"))?;
    let pairs = metric.iter().map(|(name, value)| (name, value.as_str().unwrap_or_default()));
    let labels = Labels::from_pairs(pairs).map_err(|e| ReplyError(e.to_string()))?;
    let samples = match (&entry["value"], &entry["values"]) {
        (one @ Value::Array(_), _) => vec![sample(one)?],
        (_, Value::Array(many)) => many.iter().map(sample).collect::<Result<_, _>>()?,
        _ => return Err(missing("value or values")),
    };
    Ok((labels, samples))
}

fn sample(pair: &Value) -> Result<(i64, u64), ReplyError> {
    let seconds = pair[0].as_f64().ok_or_else(|| missing("a timestamp"))?;
    let text = pair[1].as_str().ok_or_else(|| missing("a value"))?;
    let value: f64 = text.parse().map_err(|_| ReplyError(format!("{text:?} is no value")))?;
    Ok(((seconds * 1e3).round() as i64, value.to_bits()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MATRIX: &str = r#"{"status":"success","data":{"resultType":"matrix","result":[
        {"metric":{"__name__":"up","tenant_id":"a"},"values":[[1700000000.123,"5"],[1.5,"+Inf"]]}
        ]},"warnings":["n1 is down"]}"#;

    #[test]
    fn series_are_split_into_tenant_and_labels() {
        let reply = Reply::parse(MATRIX.as_bytes()).unwrap();
        let answer = reply.answer("tenant_id", 7).unwrap();
        assert!(!answer.is_complete);
        assert_eq!(answer.series[0].key.to_string(), "a/up{}");
        let samples = [(1_700_000_000_123, 5f64.to_bits()), (1_500, f64::INFINITY.to_bits())];
        assert_eq!(answer.series[0].samples, samples);
    }

    #[test]
    fn vectors_are_rows() {
        let body = r#"{"status":"success","data":{"resultType":"vector","result":[
            {"metric":{"tenant_id":"a"},"value":[3,"NaN"]}]}}"#;
        let reply = Reply::parse(body.as_bytes()).unwrap();
        assert!(reply.warnings.is_empty() && reply.rows()[0].1.is_nan());
    }

    #[test]
    fn anything_else_is_an_error() {
        for body in ["", "{}", r#"{"status":"error"}"#, r#"{"status":"success","data":{}}"#] {
            assert!(Reply::parse(body.as_bytes()).is_err(), "{body}");
        }
        let body = r#"{"status":"success","data":{"result":[{"metric":{},"value":[1,"1"]}]}}"#;
        let reply = Reply::parse(body.as_bytes()).unwrap();
        assert!(reply.answer("tenant_id", 1).is_err());
    }
}
