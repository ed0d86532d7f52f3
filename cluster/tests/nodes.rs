//! Whole clusters in one process: real Raft, real files, real gRPC over loopback.

// The lint lets tests unwrap, but does not know what only tests call.
#![allow(clippy::unwrap_used)]

mod nodes {
    pub mod bootstrap;
    pub mod failures;
    pub mod harness;
}
