//! What must always hold, one file a property: its prose, and pure functions that judge
//! observations.
//!
//! | | property | judged by |
//! |---|---|---|
//! | I1 | what was acknowledged is durable on W nodes | [`i01_acked_durable`] |
//! | I2 | what was acknowledged is read, once, with its value | [`crate::ledger`] |
//! | I3 | nothing is read that was not sent there; what was shown stays | [`crate::ledger`] |
//! | I4 | tenants stay apart | [`i04_tenants_apart`], [`crate::ledger`], [`crate::model`] |
//! | I5 | answers are complete, or say that they are not | [`i05_completeness`] |
//! | I6 | nothing counts twice | [`crate::ledger`], [`crate::model`] |
//! | I7 | Raft is safe | [`i07_raft`] |
//! | I8 | an epoch is one table | [`i08_epochs`] |
//! | I9 | blocks of the bucket are whole | [`i09_bucket_whole`] |
//! | I12 | local blocks go only when they are in the bucket | [`i12_local_after_bucket`] |
//! | I14 | retention goes by cluster time | [`i14_retention`] |
//! | I15 | a start loses nothing and invents nothing | [`i15_recovery`] |
//! | I16 | damage is noticed | [`i16_corruption`] |
//! | I17 | queues are bounded, a full disk is survived | [`i17_bounds`] |
//! | I18 | a healed cluster converges | [`i18_liveness`] |
//!
//! I10, I11, I13 and I19 concern what does not exist yet (a ledger of shipped blocks, shipping
//! once, compaction, draining); I20, determinism, is judged over whole lives.

pub mod i01_acked_durable;
pub mod i04_tenants_apart;
pub mod i05_completeness;
pub mod i07_raft;
pub mod i08_epochs;
pub mod i09_bucket_whole;
pub mod i12_local_after_bucket;
pub mod i14_retention;
pub mod i15_recovery;
pub mod i16_corruption;
pub mod i17_bounds;
pub mod i18_liveness;

#[cfg(test)]
mod fakes;

use std::collections::BTreeMap;
use std::fmt;

use crate::ledger::greater_bits;
use crate::traffic::SeriesKey;

/// What a disk or the bucket holds: bits of values by series and timestamp, of several copies the
/// greatest.
pub type Contents = BTreeMap<SeriesKey, BTreeMap<i64, u64>>;

/// Something that must always hold does not: a bug in the product, or in the oracle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Number of the invariant: "I1".
    pub invariant: &'static str,
    /// Which sample, block, node or entry breaks it, and all that is known of it.
    pub evidence: String,
}

impl Violation {
    /// A violation.
    pub fn new(invariant: &'static str, evidence: impl Into<String>) -> Violation {
        Violation { invariant, evidence: evidence.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.evidence)
    }
}

/// Adds a sample; of two values the greater stays.
pub fn add_sample(contents: &mut Contents, key: &SeriesKey, t: i64, bits: u64) {
    if !contents.contains_key(key) {
        contents.insert(key.clone(), BTreeMap::new());
    }
    if let Some(samples) = contents.get_mut(key) {
        let kept = samples.entry(t).or_insert(bits);
        *kept = greater_bits(*kept, bits);
    }
}

/// Whether a sample is there with this value or a greater one.
fn holds(contents: &Contents, key: &SeriesKey, t: i64, floor: u64) -> bool {
    let found = contents.get(key).and_then(|samples| samples.get(&t));
    found.is_some_and(|bits| greater_bits(floor, *bits) == *bits)
}

/// The first sample of `these` that is not among `those`, or there with a lesser value.
fn missing_from<'a>(these: &'a Contents, those: &Contents) -> Option<(&'a SeriesKey, i64)> {
    all_missing_from(these, those).next()
}

/// All of them.
pub fn all_missing_from<'a>(
    these: &'a Contents,
    those: &Contents,
) -> impl Iterator<Item = (&'a SeriesKey, i64)> {
    let samples = these.iter().flat_map(|(key, s)| s.iter().map(move |(t, b)| (key, *t, *b)));
    let missing = samples.filter(|(key, t, bits)| !holds(those, key, *t, *bits));
    missing.map(|(key, t, _)| (key, t))
}
