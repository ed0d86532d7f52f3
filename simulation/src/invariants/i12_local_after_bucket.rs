//! I12: a local block goes only when its samples are in the bucket.
//!
//! Whenever a node removes a block from its disk, every sample of it is in a whole block of the
//! bucket, with its value or a greater one.

use super::{Contents, Violation, missing_from};

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

#[cfg(test)]
mod tests {
    use super::super::fakes::{bits, contents, removed};
    use super::*;

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
