//! `granary bench query`: PromQL against any server with Prometheus' HTTP API.
//!
//! ```text
//! options -> data (the same series for every server, written in order of time, then counted)
//!         -> set (the queries) -> measure (one after the other, alone) -> report
//!                                           reports of several servers -> compare
//! ```
//!
//! Data and queries are a function of the options and `--end`, so that two servers that were
//! given the same answer the same.

mod compare;
mod data;
mod measure;
mod options;
mod report;
mod set;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use super::BenchError;
use super::usage::Snapshot;
use crate::client;
use data::Data;
use measure::Api;
use options::{Parsed, QueryOptions, parse};
use report::{Measured, Report};
use set::queries;

/// Longest wait for one answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(600);

/// Runs the command with the arguments that follow `granary bench query`. `wall_clock_ms` gives
/// milliseconds since the Unix epoch. Exit status: 0 when every query was answered, 1 when one was
/// not or the data is not there, 2 for a wrong flag.
pub fn main(args: impl IntoIterator<Item = String>, wall_clock_ms: fn() -> i64) -> ExitCode {
    let options = match parse(args) {
        Parsed::Run(options) => options,
        Parsed::Say(message) => {
            let _ = message.print();
            return ExitCode::from(u8::try_from(message.exit_code()).unwrap_or(2));
        }
    };
    let said = match options.compare.as_slice() {
        [] => {
            run(&options, wall_clock_ms).map(|report| (report.render(options.output), report.ok()))
        }
        files => compare::table(files).map(|table| (table, true)),
    };
    match said {
        Ok((text, ok)) => {
            // Whoever closed stdout has seen enough.
            let _ = writeln!(std::io::stdout(), "{text}");
            if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "granary bench query: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &QueryOptions, wall_clock_ms: fn() -> i64) -> Result<Report, BenchError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(BenchError::Runtime)?;
    let end_ms = options.end_seconds.map_or_else(wall_clock_ms, |s| s.saturating_mul(1000));
    let data = Data::new(options, end_ms);
    runtime.block_on(async {
        if let Some(url) = &options.load {
            data.load(url, options).await?;
        }
        measure_all(options, &data).await
    })
}

async fn measure_all(options: &QueryOptions, data: &Data) -> Result<Report, BenchError> {
    let api = Api { http: client::http(REQUEST_TIMEOUT)?, base: options.url.clone() };
    let held = api.wait_for(data).await?;
    let mut report = Report::new(options, data, held);
    for query in queries(data) {
        if !options.only.iter().all(|part| query.name.contains(part.as_str())) {
            continue;
        }
        let measured = measure_one(options, &api, &query).await?;
        // Progress, for whoever waits.
        let _ = writeln!(std::io::stderr(), "{}", measured.line());
        report.queries.push(measured);
    }
    Ok(report)
}

/// One query: once for the shape of its answer, then `--repeats` times against the clock.
async fn measure_one(
    options: &QueryOptions,
    api: &Api,
    query: &set::Query,
) -> Result<Measured, BenchError> {
    let shape = match api.shape(query).await {
        Ok(shape) => shape,
        Err(error) => return Ok(Measured::failed(query, error.to_string())),
    };
    for pid in &options.server_pids {
        super::usage::forget_peak(*pid)?;
    }
    let before = Snapshot::take(&options.server_pids)?;
    let mut seconds = Vec::new();
    for _ in 0..options.repeats {
        match api.timed(query).await {
            Ok(time) => seconds.push(time.as_secs_f64()),
            Err(error) => return Ok(Measured::failed(query, error.to_string())),
        }
    }
    let after = Snapshot::take(&options.server_pids)?;
    Ok(Measured::new(query, shape, seconds, &before, &after))
}

#[cfg(test)]
mod tests;
