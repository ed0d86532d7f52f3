//! Parts of a date, in UTC, from Unix seconds. Proleptic Gregorian calendar.

const DAY_SECONDS: i64 = 86_400;

/// Year, month (1 to 12) and day (1 to 31) of a day since 1970-01-01: the civil-from-days
/// algorithm over eras of 400 years, counted from 1 March.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// A time as RFC 3339 writes it.
pub(crate) fn rfc3339(seconds: i64) -> String {
    let (year, month, day) = civil(seconds.div_euclid(DAY_SECONDS));
    let second = seconds.rem_euclid(DAY_SECONDS);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since the epoch. Fractions of a second are cut off, as Prometheus does, also before the
/// epoch. The cast saturates.
fn days(seconds: f64) -> i64 {
    (seconds as i64).div_euclid(DAY_SECONDS)
}

fn second_of_day(seconds: f64) -> i64 {
    (seconds as i64).rem_euclid(DAY_SECONDS)
}

pub(super) fn minute(seconds: f64) -> f64 {
    (second_of_day(seconds) / 60 % 60) as f64
}

pub(super) fn hour(seconds: f64) -> f64 {
    (second_of_day(seconds) / 3600) as f64
}

pub(super) fn day_of_week(seconds: f64) -> f64 {
    (days(seconds) + 4).rem_euclid(7) as f64
}

pub(super) fn day_of_month(seconds: f64) -> f64 {
    civil(days(seconds)).2 as f64
}

pub(super) fn day_of_year(seconds: f64) -> f64 {
    let (year, month, day) = civil(days(seconds));
    let before: i64 = (1..month).map(|month| month_days(year, month)).sum();
    (before + day) as f64
}

pub(super) fn days_in_month(seconds: f64) -> f64 {
    let (year, month, _) = civil(days(seconds));
    month_days(year, month) as f64
}

pub(super) fn month(seconds: f64) -> f64 {
    civil(days(seconds)).1 as f64
}

pub(super) fn year(seconds: f64) -> f64 {
    civil(days(seconds)).0 as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_around_leap_days_and_before_the_epoch() {
        for (seconds, y, m, d) in [
            (1_456_790_399.0, 2016, 2, 29),
            (1_456_790_400.0, 2016, 3, 1),
            (951_782_400.0, 2000, 2, 29),
            (-1.0, 1969, 12, 31),
            (0.0, 1970, 1, 1),
        ] {
            assert_eq!(civil(days(seconds)), (y, m, d), "{seconds}");
        }
        assert_eq!(day_of_year(1_483_191_420.0), 366.0);
        assert_eq!(hour(-1.0), 23.0);
        assert_eq!((minute(-0.5), minute(-60.5), hour(-0.5)), (0.0, 59.0, 0.0));
        assert_eq!(day_of_week(0.0), 4.0);
    }

    #[test]
    fn no_number_panics() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN] {
            for part in [minute, hour, day_of_week, day_of_month, day_of_year, year] {
                assert!(part(value).is_finite());
            }
        }
    }
}
