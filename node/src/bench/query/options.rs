//! Flags of `granary bench query`.

use std::path::PathBuf;

use clap::{Args, Command, FromArgMatches};

use crate::bench::Output;
use crate::client::remote_write::TENANT_HEADER;

/// What to load and to ask.
#[derive(Args, Clone, Debug)]
pub(super) struct QueryOptions {
    /// Server whose /api/v1/query and /api/v1/query_range are asked.
    #[arg(long, default_value = "http://127.0.0.1:10902", value_name = "URL")]
    pub url: String,
    /// Remote-write endpoint to which the data is written first; without it the data is there.
    #[arg(long, value_name = "URL")]
    pub load: Option<String>,
    /// Last time of the data and of the queries, Unix seconds; now if it is not given. A run that
    /// does not load needs that of the run that did.
    #[arg(long = "end", value_name = "SECONDS")]
    pub end_seconds: Option<i64>,
    /// Pods: each has 3 counters, 1 gauge and a histogram of 12 buckets over --minutes.
    #[arg(long, default_value_t = 1000, value_name = "N",
          value_parser = clap::value_parser!(u32).range(10..=100_000))]
    pub pods: u32,
    /// Further series over --wide-minutes.
    #[arg(long, default_value_t = 100_000, value_name = "N",
          value_parser = clap::value_parser!(u32).range(0..=10_000_000))]
    pub wide_series: u32,
    /// Range of the queries over the pods' series.
    #[arg(long, default_value_t = 360, value_name = "N",
          value_parser = clap::value_parser!(i64).range(1..=10_080))]
    pub minutes: i64,
    /// Range of the queries over the further series.
    #[arg(long, default_value_t = 60, value_name = "N",
          value_parser = clap::value_parser!(i64).range(1..=1_440))]
    pub wide_minutes: i64,
    /// Distance of two samples of a series.
    #[arg(long, default_value_t = 60, value_name = "N",
          value_parser = clap::value_parser!(i64).range(1..=300))]
    pub interval_seconds: i64,
    /// Times that each query is measured.
    #[arg(long, default_value_t = 5, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub repeats: u32,
    /// Only queries with this in their name; may be repeated, then all must be.
    #[arg(long, value_name = "TEXT")]
    pub only: Vec<String>,
    /// Header that names the tenant when data is written.
    #[arg(long, default_value = TENANT_HEADER, value_name = "NAME")]
    pub tenant_header: String,
    /// Process whose CPU time and memory are reported; may be repeated.
    #[arg(long = "server-pid", value_name = "PID")]
    pub server_pids: Vec<u32>,
    /// Name of the server in the report.
    #[arg(long, default_value = "server", value_name = "NAME")]
    pub name: String,
    /// How to print the report.
    #[arg(long, short = 'o', value_enum, default_value_t = Output::Table, value_name = "FORMAT")]
    pub output: Output,
    /// Ask nothing: print a table of these reports (-o json), ratios to the first.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub compare: Vec<PathBuf>,
}

/// What the arguments ask for.
pub(super) enum Parsed {
    /// To run.
    Run(Box<QueryOptions>),
    /// Help, or what is wrong with a flag.
    Say(clap::Error),
}

const AFTER_HELP: &str = "\
Examples:
  granary bench query --load=http://127.0.0.1:19291/api/v1/receive --server-pid=$(pidof granary)
  granary bench query --compare granary.json prometheus.json";

/// Reads the arguments that follow `granary bench query`.
pub(super) fn parse(args: impl IntoIterator<Item = String>) -> Parsed {
    let command = Command::new("granary bench query").no_binary_name(true);
    // The texts come last: the options' own doc comment is for readers of the code.
    let options = QueryOptions::augment_args(command)
        .about("Write generated series to a server, query it and measure")
        .after_help(AFTER_HELP)
        .try_get_matches_from(args)
        .and_then(|matches| QueryOptions::from_arg_matches(&matches));
    match options {
        Ok(options) => Parsed::Run(Box::new(options)),
        Err(error) => Parsed::Say(error),
    }
}
