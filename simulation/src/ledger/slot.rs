//! One timestamp of one series: the values that were tried for it.

use proto::greater_value;

/// A value that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// Its bits.
    pub bits: u64,
    /// When it was first sent, and with which attempt.
    pub sent_ms: i64,
    /// The first attempt that carried it.
    pub attempt: u64,
    /// When it was first acknowledged, and which attempt was.
    pub acked: Option<(i64, u64)>,
    /// When a complete answer that had it last ended.
    pub shown_ms: Option<i64>,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    tried: Vec<Tried>,
}

/// Of two values (as bits) the one that readers see.
pub fn greater_bits(a: u64, b: u64) -> u64 {
    greater_value(f64::from_bits(a), f64::from_bits(b)).to_bits()
}

impl Slot {
    /// Number of different values.
    pub fn values(&self) -> usize {
        self.tried.len()
    }

    /// The values.
    pub fn iter(&self) -> impl Iterator<Item = &Tried> {
        self.tried.iter()
    }

    /// The value with these bits.
    pub fn get(&self, bits: u64) -> Option<&Tried> {
        self.tried.iter().find(|tried| tried.bits == bits)
    }

    /// The greatest value that was acknowledged by this time; a reader sees it or a greater one.
    pub fn acked_floor(&self, by_ms: i64) -> Option<u64> {
        let acked = self.tried.iter().filter(|t| t.acked.is_some_and(|(at, _)| at <= by_ms));
        acked.map(|tried| tried.bits).reduce(greater_bits)
    }

    /// The greatest value that a complete answer had between these times, both inclusive.
    pub fn shown_floor(&self, from_ms: i64, to_ms: i64) -> Option<u64> {
        let shown = |tried: &&Tried| tried.shown_ms.is_some_and(|at| from_ms <= at && at <= to_ms);
        self.tried.iter().filter(shown).map(|tried| tried.bits).reduce(greater_bits)
    }

    pub(super) fn tried(&mut self, bits: u64, attempt: u64, sent_ms: i64) {
        if self.get(bits).is_none() {
            self.tried.push(Tried { bits, sent_ms, attempt, acked: None, shown_ms: None });
        }
    }

    pub(super) fn acked(&mut self, bits: u64, attempt: u64, at_ms: i64) {
        if let Some(tried) = self.tried.iter_mut().find(|tried| tried.bits == bits) {
            tried.acked.get_or_insert((at_ms, attempt));
        }
    }

    /// Takes back that anything was acknowledged or shown.
    pub(super) fn forget(&mut self) {
        for tried in &mut self.tried {
            (tried.acked, tried.shown_ms) = (None, None);
        }
    }

    pub(super) fn shown(&mut self, bits: u64, at_ms: i64) {
        if let Some(tried) = self.tried.iter_mut().find(|tried| tried.bits == bits) {
            tried.shown_ms = tried.shown_ms.max(Some(at_ms));
        }
    }
}
