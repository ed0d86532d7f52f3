//! The key-value store of a host: in memory, with a durable frontier. What was not flushed is gone
//! after a crash, from some change on.

use std::io;
use std::sync::Arc;

use cluster::kv::{KeyValue, MemoryStore, Op, Pairs};
use parking_lot::Mutex;

use crate::random::Random;

#[derive(Debug, Default)]
struct State {
    now: MemoryStore,
    durable: Vec<Op>,
    unflushed: Vec<Vec<Op>>,
}

/// See the module. Clones are the same store.
#[derive(Clone, Debug, Default)]
pub struct Store {
    state: Arc<Mutex<State>>,
}

impl Store {
    /// What a power cut leaves: everything flushed, and the first few changes since.
    pub fn crash(&self, random: &mut Random) {
        let mut state = self.state.lock();
        let kept = random.index(state.unflushed.len() + 1);
        let changes = std::mem::take(&mut state.unflushed);
        state.durable.extend(changes.into_iter().take(kept).flatten());
        let now = MemoryStore::default();
        now.apply_batch(state.durable.clone()).expect("these changes were applied before");
        state.now = now;
    }

    /// Loses everything.
    pub fn wipe(&self) {
        *self.state.lock() = State::default();
    }
}

impl KeyValue for Store {
    fn get(&self, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        self.state.lock().now.get(key)
    }

    fn scan_prefix(&self, prefix: &[u8]) -> io::Result<Pairs> {
        self.state.lock().now.scan_prefix(prefix)
    }

    fn apply_batch(&self, ops: Vec<Op>) -> io::Result<()> {
        let mut state = self.state.lock();
        state.now.apply_batch(ops.clone())?;
        state.unflushed.push(ops);
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        let changes = std::mem::take(&mut state.unflushed);
        state.durable.extend(changes.into_iter().flatten());
        let pairs = state.now.scan_prefix(&[])?;
        state.durable = pairs.into_iter().map(|(key, value)| Op::Put(key, value)).collect();
        Ok(())
    }
}
