//! Who is in a granary cluster, who owns what, and whether a node may act on that knowledge.
//!
//! All nodes of a cluster share one Raft group for the control plane: members, hashrings, shard
//! owners, tenant routes. Samples never pass through it.
//!
//! - [`Cluster`] is the handle: open it (local files), mount [`Cluster::service`] on the node's
//!   gRPC server, then [`Cluster::start`] discovers, founds or joins in the background.
//! - [`state::ClusterState`] is what was agreed on, as an `Arc` snapshot.
//! - [`lease::Lease`] says whether this node may act on it, what the cluster's time is and who is
//!   alive.
//! - [`placement`] is the pure function from nodes to shard tables.
//! - [`kv`] is the small store for metadata that can be rebuilt.
//!
//! Deliberately absent: samples, actors, HTTP, DNS. openraft is known only below `raft`, sled only
//! in `kv::sled_store`.

mod bootstrap;
pub mod error;
mod handle;
pub mod identity;
pub mod kv;
pub mod lease;
mod membership;
pub mod options;
mod peers;
pub mod placement;
mod raft;
mod service;
pub mod state;
mod status;
mod tasks;
mod wire;

pub use error::{ClusterError, Result};
pub use handle::Cluster;
pub use lease::Lease;
pub use membership::VOTERS_MAX;
pub use options::{
    Blocking, ClusterDeps, ClusterOptions, Dial, Line, Timings, WallClock, run_inline,
};
pub use raft::{EntryId, LogOutline, Standing, Term};
pub use service::RaftService;
pub use state::{Answer, ClusterState, Command, Hashring, Member, MemberState, Role};
pub use status::{Phase, Status};
