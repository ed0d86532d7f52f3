//! I16: damage is noticed.
//!
//! Bytes that fail their checksum are never returned: that no answer shows what nobody sent is the
//! ledger's to judge. Here: a damaged file that a node has read is reported by it in time.

use super::Violation;

/// A file that was damaged on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Whose disk, or the bucket.
    pub place: String,
    /// Which file.
    pub file: String,
    /// When the damaged bytes were first read; `None` if they were not.
    pub read_ms: Option<i64>,
    /// When they were reported, by a counter, a log line or a warning.
    pub reported_ms: Option<i64>,
}

/// Checks that what was read long enough ago was reported.
pub fn check_noticed(damages: &[Damage], now_ms: i64, notice_ms_max: i64) -> Result<(), Violation> {
    for damage in damages {
        let Damage { place, file, read_ms: Some(read_ms), reported_ms: None } = damage else {
            continue;
        };
        if now_ms - read_ms > notice_ms_max {
            let text =
                format!("{file} of {place} is damaged, was read at {read_ms} and not reported");
            return Err(Violation::new("I16", text));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn damage(read_ms: Option<i64>, reported_ms: Option<i64>) -> [Damage; 1] {
        [Damage { place: "n1".to_owned(), file: "index".to_owned(), read_ms, reported_ms }]
    }

    #[test]
    fn what_was_read_is_reported_in_time() {
        check_noticed(&damage(None, None), 100, 10).unwrap();
        check_noticed(&damage(Some(50), Some(55)), 100, 10).unwrap();
        check_noticed(&damage(Some(90), None), 100, 10).unwrap();
        assert!(check_noticed(&damage(Some(89), None), 100, 10).is_err());
    }
}
