//! Numbers as Go and Prometheus write them.

/// Sizes of numbers that ryu writes without exponent.
const RYU_PLAIN: std::ops::Range<f64> = 1e-4..1e15;

/// Shortest decimal form without exponent: Go's `FormatFloat(v, 'f', -1, 64)`.
pub fn go_float(value: f64) -> String {
    let mut out = Vec::new();
    write_plain(&mut out, value);
    String::from_utf8(out).expect("digits are ASCII")
}

/// Shortest decimal form, with an exponent below 1e-4 and from 1e6 on: Go's `%g` and `%v`.
pub(crate) fn go_general(value: f64) -> String {
    general(value, 6)
}

/// At most two significant digits: Go's `%.2g`.
pub(crate) fn go_two_digits(value: f64) -> String {
    general(format!("{value:.1e}").parse().unwrap_or(value), 2)
}

/// Shortest decimal form; an exponent below -4 or of at least `limit` is written as such.
fn general(value: f64, limit: i32) -> String {
    let mut out = Vec::new();
    if value == 0.0 || !value.is_finite() {
        write_plain(&mut out, value);
    } else {
        let point = decimal(value).2;
        match (-3..=limit).contains(&point) {
            true => write_plain(&mut out, value),
            false => write_with_exponent(&mut out, value),
        }
    }
    String::from_utf8(out).expect("digits are ASCII")
}

/// Appends the shortest decimal form without exponent.
pub(crate) fn write_plain(out: &mut Vec<u8>, value: f64) {
    if write_special(out, value) {
        return;
    }
    if RYU_PLAIN.contains(&value.abs()) {
        // No integer: those are written already.
        out.extend_from_slice(ryu::Buffer::new().format_finite(value).as_bytes());
        return;
    }
    let (negative, digits, point) = decimal(value);
    if negative {
        out.push(b'-');
    }
    let digits = digits.as_slice();
    let count = digits.len() as i32;
    if point <= 0 {
        out.extend_from_slice(b"0.");
        out.resize(out.len() + (-point) as usize, b'0');
        out.extend_from_slice(digits);
    } else if point >= count {
        out.extend_from_slice(digits);
        out.resize(out.len() + (point - count) as usize, b'0');
    } else {
        out.extend_from_slice(&digits[..point as usize]);
        out.push(b'.');
        out.extend_from_slice(&digits[point as usize..]);
    }
}

/// Appends a sample's value as Prometheus' API does: without exponent, but with one below 1e-6
/// and from 1e21 on.
pub(crate) fn write_sample(out: &mut Vec<u8>, value: f64) {
    let size = value.abs();
    if value == 0.0 || !value.is_finite() || (1e-6..1e21).contains(&size) {
        return write_plain(out, value);
    }
    write_with_exponent(out, value);
}

/// Appends the shortest form with an exponent, of a finite number other than zero.
fn write_with_exponent(out: &mut Vec<u8>, value: f64) {
    let (negative, digits, point) = decimal(value);
    if negative {
        out.push(b'-');
    }
    out.push(digits[0]);
    if digits.len() > 1 {
        out.push(b'.');
        out.extend_from_slice(&digits[1..]);
    }
    let exponent = point - 1;
    out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
    let exponent = exponent.unsigned_abs();
    if exponent < 10 {
        out.push(b'0');
    }
    write_integer(out, u64::from(exponent));
}

fn write_special(out: &mut Vec<u8>, value: f64) -> bool {
    let text: &[u8] = match value {
        _ if value.is_nan() => b"NaN",
        f64::INFINITY => b"+Inf",
        f64::NEG_INFINITY => b"-Inf",
        _ if value == 0.0 && value.is_sign_negative() => b"-0",
        // Integers that a float holds exactly.
        _ if value.trunc() == value && value.abs() < 9e15 => {
            if value < 0.0 {
                out.push(b'-');
            }
            write_integer(out, value.abs() as u64);
            return true;
        }
        _ => return false,
    };
    out.extend_from_slice(text);
    true
}

/// Appends a decimal integer.
pub(crate) fn write_integer(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Sign, significant digits, and the place of the decimal point relative to the first digit, of
/// a finite number other than zero. Shortest digits that read back as the same number.
fn decimal(value: f64) -> (bool, smallvec::SmallVec<[u8; 24]>, i32) {
    let mut buffer = ryu::Buffer::new();
    let text = buffer.format_finite(value.abs());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().expect("ryu writes an integer exponent");
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits: smallvec::SmallVec<[u8; 24]> = whole.bytes().chain(fraction.bytes()).collect();
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    digits.drain(..zeros);
    while digits.last() == Some(&b'0') {
        digits.pop();
    }
    (value < 0.0, digits, whole.len() as i32 + exponent - zeros as i32)
}

/// Go's `math.Max`: infinity if either is, else NaN if either is.
pub(crate) fn go_max(a: f64, b: f64) -> f64 {
    let is_nan = a.is_nan() || b.is_nan();
    match a == f64::INFINITY || b == f64::INFINITY {
        true => f64::INFINITY,
        false if is_nan => f64::NAN,
        false => a.max(b),
    }
}

/// Go's `math.Min`.
pub(crate) fn go_min(a: f64, b: f64) -> f64 {
    -go_max(-a, -b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample(value: f64) -> String {
        let mut out = Vec::new();
        write_sample(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn forms_are_those_of_go() {
        for (value, plain, api) in [
            (0.1, "0.1", "0.1"),
            (-1.5, "-1.5", "-1.5"),
            (100.0, "100", "100"),
            (-0.0, "-0", "-0"),
            (1e21, "1000000000000000000000", "1e+21"),
            (1.25e-7, "0.000000125", "1.25e-07"),
            (f64::INFINITY, "+Inf", "+Inf"),
            (f64::NAN, "NaN", "NaN"),
            (123456789.125, "123456789.125", "123456789.125"),
        ] {
            assert_eq!(go_float(value), plain);
            assert_eq!(sample(value), api);
        }
        assert_eq!(sample(5e-324), "5e-324");
        let forms =
            [(1e6, "1e+06"), (-123_456.5, "-123456.5"), (1e-5, "1e-05"), (0.0001, "0.0001")];
        forms.into_iter().for_each(|(value, form)| assert_eq!(go_general(value), form));
        let forms = [(12.4, "12"), (100.0, "1e+02"), (0.0123, "0.012"), (5.0, "5")];
        forms.into_iter().for_each(|(value, form)| assert_eq!(go_two_digits(value), form));
    }

    proptest! {
        #[test]
        fn every_number_reads_back(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            prop_assert_eq!(go_float(value).parse::<f64>().unwrap().to_bits(), bits);
            prop_assert_eq!(sample(value).parse::<f64>().unwrap().to_bits(), bits);
            // Of two shortest forms that are equally near, either will do.
            prop_assert_eq!(go_float(value).len(), format!("{value}").len());
        }
    }
}
