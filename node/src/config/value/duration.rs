//! Durations as Prometheus and Thanos write them: `15d`, `2h`, `1h30m`, `500ms`.

use std::time::Duration;

use super::Reason;

/// Units, the largest first, with their milliseconds.
const UNITS: [(&str, u64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// Longest duration, a thousand years: short enough to be added to any time there will be.
const MILLIS_MAX: u64 = 1000 * UNITS[0].1;

/// Reads a duration: numbers with units, larger units first, each at most once. A plain `0` is
/// allowed.
pub fn duration(text: &str) -> Result<Duration, Reason> {
    millis(text).map(Duration::from_millis)
}

/// Reads a duration as milliseconds.
pub(super) fn millis(text: &str) -> Result<u64, Reason> {
    if text == "0" {
        return Ok(0);
    }
    if text.is_empty() {
        return Err("is no duration".to_owned());
    }
    let (mut rest, mut smaller, mut total) = (text, &UNITS[..], 0u64);
    while !rest.is_empty() {
        let (number, unit, after) = split_part(rest)?;
        let at = position(unit, smaller)?;
        total = number
            .checked_mul(smaller[at].1)
            .and_then(|part| total.checked_add(part))
            .filter(|total| *total <= MILLIS_MAX)
            .ok_or("is longer than 1000y")?;
        (rest, smaller) = (after, &smaller[at + 1..]);
    }
    Ok(total)
}

/// Splits `1h30m` into 1, `h` and `30m`.
fn split_part(text: &str) -> Result<(u64, &str, &str), Reason> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(digits);
    if number.is_empty() {
        return Err("is no duration: a number is missing".to_owned());
    }
    let number = number.parse().map_err(|_| "is longer than 1000y".to_owned())?;
    let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(letters);
    Ok((number, unit, rest))
}

fn position(unit: &str, smaller: &[(&str, u64)]) -> Result<usize, Reason> {
    if let Some(at) = smaller.iter().position(|(name, _)| *name == unit) {
        return Ok(at);
    }
    if UNITS.iter().any(|(name, _)| *name == unit) {
        return Err(format!("has the unit {unit:?} out of order; larger units come first"));
    }
    if unit.is_empty() {
        return Err("is no duration: a unit is missing (ms, s, m, h, d, w, y)".to_owned());
    }
    Err(format!("has the unknown unit {unit:?} (known are ms, s, m, h, d, w, y)"))
}

/// Writes a duration so that [`duration`] reads the same; days are the largest unit.
pub fn duration_text(duration: Duration) -> String {
    millis_text(u64::try_from(duration.as_millis()).unwrap_or(MILLIS_MAX))
}

pub(super) fn millis_text(millis: u64) -> String {
    let (mut rest, mut text) = (millis, String::new());
    for (unit, unit_ms) in &UNITS[2..] {
        if rest >= *unit_ms {
            text.push_str(&format!("{}{unit}", rest / unit_ms));
            rest %= unit_ms;
        }
    }
    if text.is_empty() { "0".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_prometheus_reads_them() {
        for (text, ms) in [
            ("15d", 15 * 86_400_000),
            ("2h", 7_200_000),
            ("1h30m", 5_400_000),
            ("500ms", 500),
            ("1m5s250ms", 65_250),
            ("2w", 14 * 86_400_000),
            ("1y", 365 * 86_400_000),
            ("0", 0),
            ("0s", 0),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for (text, part) in [
            ("", "no duration"),
            ("15x", "unknown unit \"x\""),
            ("15", "a unit is missing"),
            ("h", "a number is missing"),
            ("-2h", "a number is missing"),
            ("30m1h", "out of order"),
            ("1h1h", "out of order"),
            ("1.5h", "unknown unit \".\""),
            ("99999999999999999999h", "longer than 1000y"),
            ("1000y1ms", "longer than 1000y"),
            ("1h ", "unknown unit"),
        ] {
            let reason = duration(text).expect_err(text);
            assert!(reason.contains(part), "{text}: {reason}");
        }
    }

    #[test]
    fn text_reads_back() {
        for ms in [0, 1, 999, 1000, 5_400_000, 15 * 86_400_000, 400 * 86_400_000 + 61_001] {
            let text = duration_text(Duration::from_millis(ms));
            assert_eq!(duration(&text), Ok(Duration::from_millis(ms)), "{text}");
        }
        assert_eq!(duration_text(Duration::from_secs(15 * 86_400)), "15d");
    }
}
