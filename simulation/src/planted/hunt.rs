//! Runs lives with a planted bug until one fails.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Output};

use super::{BUGS, Bug};
use crate::arguments::Arguments;
use crate::campaign::{self, Tally};
use crate::error::SimulationError;
use crate::report::cause;

/// The lives of one bug, one after the other.
struct Hunt {
    bug: &'static Bug,
    seed: u64,
    child: Child,
}

/// How the hunt for a bug ended.
struct Caught {
    bug: &'static Bug,
    /// Lives until one failed; `None` when none did.
    seeds: Option<u64>,
    /// What failed in it.
    by: String,
}

/// Hunts the bugs that the arguments name, or all, and writes a table; at last
/// `N passed, M failed`.
/// A bug passes when the first life that fails with it, and is green without it, fails by an
/// invariant that is expected to.
pub fn run(
    program: &Path,
    ids: &[String],
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Result<Tally, SimulationError> {
    let mut waiting = bugs(ids)?;
    let mut hunters = Hunters { program, arguments, without: BTreeMap::new() };
    let mut running: VecDeque<Hunt> = VecDeque::new();
    let mut all = Vec::new();
    writeln!(out, "| id | bug | expected | seeds | caught by |\n|---|---|---|---|---|")
        .map_err(SimulationError::Output)?;
    loop {
        while (running.len() as u64) < arguments.jobs
            && let Some(bug) = waiting.pop_front()
        {
            running.push_back(hunters.start(bug, 0)?);
        }
        let Some(hunt) = running.pop_front() else { break };
        match hunters.advance(hunt)? {
            Ok(hunt) => running.push_back(hunt),
            Err(caught) => {
                write_row(&caught, out).map_err(SimulationError::Output)?;
                all.push(caught);
            }
        }
    }
    write_end(&all, out).map_err(SimulationError::Output)
}

fn bugs(ids: &[String]) -> Result<VecDeque<&'static Bug>, SimulationError> {
    if ids.is_empty() {
        return Ok(BUGS.iter().collect());
    }
    let find = |id: &String| {
        let found = BUGS.iter().find(|bug| bug.id == id);
        found.ok_or_else(|| SimulationError::UnknownBug(id.clone()))
    };
    ids.iter().map(find).collect()
}

struct Hunters<'a> {
    program: &'a Path,
    arguments: &'a Arguments,
    /// Seeds whose lives were tried without any bug, and whether they were green.
    without: BTreeMap<u64, bool>,
}

impl Hunters<'_> {
    fn start(&self, bug: &'static Bug, seed: u64) -> Result<Hunt, SimulationError> {
        let plant = Some(bug.id.to_owned());
        let arguments = Arguments { plant, ..self.arguments.clone() };
        Ok(Hunt { bug, seed, child: campaign::start(self.program, seed, &arguments)? })
    }

    /// Waits for a life; the next one, or how the hunt ended.
    fn advance(&mut self, hunt: Hunt) -> Result<Result<Hunt, Caught>, SimulationError> {
        let Hunt { bug, seed, child } = hunt;
        let output = wait(child, seed)?;
        if !output.status.success() && self.is_green_without(seed)? {
            let by = cause(&String::from_utf8_lossy(&output.stdout));
            return Ok(Err(Caught { bug, seeds: Some(seed + 1), by }));
        }
        if seed + 1 < self.arguments.seeds_max {
            return self.start(bug, seed + 1).map(Ok);
        }
        Ok(Err(Caught { bug, seeds: None, by: "nothing".to_owned() }))
    }

    /// Whether the life of a seed is green when nothing is planted.
    fn is_green_without(&mut self, seed: u64) -> Result<bool, SimulationError> {
        if let Some(green) = self.without.get(&seed) {
            return Ok(*green);
        }
        let output = wait(campaign::start(self.program, seed, self.arguments)?, seed)?;
        self.without.insert(seed, output.status.success());
        Ok(output.status.success())
    }
}

fn wait(child: Child, seed: u64) -> Result<Output, SimulationError> {
    child.wait_with_output().map_err(|source| SimulationError::Process { seed, source })
}

impl Caught {
    fn is_as_expected(&self) -> bool {
        self.seeds.is_some() && self.bug.expected.contains(&self.by.as_str())
    }
}

fn write_row(caught: &Caught, out: &mut dyn Write) -> std::io::Result<()> {
    let Caught { bug, seeds, by } = caught;
    let seeds = seeds.map_or("-".to_owned(), |seeds| seeds.to_string());
    let (id, words, expected) = (bug.id, bug.words, bug.expected.join(", "));
    let mark = if caught.is_as_expected() { "" } else { " (not expected)" };
    writeln!(out, "| {id} | {words} | {expected} | {seeds} | {by}{mark} |")
}

fn write_end(all: &[Caught], out: &mut dyn Write) -> std::io::Result<Tally> {
    let mut seeds: Vec<u64> =
        all.iter().filter(|c| c.is_as_expected()).filter_map(|c| c.seeds).collect();
    seeds.sort_unstable();
    if let (Some(median), Some(worst)) = (seeds.get(seeds.len() / 2), seeds.last()) {
        writeln!(out, "median {median} seeds, worst {worst}")?;
    }
    let passed = seeds.len() as u64;
    let tally = Tally { passed, failed: all.len() as u64 - passed };
    writeln!(out, "{} passed, {} failed", tally.passed, tally.failed)?;
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_expected_invariant_passes() {
        let bug = &BUGS[0];
        let caught = |seeds, by: &str| Caught { bug, seeds, by: by.to_owned() };
        let all =
            [caught(Some(3), bug.expected[0]), caught(Some(1), "I99"), caught(None, "nothing")];
        let mut out = Vec::new();
        let tally = write_end(&all, &mut out).unwrap();
        assert_eq!((tally.passed, tally.failed), (1, 2));
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "median 3 seeds, worst 3\n1 passed, 2 failed\n"
        );
    }

    #[test]
    fn bugs_are_chosen_by_their_ids() {
        assert_eq!(bugs(&[]).unwrap().len(), BUGS.len());
        let ids = [BUGS[1].id.to_owned()];
        assert_eq!(bugs(&ids).unwrap()[0].id, BUGS[1].id);
        assert!(bugs(&["M0".to_owned()]).is_err());
    }
}
