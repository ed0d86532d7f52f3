//! The `granary` command.

use std::process::ExitCode;

use node::cli::{self, Process, RunFuture};
use node::config::NodeConfig;
use node::env::wall_clock_ms;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    cli::main(Process { run_node, wall_clock_ms })
}

fn run_node(config: NodeConfig) -> RunFuture {
    Box::pin(async { Ok(node::run_node(config).await?) })
}
