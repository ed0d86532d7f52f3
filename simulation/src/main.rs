//! The simulator's command line. Exits with 0 when every life was green, 1 when one was not, 2
//! when the arguments make no sense.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use simulation::arguments::{Arguments, Profile};
use simulation::report::{Ending, Failure};
use simulation::{SimulationError, campaign, engine, life};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(filter) = &arguments.log {
        start_log(filter);
    }
    let green = match (arguments.seed, arguments.seeds.clone(), arguments.determinism.clone()) {
        (Some(seed), _, _) => Ok(one(seed, &arguments)),
        (_, Some(seeds), _) => many(seeds, &arguments, campaign::run),
        (_, _, Some(seeds)) => many(seeds, &arguments, campaign::compare),
        (None, None, None) => Ok(false),
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
        Profile::Engine => engine::run(seed, arguments.operations, arguments.plant),
        _ => life::run(seed, arguments),
    }
}

/// Runs something over many seeds, each in processes of its own.
fn many(
    seeds: std::ops::Range<u64>,
    arguments: &Arguments,
    run: campaign::Run,
) -> Result<bool, SimulationError> {
    let program = std::env::current_exe();
    let program =
        program.map_err(|source| SimulationError::Process { seed: seeds.start, source })?;
    let tally = run(&program, seeds, arguments, &mut io::stdout().lock())?;
    Ok(tally.failed == 0)
}

/// Prints a text. Whoever closed the pipe does not want it.
fn say(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}
