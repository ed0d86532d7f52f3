//! The store in memory, for the simulator and for tests.

use std::collections::BTreeMap;
use std::io;

use parking_lot::Mutex;

use super::{KeyValue, Op, Pairs, check};

/// A [`KeyValue`] that forgets everything when it is dropped.
#[derive(Debug, Default)]
pub struct MemoryStore {
    pairs: Mutex<BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl KeyValue for MemoryStore {
    fn get(&self, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        Ok(self.pairs.lock().get(key).cloned())
    }

    fn scan_prefix(&self, prefix: &[u8]) -> io::Result<Pairs> {
        let pairs = self.pairs.lock();
        let from = pairs.range(prefix.to_vec()..);
        let inside = from.take_while(|(key, _)| key.starts_with(prefix));
        Ok(inside.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn apply_batch(&self, ops: Vec<Op>) -> io::Result<()> {
        check(&ops)?;
        let mut pairs = self.pairs.lock();
        for op in ops {
            match op {
                Op::Put(key, value) => pairs.insert(key, value),
                Op::Delete(key) => pairs.remove(&key),
            };
        }
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::conformance;

    #[test]
    fn conforms() {
        conformance::check_all(&MemoryStore::default());
    }
}
