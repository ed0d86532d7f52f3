//! Times: seconds since 1970, or RFC 3339.

const DAY_MS: i64 = 86_400_000;

/// The times by which Prometheus' Go client says "from the beginning" and "to the end"; years of
/// more than four digits are no RFC 3339.
const ALWAYS: [(&str, i64); 2] =
    [("-292273086-05-16T16:47:06Z", i64::MIN), ("292277025-08-18T07:12:54.999999999Z", i64::MAX)];

/// Milliseconds since 1970 of a time.
pub fn parse_time_ms(text: &str) -> Result<i64, String> {
    let always = || ALWAYS.iter().find(|(name, _)| *name == text).map(|(_, ms)| *ms);
    let parsed = seconds_to_ms(text).or_else(|| parse_rfc3339_ms(text)).or_else(always);
    parsed.ok_or_else(|| format!("cannot parse {text:?} to a valid timestamp"))
}

/// Milliseconds of a decimal number of seconds that fits.
pub fn seconds_to_ms(text: &str) -> Option<i64> {
    let seconds: f64 = text.parse().ok()?;
    let ms = (seconds * 1000.0).round();
    (ms.is_finite() && ms.abs() < i64::MAX as f64).then_some(ms as i64)
}

/// `2026-01-02T03:04:05.678Z`, or with an offset such as `+01:00`.
fn parse_rfc3339_ms(text: &str) -> Option<i64> {
    if !text.is_ascii() || text.len() < 20 {
        return None;
    }
    let (date_time, rest) = text.split_at(19);
    let bytes = date_time.as_bytes();
    let is_shaped = bytes[4] == b'-'
        && bytes[7] == b'-'
        && matches!(bytes[10], b'T' | b't' | b' ')
        && bytes[13] == b':'
        && bytes[16] == b':';
    let number = |from: usize, to: usize| digits(&date_time[from..to]);
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let in_range = (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    let (fraction_ms, zone) = fraction(rest)?;
    let offset_ms = offset(zone)?;
    let time_ms = ((hour * 60 + minute) * 60 + second) * 1000 + fraction_ms;
    (is_shaped && in_range)
        .then(|| days_since_1970(year, month, day) * DAY_MS + time_ms - offset_ms)
}

fn digits(text: &str) -> Option<i64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Milliseconds after the point, and what follows.
fn fraction(text: &str) -> Option<(i64, &str)> {
    let Some(after) = text.strip_prefix('.') else { return Some((0, text)) };
    let length = after.bytes().take_while(u8::is_ascii_digit).count();
    if length == 0 {
        return None;
    }
    let padded = format!("{:0<3}", &after[..length.min(3)]);
    Some((padded.parse().ok()?, &after[length..]))
}

fn offset(zone: &str) -> Option<i64> {
    if zone == "Z" || zone == "z" {
        return Some(0);
    }
    let sign = match zone.as_bytes() {
        [b'+', _, _, b':', _, _] => 1,
        [b'-', _, _, b':', _, _] => -1,
        _ => return None,
    };
    let (hours, minutes) = (digits(&zone[1..3])?, digits(&zone[4..6])?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60_000)
}

fn days_of(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01; years start in March, so that the leap day is the last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_are_read() {
        for (text, ms) in [
            ("0", 0),
            ("1435781430.781", 1_435_781_430_781),
            ("-1.5", -1500),
            ("1e3", 1_000_000),
            ("1970-01-01T00:00:00Z", 0),
            ("2015-07-01T20:10:30.781Z", 1_435_781_430_781),
            ("2015-07-01T21:10:30.7819+01:00", 1_435_781_430_781),
            ("2000-02-29T00:00:00Z", 951_782_400_000),
            ("1969-12-31T23:59:59-00:00", -1000),
            ("-292273086-05-16T16:47:06Z", i64::MIN),
            ("292277025-08-18T07:12:54.999999999Z", i64::MAX),
        ] {
            assert_eq!(parse_time_ms(text), Ok(ms), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "x",
            "NaN",
            "inf",
            "1e300",
            "2015-07-01",
            "2015-02-29T00:00:00Z",
            "2015-07-01T24:00:00Z",
            "2015-07-01T20:10:30",
            "2015-07-01T20:10:30.Z",
            "2015-07-01T20:10:30+1:00",
            "ä015-07-01T20:10:30Z",
            "2015-07-01T20:10:30Zx",
        ] {
            assert!(parse_time_ms(text).is_err(), "{text}");
        }
    }
}
