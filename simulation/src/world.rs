//! The simulated outside of the nodes: what the five seams are given.

pub mod clock;
pub mod http;
pub mod net;
pub mod socket;
pub mod threads;
