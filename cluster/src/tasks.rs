//! What goes on in the background, each until the node shuts down:
//!
//! - `discovery`: finds a cluster or founds one, and tells seeds where this node is;
//! - `registration`: keeps what the cluster knows of this node up to date;
//! - `leading`: while this node leads, beats, leases, and who votes.

pub mod discovery;
pub mod leading;
pub mod life;
pub mod proposing;
pub mod registration;
