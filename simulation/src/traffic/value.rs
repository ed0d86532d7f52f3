//! Values that name their sample: `tenant << 24 | serial`, as a whole number.
//!
//! Whole numbers of this size are exact in a float, and so are sums of millions of them; they go
//! through JSON unchanged. Some are negative: in the order that decides between two values of one
//! timestamp (by bits) these are the *greater* ones, which a comparison of numbers gets wrong.

/// Bits of a serial.
const SERIAL_BITS: u32 = 24;
/// Most tenants that values tell apart.
pub const TENANTS_MAX: usize = 16;
/// Most samples of a life.
pub const SERIALS_MAX: u64 = (1 << SERIAL_BITS) - 1;

/// What a value says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Number of the tenant.
    pub tenant: usize,
    /// Number of the sample among all of the life.
    pub serial: u64,
}

/// Bits of the value of a sample.
///
/// # Panics
/// If the numbers are over their limits.
pub fn bits_of(origin: Origin, is_negative: bool) -> u64 {
    assert!(origin.tenant < TENANTS_MAX && origin.serial <= SERIALS_MAX, "{origin:?}");
    let number = ((origin.tenant as u64) << SERIAL_BITS | origin.serial) as f64;
    (if is_negative { -number } else { number }).to_bits()
}

/// What the bits of a value say; `None` if no client makes such values.
pub fn origin_of(bits: u64) -> Option<Origin> {
    let number = f64::from_bits(bits).abs();
    let limit = (TENANTS_MAX as u64) << SERIAL_BITS;
    if number.fract() != 0.0 || !(1.0..limit as f64).contains(&number) {
        return None;
    }
    let number = number as u64;
    Some(Origin { tenant: (number >> SERIAL_BITS) as usize, serial: number & SERIALS_MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_map_back_to_their_sample() {
        for tenant in [0, 3, TENANTS_MAX - 1] {
            for serial in [1, 77, SERIALS_MAX] {
                let origin = Origin { tenant, serial };
                for is_negative in [false, true] {
                    assert_eq!(origin_of(bits_of(origin, is_negative)), Some(origin));
                }
            }
        }
    }

    #[test]
    fn other_values_map_to_nothing() {
        for value in [0.0, 0.5, -1.5, f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(origin_of(f64::to_bits(value)), None, "{value}");
        }
    }
}
