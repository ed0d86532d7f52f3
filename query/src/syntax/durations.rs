//! Durations: `1h30m`, units in falling order, each once.

/// Units with their milliseconds, in the order in which a duration must name them.
const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 24 * 3_600_000),
    ("w", 7 * 24 * 3_600_000),
    ("d", 24 * 3_600_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// Length of the duration at the start of `text`, 0 if there is none: digits and unit, repeated,
/// not followed by another letter, digit or underscore.
pub(super) fn duration_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        let digits = bytes[at..].iter().take_while(|b| b.is_ascii_digit()).count();
        let letters = bytes[at + digits..].iter().take_while(|b| b.is_ascii_alphabetic()).count();
        let unit = &text[at + digits..at + digits + letters];
        if digits == 0 || !UNITS.iter().any(|(name, _)| *name == unit) {
            break;
        }
        at += digits + letters;
    }
    let word_goes_on = bytes.get(at).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    if word_goes_on { 0 } else { at }
}

/// Milliseconds of a duration such as `1h30m` or `500ms`; the error says what is wrong.
pub fn parse_duration_ms(text: &str) -> Result<i64, String> {
    if text == "0" {
        return Ok(0);
    }
    if text.is_empty() {
        return Err("empty duration string".to_owned());
    }
    let invalid = || format!("not a valid duration string: {text:?}");
    let too_long = || format!("duration out of range: {text:?}");
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let letters = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
        let (number, unit) = (&rest[..digits], &rest[digits..digits + letters]);
        let (_, scale) = units.find(|(name, _)| *name == unit).ok_or_else(invalid)?;
        if number.is_empty() {
            return Err(invalid());
        }
        let number: i64 = number.parse().map_err(|_| too_long())?;
        let part = number.checked_mul(*scale);
        total = part.and_then(|part| total.checked_add(part)).ok_or_else(too_long)?;
        rest = &rest[digits + letters..];
    }
    Ok(total)
}

/// A duration as Prometheus writes it: years and weeks only if nothing is left over.
pub(super) fn duration_text(ms: i64) -> String {
    if ms == 0 {
        return "0s".to_owned();
    }
    let mut out = String::from(if ms < 0 { "-" } else { "" });
    let mut rest = ms.unsigned_abs();
    for (unit, scale) in UNITS {
        let scale = scale.unsigned_abs();
        let exact = matches!(unit, "y" | "w");
        if rest >= scale && (!exact || rest.is_multiple_of(scale)) {
            out.push_str(&format!("{}{unit}", rest / scale));
            rest %= scale;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_come_in_falling_order_and_once() {
        assert_eq!(parse_duration_ms("1h30m"), Ok(5_400_000));
        assert_eq!(parse_duration_ms("10s53ms"), Ok(10_053));
        assert!(parse_duration_ms("1m1h").is_err());
        assert!(parse_duration_ms("1m1m").is_err());
        assert!(parse_duration_ms("1x").is_err());
        assert!(parse_duration_ms("9999999999999y").is_err());
    }

    #[test]
    fn a_duration_ends_before_what_is_no_unit() {
        assert_eq!(duration_len("5m]"), 2);
        assert_eq!(duration_len("5m30s:1m"), 5);
        assert_eq!(duration_len("5"), 0);
        assert_eq!(duration_len("5mx"), 0);
    }

    #[test]
    fn durations_are_written_as_by_prometheus() {
        for text in ["0s", "90d", "2w", "1y", "1h30m", "-1m500ms", "1d1ms"] {
            let (negative, positive) = match text.strip_prefix('-') {
                Some(positive) => (true, positive),
                None => (false, text),
            };
            let ms = parse_duration_ms(positive).unwrap();
            assert_eq!(duration_text(if negative { -ms } else { ms }), text);
        }
    }
}
