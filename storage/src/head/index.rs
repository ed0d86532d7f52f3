//! The inverted index of one tenant in one partition: from label pairs to slots.
//!
//! Keys are ordered by name, so that the distinct values of one name are a range. An intersection
//! starts at the smallest list. A partition's lock is held while candidates are computed.

use std::collections::BTreeMap;

use proto::Matcher;

use super::postings::Postings;
use super::symbols::{NameId, PairId, Symbols};

/// See the module.
#[derive(Debug, Default)]
pub struct Index {
    all: Postings,
    pairs: BTreeMap<(NameId, PairId), Postings>,
}

impl Index {
    /// Adds a series with these pairs.
    pub fn insert(&mut self, slot: u32, pairs: &[(NameId, PairId)]) {
        self.all.insert(slot);
        for pair in pairs {
            self.pairs.entry(*pair).or_default().insert(slot);
        }
    }

    /// Removes a series.
    pub fn remove(&mut self, slot: u32, pairs: &[(NameId, PairId)]) {
        self.all.remove(slot);
        for pair in pairs {
            if let Some(postings) = self.pairs.get_mut(pair) {
                postings.remove(slot);
                if postings.is_empty() {
                    self.pairs.remove(pair);
                }
            }
        }
    }

    /// Number of series.
    pub fn series(&self) -> usize {
        self.all.len()
    }

    /// All series, ascending.
    pub fn all(&self) -> Vec<u32> {
        let mut slots = Vec::new();
        self.all.decode(&mut slots);
        slots
    }

    /// The names that occur.
    pub fn names(&self) -> Vec<NameId> {
        let mut names: Vec<NameId> = self.pairs.keys().map(|(name, _)| *name).collect();
        names.dedup();
        names
    }

    /// The distinct pairs of one name.
    pub fn pairs_of(&self, name: NameId) -> impl Iterator<Item = (PairId, &Postings)> {
        let range = (name, PairId::MIN)..=(name, PairId::MAX);
        self.pairs.range(range).map(|((_, pair), postings)| (*pair, postings))
    }

    /// Slots that fulfil all matchers, ascending.
    pub fn select(&self, matchers: &[Matcher], symbols: &Symbols) -> Vec<u32> {
        let (including, excluding): (Vec<_>, Vec<_>) =
            matchers.iter().map(|m| self.plan(m, symbols)).partition(|plan| plan.include);
        let mut including: Vec<Plan<'_>> = including;
        including.sort_by_key(Plan::size);
        let mut slots = Vec::new();
        let mut rest = including.iter();
        match rest.next() {
            Some(smallest) => smallest.union(&mut slots),
            None => self.all.decode(&mut slots),
        }
        for plan in rest.chain(&excluding) {
            if slots.is_empty() {
                break;
            }
            plan.apply(&mut slots);
        }
        slots
    }

    /// A matcher that does not take the absent label selects by the values it takes; one that does
    /// excludes by the values it does not take.
    fn plan(&self, matcher: &Matcher, symbols: &Symbols) -> Plan<'_> {
        let include = !matcher.matches_empty();
        let lists = match matcher.set_matches() {
            Some(values) if include => self.lists_of_values(matcher.name(), &values, symbols),
            _ => self.lists_by_test(matcher, include, symbols),
        };
        Plan { include, lists }
    }

    fn lists_of_values(&self, name: &str, values: &[&str], symbols: &Symbols) -> Vec<&Postings> {
        let pairs = values.iter().filter_map(|value| symbols.lookup(name, value));
        pairs.filter_map(|pair| self.pairs.get(&(symbols.name_of(pair), pair))).collect()
    }

    fn lists_by_test(&self, matcher: &Matcher, hit: bool, symbols: &Symbols) -> Vec<&Postings> {
        let Some(name) = symbols.name(matcher.name()) else { return Vec::new() };
        let values = self.pairs_of(name);
        let taken = values.filter(|(pair, _)| matcher.matches(symbols.value(*pair)) == hit);
        taken.map(|(_, postings)| postings).collect()
    }
}

/// The lists whose union a matcher includes or excludes.
struct Plan<'a> {
    include: bool,
    lists: Vec<&'a Postings>,
}

impl Plan<'_> {
    fn size(&self) -> usize {
        self.lists.iter().map(|list| list.len()).sum()
    }

    /// A slot has one value of a name, so that the lists are disjoint.
    fn union(&self, out: &mut Vec<u32>) {
        self.lists.iter().for_each(|list| list.decode(out));
        if self.lists.len() > 1 {
            out.sort_unstable();
        }
    }

    fn apply(&self, slots: &mut Vec<u32>) {
        match self.lists.as_slice() {
            [] if self.include => slots.clear(),
            [] => {}
            [list] => list.filter(slots, self.include),
            _ => {
                let mut union = Vec::new();
                self.union(&mut union);
                slots.retain(|slot| union.binary_search(slot).is_ok() == self.include);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::{Labels, MatchOp};

    fn matcher(name: &str, op: MatchOp, value: &str) -> Matcher {
        Matcher::new(name, op, value).unwrap()
    }

    #[test]
    fn selections_agree_with_a_scan_of_all_series() {
        use MatchOp::*;
        let (mut symbols, mut index) = (Symbols::default(), Index::default());
        let mut sets = vec![];
        for i in 0..60u32 {
            let (a, b, c) = (format!("{}", i % 3), format!("x{}", i % 7), format!("{i}"));
            let b = if i % 5 == 0 { String::new() } else { b };
            let labels = Labels::from_pairs([("a", a), ("b", b), ("c", c)]).unwrap();
            let mut pairs = vec![];
            symbols.intern(&labels, &mut pairs);
            index.insert(i, &pairs);
            sets.push(labels);
        }
        let tests = [
            matcher("a", Equal, "1"),
            matcher("a", NotEqual, "1"),
            matcher("b", Equal, ""),
            matcher("b", NotEqual, ""),
            matcher("b", Regex, "x(1|2)"),
            matcher("b", NotRegex, "x[1-3]"),
            matcher("b", Regex, "x1|"),
            matcher("c", Regex, "1.*"),
            matcher("none", Equal, "x"),
            matcher("none", NotEqual, "x"),
        ];
        for one in &tests {
            for two in &tests {
                let both = [one.clone(), two.clone()];
                let hit =
                    |set: &Labels| both.iter().all(|m| m.matches(set.get(m.name()).unwrap_or("")));
                let expected: Vec<u32> = (0..60).filter(|i| hit(&sets[*i as usize])).collect();
                assert_eq!(index.select(&both, &symbols), expected, "{both:?}");
            }
        }
    }
}
