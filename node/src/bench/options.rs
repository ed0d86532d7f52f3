//! Flags of `granary bench write`.

use std::time::Duration;

use clap::{Args, Command, FromArgMatches, ValueEnum};

use crate::client::remote_write::TENANT_HEADER;

/// Most series of one tenant; a template takes some 300 bytes of memory for each.
const SERIES_MAX: i64 = 20_000_000;

/// How the report is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// What load to make.
#[derive(Args, Clone, Debug)]
pub struct WriteOptions {
    /// Remote-write endpoint; several are used in turn.
    #[arg(
        long = "url",
        value_name = "URL",
        default_value = "http://127.0.0.1:19291/api/v1/receive"
    )]
    pub urls: Vec<String>,
    /// Series of each tenant at any time.
    #[arg(long, default_value_t = 100_000, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=SERIES_MAX))]
    pub series: u32,
    /// Labels of a series beside its name.
    #[arg(long, default_value_t = 10, value_name = "N",
          value_parser = clap::value_parser!(u32).range(3..=64))]
    pub labels: u32,
    /// Percent of the series that are replaced by new ones in a minute of sample time.
    #[arg(long, default_value_t = 0.0, value_name = "PERCENT", value_parser = percent)]
    pub churn: f64,
    /// Tenants, named bench-0, bench-1, ...
    #[arg(long, default_value_t = 1, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub tenants: u32,
    /// Header that names the tenant.
    #[arg(long, default_value = TENANT_HEADER, value_name = "NAME")]
    pub tenant_header: String,
    /// Requests in flight at a time.
    #[arg(long, default_value = "4", value_name = "N", value_parser = concurrency)]
    pub concurrency: usize,
    /// Samples of a request.
    #[arg(long, default_value_t = 2000, value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub samples_per_request: u32,
    /// Longest run.
    #[arg(long, default_value = "30s", value_name = "DURATION", value_parser = duration)]
    pub duration: Duration,
    /// Equal seeds make equal series and values.
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// Sample time between two rounds over all series.
    #[arg(long, default_value_t = 15_000, value_name = "MS",
          value_parser = clap::value_parser!(i64).range(1..=3_600_000))]
    pub interval_ms: i64,
    /// Send each round when its time has come, from now on; without it sample time begins an hour
    /// ago and advances as fast as acks allow, at most until five minutes from now.
    #[arg(long)]
    pub real_time: bool,
    /// Process whose CPU time and memory are reported; may be repeated.
    #[arg(long = "server-pid", value_name = "PID")]
    pub server_pids: Vec<u32>,
    /// How to print the report.
    #[arg(long, short = 'o', value_enum, default_value_t = Output::Table, value_name = "FORMAT")]
    pub output: Output,
}

/// What the arguments ask for.
#[derive(Debug)]
pub enum Parsed {
    /// To run.
    Run(Box<WriteOptions>),
    /// Help, or what is wrong with a flag.
    Say(clap::Error),
}

const AFTER_HELP: &str = "\
Examples:
  granary bench write --series=100000 --duration=30s --server-pid=$(pidof granary)
  granary bench write --url=http://127.0.0.1:9090/api/v1/write -o json";

/// Reads the arguments that follow `granary bench write`.
pub fn parse(args: impl IntoIterator<Item = String>) -> Parsed {
    let command = Command::new("granary bench write").no_binary_name(true);
    // The texts come last: the options' own doc comment is for readers of the code.
    let options = WriteOptions::augment_args(command)
        .about("Write generated series to remote-write endpoints and measure")
        .after_help(AFTER_HELP)
        .try_get_matches_from(args)
        .and_then(|matches| WriteOptions::from_arg_matches(&matches));
    match options {
        Ok(options) => Parsed::Run(Box::new(options)),
        Err(error) => Parsed::Say(error),
    }
}

fn percent(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    if (0.0..=100.0).contains(&value) { Ok(value) } else { Err("it must be 0 to 100".to_owned()) }
}

fn concurrency(text: &str) -> Result<usize, String> {
    let value: usize = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    if (1..=1024).contains(&value) { Ok(value) } else { Err("it must be 1 to 1024".to_owned()) }
}

/// `90s`, `2m`, `500ms`, `1h`.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let unit_ms = match &text[digits..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err("it must be a number with ms, s, m or h, such as 30s".to_owned()),
    };
    let number: u64 = text[..digits].parse().map_err(|_| "it must begin with a number")?;
    let ms = number.checked_mul(unit_ms).filter(|ms| (1..=86_400_000).contains(ms));
    ms.map(Duration::from_millis).ok_or_else(|| "it must be 1ms to 24h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<WriteOptions, i32> {
        match parse(args.iter().map(|a| (*a).to_owned())) {
            Parsed::Run(options) => Ok(*options),
            Parsed::Say(error) => Err(error.exit_code()),
        }
    }

    #[test]
    fn flags_are_read() {
        let options = parsed(&["--url=http://a", "--url=http://b", "--churn=2.5", "-o", "json"]);
        let options = options.unwrap();
        assert_eq!(options.urls, ["http://a", "http://b"]);
        assert_eq!((options.churn, options.output), (2.5, Output::Json));
        assert_eq!((options.samples_per_request, options.interval_ms), (2000, 15_000));
        assert_eq!(parsed(&["--duration=2m"]).unwrap().duration, Duration::from_secs(120));
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        for wrong in
            ["--churn=101", "--churn=NaN", "--duration=5", "--duration=s", "--duration=99999999h"]
        {
            assert_eq!(parsed(&[wrong]).unwrap_err(), 2, "{wrong}");
        }
        for wrong in ["--series=0", "--labels=2", "--concurrency=0", "--interval-ms=0"] {
            assert_eq!(parsed(&[wrong]).unwrap_err(), 2, "{wrong}");
        }
    }
}
