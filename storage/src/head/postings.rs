//! A sorted set of slots: up to three inline, more in blocks of delta varints.
//!
//! Slots are handed out in order of arrival, so that most additions are at the end and most deltas
//! are small; a reused slot rewrites one block.

use proto::varint::{put_uvarint, take_uvarint};

const INLINE_MAX: usize = 3;
const BLOCK_SLOTS_MAX: usize = 256;

/// See the module.
#[derive(Debug)]
pub enum Postings {
    /// The first `len` entries, sorted.
    Inline {
        /// The slots.
        slots: [u32; INLINE_MAX],
        /// How many.
        len: u8,
    },
    /// Blocks in order.
    Blocks(Vec<Block>),
}

/// Up to [`BLOCK_SLOTS_MAX`] slots: the first, then deltas.
#[derive(Debug)]
pub struct Block {
    first: u32,
    last: u32,
    count: u32,
    deltas: Vec<u8>,
}

impl Default for Postings {
    fn default() -> Postings {
        Postings::Inline { slots: [0; INLINE_MAX], len: 0 }
    }
}

impl Block {
    fn of(slots: &[u32]) -> Block {
        let mut block = Block { first: slots[0], last: slots[0], count: 1, deltas: Vec::new() };
        slots[1..].iter().for_each(|slot| block.push(*slot));
        block
    }

    fn push(&mut self, slot: u32) {
        put_uvarint(&mut self.deltas, u64::from(slot - self.last));
        self.last = slot;
        self.count += 1;
    }

    fn decode(&self, out: &mut Vec<u32>) {
        out.push(self.first);
        let (mut rest, mut slot) = (self.deltas.as_slice(), self.first);
        while let Some(delta) = take_uvarint(&mut rest) {
            slot += delta as u32;
            out.push(slot);
        }
    }
}

impl Postings {
    /// Number of slots.
    pub fn len(&self) -> usize {
        match self {
            Postings::Inline { len, .. } => usize::from(*len),
            Postings::Blocks(blocks) => blocks.iter().map(|block| block.count as usize).sum(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a slot that is not in.
    pub fn insert(&mut self, slot: u32) {
        match self {
            Postings::Inline { slots, len } if usize::from(*len) < INLINE_MAX => {
                let at = slots[..usize::from(*len)].partition_point(|s| *s < slot);
                slots.copy_within(at..usize::from(*len), at + 1);
                slots[at] = slot;
                *len += 1;
            }
            Postings::Inline { slots, .. } => {
                let mut all = slots.to_vec();
                all.insert(all.partition_point(|s| *s < slot), slot);
                *self = Postings::Blocks(vec![Block::of(&all)]);
            }
            Postings::Blocks(blocks) => insert_into(blocks, slot),
        }
    }

    /// Removes a slot if it is in.
    pub fn remove(&mut self, slot: u32) {
        match self {
            Postings::Inline { slots, len } => {
                let used = usize::from(*len);
                if let Some(at) = slots[..used].iter().position(|s| *s == slot) {
                    slots.copy_within(at + 1..used, at);
                    *len -= 1;
                }
            }
            Postings::Blocks(blocks) => remove_from(blocks, slot),
        }
    }

    /// Appends all slots, ascending.
    pub fn decode(&self, out: &mut Vec<u32>) {
        match self {
            Postings::Inline { slots, len } => out.extend(&slots[..usize::from(*len)]),
            Postings::Blocks(blocks) => blocks.iter().for_each(|block| block.decode(out)),
        }
    }

    /// Keeps those of `candidates` (ascending) for which being in this set equals `keep`. Blocks
    /// without a candidate are not decoded.
    pub fn filter(&self, candidates: &mut Vec<u32>, keep: bool) {
        let Postings::Blocks(blocks) = self else {
            let mut all = Vec::with_capacity(INLINE_MAX);
            self.decode(&mut all);
            return candidates.retain(|slot| all.contains(slot) == keep);
        };
        let (mut next, mut decoded, mut current) = (0, Vec::new(), None);
        candidates.retain(|slot| {
            while next < blocks.len() && blocks[next].last < *slot {
                next += 1;
            }
            let inside = next < blocks.len() && blocks[next].first <= *slot;
            if inside && current != Some(next) {
                current = Some(next);
                decoded.clear();
                blocks[next].decode(&mut decoded);
            }
            (inside && decoded.binary_search(slot).is_ok()) == keep
        });
    }
}

fn insert_into(blocks: &mut Vec<Block>, slot: u32) {
    let at = blocks.partition_point(|block| block.last < slot);
    if at == blocks.len() {
        match blocks.last_mut() {
            Some(last) if (last.count as usize) < BLOCK_SLOTS_MAX => last.push(slot),
            _ => blocks.push(Block::of(&[slot])),
        }
        return;
    }
    let mut slots = Vec::with_capacity(BLOCK_SLOTS_MAX + 1);
    blocks[at].decode(&mut slots);
    slots.insert(slots.partition_point(|s| *s < slot), slot);
    if slots.len() > BLOCK_SLOTS_MAX {
        let (left, right) = slots.split_at(slots.len() / 2);
        blocks.splice(at..=at, [Block::of(left), Block::of(right)]);
    } else {
        blocks[at] = Block::of(&slots);
    }
}

fn remove_from(blocks: &mut Vec<Block>, slot: u32) {
    let at = blocks.partition_point(|block| block.last < slot);
    if at == blocks.len() {
        return;
    }
    let mut slots = Vec::with_capacity(BLOCK_SLOTS_MAX);
    blocks[at].decode(&mut slots);
    slots.retain(|s| *s != slot);
    if slots.is_empty() {
        blocks.remove(at);
    } else {
        blocks[at] = Block::of(&slots);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn postings_agree_with_a_set(
            steps in prop::collection::vec((0u32..3000, 0u8..4), 1..2000),
            candidates in prop::collection::btree_set(0u32..3000, 0..200), keep: bool
        ) {
            let (mut postings, mut set) = (Postings::default(), BTreeSet::new());
            for (slot, kind) in steps {
                if kind == 0 {
                    postings.remove(slot);
                    set.remove(&slot);
                } else if set.insert(slot) {
                    postings.insert(slot);
                }
            }
            let mut all = vec![];
            postings.decode(&mut all);
            prop_assert_eq!(&all, &set.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(postings.len(), set.len());
            let mut left: Vec<u32> = candidates.iter().copied().collect();
            postings.filter(&mut left, keep);
            let expected: Vec<u32> =
                candidates.into_iter().filter(|slot| set.contains(slot) == keep).collect();
            prop_assert_eq!(left, expected);
        }
    }
}
