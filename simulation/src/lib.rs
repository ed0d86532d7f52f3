//! Deterministic simulation: everything that happens is drawn from one seed.
//!
//! A *life* is one cluster of the real node, from its founding through faults under load to rest.
//! Its nodes differ from production in the five seams only (`node::env`): they run on simulated
//! hosts ([`fleet`], [`host`]) with a simulated network, disk, clock and bucket ([`world`]).
//! Clients ([`traffic`]) write and query over HTTP; a [`ledger`] knows every sample that was sent
//! and what its client was told; [`invariants`] say what must hold. `docs/simulation.md` says what
//! is and what is not simulated.
//!
//! [`engine`] has lives of another kind: the storage engine of one node alone, much faster.
//!
//! The same seed gives the same life, message by message and file operation by file operation; the
//! hash over all of it ([`trace`]) shows that. Nothing here reads a clock, asks the system for
//! random numbers or starts a thread.

pub mod arguments;
pub mod campaign;
pub mod client;
pub mod command;
pub mod coverage;
pub mod engine;
mod error;
pub mod fleet;
pub mod host;
pub mod invariants;
pub mod ledger;
pub mod life;
pub mod minimise;
pub mod model;
pub mod nemesis;
pub mod plan;
pub mod planted;
pub mod random;
pub mod report;
pub mod takeover;
pub mod trace;
pub mod traffic;
pub mod world;

pub use error::SimulationError;
