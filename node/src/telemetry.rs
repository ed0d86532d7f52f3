//! Logs: one line an event to stderr, as logfmt or JSON.
//!
//! ```text
//! ts=2026-01-31T12:30:15.250Z level=info msg="the node is ready" address=127.0.0.1:10902
//! {"ts":"2026-01-31T12:30:15.250Z","level":"info","msg":"the node is ready","address":"..."}
//! ```
//!
//! The fields of the spans around an event stand before its own.

mod line;
mod value;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::time::SystemTime;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogConfig, LogLevel};

use line::{Fields, Line};

/// The crates of this workspace. What others log is shown from `warn` on, unless `debug` or `trace`
/// is asked for.
const OWN_TARGETS: [&str; 7] =
    ["granary", "node", "cluster", "storage", "journal", "query", "proto"];

/// Raft warns at every heartbeat to a dead member; the membership actor says it once.
const RAFT_TARGET: &str = "openraft";

/// Starts logging for the whole process; the second call does nothing and returns false.
pub fn start(config: &LogConfig) -> bool {
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .fmt_fields(Fields(config.format))
        .event_format(Line { format: config.format, clock: SystemTime });
    tracing_subscriber::registry().with(filter(config.level)).with(layer).try_init().is_ok()
}

fn filter(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let others = if level == LevelFilter::INFO { LevelFilter::WARN } else { level };
    let raft = if level <= LevelFilter::INFO { LevelFilter::ERROR.min(level) } else { level };
    let own = OWN_TARGETS.map(|target| (target, level));
    Targets::new().with_default(others).with_target(RAFT_TARGET, raft).with_targets(own)
}

#[cfg(test)]
mod tests;
