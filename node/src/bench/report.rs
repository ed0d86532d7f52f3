//! The result of a run, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use serde::Serialize;

use super::options::{Output, WriteOptions};
use super::series::{SERIES_PER_TARGET, SeriesPlan};
use super::usage::{Snapshot, Usage};
use super::worker::{Stop, Tally};

/// Why the run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// `--duration` was over.
    Duration,
    /// Sample time had reached five minutes from now, where receivers refuse.
    SampleTimeAheadOfNow,
    /// A worker had too many failures in a row.
    Failures,
}

/// Latency of acked requests in milliseconds, from the first attempt to the ack.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LatencyMs {
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Greatest.
    pub max: f64,
}

/// What a server process used.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Server {
    /// The process.
    pub pid: u32,
    /// CPU seconds during the run.
    pub cpu_seconds: f64,
    /// Resident bytes before.
    pub resident_bytes_before: u64,
    /// Resident bytes after.
    pub resident_bytes_after: u64,
    /// Most resident bytes since the process started.
    pub resident_bytes_max: u64,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Length of the run.
    pub seconds: f64,
    /// Why it ended.
    pub ended: Ended,
    /// Samples that were acked with 2xx.
    pub acked_samples: u64,
    /// The same per second.
    pub acked_samples_per_second: f64,
    /// Series that were written, those that churn replaced included.
    pub series: u64,
    /// Latency.
    pub latency_ms: LatencyMs,
    /// Attempts by status; `none` where no answer came.
    pub attempts_by_status: BTreeMap<String, u64>,
    /// Attempts beyond the first of a request.
    pub retries: u64,
    /// Requests that were never acked.
    pub failed_requests: u64,
    /// Why the first of them was not.
    pub failure: Option<String>,
    /// The processes of `--server-pid`.
    pub servers: Vec<Server>,
    /// CPU seconds of all servers per million acked samples.
    pub server_cpu_seconds_per_million_samples: Option<f64>,
    /// Growth of all servers' resident memory per series; `None` when it did not grow. Only on a
    /// fresh server does it say what a series takes.
    pub server_bytes_per_series: Option<f64>,
    /// CPU seconds of the generator itself during the run.
    pub generator_cpu_seconds: Option<f64>,
}

impl Report {
    pub(super) fn new(
        options: &WriteOptions,
        plan: &SeriesPlan,
        tally: &Tally,
        elapsed: Duration,
        before: &Snapshot,
        after: &Snapshot,
    ) -> Report {
        let seconds = elapsed.as_secs_f64();
        let series = series_written(options, plan, tally.age_ms);
        let servers: Vec<_> = before.servers.iter().zip(&after.servers).map(server).collect();
        let measured = !servers.is_empty() && tally.acked_samples > 0;
        let cpu: f64 = servers.iter().map(|s| s.cpu_seconds).sum();
        let growth: f64 = servers.iter().map(Server::growth).sum();
        let own = before.generator_cpu_seconds.zip(after.generator_cpu_seconds);
        Report {
            seconds,
            ended: tally.stop.into(),
            acked_samples: tally.acked_samples,
            acked_samples_per_second: tally.acked_samples as f64 / seconds.max(f64::EPSILON),
            series,
            latency_ms: latency(tally),
            attempts_by_status: by_status(tally),
            retries: tally.retries,
            failed_requests: tally.failed,
            failure: tally.reason.clone(),
            servers,
            server_cpu_seconds_per_million_samples: measured
                .then(|| cpu * 1e6 / tally.acked_samples as f64),
            server_bytes_per_series: (measured && growth > 0.0)
                .then(|| growth / series.max(1) as f64),
            generator_cpu_seconds: own.map(|(before, after)| after - before),
        }
    }

    /// Whether something was sent and all of it was acked.
    pub fn all_acked(&self) -> bool {
        self.acked_samples > 0 && self.failed_requests == 0
    }

    /// As text, without the last line's end.
    pub fn render(&self, output: Output) -> String {
        match output {
            // Numbers, texts and maps with text keys: nothing that JSON cannot hold.
            Output::Json => serde_json::to_string_pretty(self).unwrap_or_default(),
            Output::Table => self.table(),
        }
    }

    fn table(&self) -> String {
        let mut text = String::new();
        let mut row = |name: &str, value: String| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name:<22} {value}");
        };
        row("acked samples", format!("{} in {:.1} s", self.acked_samples, self.seconds));
        row("acked samples/s", format!("{:.0}", self.acked_samples_per_second));
        row("series", self.series.to_string());
        let LatencyMs { p50, p90, p99, max } = self.latency_ms;
        row("latency ms", format!("p50 {p50:.2}  p90 {p90:.2}  p99 {p99:.2}  max {max:.2}"));
        let attempts: Vec<_> =
            self.attempts_by_status.iter().map(|(status, n)| format!("{status}: {n}")).collect();
        row("attempts by status", attempts.join("  "));
        row("retries", self.retries.to_string());
        row("requests not acked", self.failed_requests.to_string());
        self.server_rows(&mut row);
        if let Some(seconds) = self.generator_cpu_seconds {
            row("generator CPU s", format!("{seconds:.2}"));
        }
        row("ended", self.ended.words().to_owned());
        if let Some(failure) = &self.failure {
            row("first failure", failure.clone());
        }
        text.truncate(text.trim_end().len());
        text
    }

    fn server_rows(&self, row: &mut impl FnMut(&str, String)) {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        for server in &self.servers {
            let memory = [
                mib(server.resident_bytes_before),
                mib(server.resident_bytes_after),
                mib(server.resident_bytes_max),
            ];
            let [before, after, max] = memory.map(|value| format!("{value:.0} MiB"));
            let cpu = server.cpu_seconds;
            let text = format!("CPU {cpu:.2} s  memory {before} -> {after}, most {max}");
            row(&format!("server {}", server.pid), text);
        }
        if let Some(seconds) = self.server_cpu_seconds_per_million_samples {
            row("server CPU s/million", format!("{seconds:.3}"));
        }
        if let Some(bytes) = self.server_bytes_per_series {
            row("server bytes/series", format!("{bytes:.0}"));
        }
    }
}

impl Server {
    fn growth(&self) -> f64 {
        self.resident_bytes_after as f64 - self.resident_bytes_before as f64
    }
}

impl Ended {
    fn words(self) -> &'static str {
        match self {
            Ended::Duration => "after --duration",
            Ended::SampleTimeAheadOfNow => {
                "early: the samples' time reached now + 5 min (more --series, or a smaller \
                 --interval-ms, makes the run longer)"
            }
            Ended::Failures => "early: too many failures in a row",
        }
    }
}

impl From<Stop> for Ended {
    fn from(stop: Stop) -> Ended {
        match stop {
            Stop::Duration => Ended::Duration,
            Stop::SampleTime => Ended::SampleTimeAheadOfNow,
            Stop::Failures => Ended::Failures,
        }
    }
}

fn server((before, after): (&Usage, &Usage)) -> Server {
    Server {
        pid: before.pid,
        cpu_seconds: after.cpu_seconds - before.cpu_seconds,
        resident_bytes_before: before.resident_bytes,
        resident_bytes_after: after.resident_bytes,
        resident_bytes_max: after.resident_bytes_max,
    }
}

fn latency(tally: &Tally) -> LatencyMs {
    let ms = |micros: u64| micros as f64 / 1000.0;
    LatencyMs {
        p50: ms(tally.latency.quantile(0.5)),
        p90: ms(tally.latency.quantile(0.9)),
        p99: ms(tally.latency.quantile(0.99)),
        max: ms(tally.latency.max()),
    }
}

fn by_status(tally: &Tally) -> BTreeMap<String, u64> {
    let name = |status: &Option<u16>| status.map_or("none".to_owned(), |code| code.to_string());
    tally.statuses.iter().map(|(status, count)| (name(status), *count)).collect()
}

/// Series of all tenants with those that churn brought until `age_ms`.
fn series_written(options: &WriteOptions, plan: &SeriesPlan, age_ms: i64) -> u64 {
    let targets = options.series.div_ceil(SERIES_PER_TARGET);
    let of_target = |target: u32| {
        let places = (options.series - target * SERIES_PER_TARGET).min(SERIES_PER_TARGET);
        let generations = plan.generation(target, age_ms) - plan.generation(target, 0) + 1;
        u64::from(places) * generations
    };
    (0..targets).map(of_target).sum::<u64>() * u64::from(options.tenants)
}
