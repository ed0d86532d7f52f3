//! The command line.

use std::ops::Range;

use clap::{ArgGroup, Parser};

use crate::knobs::Plant;

/// Operations of a life unless told otherwise.
pub const OPERATIONS_DEFAULT: u64 = 300;
/// Most operations of a life.
pub const OPERATIONS_MAX: u64 = 1_000_000;
/// Most processes at once.
pub const JOBS_MAX: u64 = 64;

/// Runs lives of a node's storage engine on a simulated disk, each drawn from one seed.
#[derive(Clone, Debug, PartialEq, Eq, Parser)]
#[command(name = "simulation", group = ArgGroup::new("what").required(true))]
pub struct Arguments {
    /// Runs the life of this seed and prints its summary.
    #[arg(long, group = "what")]
    pub seed: Option<u64>,
    /// Runs the lives of seeds A to B (B not included), one process each.
    #[arg(long, group = "what", value_name = "A..B", value_parser = seeds)]
    pub seeds: Option<Range<u64>>,
    /// Processes at once.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=JOBS_MAX))]
    pub jobs: u64,
    /// Operations of each life.
    #[arg(long, default_value_t = OPERATIONS_DEFAULT,
        value_parser = clap::value_parser!(u64).range(1..=OPERATIONS_MAX))]
    pub operations: u64,
    /// Puts a bug in on purpose: the life must fail.
    #[arg(long)]
    pub plant: Option<Plant>,
}

impl Arguments {
    /// The arguments of one life of these.
    pub fn of_seed(&self, seed: u64) -> Vec<String> {
        let mut arguments = vec!["--seed".to_owned(), seed.to_string()];
        if self.operations != OPERATIONS_DEFAULT {
            arguments.extend(["--operations".to_owned(), self.operations.to_string()]);
        }
        if let Some(Plant::Unsynced) = self.plant {
            arguments.extend(["--plant".to_owned(), "unsynced".to_owned()]);
        }
        arguments
    }

    /// The command that runs the life of a seed again.
    pub fn replay(&self, seed: u64) -> String {
        format!("cargo run -p simulation -- {}", self.of_seed(seed).join(" "))
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
        let all = parse("simulation --seeds 3..9 --jobs 2 --operations 50 --plant unsynced");
        let all = all.unwrap();
        assert_eq!((all.seeds.clone(), all.jobs), (Some(3..9), 2));
        let one = parse(&format!("simulation {}", all.of_seed(5).join(" "))).unwrap();
        let expected = (Some(5), None, all.operations, all.plant);
        assert_eq!((one.seed, one.seeds, one.operations, one.plant), expected);
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
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
