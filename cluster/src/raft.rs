//! The only place that knows openraft: its types, the log over the journal, the state machine and
//! the network.

mod frames;
mod log;
mod machine;
mod mark;
mod network;
mod node;
mod snapshot;
mod standing;
mod types;

pub use node::{RaftDeps, RaftNode, Written};
pub use standing::{EntryId, LogOutline, Standing, Term};

#[cfg(test)]
mod tests;
