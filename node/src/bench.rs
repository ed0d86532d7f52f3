//! `granary bench query` is in [`query`]. `granary bench write`: a load generator for remote write
//! 1.0, for granary and for any other
//! receiver (Prometheus with `--web.enable-remote-write-receiver`, VictoriaMetrics).
//!
//! ```text
//! options -> plan (labels by seed) -> templates (requests encoded before the clock runs)
//!         -> workers (patch time and value, compress, send, count) -> report
//! ```
//!
//! Equal options and seed make equal series and values, whatever the concurrency. While the clock
//! runs a request costs the generator a few bytes patched per sample and one snappy pass.

mod histogram;
mod options;
pub mod query;
mod report;
mod series;
mod template;
mod usage;
mod worker;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::client::remote_write::RemoteWriter;
use crate::client::{self, ClientError};

use series::SeriesPlan;
use template::Template;
use worker::{Pace, Tally, Worker};

pub use options::{Output, Parsed, WriteOptions, parse};
pub use report::{Ended, Report};

/// Longest wait for the answer of one attempt.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Threads of the generator; the server wants the others.
const THREADS_MAX: usize = 2;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The HTTP client or the tenant header cannot be set up.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A generated label set or tenant is not a valid one: the options are too large.
    #[error("the series cannot be made: {0}")]
    Series(String),
    /// `/proc/<pid>` cannot be read.
    #[error("--server-pid {pid}: {error}")]
    Usage {
        /// The process.
        pid: u32,
        /// What the system says.
        error: String,
    },
    /// A report cannot be read.
    #[error("{file}: {why}")]
    Report {
        /// Its file.
        file: String,
        /// What is wrong.
        why: String,
    },
    /// No runtime.
    #[error("cannot start the runtime: {0}")]
    Runtime(std::io::Error),
}

/// Runs the command with the arguments that follow `granary bench write`. `wall_clock_ms` gives
/// milliseconds since the Unix epoch. Exit status: 0 when everything sent was acked, 1 when
/// something was not, 2 for a wrong flag.
pub fn main(args: impl IntoIterator<Item = String>, wall_clock_ms: fn() -> i64) -> ExitCode {
    let options = match parse(args) {
        Parsed::Run(options) => options,
        Parsed::Say(message) => {
            let _ = message.print();
            return ExitCode::from(u8::try_from(message.exit_code()).unwrap_or(2));
        }
    };
    match run(&options, wall_clock_ms) {
        Ok(report) => {
            // Whoever closed stdout has seen enough.
            let _ = writeln!(std::io::stdout(), "{}", report.render(options.output));
            if report.all_acked() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "granary bench write: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Generates the load and measures.
pub fn run(options: &WriteOptions, wall_clock_ms: fn() -> i64) -> Result<Report, BenchError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(options.concurrency.clamp(1, THREADS_MAX))
        .enable_all()
        .build()
        .map_err(BenchError::Runtime)?;
    runtime.block_on(measure(options, wall_clock_ms))
}

async fn measure(options: &WriteOptions, now_ms: fn() -> i64) -> Result<Report, BenchError> {
    let plan = SeriesPlan::new(options);
    let pace = Pace::new(options, now_ms);
    let shares = shares(options, &plan, pace.first_ms)?;
    let http = client::http(REQUEST_TIMEOUT)?;
    let writer = RemoteWriter::new(http, &options.tenant_header, worker::retry_limits())?;
    let urls: Arc<[String]> = options.urls.clone().into();

    let before = usage::Snapshot::take(&options.server_pids)?;
    let started = Instant::now();
    let workers: Vec<_> = shares
        .into_iter()
        .enumerate()
        .map(|(number, templates)| {
            let (writer, urls, pace) = (writer.clone(), Arc::clone(&urls), pace.clone());
            tokio::spawn(Worker { number, templates, writer, urls, pace, started }.run())
        })
        .collect();
    let mut tally = Tally::default();
    for worker in workers {
        // A worker that panicked has no tally; it must not look like one that was quick.
        let done = worker.await.map_err(|error| BenchError::Series(error.to_string()))?;
        tally.merge(done);
    }
    let elapsed = started.elapsed();
    let after = usage::Snapshot::take(&options.server_pids)?;
    Ok(Report::new(options, &plan, &tally, elapsed, &before, &after))
}

/// The templates of every tenant, dealt out to the workers.
fn shares(
    options: &WriteOptions,
    plan: &SeriesPlan,
    first_ms: i64,
) -> Result<Vec<Vec<Template>>, BenchError> {
    let templates = Template::all(options, plan, first_ms)?;
    let workers = options.concurrency.clamp(1, templates.len().max(1));
    let mut shares: Vec<Vec<Template>> = Vec::new();
    shares.resize_with(workers, Vec::new);
    for (i, template) in templates.into_iter().enumerate() {
        shares[i % workers].push(template);
    }
    Ok(shares)
}

#[cfg(test)]
mod tests;
