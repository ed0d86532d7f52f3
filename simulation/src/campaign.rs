//! Many seeds, each in a process of its own.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::arguments::{Arguments, Profile};
use crate::coverage::Coverage;
use crate::error::SimulationError;

/// How many lives were green and how many were not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Green ones.
    pub passed: u64,
    /// The others.
    pub failed: u64,
}

/// Runs the lives of `seeds` with `program` and writes a line for each that is green, and all that
/// it printed for each that is not; then what they had between them ([`Coverage`]), where anything
/// that none of enough lives of the default profile had counts as a failure; at last the line
/// `N passed, M failed`.
pub fn run(
    program: &Path,
    seeds: Range<u64>,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Result<Tally, SimulationError> {
    let mut running: VecDeque<(u64, Child)> = VecDeque::new();
    let (mut tally, mut coverage) = (Tally::default(), Coverage::default());
    for seed in seeds {
        if running.len() as u64 >= arguments.jobs {
            finish(&mut running, (&mut tally, &mut coverage), out)?;
        }
        running.push_back((seed, start(program, seed, arguments)?));
    }
    while !running.is_empty() {
        finish(&mut running, (&mut tally, &mut coverage), out)?;
    }
    coverage.write(out).map_err(SimulationError::Output)?;
    if arguments.profile == Profile::Default {
        tally.failed += coverage.missed().len() as u64;
    }
    writeln!(out, "{} passed, {} failed", tally.passed, tally.failed)
        .map_err(SimulationError::Output)?;
    Ok(tally)
}

/// Runs the life of each seed twice, in two processes, and compares what they print: the trace's
/// hash is a part of it.
pub fn compare(
    program: &Path,
    seeds: Range<u64>,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Result<Tally, SimulationError> {
    let mut tally = Tally::default();
    for seed in seeds {
        let failed = |source| SimulationError::Process { seed, source };
        let lives = [start(program, seed, arguments)?, start(program, seed, arguments)?];
        let [first, second] = lives.map(Child::wait_with_output);
        let (first, second) = (first.map_err(failed)?, second.map_err(failed)?);
        let same = first.stdout == second.stdout;
        if same {
            tally.passed += 1;
        } else {
            tally.failed += 1;
        }
        let text = String::from_utf8_lossy(&first.stdout);
        let hash = text.lines().last().unwrap_or_default();
        let verdict = if same { "twice the same" } else { "differs in another process" };
        writeln!(out, "seed {seed}: {verdict}, {hash}").map_err(SimulationError::Output)?;
        if !same {
            write_output(seed, &first, out).map_err(SimulationError::Output)?;
            write_output(seed, &second, out).map_err(SimulationError::Output)?;
        }
    }
    writeln!(out, "{} passed, {} failed", tally.passed, tally.failed)
        .map_err(SimulationError::Output)?;
    Ok(tally)
}

/// Starts the process of a seed.
pub fn start(program: &Path, seed: u64, arguments: &Arguments) -> Result<Child, SimulationError> {
    let mut command = Command::new(program);
    command.args(arguments.of_seed(seed)).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().map_err(|source| SimulationError::Process { seed, source })
}

/// Waits for the process that was started first.
fn finish(
    running: &mut VecDeque<(u64, Child)>,
    (tally, coverage): (&mut Tally, &mut Coverage),
    out: &mut dyn Write,
) -> Result<(), SimulationError> {
    let Some((seed, child)) = running.pop_front() else { return Ok(()) };
    let failed = |source| SimulationError::Process { seed, source };
    let output = child.wait_with_output().map_err(failed)?;
    coverage.add(&String::from_utf8_lossy(&output.stdout));
    if output.status.success() {
        tally.passed += 1;
    } else {
        tally.failed += 1;
    }
    write_output(seed, &output, out).map_err(SimulationError::Output)
}

fn write_output(seed: u64, output: &Output, out: &mut dyn Write) -> io::Result<()> {
    let text = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        let hash = text.lines().last().unwrap_or_default();
        return writeln!(out, "seed {seed} passed, {hash}");
    }
    writeln!(out, "seed {seed} failed, {}", output.status)?;
    write!(out, "{text}{}", String::from_utf8_lossy(&output.stderr))
}
