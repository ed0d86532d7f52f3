//! I14: retention deletes by cluster time, only what is older than the limit, and not much later.
//!
//! A block that a node removed has no sample younger than the retention by cluster time, however
//! the node's own clock jumps, and what it takes for cluster time is no single node's clock; a
//! block that may go is gone after as long as the node needs to be sure of it: it begins anew when
//! it starts, when it lost its lease, and when the bucket failed.

use super::Violation;
use super::i12_local_after_bucket::RemovedBlock;

/// How much cluster time may be off for want of precision, milliseconds.
const TIME_SLACK_MS: i64 = 1_000;

/// Checks what a node takes for cluster time: it is ahead of true time by so much, and may be by
/// as much as `ahead_ms_max`.
pub fn check_time(node: &str, ahead_ms: i64, ahead_ms_max: i64) -> Result<(), Violation> {
    if ahead_ms <= ahead_ms_max + TIME_SLACK_MS {
        return Ok(());
    }
    let text = format!(
        "the cluster time of {node} is {ahead_ms} ms ahead, clocks allow {ahead_ms_max} ms"
    );
    Err(Violation::new("I14", text))
}

/// Checks a removal. Cluster time was at most `cluster_ms_max` then.
pub fn check_removed(
    removed: &RemovedBlock,
    cluster_ms_max: i64,
    retention_ms: i64,
) -> Result<(), Violation> {
    let oldest_kept_ms = cluster_ms_max.saturating_sub(retention_ms);
    if retention_ms > 0 && removed.max_time_ms <= oldest_kept_ms {
        return Ok(());
    }
    let RemovedBlock { node, ulid, max_time_ms, at_ms, .. } = removed;
    Err(Violation::new(
        "I14",
        format!(
            "{node} removed {ulid} at {at_ms}, which ends at {max_time_ms}, but everything from \
             {oldest_kept_ms} on must be kept (retention {retention_ms} ms)"
        ),
    ))
}

/// A block that is on a node's disk and may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptBlock {
    /// Who has it.
    pub node: String,
    /// Its identity.
    pub ulid: String,
    /// Since when it is past its retention by cluster time, on a node that has its lease, a bucket
    /// that answers, and no fault.
    pub due_since_ms: i64,
}

/// Checks a block that is still there; `late_ms_max` is what its removal may take.
pub fn check_kept(kept: &KeptBlock, now_ms: i64, late_ms_max: i64) -> Result<(), Violation> {
    let KeptBlock { node, ulid, due_since_ms } = kept;
    if now_ms <= due_since_ms.saturating_add(late_ms_max) {
        return Ok(());
    }
    let text = format!(
        "{node} still has {ulid} at {now_ms}, which may go since {due_since_ms}, within \
         {late_ms_max} ms"
    );
    Err(Violation::new("I14", text))
}

#[cfg(test)]
mod tests {
    use super::super::fakes::removed;
    use super::*;

    #[test]
    fn cluster_time_is_not_that_of_one_clock() {
        check_time("n", 1_000, 0).unwrap();
        check_time("n", 5_000, 4_000).unwrap();
        check_time("n", i64::MIN, 0).unwrap();
        assert!(check_time("n", 5_001, 4_000).is_err());
    }

    #[test]
    fn nothing_young_goes() {
        let block = removed(&[], 100);
        check_removed(&block, 200, 100).unwrap();
        assert!(check_removed(&block, 199, 100).is_err());
        assert!(check_removed(&block, 1_000, 0).is_err());
    }

    #[test]
    fn nothing_old_stays() {
        let (node, ulid) = ("n".to_owned(), "u".to_owned());
        let block = KeptBlock { node, ulid, due_since_ms: 200 };
        check_kept(&block, 250, 50).unwrap();
        assert!(check_kept(&block, 251, 50).is_err());
    }
}
