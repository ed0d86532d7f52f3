//! The simulator; see [`simulation::command`].

use std::process::ExitCode;

fn main() -> ExitCode {
    simulation::command::main()
}
