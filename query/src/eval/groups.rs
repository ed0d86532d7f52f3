//! Label ids to group numbers: integer work, no strings.

use proto::FixedMap;

use super::{LabelTable, RowLabels, Run};
use crate::dictionary::{NameId, PairId};

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

/// Which labels make the key: only those named, or all but those named and the metric's.
#[derive(Clone, Debug)]
pub(crate) struct Keying {
    pub names: NameSet,
    pub without: bool,
}

impl Keying {
    pub(crate) fn new(run: &mut Run<'_>, labels: &[String], without: bool) -> Keying {
        let mut names = NameSet::default();
        for label in labels {
            let id = run.names.intern_name(label);
            names.insert(id);
        }
        Keying { names, without }
    }

    /// The labels of a row that make its key.
    pub(crate) fn key(&self, run: &Run<'_>, labels: &[PairId]) -> RowLabels {
        let kept = labels.iter().copied().filter(|pair| {
            let name = run.names.name_of(*pair);
            let named = self.names.contains(name);
            if self.without { !named && !run.is_metadata(name) } else { named }
        });
        kept.collect()
    }
}

/// Groups in order of first appearance, by key.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    numbers: FixedMap<RowLabels, usize>,
    pub labels: LabelTable,
}

impl Groups {
    /// Number of the group with this key, and whether it is new.
    pub(crate) fn number(&mut self, key: RowLabels) -> (usize, bool) {
        if let Some(number) = self.numbers.get(&key) {
            return (*number, false);
        }
        let number = self.labels.len();
        self.labels.push(&key);
        self.numbers.insert(key, number);
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
