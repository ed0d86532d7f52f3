//! The small key-value store for metadata that can be rebuilt: one trait, one implementation over
//! sled, one in memory.
//!
//! Values are checked when they are read; a store that lost keys is recognised at open and moved
//! aside (sled opens damaged files without an error and lacks keys). Nothing that could not be
//! rebuilt belongs here.

use std::fmt::Debug;
use std::io;

#[cfg(test)]
mod conformance;
pub mod memory;
pub mod sled_store;

pub use memory::MemoryStore;
pub use sled_store::SledStore;

/// Longest key in bytes.
pub const KEY_BYTES_MAX: usize = 1024;
/// Longest value in bytes.
pub const VALUE_BYTES_MAX: usize = 64 << 20;

/// Keys and values.
pub type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// One change of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Sets a key.
    Put(Vec<u8>, Vec<u8>),
    /// Removes a key.
    Delete(Vec<u8>),
}

/// A small ordered store of bytes. Every call may block for a moment; durable after [`flush`].
///
/// [`flush`]: KeyValue::flush
pub trait KeyValue: Send + Sync + Debug {
    /// Value of a key.
    fn get(&self, key: &[u8]) -> io::Result<Option<Vec<u8>>>;
    /// Pairs whose key starts with `prefix`, in key order.
    fn scan_prefix(&self, prefix: &[u8]) -> io::Result<Pairs>;
    /// Applies all changes or none; later ones win.
    fn apply_batch(&self, ops: Vec<Op>) -> io::Result<()>;
    /// Makes what was applied durable.
    fn flush(&self) -> io::Result<()>;

    /// Sets a key.
    fn put(&self, key: &[u8], value: &[u8]) -> io::Result<()> {
        self.apply_batch(vec![Op::Put(key.to_vec(), value.to_vec())])
    }

    /// Removes a key; removing a missing one is fine.
    fn delete(&self, key: &[u8]) -> io::Result<()> {
        self.apply_batch(vec![Op::Delete(key.to_vec())])
    }
}

/// Refuses keys and values over the limits.
fn check(ops: &[Op]) -> io::Result<()> {
    let fits = |op: &Op| match op {
        Op::Put(key, value) => key.len() <= KEY_BYTES_MAX && value.len() <= VALUE_BYTES_MAX,
        Op::Delete(key) => key.len() <= KEY_BYTES_MAX,
    };
    if ops.iter().all(fits) {
        return Ok(());
    }
    let text = format!(
        "a key over {KEY_BYTES_MAX} bytes (KEY_BYTES_MAX) or a value over {VALUE_BYTES_MAX} bytes \
         (VALUE_BYTES_MAX)"
    );
    Err(io::Error::new(io::ErrorKind::InvalidInput, text))
}
