//! The granary node: everything that runs in one process, from the HTTP edge to the actors.

pub mod env;
pub mod error;
pub mod metrics;
pub mod peer;
pub mod readiness;
pub mod write;

pub use error::NodeError;
