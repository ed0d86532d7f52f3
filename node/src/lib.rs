//! The granary node: everything that runs in one process, from the HTTP edge to the actors.

pub mod actors;
pub mod bench;
pub mod blocks;
pub mod cli;
pub mod client;
pub mod config;
pub mod damage;
pub mod demo;
pub mod env;
pub mod error;
pub mod http;
pub mod metrics;
pub mod peer;
pub mod read;
pub mod readiness;
pub mod run;
pub mod telemetry;
pub mod write;

pub use error::NodeError;
pub use run::run_node;
