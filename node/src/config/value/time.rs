//! Points in time as Thanos writes them: RFC 3339, or relative to now (`-2w`).

use std::fmt;

use super::duration::{millis, millis_text};
use super::{Reason, within};
use crate::config::TimeBound;

const DAY_MS: i64 = 86_400_000;

/// Reads `2026-01-31T00:00:00Z`, `2026-01-31T01:00:00.5+01:00`, `-2w` or `1h`.
pub fn time_bound(text: &str) -> Result<TimeBound, Reason> {
    if text.as_bytes().get(4) == Some(&b'-') && !text.starts_with('-') {
        return rfc3339_ms(text)
            .map(TimeBound::At)
            .ok_or_else(|| "is no time that RFC 3339 allows".to_owned());
    }
    let (sign, length) = match text.strip_prefix('-') {
        Some(length) => (-1, length),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let length = i64::try_from(millis(length)?).map_err(|_| "is too far away".to_owned())?;
    Ok(TimeBound::FromNow(sign * length))
}

/// Milliseconds since 1970 of a time in RFC 3339; `None` if it is none.
fn rfc3339_ms(text: &str) -> Option<i64> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let zone = rest.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = rest.split_at_checked(zone)?;
    Some(date_days(date)? * DAY_MS + clock_ms(clock)? - zone_ms(zone)?)
}

/// A number of exactly `digits` digits, from `low` to `high`.
fn field(text: &str, digits: usize, low: i64, high: i64) -> Option<i64> {
    let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { within(text, low, high).ok() } else { None }
}

fn date_days(date: &str) -> Option<i64> {
    let mut parts = date.split('-');
    let year = field(parts.next()?, 4, 0, 9999)?;
    let month = field(parts.next()?, 2, 1, 12)?;
    let day = field(parts.next()?, 2, 1, days_in(year, month))?;
    parts.next().is_none().then(|| days_from_civil(year, month, day))
}

fn clock_ms(clock: &str) -> Option<i64> {
    let mut parts = clock.split(':');
    let hours = field(parts.next()?, 2, 0, 23)?;
    let minutes = field(parts.next()?, 2, 0, 59)?;
    let last = parts.next()?;
    let (seconds, fraction) = last.split_once('.').unwrap_or((last, "0"));
    let seconds = field(seconds, 2, 0, 59)?;
    let millis = fraction_ms(fraction)?;
    parts.next().is_none().then_some(((hours * 60 + minutes) * 60 + seconds) * 1000 + millis)
}

/// The first three digits behind the point; more are dropped.
fn fraction_ms(fraction: &str) -> Option<i64> {
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = fraction.bytes().chain([b'0'; 3]).take(3);
    Some(digits.fold(0, |millis, digit| millis * 10 + i64::from(digit - b'0')))
}

/// Offset of a zone: `Z`, `+01:00`, `-07:30`.
fn zone_ms(zone: &str) -> Option<i64> {
    let sign = match zone.chars().next()? {
        'Z' | 'z' => return (zone.len() == 1).then_some(0),
        '-' => -1,
        _ => 1,
    };
    let (hours, minutes) = zone[1..].split_once(':')?;
    let minutes = field(hours, 2, 0, 23)? * 60 + field(minutes, 2, 0, 59)?;
    Some(sign * minutes * 60_000)
}

fn days_in(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970 of a date of the Gregorian calendar, which is counted in years from March so
/// that the leap day comes last. From: Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms".
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The date of a day since 1970; the way back of [`days_from_civil`], from the same page.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

impl fmt::Display for TimeBound {
    /// Writes a bound so that it can be given again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            TimeBound::FromNow(ms) => {
                let sign = if ms < 0 { "-" } else { "" };
                write!(f, "{sign}{}", millis_text(ms.unsigned_abs()))
            }
            TimeBound::At(ms) => {
                let (year, month, day) = civil_from_days(ms.div_euclid(DAY_MS));
                let clock = ms.rem_euclid(DAY_MS);
                let (hours, minutes) = (clock / 3_600_000, clock / 60_000 % 60);
                let (seconds, millis) = (clock / 1000 % 60, clock % 1000);
                write!(f, "{year:04}-{month:02}-{day:02}")?;
                write!(f, "T{hours:02}:{minutes:02}:{seconds:02}.{millis:03}Z")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_absolute_or_relative() {
        assert_eq!(time_bound("1970-01-01T00:00:00Z"), Ok(TimeBound::At(0)));
        assert_eq!(time_bound("2026-01-31T12:30:15.25Z"), Ok(TimeBound::At(1_769_862_615_250)));
        assert_eq!(
            time_bound("2026-01-31T13:30:15.250999+01:00"),
            time_bound("2026-01-31T12:30:15.25Z")
        );
        assert_eq!(time_bound("-2w"), Ok(TimeBound::FromNow(-14 * DAY_MS)));
        assert_eq!(time_bound("1h30m"), Ok(TimeBound::FromNow(5_400_000)));
        assert_eq!(time_bound("0000-01-01T00:00:00Z"), Ok(TimeBound::At(-62_167_219_200_000)));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "-",
            "soon",
            "2026-13-01T00:00:00Z",
            "2025-02-29T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+1",
            "2026-01-01T00:00:00Zulu",
            "2026-01-01",
            "2026-é1-01T00:00:00Z",
            "--2w",
        ] {
            assert!(time_bound(text).is_err(), "{text}");
        }
    }

    #[test]
    fn text_reads_back() {
        for ms in [0, 1, -1, 1_769_862_615_250, -62_167_219_200_000, 951_782_400_000] {
            let bound = TimeBound::At(ms);
            assert_eq!(time_bound(&bound.to_string()), Ok(bound), "{bound}");
        }
        for ms in [0, 1, -1, 5_400_000, -14 * DAY_MS] {
            let bound = TimeBound::FromNow(ms);
            assert_eq!(time_bound(&bound.to_string()), Ok(bound), "{bound}");
        }
    }

    #[test]
    fn every_day_of_nine_centuries_comes_back() {
        for days in -200_000..130_000 {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
        }
    }
}
