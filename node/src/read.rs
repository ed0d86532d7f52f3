//! The read path: what this node holds, what its peers and the bucket hold, merged into one answer
//! that says whether it is complete.
//!
//! [`NodeQueryable`] asks all sources at once, counts copies of a sample once, and hands the engine
//! batches. [`completeness`] decides whether enough holders answered. [`server`] is the other end:
//! the answers to the questions of peers.

pub mod completeness;
mod convert;
mod error;
mod fanout;
pub mod local;
mod merge;
pub mod metadata;
pub mod names;
pub mod peers;
pub mod queryable;
mod samples;
pub mod scope;
pub mod server;
pub mod sources;
pub mod stored;

use std::sync::Arc;

pub use error::ReadError;
pub use fanout::{Answer, Fanout, Sources};
pub use queryable::NodeQueryable;
pub use scope::TenantScope;
pub use storage::Budget;

/// Where work goes that blocks on the disk or computes for long: a pool of threads in production,
/// the caller itself in tests.
pub type Blocking = Arc<dyn Fn(Box<dyn FnOnce() + Send>) + Send + Sync>;

/// Does work on `blocking` and waits for it; `None` if the work panicked or was dropped.
pub async fn run_on<T: Send + 'static>(
    blocking: &Blocking,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (reply, answer) = tokio::sync::oneshot::channel();
    blocking(Box::new(move || {
        // The asker may be gone.
        let _ = reply.send(work());
    }));
    answer.await.ok()
}

#[cfg(test)]
pub(crate) mod fakes;
#[cfg(test)]
mod tests;
