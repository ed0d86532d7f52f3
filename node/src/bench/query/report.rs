//! What was measured at one server, for people and for programs.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::data::Data;
use super::measure::{Held, Shape};
use super::options::QueryOptions;
use super::set::Query;
use crate::bench::Output;
use crate::bench::usage::Snapshot;

/// One query at one server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Measured {
    /// Short name.
    pub name: String,
    /// The expression.
    pub query: String,
    /// Median of the times from the request to the last byte of the answer.
    pub median_ms: f64,
    /// The shortest.
    pub min_ms: f64,
    /// CPU of the server for one query.
    pub cpu_ms: f64,
    /// By how much the server's resident memory grew at most.
    pub memory_bytes: u64,
    /// Series of the answer.
    pub series: u64,
    /// Its points.
    pub points: u64,
    /// Sum of its finite values.
    pub sum: f64,
    /// Why there is no answer.
    pub failure: Option<String>,
}

/// All queries at one server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Report {
    /// The server.
    pub server: String,
    /// End of data and queries, Unix seconds: `--end` of further runs over the same data.
    pub end_seconds: i64,
    /// Series that the server holds.
    pub series: u64,
    /// Samples that it holds.
    pub samples: u64,
    /// Times that each query was measured.
    pub repeats: u32,
    /// The queries in order.
    pub queries: Vec<Measured>,
}

impl Measured {
    pub(super) fn new(
        query: &Query,
        shape: Shape,
        mut seconds: Vec<f64>,
        before: &Snapshot,
        after: &Snapshot,
    ) -> Measured {
        seconds.sort_by(f64::total_cmp);
        let repeats = seconds.len().max(1);
        let servers = before.servers.iter().zip(&after.servers);
        let cpu: f64 = servers.clone().map(|(b, a)| a.cpu_seconds - b.cpu_seconds).sum();
        let growth = servers.map(|(b, a)| a.resident_bytes_max.saturating_sub(b.resident_bytes));
        Measured {
            name: query.name.clone(),
            query: query.text.to_string(),
            median_ms: seconds.get(repeats / 2).copied().unwrap_or(f64::NAN) * 1000.0,
            min_ms: seconds.first().copied().unwrap_or(f64::NAN) * 1000.0,
            cpu_ms: cpu * 1000.0 / repeats as f64,
            memory_bytes: growth.sum(),
            series: shape.series,
            points: shape.points,
            sum: shape.sum,
            failure: None,
        }
    }

    pub(super) fn failed(query: &Query, failure: String) -> Measured {
        Measured {
            name: query.name.clone(),
            query: query.text.to_string(),
            median_ms: 0.0,
            min_ms: 0.0,
            cpu_ms: 0.0,
            memory_bytes: 0,
            series: 0,
            points: 0,
            sum: 0.0,
            failure: Some(failure),
        }
    }

    /// One line of the table for people.
    pub(super) fn line(&self) -> String {
        let name = &self.name;
        if let Some(failure) = &self.failure {
            return format!("{name:<22} {failure}");
        }
        let mib = self.memory_bytes as f64 / f64::from(1 << 20);
        format!(
            "{name:<22} {:>9.1} ms  CPU {:>8.1} ms  memory +{mib:>5.0} MiB  {:>6} series {:>8} points",
            self.median_ms, self.cpu_ms, self.series, self.points
        )
    }
}

impl Report {
    pub(super) fn new(options: &QueryOptions, data: &Data, held: Held) -> Report {
        Report {
            server: options.name.clone(),
            end_seconds: data.end_ms / 1000,
            series: held.series,
            samples: held.samples,
            repeats: options.repeats,
            queries: Vec::new(),
        }
    }

    /// Whether every query was answered.
    pub(super) fn ok(&self) -> bool {
        self.queries.iter().all(|query| query.failure.is_none())
    }

    /// As text, without the last line's end.
    pub(super) fn render(&self, output: Output) -> String {
        match output {
            // Finite numbers and texts: nothing that JSON cannot hold.
            Output::Json => serde_json::to_string_pretty(self).unwrap_or_default(),
            Output::Table => self.table(),
        }
    }

    fn table(&self) -> String {
        let Report { server, series, samples, end_seconds, repeats, .. } = self;
        // Writing to a String cannot fail.
        let mut text = String::new();
        let _ = write!(text, "{server}: {series} series, {samples} samples, --end={end_seconds}; ");
        let _ = write!(text, "medians of {repeats}, CPU of one query");
        self.queries.iter().for_each(|query| {
            let _ = write!(text, "\n{}", query.line());
        });
        text
    }
}
