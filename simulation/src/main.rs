//! The simulator's command line. Exits with 0 when every life was green, 1 when one was not, 2
//! when the arguments make no sense.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use simulation::arguments::Arguments;
use simulation::{SimulationError, campaign, life};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let green = match (arguments.seed, arguments.seeds.clone()) {
        (Some(seed), _) => Ok(one(seed, &arguments)),
        (None, Some(seeds)) => many(seeds, &arguments),
        (None, None) => Ok(false),
    };
    match green {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn one(seed: u64, arguments: &Arguments) -> bool {
    match life::run(seed, arguments) {
        Ok(summary) => {
            say(&summary.to_string());
            true
        }
        Err(failure) => {
            say(&failure.to_string());
            false
        }
    }
}

fn many(seeds: std::ops::Range<u64>, arguments: &Arguments) -> Result<bool, SimulationError> {
    let program = std::env::current_exe();
    let program =
        program.map_err(|source| SimulationError::Process { seed: seeds.start, source })?;
    let tally = campaign::run(&program, seeds, arguments, &mut io::stdout().lock())?;
    Ok(tally.failed == 0)
}

/// Prints a text. Whoever closed the pipe does not want it.
fn say(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}
