//! Samples and the one total order in which copies of a sample are merged.

use std::cmp::Ordering;

/// Bits of the NaN that Prometheus writes when a series ends (a *stale marker*).
pub const STALE_NAN_BITS: u64 = 0x7ff0_0000_0000_0002;

/// One float sample: milliseconds since the Unix epoch, and a value.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// The value; may be any NaN, [`STALE_NAN_BITS`] included.
    pub value: f64,
}

impl PartialEq for Sample {
    /// Bitwise: two NaNs with the same bits are the same sample.
    fn eq(&self, other: &Sample) -> bool {
        self.timestamp_ms == other.timestamp_ms && same_value(self.value, other.value)
    }
}

/// Whether two values are the same bit for bit.
#[inline]
pub fn same_value(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits()
}

/// Whether a value is the stale marker.
#[inline]
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE_NAN_BITS
}

/// Of two values for one (series, timestamp) the one that wins everywhere: the stale marker is
/// the lowest, every other pair is ordered by its bits.
#[inline]
pub fn greater_value(a: f64, b: f64) -> f64 {
    let key = |v: f64| (!is_stale(v), v.to_bits());
    match key(a).cmp(&key(b)) {
        Ordering::Less => b,
        Ordering::Equal | Ordering::Greater => a,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_total_and_stale_is_lowest() {
        let stale = f64::from_bits(STALE_NAN_BITS);
        for v in [0.0, -0.0, 1.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(same_value(greater_value(stale, v), v));
            assert!(same_value(greater_value(v, stale), v));
        }
        assert!(same_value(greater_value(1.0, 2.0), greater_value(2.0, 1.0)));
    }
}
