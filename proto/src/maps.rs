//! Hash maps whose hasher has a fixed seed, so that iteration order is the same in every process.

use std::hash::BuildHasherDefault;

use xxhash_rust::xxh3::Xxh3Default;

/// Hasher of [`FixedMap`]: xxh3-64 without a random key.
pub type FixedHasher = BuildHasherDefault<Xxh3Default>;

/// A hash map whose iteration order does not depend on the process. Keys that come from outside
/// must be bounded in number by the caller: the hasher is not keyed.
#[allow(clippy::disallowed_types)]
pub type FixedMap<K, V> = std::collections::HashMap<K, V, FixedHasher>;

/// A hash set whose iteration order does not depend on the process; see [`FixedMap`].
#[allow(clippy::disallowed_types)]
pub type FixedSet<K> = std::collections::HashSet<K, FixedHasher>;
