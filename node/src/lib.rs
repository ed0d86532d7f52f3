//! The granary node: everything that runs in one process, from the HTTP edge to the actors.

pub mod bench;
pub mod cli;
pub mod client;
pub mod config;
pub mod demo;
pub mod http;
pub mod read;
pub mod telemetry;
