//! What was sent of a series: so that timestamps meet again only on purpose.

use std::collections::BTreeMap;

use crate::random::Random;

/// Bits of the value that each timestamp was last sent with.
#[derive(Clone, Debug, Default)]
pub struct History {
    sent: BTreeMap<i64, u64>,
}

impl History {
    /// Whether the timestamp was sent.
    pub fn has(&self, t: i64) -> bool {
        self.sent.contains_key(&t)
    }

    /// Notes a sample.
    pub fn note(&mut self, t: i64, bits: u64) {
        self.sent.insert(t, bits);
    }

    /// The first timestamp from `t` on that was not sent.
    pub fn free_from(&self, t: i64) -> i64 {
        (t..).find(|t| !self.has(*t)).expect("histories are short")
    }

    /// Some sample of `first..=last` that was sent.
    pub fn pick(&self, first: i64, last: i64, random: &mut Random) -> Option<(i64, u64)> {
        if first > last {
            return None;
        }
        let from = random.between(first, last);
        let mut around = self.sent.range(from..=last).chain(self.sent.range(first..from));
        around.next().map(|(t, bits)| (*t, *bits))
    }
}
