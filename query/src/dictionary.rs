//! The query-scoped dictionary: label names and (name, value) pairs as small integers.
//!
//! Sources intern the labels of what they return; the engine groups and joins on the integers and
//! looks at strings only for the answer. One lock guards it: take it once per batch.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use proto::{Labels, LabelsError};

use crate::hashing::QueryMap;

/// Id of a (name, value) pair inside of one query's [`Dictionary`].
pub type PairId = u32;

/// Id of a label name inside of one query's [`Dictionary`].
pub type NameId = u32;

/// The dictionary of one query, shared by all its sources. Clones are the same dictionary.
#[derive(Clone, Default, Debug)]
pub struct Dictionary {
    interner: Arc<Mutex<Interner>>,
}

impl Dictionary {
    /// An empty dictionary.
    pub fn new() -> Dictionary {
        Dictionary::default()
    }

    /// Id of one pair. For more than one, [`Dictionary::lock`] once.
    pub fn intern(&self, name: &str, value: &str) -> PairId {
        self.lock().intern(name, value)
    }

    /// Exclusive access for a batch of work. Never held over an await.
    pub fn lock(&self) -> MutexGuard<'_, Interner> {
        self.interner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same if nobody else has it now.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, Interner>> {
        match self.interner.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(error)) => Some(error.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// The content, for the synchronous part of the query.
    pub fn into_interner(self) -> Interner {
        std::mem::take(&mut *self.lock())
    }
}

/// What a [`Dictionary`] holds. Ids are dense, from 0, and never reused.
#[derive(Default, Debug)]
pub struct Interner {
    names: Vec<Arc<str>>,
    name_ids: QueryMap<Arc<str>, NameId>,
    pairs: Vec<(NameId, Arc<str>)>,
    /// Of each name: value to pair.
    pair_ids: Vec<QueryMap<Arc<str>, PairId>>,
}

impl Interner {
    /// Id of a label name, made when it is new.
    pub fn intern_name(&mut self, name: &str) -> NameId {
        if let Some(id) = self.name_ids.get(name) {
            return *id;
        }
        let id = self.names.len() as NameId;
        let name: Arc<str> = Arc::from(name);
        self.names.push(name.clone());
        self.name_ids.insert(name, id);
        self.pair_ids.push(QueryMap::default());
        id
    }

    /// Id of the pair `name="value"`, made when it is new.
    pub fn intern(&mut self, name: &str, value: &str) -> PairId {
        let name = self.intern_name(name);
        self.intern_value(name, value)
    }

    /// Id of a pair whose name is known already.
    pub fn intern_value(&mut self, name: NameId, value: &str) -> PairId {
        let values = &mut self.pair_ids[name as usize];
        if let Some(id) = values.get(value) {
            return *id;
        }
        let id = self.pairs.len() as PairId;
        let value: Arc<str> = Arc::from(value);
        values.insert(value.clone(), id);
        self.pairs.push((name, value));
        id
    }

    /// Appends the pairs of a label set to `out`, in order of the names.
    pub fn intern_labels(&mut self, labels: &Labels, out: &mut Vec<PairId>) {
        out.extend(labels.iter().map(|(name, value)| self.intern(name, value)));
    }

    /// Name id of a pair.
    #[inline]
    pub fn name_of(&self, pair: PairId) -> NameId {
        self.pairs[pair as usize].0
    }

    /// Text of a name.
    pub fn name(&self, name: NameId) -> &str {
        &self.names[name as usize]
    }

    /// Value of a pair.
    pub fn value(&self, pair: PairId) -> &str {
        &self.pairs[pair as usize].1
    }

    /// Value of the label of that name among these, or "".
    pub(crate) fn value_of(&self, labels: &[PairId], name: NameId) -> &str {
        let pair = labels.iter().find(|pair| self.name_of(**pair) == name);
        pair.map_or("", |pair| self.value(*pair))
    }

    /// Name and value of a pair.
    pub fn pair(&self, pair: PairId) -> (&str, &str) {
        let (name, value) = &self.pairs[pair as usize];
        (&self.names[*name as usize], value)
    }

    /// Number of names.
    pub fn names_len(&self) -> usize {
        self.names.len()
    }

    /// Number of pairs.
    pub fn pairs_len(&self) -> usize {
        self.pairs.len()
    }

    /// The label set that these pairs make.
    pub fn labels(&self, pairs: &[PairId]) -> Result<Labels, LabelsError> {
        Labels::from_pairs(pairs.iter().map(|pair| self.pair(*pair)))
    }

    /// Of each pair its rank in Prometheus' order of labels (name, then value), so that label
    /// sets are compared as slices of integers.
    pub fn ranks(&self) -> Vec<u32> {
        let mut order: Vec<PairId> = (0..self.pairs.len() as PairId).collect();
        order.sort_unstable_by(|a, b| self.pair(*a).cmp(&self.pair(*b)));
        let mut ranks = vec![0; order.len()];
        for (rank, pair) in order.into_iter().enumerate() {
            ranks[pair as usize] = rank as u32;
        }
        ranks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_pairs_have_one_id() {
        let dictionary = Dictionary::new();
        let a = dictionary.intern("job", "x");
        let b = dictionary.intern("job", "y");
        assert_ne!(a, b);
        assert_eq!(dictionary.intern("job", "x"), a);
        let interner = dictionary.lock();
        assert_eq!(interner.pair(b), ("job", "y"));
        assert_eq!(interner.name_of(a), interner.name_of(b));
    }

    #[test]
    fn ranks_follow_names_then_values() {
        let mut interner = Interner::default();
        let (z, b10, b2) =
            (interner.intern("z", "0"), interner.intern("b", "10"), interner.intern("b", "2"));
        let ranks = interner.ranks();
        assert!(ranks[b10 as usize] < ranks[b2 as usize]);
        assert!(ranks[b2 as usize] < ranks[z as usize]);
    }
}
