//! How a life ended, for whoever reads the output.

use std::fmt;

use crate::error::SimulationError;

/// The end of a life of any kind.
#[derive(Debug)]
pub struct Ending {
    /// Whether it was green.
    pub outcome: Result<(), SimulationError>,
    /// What happened, in numbers; the last line is the hash of the trace.
    pub summary: String,
    /// The last events, oldest first.
    pub events: Vec<String>,
}

/// What is printed of a life that failed.
pub struct Failure<'a> {
    /// Its seed.
    pub seed: u64,
    /// Its end.
    pub ending: &'a Ending,
    /// The command that does it again.
    pub replay: String,
}

impl fmt::Display for Failure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Err(error) = &self.ending.outcome else { return Ok(()) };
        writeln!(f, "seed {} FAILED: {error}", self.seed)?;
        writeln!(f, "last events:")?;
        for event in &self.ending.events {
            writeln!(f, "  {event}")?;
        }
        writeln!(f, "{}", self.ending.summary)?;
        write!(f, "replay: {}", self.replay)
    }
}

/// What failed by the output of a life: the number of an invariant, else the first words.
pub fn cause(text: &str) -> String {
    let failed = text.lines().next().and_then(|line| line.split_once(" FAILED: "));
    let Some((_, error)) = failed else { return "the process ended".to_owned() };
    error.split(':').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_the_invariant_or_the_first_words() {
        assert_eq!(cause("seed 3 FAILED: I2: a sample is missing: x\nlast events:"), "I2");
        assert_eq!(cause("seed 3 FAILED: a task panicked: boom"), "a task panicked");
        assert_eq!(cause(""), "the process ended");
    }
}
