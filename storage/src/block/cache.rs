//! Open blocks that are kept until there are too many: the least recently used go first.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use ulid::Ulid;

/// Most blocks that are kept open, whatever their size: each holds open files.
const OPEN_BLOCKS_MAX: usize = 256;

struct Kept<T> {
    block: Arc<T>,
    bytes: usize,
    used: u64,
}

struct State<T> {
    kept: BTreeMap<Ulid, Kept<T>>,
    bytes: usize,
    clock: u64,
}

/// A cache of open blocks, bounded by the bytes they keep in memory.
pub(crate) struct BlockCache<T> {
    state: Mutex<State<T>>,
    bytes_max: usize,
}

impl<T> BlockCache<T> {
    pub(crate) fn new(bytes_max: usize) -> BlockCache<T> {
        let state = State { kept: BTreeMap::new(), bytes: 0, clock: 0 };
        BlockCache { state: Mutex::new(state), bytes_max }
    }

    pub(crate) fn get(&self, ulid: Ulid) -> Option<Arc<T>> {
        let mut state = self.state.lock();
        state.clock += 1;
        let now = state.clock;
        let kept = state.kept.get_mut(&ulid)?;
        kept.used = now;
        Some(kept.block.clone())
    }

    /// Keeps a block that takes `bytes`, and lets others go until all fit. A block that is larger
    /// than the whole cache is not kept.
    pub(crate) fn put(&self, ulid: Ulid, block: Arc<T>, bytes: usize) {
        if bytes > self.bytes_max {
            return;
        }
        let mut state = self.state.lock();
        state.remove(ulid);
        state.clock += 1;
        let used = state.clock;
        state.bytes += bytes;
        state.kept.insert(ulid, Kept { block, bytes, used });
        while state.bytes > self.bytes_max || state.kept.len() > OPEN_BLOCKS_MAX {
            let oldest = state.kept.iter().min_by_key(|(_, kept)| kept.used).map(|(u, _)| *u);
            let Some(oldest) = oldest else { return };
            state.remove(oldest);
        }
    }

    pub(crate) fn remove(&self, ulid: Ulid) {
        self.state.lock().remove(ulid);
    }
}

impl<T> State<T> {
    fn remove(&mut self, ulid: Ulid) {
        if let Some(gone) = self.kept.remove(&ulid) {
            self.bytes -= gone.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_go_first() {
        let cache = BlockCache::new(100);
        let id = |n: u128| Ulid::from_parts(0, n);
        cache.put(id(1), Arc::new(1), 40);
        cache.put(id(2), Arc::new(2), 40);
        assert!(cache.get(id(1)).is_some());
        cache.put(id(3), Arc::new(3), 40);
        let there: Vec<bool> = (1..=3).map(|n| cache.get(id(n)).is_some()).collect();
        assert_eq!(there, [true, false, true]);
        cache.put(id(4), Arc::new(4), 101);
        assert!(cache.get(id(4)).is_none());
        cache.put(id(1), Arc::new(9), 10);
        assert_eq!(cache.state.lock().bytes, 50);
    }
}
