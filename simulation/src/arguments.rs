//! The command line.

use std::fmt;
use std::ops::Range;

use clap::{ArgGroup, Parser};

/// Operations of an engine life unless told otherwise.
pub const OPERATIONS_DEFAULT: u64 = 300;
/// Most operations of an engine life.
pub const OPERATIONS_MAX: u64 = 1_000_000;
/// Simulated minutes of faults of a cluster's life unless told otherwise, and of one of the profile
/// `long-haul`, which has a fault an hour.
pub const MINUTES_DEFAULT: u64 = 2;
const MINUTES_LONG: u64 = 4 * 60;
/// Most simulated minutes of faults: 60 days.
pub const MINUTES_MAX: u64 = 60 * 24 * 60;
/// Seeds that may pass until a planted bug counts as missed.
pub const SEEDS_DEFAULT: u64 = 200;
/// Most processes at once.
pub const JOBS_MAX: u64 = 64;

/// Which kind of life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Profile {
    /// A cluster under all faults that it must survive.
    #[default]
    Default,
    /// The same in steps of 1 ms, with more at once: for races.
    Race,
    /// Days in large steps: windows, uploads, retention.
    LongHaul,
    /// Faults that no cluster survives: what is lost must be noticed and said.
    BeyondBudget,
    /// The storage engine of one node alone.
    Engine,
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Profile::Default => "default",
            Profile::Race => "race",
            Profile::LongHaul => "long-haul",
            Profile::BeyondBudget => "beyond-budget",
            Profile::Engine => "engine",
        })
    }
}

/// Runs lives of whole clusters on simulated hosts, each drawn from one seed.
///
/// A life is green when nothing that was acknowledged is lost, nothing is read that was not sent,
/// every answer is complete or says that it is not, and the cluster recovers once faults end.
#[derive(Clone, Debug, PartialEq, Eq, Parser)]
#[command(name = "simulation", group = ArgGroup::new("what").required(true))]
pub struct Arguments {
    /// Runs the life of this seed and prints its summary.
    #[arg(long, group = "what")]
    pub seed: Option<u64>,
    /// Runs the lives of seeds A to B (B not included), one process each.
    #[arg(long, group = "what", value_name = "A..B", value_parser = seeds)]
    pub seeds: Option<Range<u64>>,
    /// Runs each of these seeds in two processes and compares their traces.
    #[arg(long, group = "what", value_name = "A..B", value_parser = seeds)]
    pub determinism: Option<Range<u64>>,
    /// Kind of the lives.
    #[arg(long, value_enum, default_value_t)]
    pub profile: Profile,
    /// Simulated minutes of faults in a cluster's life (2; 240 with `long-haul`); healing comes
    /// after them.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=MINUTES_MAX))]
    pub minutes: Option<u64>,
    /// Processes at once.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=JOBS_MAX))]
    pub jobs: u64,
    /// With --seed: finds the fewest faults of its plan with which that life still fails.
    #[arg(long, requires = "seed")]
    pub minimise: bool,
    /// Leaves out faults of the plan, by their numbers: 3,17,18.
    #[arg(long, value_delimiter = ',', value_name = "NUMBERS")]
    pub without_faults: Vec<usize>,
    /// Writes the nodes' logs and the trace to stderr, filtered as RUST_LOG is (`info`,
    /// `node=debug`, `simulation::trace=trace`).
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,
    /// Operations of an engine life.
    #[arg(long, default_value_t = OPERATIONS_DEFAULT,
        value_parser = clap::value_parser!(u64).range(1..=OPERATIONS_MAX))]
    pub operations: u64,
    /// Has the journal of engine lives leave out its syncs: they must fail.
    #[arg(long)]
    pub without_syncs: bool,
    /// Puts the bug of this id into lives on purpose (only in `simulation-planted`).
    #[arg(long, value_name = "ID")]
    pub plant: Option<String>,
    /// Runs lives with each of these planted bugs, or with all there are, from seed 0 on until one
    /// fails, and says by which invariant (only in `simulation-planted`).
    #[arg(long, group = "what", value_name = "IDS", value_delimiter = ',', num_args = 0..)]
    pub planted: Option<Vec<String>>,
    /// With --planted: how many seeds may pass until a bug counts as missed.
    #[arg(long, default_value_t = SEEDS_DEFAULT,
        value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds_max: u64,
}

impl Arguments {
    /// Simulated minutes of faults.
    pub fn minutes(&self) -> u64 {
        let is_long = self.profile == Profile::LongHaul;
        self.minutes.unwrap_or(if is_long { MINUTES_LONG } else { MINUTES_DEFAULT })
    }

    /// The arguments of one life of these.
    pub fn of_seed(&self, seed: u64) -> Vec<String> {
        let mut arguments = vec!["--seed".to_owned(), seed.to_string()];
        let mut add = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        if self.profile != Profile::Default {
            add("--profile", self.profile.to_string());
        }
        if let Some(minutes) = self.minutes {
            add("--minutes", minutes.to_string());
        }
        if !self.without_faults.is_empty() {
            let numbers: Vec<String> = self.without_faults.iter().map(usize::to_string).collect();
            add("--without-faults", numbers.join(","));
        }
        if self.operations != OPERATIONS_DEFAULT {
            add("--operations", self.operations.to_string());
        }
        if let Some(id) = &self.plant {
            add("--plant", id.clone());
        }
        if self.without_syncs {
            arguments.push("--without-syncs".to_owned());
        }
        arguments
    }

    /// The command that runs the life of a seed again.
    pub fn replay(&self, seed: u64) -> String {
        let program = match &self.plant {
            None => "-p simulation",
            Some(_) => "--workspace --features simulation/planted --bin simulation-planted",
        };
        format!("cargo run --release {program} -- {}", self.of_seed(seed).join(" "))
    }
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let wrong = || format!("{text:?} is no range of seeds; write 0..100");
    let (first, end) = text.split_once("..").ok_or_else(wrong)?;
    let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
    let range = number(first)?..number(end)?;
    if range.is_empty() { Err(format!("{text:?} holds no seed")) } else { Ok(range) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_arguments_of_a_life_parse_to_the_same_life() {
        let line = "simulation --seeds 3..9 --jobs 2 --operations 50 --plant M3 \
                    --without-syncs --profile engine --minutes 7 --without-faults 1,4";
        let all = parse(line).unwrap();
        assert_eq!((all.seeds.clone(), all.jobs), (Some(3..9), 2));
        let one = parse(&format!("simulation {}", all.of_seed(5).join(" "))).unwrap();
        let same = Arguments { seed: Some(5), seeds: None, jobs: 1, ..all };
        assert_eq!(one, same);
    }

    #[test]
    fn planted_bugs_are_all_or_those_named() {
        let ids = |line: &str| parse(line).unwrap().planted.unwrap();
        assert!(ids("simulation --planted --jobs 2").is_empty());
        assert_eq!(ids("simulation --jobs 2 --planted M3,M14"), ["M3", "M14"]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "simulation",
            "simulation --seed 1 --seeds 1..2",
            "simulation --seeds 2..2",
            "simulation --seeds 2",
            "simulation --seed x",
            "simulation --seeds 1..3 --jobs 0",
            "simulation --seed 1 --profile slow",
            "simulation --planted M3 --seed 1",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
