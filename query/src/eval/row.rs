//! Presence of a value at a step: the stale marker, which no evaluation yields, says "none".

use proto::STALE_NAN_BITS;

/// No value at this step.
pub(crate) const ABSENT: f64 = f64::from_bits(STALE_NAN_BITS);

/// Whether there is a value.
#[inline]
pub(crate) fn is_present(value: f64) -> bool {
    value.to_bits() != STALE_NAN_BITS
}
