//! Label ids to group numbers: integer work, no strings.

use proto::labels::METRIC_NAME;

use super::{LabelTable, METADATA_LABELS, RowLabels, Run};
use crate::dictionary::{NameId, PairId};
use crate::hashing::QueryMap;
use crate::syntax::Matching;

/// A set of label names by id.
#[derive(Clone, Debug, Default)]
pub(crate) struct NameSet {
    members: Vec<bool>,
}

impl NameSet {
    pub(crate) fn contains(&self, name: NameId) -> bool {
        self.members.get(name as usize).copied().unwrap_or(false)
    }

    fn insert(&mut self, name: NameId) {
        let needed = name as usize + 1;
        if self.members.len() < needed {
            self.members.resize(needed, false);
        }
        self.members[name as usize] = true;
    }
}

/// Which labels make the key: only those named, or all but those named.
#[derive(Clone, Debug)]
pub(crate) struct Keying {
    pub names: NameSet,
    pub without: bool,
}

impl Keying {
    /// Keys of an aggregation: `without` leaves out the labels of the metric too.
    pub(crate) fn grouping(run: &mut Run<'_>, labels: &[String], without: bool) -> Keying {
        let metric: &[&str] = if without { &METADATA_LABELS } else { &[] };
        Keying::new(run, labels.iter().map(String::as_str).chain(metric.iter().copied()), without)
    }

    /// Keys of a vector match: `ignoring` leaves out the metric's name too, but not its type.
    pub(crate) fn matching(run: &mut Run<'_>, matching: &Matching) -> Keying {
        let metric: &[&str] = if matching.on { &[] } else { &[METRIC_NAME] };
        let labels = matching.labels.iter().map(String::as_str);
        Keying::new(run, labels.chain(metric.iter().copied()), !matching.on)
    }

    /// Keys of these labels only.
    pub(crate) fn only(run: &mut Run<'_>, labels: &[&str]) -> Keying {
        Keying::new(run, labels.iter().copied(), false)
    }

    fn new<'l>(run: &mut Run<'_>, labels: impl Iterator<Item = &'l str>, without: bool) -> Keying {
        let mut names = NameSet::default();
        labels.for_each(|label| names.insert(run.names.intern_name(label)));
        Keying { names, without }
    }

    /// The labels of a row that make its key.
    pub(crate) fn key(&self, run: &Run<'_>, labels: &[PairId]) -> RowLabels {
        let kept = labels.iter().copied();
        kept.filter(|pair| self.names.contains(run.names.name_of(*pair)) != self.without).collect()
    }
}

/// Groups in order of first appearance, by key.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    numbers: QueryMap<RowLabels, usize>,
    pub labels: LabelTable,
    /// The group that was asked for last.
    last: usize,
}

impl Groups {
    /// Number of the group with this key, and whether it is new.
    pub(crate) fn number(&mut self, key: RowLabels) -> (usize, bool) {
        // Neighbours often belong together.
        if self.last < self.labels.len() && self.labels.get(self.last) == key.as_slice() {
            return (self.last, false);
        }
        if let Some(number) = self.numbers.get(&key) {
            self.last = *number;
            return (*number, false);
        }
        let number = self.labels.len();
        self.labels.push(&key);
        self.numbers.insert(key, number);
        self.last = number;
        (number, true)
    }

    /// Number of the group with this key, if there is one.
    pub(crate) fn find(&self, key: &RowLabels) -> Option<usize> {
        self.numbers.get(key).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.labels.len()
    }
}
