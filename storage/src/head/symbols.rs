//! The symbol table of a node: each label pair once, counted by the series that have it.
//!
//! A symbol is the canonical encoding of one pair, so that a series' label set is the
//! concatenation of its symbols. Names are numbered too; an index orders pairs by name number.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use proto::Labels;
use proto::varint::{take_bytes, take_uvarint};
use xxhash_rust::xxh3::xxh3_64;

use super::lines::Lines;
use super::slab::Slab;
use super::table::{Table, spread};

/// Number of a label pair.
pub type PairId = u32;
/// Number of a label name.
pub type NameId = u32;

#[derive(Debug, Default)]
struct Symbol {
    block: u32,
    bytes: u32,
    references: u32,
    name: NameId,
}

/// A label name and the number of pairs that have it.
#[derive(Debug)]
struct Name {
    text: Arc<str>,
    pairs: u32,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Symbols {
    slab: Slab,
    symbols: Lines<Symbol>,
    free: Vec<PairId>,
    table: Table,
    names: BTreeMap<Arc<str>, NameId>,
    name_list: Vec<Name>,
    names_free: Vec<NameId>,
    freed: u64,
}

impl Symbols {
    /// Counts one more use of each pair of `labels` and appends their numbers, in order.
    pub fn intern(&mut self, labels: &Labels, out: &mut Vec<(NameId, PairId)>) {
        let mut rest = labels.as_bytes();
        for (name, _) in labels {
            let before = rest;
            rest = &rest[1..];
            take_bytes(&mut rest).expect("a label set has a whole field per label");
            out.push(self.intern_pair(name, &before[..before.len() - rest.len()]));
        }
    }

    fn intern_pair(&mut self, name: &str, pair: &[u8]) -> (NameId, PairId) {
        let hash = spread(xxh3_64(pair));
        if let Some(id) = self.find(hash, pair) {
            let symbol = self.symbols.at_mut(id);
            symbol.references += 1;
            return (symbol.name, id);
        }
        let name = self.intern_name(name);
        let block = self.slab.store(pair);
        let id = self.free.pop().unwrap_or_else(|| self.symbols.push());
        *self.symbols.at_mut(id) = Symbol { block, bytes: pair.len() as u32, references: 1, name };
        self.table.insert(hash, id);
        (name, id)
    }

    /// Number of a name, with one more pair.
    fn intern_name(&mut self, name: &str) -> NameId {
        if let Some(id) = self.names.get(name) {
            self.name_list[*id as usize].pairs += 1;
            return *id;
        }
        let text = Arc::<str>::from(name);
        let entry = Name { text: text.clone(), pairs: 1 };
        let id = match self.names_free.pop() {
            Some(id) => {
                self.name_list[id as usize] = entry;
                id
            }
            None => {
                self.name_list.push(entry);
                self.name_list.len() as NameId - 1
            }
        };
        self.names.insert(text, id);
        id
    }

    fn release_name(&mut self, id: NameId) {
        let name = &mut self.name_list[id as usize];
        name.pairs -= 1;
        if name.pairs == 0 {
            self.names.remove(&name.text);
            self.names_free.push(id);
        }
    }

    fn find(&self, hash: u64, pair: &[u8]) -> Option<PairId> {
        self.table.find(hash, |id| self.pair(id) == pair)
    }

    /// Counts one use less of a pair; the last one frees it.
    pub fn release(&mut self, id: PairId) {
        self.symbols.at_mut(id).references -= 1;
        if self.symbols.at(id).references == 0 {
            let hash = spread(xxh3_64(self.pair(id)));
            self.table.remove(hash, id);
            self.slab.free(self.symbols.at(id).block);
            self.release_name(self.symbols.at(id).name);
            self.freed += 1;
            self.free.push(id);
        }
    }

    /// Canonical bytes of a pair.
    pub fn pair(&self, id: PairId) -> &[u8] {
        let symbol = self.symbols.at(id);
        &self.slab.get(symbol.block)[..symbol.bytes as usize]
    }

    /// Value of a pair.
    pub fn value(&self, id: PairId) -> &str {
        let length = value_length(self.pair(id)).expect("symbols are canonical pairs");
        let pair = self.pair(id);
        std::str::from_utf8(&pair[pair.len() - length..]).expect("symbols are canonical pairs")
    }

    /// Name number of a pair.
    pub fn name_of(&self, id: PairId) -> NameId {
        self.symbols.at(id).name
    }

    /// Number of a name that some series has or had.
    pub fn name(&self, name: &str) -> Option<NameId> {
        self.names.get(name).copied()
    }

    /// Text of a name.
    pub fn name_text(&self, id: NameId) -> &Arc<str> {
        &self.name_list[id as usize].text
    }

    /// Number of the pair `name="value"`, if some series has it.
    pub fn lookup(&self, name: &str, value: &str) -> Option<PairId> {
        let labels = Labels::from_pairs([(name, value)]).ok()?;
        let pair = labels.as_bytes();
        if pair.is_empty() { None } else { self.find(spread(xxh3_64(pair)), pair) }
    }

    /// The label set of these pairs.
    pub fn labels(&self, pairs: impl Iterator<Item = PairId> + Clone) -> Labels {
        let bytes: usize = pairs.clone().map(|id| self.pair(id).len()).sum();
        let mut joined = Vec::with_capacity(bytes);
        pairs.for_each(|id| joined.extend_from_slice(self.pair(id)));
        Labels::from_canonical(Bytes::from(joined)).expect("the pairs came from a label set")
    }

    /// Pairs that were freed so far. While it stays, numbers of pairs mean what they meant.
    pub fn freed(&self) -> u64 {
        self.freed
    }

    /// Bytes held for symbols and their table.
    pub fn held_bytes(&self) -> u64 {
        let lines = u64::from(self.symbols.len()) * size_of::<Symbol>() as u64;
        self.slab.held_bytes() + self.table.held_bytes() + lines
    }

    /// Number of pairs in use.
    pub fn len(&self) -> usize {
        self.symbols.len() as usize - self.free.len()
    }
}

/// Length of the value in `0a <len> 0a <len> <name> 12 <len> <value>`.
fn value_length(pair: &[u8]) -> Option<usize> {
    let mut rest = pair.get(1..)?;
    take_uvarint(&mut rest)?;
    rest = rest.get(1..)?;
    take_bytes(&mut rest)?;
    rest = rest.get(1..)?;
    take_bytes(&mut rest).map(<[u8]>::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(&str, &str)]) -> Labels {
        Labels::from_pairs(pairs.iter().copied()).unwrap()
    }

    #[test]
    fn a_label_set_is_rebuilt_from_its_symbols() {
        let mut symbols = Symbols::default();
        let labels = set(&[("__name__", "up"), ("job", "x".repeat(3000).as_str()), ("i", "ä")]);
        let mut ids = vec![];
        symbols.intern(&labels, &mut ids);
        assert_eq!(symbols.labels(ids.iter().map(|(_, pair)| *pair)), labels);
        let values: Vec<_> = ids.iter().map(|(_, pair)| symbols.value(*pair)).collect();
        assert_eq!(values, labels.iter().map(|(_, value)| value).collect::<Vec<_>>());
        assert_eq!(symbols.lookup("i", "ä"), Some(ids[1].1));
        assert_eq!(symbols.lookup("i", ""), None);
    }

    #[test]
    fn the_last_release_frees_a_pair_for_another() {
        let mut symbols = Symbols::default();
        let (mut a, mut b) = (vec![], vec![]);
        symbols.intern(&set(&[("a", "1"), ("b", "2")]), &mut a);
        symbols.intern(&set(&[("b", "2")]), &mut b);
        assert_eq!(a[1], b[0]);
        a.iter().for_each(|(_, pair)| symbols.release(*pair));
        assert_eq!((symbols.len(), symbols.freed()), (1, 1));
        assert_eq!((symbols.lookup("a", "1"), symbols.name("a")), (None, None));
        assert_eq!(symbols.lookup("b", "2"), Some(b[0].1));
    }
}
