//! The `granary` command.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use node::cli::{self, Process, RunFuture};
use node::config::NodeConfig;

fn main() -> ExitCode {
    cli::main(Process { run_node, wall_clock_ms })
}

/// The one line to change when the node's core is there.
fn run_node(_config: NodeConfig) -> RunFuture {
    Box::pin(async { Err("this build has no node in it, only the command line".into()) })
}

/// Milliseconds since 1970.
#[allow(clippy::disallowed_methods, reason = "where the process is put together, beside no seam")]
fn wall_clock_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}
