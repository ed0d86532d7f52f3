//! The one error of this crate: why a life, or a campaign of them, is not green.

use std::io;

use storage::StorageError;

/// Why a run failed. Every one of them makes the process exit with 1.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// A task of a host panicked.
    #[error("a task panicked: {0}")]
    Panicked(String),
    /// Something that must always hold does not: a bug in the product (or in the oracle). Replay
    /// the seed.
    #[error("{invariant}: {evidence}")]
    Violation {
        /// What must hold.
        invariant: &'static str,
        /// Which sample, series or block breaks it.
        evidence: String,
    },
    /// The cluster never came to where the life could begin. Replay the seed.
    #[error("{0}")]
    Stuck(String),
    /// The product refused an operation although the disk worked. Replay the seed.
    #[error("{operation} failed on a working disk: {source}")]
    Refused {
        /// What was being done.
        operation: &'static str,
        /// What the product said.
        source: StorageError,
    },
    /// The life did too little to prove anything; raise `--operations` or `--minutes`.
    #[error("the life proves nothing: {0}")]
    Idle(String),
    /// The process of a seed could not be started or waited for. Try again.
    #[error("the process of seed {seed}: {source}")]
    Process {
        /// Whose process.
        seed: u64,
        /// What the system said.
        source: io::Error,
    },
    /// This program does not know where it is. Start it by its path.
    #[error("cannot find this program: {0}")]
    Program(io::Error),
    /// No planted bug has this id. Take one of the table in `simulation::planted`.
    #[error("there is no planted bug {0:?}")]
    UnknownBug(String),
    /// Bugs were asked for and this program has none.
    #[error("this program has no planted bugs; use simulation-planted")]
    NotPlanted,
    /// The report could not be written. Free the place where it goes.
    #[error("cannot write the report: {0}")]
    Output(io::Error),
}

impl SimulationError {
    /// A [`SimulationError::Violation`].
    pub fn violation(invariant: &'static str, evidence: impl Into<String>) -> SimulationError {
        SimulationError::Violation { invariant, evidence: evidence.into() }
    }
}

impl From<crate::invariants::Violation> for SimulationError {
    fn from(violation: crate::invariants::Violation) -> SimulationError {
        SimulationError::violation(violation.invariant, violation.evidence)
    }
}
