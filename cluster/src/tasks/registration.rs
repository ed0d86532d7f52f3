//! Keeps what the cluster knows of this node up to date.

use std::sync::Arc;
use std::time::Duration;

use crate::error::ClusterError;
use crate::membership::Membership;
use crate::state::{Answer, Command};

/// Between two attempts that were refused, in beats.
const REFUSED_PAUSE_BEATS: u32 = 5;

/// Registers at each start and whenever the agreed state has this node otherwise than it is.
pub async fn run(membership: Arc<Membership>) {
    let mut changes = membership.raft.watch();
    loop {
        let state = changes.borrow_and_update().clone();
        membership.peers.learn_members(&state);
        let pause = match membership.is_registered(&state) {
            true => Duration::MAX,
            false => register(&membership).await,
        };
        tokio::select! {
            biased;
            changed = changes.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(pause.min(membership.options.timings.discover * 4)) => {}
        }
    }
}

/// One attempt; answers how long to wait for the state to show it.
async fn register(membership: &Membership) -> Duration {
    let timings = &membership.options.timings;
    if membership.identity.cluster_id().is_none() {
        return timings.discover;
    }
    let command = Command::RegisterMember(membership.registration());
    match membership.propose(command).await {
        Ok(Answer::Done) => {
            membership.note("");
            tell_of_kept_factor(membership);
            timings.beat
        }
        Ok(Answer::Refused(reason)) | Err(ClusterError::Refused(reason)) => {
            membership.note(&format!("the cluster refused this node: {reason}"));
            timings.beat * REFUSED_PAUSE_BEATS
        }
        Err(error) => {
            membership.note(&format!("not registered yet: {error}"));
            timings.discover
        }
    }
}

fn tell_of_kept_factor(membership: &Membership) {
    let asked = membership.options.replication_factor;
    let state = membership.raft.state();
    let Some(ring) = state.hashrings.get(&membership.options.hashring) else { return };
    if ring.replication_factor != asked {
        tracing::warn!(
            hashring = ring.name,
            kept = ring.replication_factor,
            asked,
            "the hashring keeps its replication factor; --receive.replication-factor counts only \
             when a ring is made"
        );
    }
}
