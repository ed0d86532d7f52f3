//! Advances the node's life number and keeps those of the others, so that an old copy of a disk is
//! told from the disk.

use std::sync::Arc;

use tokio::time::{Instant, sleep, sleep_until};

use crate::error::ClusterError;
use crate::membership::Membership;

/// Between two advances, in beats of the leader.
const ADVANCE_BEATS: u32 = 10;
/// Lives of others are written down at most so often within a beat.
const KEEPS_PER_BEAT: u32 = 4;

/// Runs until the number cannot be kept any more; answers why.
pub async fn run(membership: Arc<Membership>) -> ClusterError {
    let beat = membership.options.timings.beat;
    let mut advance_at = Instant::now() + beat * ADVANCE_BEATS;
    loop {
        tokio::select! {
            biased;
            () = sleep_until(advance_at) => {
                if let Err(error) = advance(&membership).await {
                    return error;
                }
                advance_at = Instant::now() + beat * ADVANCE_BEATS;
            }
            () = membership.identity.raised() => {
                keep(&membership).await;
                sleep(beat / KEEPS_PER_BEAT).await;
            }
        }
    }
}

async fn advance(membership: &Membership) -> Result<(), ClusterError> {
    // Without a lease nothing is promised that a copy could forget, and a node that is itself an
    // old copy must be refused before its number grows.
    match membership.lease.valid() {
        true => membership.advance_life().await,
        false => Ok(()),
    }
}

/// Other nodes' lives are kept as soon as they are seen: what is only in memory is gone when the
/// power of all fails at once. Who cannot write them down knows them still, and writes them with
/// its own next.
async fn keep(membership: &Membership) {
    if let Err(error) = membership.keep_lives().await {
        tracing::warn!(%error, "the lives of other nodes could not be written down");
    }
}
