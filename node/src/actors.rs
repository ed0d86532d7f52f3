//! The node's actors. Each owns one concern, has one message type, and restarts alone; `root`
//! supervises them. Samples do not pass through mailboxes.
//!
//! ractor is known only here.

pub mod compaction;
pub mod journal;
pub mod membership;
pub mod retention;
pub mod root;
pub mod upload;
