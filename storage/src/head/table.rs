//! The table from a 32-bit tag to a 32-bit slot: open addressing with linear probing, 8 bytes an
//! entry. A tag is only a hint; the caller confirms each candidate on the line it refers to.
//!
//! The table is cut into 64 sections that grow one by one and by a quarter, so that no insertion
//! moves more than one section and the load stays between 0.64 and 0.8 (10 to 12.5 bytes a slot).

use super::slab::NONE;

const SECTIONS: usize = 64;
const SECTION_ENTRIES_MIN: usize = 8;

#[derive(Clone, Copy, Debug)]
struct Entry {
    tag: u32,
    slot: u32,
}

const EMPTY: Entry = Entry { tag: 0, slot: NONE };

#[derive(Clone, Debug, Default)]
struct Section {
    entries: Vec<Entry>,
    used: usize,
}

/// See the module.
#[derive(Debug)]
pub struct Table {
    sections: Vec<Section>,
}

impl Default for Table {
    fn default() -> Table {
        Table { sections: vec![Section::default(); SECTIONS] }
    }
}

/// Spreads any 64-bit key: the low six bits choose the section, the high half is the tag.
#[inline]
pub fn spread(key: u64) -> u64 {
    let x = (key ^ (key >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x ^ (x >> 29)
}

impl Table {
    /// The slot under `hash` (of [`spread`]) that `confirm` accepts.
    #[inline]
    pub fn find(&self, hash: u64, confirm: impl Fn(u32) -> bool) -> Option<u32> {
        self.sections[hash as usize % SECTIONS].find((hash >> 32) as u32, confirm)
    }

    /// Adds a slot; the caller knows that it is not in.
    pub fn insert(&mut self, hash: u64, slot: u32) {
        self.sections[hash as usize % SECTIONS].insert((hash >> 32) as u32, slot);
    }

    /// Removes a slot that is in.
    pub fn remove(&mut self, hash: u64, slot: u32) {
        self.sections[hash as usize % SECTIONS].remove((hash >> 32) as u32, slot);
    }

    /// Bytes of all sections.
    pub fn held_bytes(&self) -> u64 {
        let entries: usize = self.sections.iter().map(|section| section.entries.len()).sum();
        (entries * size_of::<Entry>()) as u64
    }
}

impl Section {
    #[inline]
    fn home(&self, tag: u32) -> usize {
        ((u64::from(tag) * self.entries.len() as u64) >> 32) as usize
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        if at + 1 == self.entries.len() { 0 } else { at + 1 }
    }

    #[inline]
    fn find(&self, tag: u32, confirm: impl Fn(u32) -> bool) -> Option<u32> {
        if self.entries.is_empty() {
            return None;
        }
        let mut at = self.home(tag);
        loop {
            let entry = self.entries[at];
            if entry.slot == NONE {
                return None;
            }
            if entry.tag == tag && confirm(entry.slot) {
                return Some(entry.slot);
            }
            at = self.after(at);
        }
    }

    fn insert(&mut self, tag: u32, slot: u32) {
        if (self.used + 1) * 5 > self.entries.len() * 4 {
            self.grow();
        }
        self.put(Entry { tag, slot });
        self.used += 1;
    }

    fn put(&mut self, entry: Entry) {
        let mut at = self.home(entry.tag);
        while self.entries[at].slot != NONE {
            at = self.after(at);
        }
        self.entries[at] = entry;
    }

    fn grow(&mut self) {
        let length = (self.entries.len() + self.entries.len() / 4).max(SECTION_ENTRIES_MIN);
        let mut fresh = Vec::with_capacity(length + 1);
        fresh.resize(length + 1, EMPTY);
        for entry in std::mem::replace(&mut self.entries, fresh) {
            if entry.slot != NONE {
                self.put(entry);
            }
        }
    }

    /// Takes the entry out and moves later ones of its run back over the gap.
    fn remove(&mut self, tag: u32, slot: u32) {
        let mut gap = self.home(tag);
        while self.entries[gap].slot != slot {
            if self.entries[gap].slot == NONE {
                return;
            }
            gap = self.after(gap);
        }
        self.used -= 1;
        let mut at = self.after(gap);
        while self.entries[at].slot != NONE {
            if self.distance(self.home(self.entries[at].tag), at) >= self.distance(gap, at) {
                self.entries[gap] = self.entries[at];
                gap = at;
            }
            at = self.after(at);
        }
        self.entries[gap] = EMPTY;
    }

    fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from { to - from } else { to + self.entries.len() - from }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn the_table_agrees_with_a_map(
            steps in prop::collection::vec((0u64..200, any::<bool>()), 1..600), collide: bool
        ) {
            let hash = |key: u64| if collide { 7 } else { spread(key) };
            let (mut table, mut map, mut slots) = (Table::default(), BTreeMap::new(), vec![]);
            for (key, remove) in steps {
                match (map.get(&key).copied(), remove) {
                    (Some(slot), true) => {
                        table.remove(hash(key), slot);
                        map.remove(&key);
                    }
                    (None, false) => {
                        slots.push(key);
                        table.insert(hash(key), slots.len() as u32 - 1);
                        map.insert(key, slots.len() as u32 - 1);
                    }
                    _ => {}
                }
                for key in 0..200 {
                    let found = table.find(hash(key), |slot| slots[slot as usize] == key);
                    prop_assert_eq!(found, map.get(&key).copied());
                }
            }
        }
    }
}
