//! What the simulator's binaries do. They exit with 0 when every life was green, 1 when one was
//! not, 2 when the arguments make no sense.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Profile};
use crate::error::SimulationError;
use crate::report::{Ending, Failure};
use crate::{campaign, engine, life, minimise, planted};

/// Does what the command line says.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(filter) = &arguments.log {
        start_log(filter);
    }
    match green(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// Whether everything that was asked for is green.
fn green(arguments: &Arguments) -> Result<bool, SimulationError> {
    planted::plant(arguments)?;
    let program = std::env::current_exe().map_err(SimulationError::Program)?;
    if let Some(seed) = arguments.seed {
        if arguments.minimise {
            let tally = minimise::run(&program, seed, arguments, &mut io::stdout().lock())?;
            return Ok(tally.failed == 0);
        }
        return Ok(one(seed, arguments));
    }
    let mut out = io::stdout().lock();
    let tally = match (&arguments.seeds, &arguments.determinism, &arguments.planted) {
        (Some(seeds), _, _) => campaign::run(&program, seeds.clone(), arguments, &mut out)?,
        (_, Some(seeds), _) => campaign::compare(&program, seeds.clone(), arguments, &mut out)?,
        (_, _, Some(ids)) => planted::run(&program, ids, arguments, &mut out)?,
        (None, None, None) => return Ok(false),
    };
    Ok(tally.failed == 0)
}

fn start_log(filter: &str) {
    let filter = tracing_subscriber::EnvFilter::new(filter);
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    log.without_time().with_ansi(false).init();
}

fn one(seed: u64, arguments: &Arguments) -> bool {
    let ending = live(seed, arguments);
    match ending.outcome {
        Ok(()) => say(&ending.summary),
        Err(_) => {
            let replay = arguments.replay(seed);
            say(&Failure { seed, ending: &ending, replay }.to_string());
        }
    }
    ending.outcome.is_ok()
}

fn live(seed: u64, arguments: &Arguments) -> Ending {
    match arguments.profile {
        Profile::Engine => engine::run(seed, arguments.operations, !arguments.without_syncs),
        _ => life::run(seed, arguments),
    }
}

/// Prints a text. Whoever closed the pipe does not want it.
fn say(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}
