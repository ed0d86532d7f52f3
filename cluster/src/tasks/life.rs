//! Advances the node's life number, so that an old copy of its disk is told from the disk.

use std::sync::Arc;

use crate::error::ClusterError;
use crate::membership::Membership;

/// Between two advances, in beats of the leader.
const ADVANCE_BEATS: u32 = 10;

/// Runs until the number cannot be kept any more; answers why.
pub async fn run(membership: Arc<Membership>) -> ClusterError {
    loop {
        tokio::time::sleep(membership.options.timings.beat * ADVANCE_BEATS).await;
        // Without a lease nothing is promised that a copy could forget, and a node that is itself
        // an old copy must be refused before its number grows.
        if !membership.lease.valid() {
            continue;
        }
        if let Err(error) = membership.advance_life().await {
            return error;
        }
    }
}
