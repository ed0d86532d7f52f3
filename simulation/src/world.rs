//! The simulated outside of the nodes: what the five seams are given.

pub mod clock;
pub mod disk;
pub mod duplication;
pub mod http;
pub mod kv;
pub mod net;
pub mod socket;
pub mod store;
pub mod threads;
