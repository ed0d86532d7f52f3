//! The write path: from the body of a request to a verdict.
//!
//! `request` walks the body once and judges every sample; `split` groups the series by the owners
//! of their shards; `tally` counts durable copies; `router` drives the sends; `lanes` carries
//! batches to this node's head partitions.

pub mod alias;
pub mod lanes;
pub mod membership;
pub mod request;
pub mod router;
pub mod split;
pub mod tally;
pub mod verdict;

/// Unit of the byte budgets: semaphores count in these.
pub const BUDGET_UNIT_BYTES: usize = 1024;
