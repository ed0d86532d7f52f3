//! The command line of `granary`: what is typed, which command it is, what is printed, how it ends.
//!
//! ```text
//! arguments -> command (the tree of commands; its flags come from the table of settings)
//!           -> node | demo | bench | settings (config ...) | admin (ring, tenant, status)
//!           -> text on stdout, one line on stderr when it fails, exit status
//! ```

mod admin;
mod command;
mod error;
mod grid;
mod node;
mod ring;
mod settings;
mod status;
mod tenant;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::ArgMatches;

use crate::{bench, demo};

pub use error::CliError;
pub use node::{RunFuture, RunNode};

/// What the command line needs from the process around it.
pub struct Process {
    /// Runs a node until it is told to stop.
    pub run_node: RunNode,
    /// Milliseconds since 1970.
    pub wall_clock_ms: fn() -> i64,
}

/// Runs the command that the arguments of the process ask for.
pub fn main(process: Process) -> ExitCode {
    // An error means that a provider is installed already, and any provider will do.
    rustls::crypto::ring::default_provider().install_default().ok();
    run(std::env::args_os(), &process)
}

fn run(arguments: impl IntoIterator<Item = OsString>, process: &Process) -> ExitCode {
    let matches = match command::granary().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(said) => {
            // Help goes to stdout with status 0, a wrong argument to stderr with status 2. Whoever
            // closed them does not want to read it.
            let _ = said.print();
            return ExitCode::from(u8::try_from(said.exit_code()).unwrap_or(2));
        }
    };
    let (name, arguments) = chosen(&matches);
    match (name, arguments) {
        ("demo", arguments) => demo::main(passed_on(arguments), process.wall_clock_ms),
        ("bench", arguments) => match chosen(arguments) {
            ("query", rest) => bench::query::main(passed_on(rest), process.wall_clock_ms),
            (_, rest) => bench::main(passed_on(rest), process.wall_clock_ms),
        },
        ("node", arguments) => finish(node::run(arguments, process.run_node)),
        (name, arguments) => finish(text_of(name, arguments).and_then(|text| print(&text))),
    }
}

/// The command that was typed.
fn chosen(matches: &ArgMatches) -> (&str, &ArgMatches) {
    matches.subcommand().expect("every command with commands below it requires one of them")
}

/// Arguments of commands that read them themselves.
fn passed_on(matches: &ArgMatches) -> Vec<String> {
    matches.get_many::<String>("arguments").into_iter().flatten().cloned().collect()
}

/// What a command that only prints has to say.
fn text_of(name: &str, arguments: &ArgMatches) -> Result<String, CliError> {
    match name {
        "version" => Ok(format!("granary {}\n", env!("CARGO_PKG_VERSION"))),
        "status" => status::show(arguments),
        "config" => settings::text_of(chosen(arguments)),
        "ring" => ring::text_of(chosen(arguments)),
        "tenant" => tenant::text_of(chosen(arguments)),
        other => Err(CliError::Usage(format!("the command {other} does nothing"))),
    }
}

fn print(text: &str) -> Result<(), CliError> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(CliError::Failed(format!("cannot write to stdout: {error}")))
        }
        // Whoever closed stdout has seen enough.
        _ => Ok(()),
    }
}

fn finish(result: Result<(), CliError>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // There is nobody left to tell when stderr is closed.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            error.exit_code()
        }
    }
}
