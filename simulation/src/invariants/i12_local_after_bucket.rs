//! I12: a local block goes only when its samples are in the bucket.
//!
//! Whenever a node removes a block from its disk, every sample of it is in a whole block of the
//! bucket, with its value or a greater one. What was durable in a node's head stays there until it
//! is in a block of the same disk, or in one of the bucket that the node wrote itself: that another
//! node has uploaded the same samples is no reason to give them up.

use super::{Contents, Violation, holds, missing_from};
use crate::traffic::SeriesKey;

/// A block that a node removed.
#[derive(Clone, Debug)]
pub struct RemovedBlock {
    /// Who removed it.
    pub node: String,
    /// Its identity.
    pub ulid: String,
    /// When.
    pub at_ms: i64,
    /// What it held.
    pub contents: Contents,
    /// Behind its last sample.
    pub max_time_ms: i64,
}

/// Checks a removal against the bucket as it was then; see
/// [`super::i09_bucket_whole::read_bucket`].
pub fn check(removed: &RemovedBlock, bucket: &Contents) -> Result<(), Violation> {
    let Some((key, t)) = missing_from(&removed.contents, bucket) else { return Ok(()) };
    let RemovedBlock { node, ulid, at_ms, .. } = removed;
    let text = format!("{node} removed {ulid} at {at_ms}, but {key} at {t} is not in the bucket");
    Err(Violation::new("I12", text))
}

/// Checks that what a node had in its head is still in it, or in one of these places: its blocks,
/// those that it has uploaded.
pub fn check_head(
    node: &str,
    at_ms: i64,
    (before, now): (&Contents, &Contents),
    places: &[&Contents],
) -> Result<(), Violation> {
    let samples = before.iter().flat_map(|(key, s)| s.iter().map(move |(t, b)| (key, *t, *b)));
    let is_gone = |(key, t, bits): &(&SeriesKey, i64, u64)| {
        let has = |place: &Contents| holds(place, key, *t, *bits);
        !has(now) && !places.iter().any(|place| has(place))
    };
    match samples.into_iter().find(is_gone) {
        None => Ok(()),
        Some((key, t, _)) => {
            let text =
                format!("by {at_ms} {node} has lost {key} at {t}, which is in no block of its own");
            Err(Violation::new("I12", text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fakes::{bits, contents, removed};
    use super::*;

    #[test]
    fn what_leaves_the_head_is_in_a_block() {
        let before = contents(&[(5, bits(2)), (6, bits(3))]);
        let (now, block) = (contents(&[(6, bits(3))]), contents(&[(5, bits(2))]));
        check_head("n", 1, (&before, &now), &[&block]).unwrap();
        check_head("n", 1, (&before, &before), &[]).unwrap();
        assert!(check_head("n", 1, (&before, &now), &[&now]).is_err());
    }

    #[test]
    fn every_sample_must_be_in_the_bucket() {
        let removed = removed(&[(5, bits(2)), (6, bits(3))], 7);
        check(&removed, &contents(&[(5, bits(2)), (6, bits(3)), (7, bits(4))])).unwrap();
        check(&removed, &contents(&[(5, bits(4)), (6, bits(3))])).unwrap();
        assert!(check(&removed, &contents(&[(5, bits(2))])).is_err());
        assert!(check(&removed, &contents(&[(5, bits(1)), (6, bits(3))])).is_err());
        assert!(check(&removed, &Contents::new()).is_err());
    }
}
