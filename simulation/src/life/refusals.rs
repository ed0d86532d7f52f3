//! Writes that are refused for a while, and whether there was a reason to (I18).

use super::{Stage, completeness};
use crate::invariants::i18_liveness::{Refusal, check_refusal};
use crate::traffic::{Expect, Push};

/// Judges a push that was sent to a host and refused now with 503. What changed during the push
/// leaves it open.
pub fn judge(push: &Push, host: usize, sent_ms: i64, now_ms: i64, stage: &mut Stage) {
    let Some(refusal) = refusal(push, host, sent_ms, now_ms, stage) else { return };
    stage.checked("I18");
    let judged = check_refusal(&refusal);
    stage.judged(judged);
}

fn refusal(push: &Push, host: usize, sent_ms: i64, now_ms: i64, stage: &Stage) -> Option<Refusal> {
    let tenant = &push.samples.first()?.series.tenant;
    let running = stage.hosts[host].running()?;
    if matches!(push.expect, Expect::Refused(_)) || running.lease_until_ms() <= now_ms {
        return None;
    }
    let state = running.cluster.state();
    let ring = state.ring_of(tenant)?;
    let able = completeness::able(stage, sent_ms - completeness::WELL_MS);
    able.contains(&running.cluster.node_id()).then(|| Refusal {
        about: format!("push {} to {}, sent at {sent_ms},", push.number, stage.hosts[host].name),
        nodes: ring.nodes.len(),
        well: ring.nodes.intersection(&able).count(),
        copies_needed: ring.ack_copies as usize,
    })
}
