//! Deterministic simulation: everything that happens is drawn from one seed.
//!
//! This slice runs the real storage engine of one node (head, journal, block writer and reader,
//! nothing replaced) on a disk in memory that loses what a real one may lose. A *life* is a run of
//! random operations with crashes in between; an [`oracle`] knows every sample that was sent and
//! every one that was reported durable, and compares what is read with that. `docs/simulation.md`
//! says what is and what is not simulated.
//!
//! The same seed gives the same life, file operation by file operation; the hash over all of it
//! ([`trace`]) shows that. Nothing here reads a clock, asks the system for random numbers or
//! starts a thread.

pub mod arguments;
pub mod campaign;
pub mod disk;
mod error;
pub mod invariants;
pub mod knobs;
pub mod ledger;
pub mod life;
pub mod model;
pub mod node;
pub mod oracle;
pub mod random;
pub mod reading;
pub mod report;
pub mod trace;
pub mod traffic;
pub mod workload;

pub use error::SimulationError;
