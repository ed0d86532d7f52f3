//! Maps that live as long as one query. Their hash is a multiplication a word, without a key:
//! cheap for ids and short texts, and the same in every process.

use std::hash::{BuildHasherDefault, Hasher};

/// An odd constant with well mixed bits (2^64 by the golden ratio).
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
/// Keeps a word that equals the state from making it zero.
const OFFSET: u64 = 0xd1b5_4a32_d192_ed03;

/// The hasher of a [`QueryMap`].
#[derive(Clone, Copy, Debug, Default)]
pub struct QueryHasher(u64);

/// A hash map within one query. The caller bounds the number of keys: the hasher has no key.
#[allow(clippy::disallowed_types)]
pub type QueryMap<K, V> = std::collections::HashMap<K, V, BuildHasherDefault<QueryHasher>>;

impl QueryHasher {
    #[inline]
    fn add(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word ^ OFFSET) * u128::from(FACTOR);
        self.0 = (product as u64) ^ (product >> 64) as u64;
    }
}

impl Hasher for QueryHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.add(u64::from_le_bytes(*word)));
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            // Zeros at the end count.
            last[7] = rest.len() as u8;
            self.add(u64::from_le_bytes(last));
        }
    }

    #[inline]
    fn write_u8(&mut self, value: u8) {
        self.add(u64::from(value));
    }

    #[inline]
    fn write_u32(&mut self, value: u32) {
        self.add(u64::from(value));
    }

    #[inline]
    fn write_u64(&mut self, value: u64) {
        self.add(value);
    }

    #[inline]
    fn write_usize(&mut self, value: usize) {
        self.add(value as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::hash::{BuildHasher, Hash};

    fn hash(value: impl Hash) -> u64 {
        BuildHasherDefault::<QueryHasher>::default().hash_one(value)
    }

    #[test]
    fn near_keys_differ_in_the_bits_that_maps_look_at() {
        let keys = || (0..2048u32).map(|i| hash([i, i / 3].as_slice()));
        let low: BTreeSet<u64> = keys().map(|hash| hash & 0xffff).collect();
        let high: BTreeSet<u64> = keys().map(|hash| hash >> 48).collect();
        assert!(low.len() > 1900 && high.len() > 1900, "{} {}", low.len(), high.len());
        assert_ne!(hash("ab"), hash("ab\0"));
        assert_ne!(hash(""), hash("\0"));
    }
}
