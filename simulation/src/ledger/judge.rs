//! Judges one answer; see the parent.

use std::collections::BTreeMap;

use proto::STALE_NAN_BITS;

use super::evidence::{describe_answer, describe_bits};
use super::slot::{Slot, greater_bits};
use super::{Answer, Ledger, Question};
use crate::invariants::Violation;
use crate::traffic::SeriesKey;

/// Samples of an answer by series.
type Read<'a> = BTreeMap<&'a SeriesKey, BTreeMap<i64, u64>>;

/// What a reader may see at a timestamp of a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// Whether it may see nothing.
    pub may_be_absent: bool,
    /// Bits of the values of which it may see one.
    pub values: Vec<u64>,
    /// Whether an acknowledged sample is the reason that something must be seen.
    pub is_acked: bool,
}

impl Question {
    /// What an answer that ended at a time may show of a slot.
    pub fn allowed(&self, t: i64, slot: &Slot, is_complete: bool, ended_ms: i64) -> Allowed {
        let binds = is_complete && t >= self.expired_before_ms;
        let acked = slot.acked_floor(self.started_ms).filter(|_| binds);
        let calm = self.calm_since_ms.filter(|_| binds);
        let shown = calm.and_then(|since_ms| slot.shown_floor(since_ms, self.started_ms));
        let floor = acked.into_iter().chain(shown).reduce(greater_bits);
        let sent = slot.iter().filter(|tried| tried.sent_ms <= ended_ms).map(|tried| tried.bits);
        let values = sent.filter(|bits| floor.is_none_or(|f| greater_bits(f, *bits) == *bits));
        Allowed {
            may_be_absent: floor.is_none(),
            values: values.collect(),
            is_acked: acked.is_some(),
        }
    }
}

impl Allowed {
    /// Whether a reader that is not shown stale markers may see this.
    fn takes(&self, found: Option<u64>, shows_stale: bool) -> bool {
        match found {
            Some(STALE_NAN_BITS) if !shows_stale => false,
            Some(bits) => self.values.contains(&bits),
            None => self.may_be_absent || (!shows_stale && self.values.contains(&STALE_NAN_BITS)),
        }
    }
}

impl Ledger {
    /// Judges an answer, and remembers what it showed.
    pub fn judge(&mut self, question: &Question, answer: &Answer) -> Result<(), Violation> {
        self.counts.answers += 1;
        self.counts.answers_complete += u64::from(answer.is_complete);
        let read = self.index(question, answer)?;
        for (key, samples) in &read {
            let slots = self.series.get(*key);
            let is_known = |(t, bits): &(&i64, &u64)| {
                let slot = slots.and_then(|slots| slots.get(t));
                slot.is_some_and(|slot| slot.get(**bits).is_some())
            };
            if let Some((t, bits)) = samples.iter().find(|sample| !is_known(sample)) {
                return Err(self.unknown(question, answer, key, *t, *bits));
            }
        }
        for (key, slots) in self.series.iter().filter(|(key, _)| question.takes(key)) {
            let samples = read.get(key);
            for (t, slot) in slots.range(question.from_ms..=question.to_ms) {
                let found = samples.and_then(|samples| samples.get(t)).copied();
                let allowed = question.allowed(*t, slot, answer.is_complete, answer.ended_ms);
                if !allowed.takes(found, question.shows_stale) {
                    let key = (key, *t, slot);
                    return Err(self.wrong(question, answer, key, &allowed, found));
                }
            }
        }
        self.remember(answer, &read);
        Ok(())
    }

    /// The samples of an answer by series and time: each once, and only what was asked for.
    fn index<'a>(&self, question: &Question, answer: &'a Answer) -> Result<Read<'a>, Violation> {
        let mut read = Read::new();
        let broken = |invariant, what: String| {
            let of = describe_answer(question, answer);
            Err(Violation::new(invariant, format!("{what}, in the {of}")))
        };
        for series in &answer.series {
            let key = &series.key;
            if !question.takes(key) {
                let is_tenant = question.takes_tenant(&key.tenant);
                let invariant = if is_tenant { "I3" } else { "I4" };
                return broken(invariant, format!("{key} was not asked for"));
            }
            if read.contains_key(key) {
                return broken("I6", format!("{key} is given twice"));
            }
            let samples: BTreeMap<i64, u64> = series.samples.iter().copied().collect();
            if !series.samples.is_sorted_by(|a, b| a.0 < b.0) {
                return broken("I6", format!("{key} has times twice or out of order"));
            }
            let in_range = |t: &i64| (question.from_ms..=question.to_ms).contains(t);
            if let Some(t) = samples.keys().find(|t| !in_range(t)) {
                return broken("I3", format!("{key} at {t} was not asked for"));
            }
            read.insert(key, samples);
        }
        Ok(read)
    }

    /// A sample that was read and not tried for that very tenant, series and time.
    fn unknown(
        &self,
        question: &Question,
        answer: &Answer,
        key: &SeriesKey,
        t: i64,
        bits: u64,
    ) -> Violation {
        let place = self.places.get(&bits);
        let is_foreign = place.is_some_and(|(of, ..)| of.tenant != key.tenant);
        let evidence = format!(
            "{key} at {t} shows {}, which was not sent there or rejected for good: {}; in the {}",
            describe_bits(bits),
            self.describe_origin(bits),
            describe_answer(question, answer)
        );
        Violation::new(if is_foreign { "I4" } else { "I3" }, evidence)
    }

    fn wrong(
        &self,
        question: &Question,
        answer: &Answer,
        (key, t, slot): (&SeriesKey, i64, &Slot),
        allowed: &Allowed,
        found: Option<u64>,
    ) -> Violation {
        let what = match (found, allowed.is_acked) {
            (None, true) => "an acknowledged sample is missing".to_owned(),
            (None, false) => "a sample that was shown has vanished".to_owned(),
            (Some(bits), _) => {
                format!("it shows {}, which a greater one beat", describe_bits(bits))
            }
        };
        let invariant = if allowed.is_acked { "I2" } else { "I3" };
        let (slot, of) = (self.describe_slot(key, t, slot), describe_answer(question, answer));
        Violation::new(invariant, format!("{what}: {slot}; in the {of}"))
    }

    fn remember(&mut self, answer: &Answer, read: &Read<'_>) {
        for (key, samples) in read {
            let Some(slots) = self.series.get_mut(*key) else { continue };
            for (t, bits) in samples {
                let Some(slot) = slots.get_mut(t) else { continue };
                self.counts.samples_read += 1;
                let is_acked = slot.get(*bits).is_some_and(|tried| tried.acked.is_some());
                self.counts.samples_unacked_shown += u64::from(!is_acked);
                if answer.is_complete {
                    slot.shown(*bits, answer.ended_ms);
                }
            }
        }
    }
}
