//! The simulator with bugs on purpose; see [`simulation::planted`].

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    simulation::command::main()
}
