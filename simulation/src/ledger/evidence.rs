//! What is known of a sample, in words.

use std::fmt::Write as _;

use super::slot::Slot;
use super::{Answer, Ledger, Question};
use crate::traffic::{SeriesKey, value};

/// A value with the number of its sample.
pub fn describe_bits(bits: u64) -> String {
    match value::origin_of(bits) {
        Some(origin) => format!("{} (sample {})", f64::from_bits(bits), origin.serial),
        None => format!("{} ({bits:016x})", f64::from_bits(bits)),
    }
}

impl Ledger {
    /// An attempt with its number.
    pub fn describe_attempt(&self, number: u64) -> String {
        match self.attempts.get(&number) {
            Some(attempt) => format!("attempt {number}: {attempt}"),
            None => format!("attempt {number}, which the ledger does not know"),
        }
    }

    /// Everything that was tried for a timestamp of a series.
    pub fn describe_slot(&self, key: &SeriesKey, t: i64, slot: &Slot) -> String {
        let mut text = format!("{key} at {t}");
        for tried in slot.iter() {
            let bits = describe_bits(tried.bits);
            let _ = write!(text, "; {bits} by {}", self.describe_attempt(tried.attempt));
            match tried.acked {
                Some((at_ms, by)) if by == tried.attempt => {
                    let _ = write!(text, ", acked at {at_ms}");
                }
                Some((at_ms, by)) => {
                    let by = self.describe_attempt(by);
                    let _ = write!(text, ", acked at {at_ms} as {by}");
                }
                None => text.push_str(", never acked"),
            }
            if let Some(shown_ms) = tried.shown_ms {
                let _ = write!(text, ", shown until {shown_ms}");
            }
        }
        text
    }

    /// Where a value that was read belongs.
    pub(super) fn describe_origin(&self, bits: u64) -> String {
        match self.places.get(&bits) {
            Some((key, t, attempt)) => {
                let attempt = self.describe_attempt(*attempt);
                format!("that value was sent for {key} at {t} by {attempt}")
            }
            None => "no client ever sent that value".to_owned(),
        }
    }
}

/// Who answered, when, and to what.
pub fn describe_answer(question: &Question, answer: &Answer) -> String {
    let complete = if answer.is_complete { "complete" } else { "incomplete" };
    format!(
        "{} answer of {} to {:?} of {}..={}, asked at {}, given at {}",
        complete,
        question.node,
        question.matchers,
        question.from_ms,
        question.to_ms,
        question.started_ms,
        answer.ended_ms
    )
}
