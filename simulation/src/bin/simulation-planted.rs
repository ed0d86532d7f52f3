//! The simulator with bugs on purpose; see [`simulation::planted`].

use std::process::ExitCode;

fn main() -> ExitCode {
    simulation::command::main()
}
