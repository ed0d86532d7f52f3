//! A histogram with a bounded relative error, for latencies.
//!
//! Values below 64 have a bucket each; above, every power of two is cut into 32 buckets, so that
//! a quantile is at most 1/32 (3 %) above the true value.

/// Buckets of each power of two.
const SUB_BUCKETS: u64 = 32;
const SUB_BUCKET_BITS: u32 = SUB_BUCKETS.trailing_zeros();
/// Enough for every u64.
const BUCKETS: usize = (SUB_BUCKETS as usize) * (64 - SUB_BUCKET_BITS as usize + 1);

/// Counts of values.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { buckets: vec![0; BUCKETS], count: 0, max: 0 }
    }
}

impl Histogram {
    /// Counts a value.
    pub(super) fn record(&mut self, value: u64) {
        self.buckets[bucket(value)] += 1;
        self.count += 1;
        self.max = self.max.max(value);
    }

    /// Adds the counts of another one.
    pub(super) fn merge(&mut self, other: &Histogram) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.count += other.count;
        self.max = self.max.max(other.max);
    }

    /// The greatest value; 0 without any.
    pub(super) fn max(&self) -> u64 {
        self.max
    }

    /// A value that at least `quantile` (0 to 1) of the values do not exceed; 0 without any.
    pub(super) fn quantile(&self, quantile: f64) -> u64 {
        let wanted = ((self.count as f64 * quantile).ceil() as u64).max(1);
        let mut seen = 0;
        for (i, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return upper_bound(i).min(self.max);
            }
        }
        self.max
    }
}

/// The bucket of a value: linear below two rounds of sub-buckets, then by exponent and the bits
/// that follow the leading one.
fn bucket(value: u64) -> usize {
    if value < SUB_BUCKETS * 2 {
        return value as usize;
    }
    let shift = 63 - value.leading_zeros() - SUB_BUCKET_BITS;
    ((u64::from(shift) + 1) * SUB_BUCKETS + (value >> shift) - SUB_BUCKETS) as usize
}

/// The greatest value of a bucket.
fn upper_bound(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < SUB_BUCKETS * 2 {
        return bucket;
    }
    let shift = bucket / SUB_BUCKETS - 1;
    let top = bucket % SUB_BUCKETS + SUB_BUCKETS;
    // The last bucket ends at u64::MAX.
    (u128::from(top + 1) << shift).saturating_sub(1).min(u128::from(u64::MAX)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_a_bucket_that_ends_close_above_it() {
        let powers = (0..64).flat_map(|bits| {
            let power = 1u64 << bits;
            [power - 1, power, power + 1, power + power / 3]
        });
        for value in powers.chain([u64::MAX]) {
            let bound = upper_bound(bucket(value));
            assert!(bound >= value, "{value}: {bound}");
            assert!(bound - value <= value / SUB_BUCKETS, "{value}: {bound}");
            assert!(bucket(value) < BUCKETS);
        }
    }

    #[test]
    fn buckets_follow_each_other_without_gaps() {
        for i in 0..BUCKETS - 1 {
            assert_eq!(bucket(upper_bound(i)), i);
            assert_eq!(bucket(upper_bound(i) + 1), i + 1);
        }
    }

    #[test]
    fn quantiles_are_read() {
        let (mut low, mut high) = (Histogram::default(), Histogram::default());
        (1..=500).for_each(|v| low.record(v * 1000));
        (501..=1000).for_each(|v| high.record(v * 1000));
        low.merge(&high);
        for (quantile, exact) in [(0.5, 500_000), (0.9, 900_000), (0.99, 990_000)] {
            let found = low.quantile(quantile);
            assert!(found >= exact && found <= exact + exact / 32, "{quantile}: {found}");
        }
        assert_eq!((low.quantile(1.0), low.max()), (1_000_000, 1_000_000));
        assert_eq!(Histogram::default().quantile(0.5), 0);
    }
}
