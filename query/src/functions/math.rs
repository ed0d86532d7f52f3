//! Functions of one number that the standard library lacks or computes otherwise than Go.

pub(super) fn sgn(value: f64) -> f64 {
    if value > 0.0 {
        1.0
    } else if value < 0.0 {
        -1.0
    } else {
        value
    }
}

/// The standard library overflows in the square where the logarithm need not.
pub(super) fn acosh(value: f64) -> f64 {
    if value > LARGE { value.ln() + std::f64::consts::LN_2 } else { value.acosh() }
}

/// See [`acosh`].
pub(super) fn asinh(value: f64) -> f64 {
    if value.abs() > LARGE {
        (value.abs().ln() + std::f64::consts::LN_2).copysign(value)
    } else {
        value.asinh()
    }
}

/// Above this x² + 1 is x².
const LARGE: f64 = (1u64 << 28) as f64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_arguments_do_not_overflow() {
        assert!((acosh(1e300) - 691.468_675).abs() < 1e-5);
        assert!((asinh(-1e300) + 691.468_675).abs() < 1e-5);
        assert!((asinh(1.0) - 0.881_373_587).abs() < 1e-9);
        assert_eq!(sgn(-3.0), -1.0);
        assert!(sgn(f64::NAN).is_nan());
    }
}
