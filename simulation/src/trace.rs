//! The trace of a life: a hash over everything that happened, and the last events in words.

use std::collections::VecDeque;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use xxhash_rust::xxh3::Xxh3;

/// Events that are kept for the report of a failure.
pub const EVENTS_MAX: usize = 40;

/// See the module.
#[derive(Default)]
pub struct Trace {
    hash: Xxh3,
    events: VecDeque<String>,
}

impl Trace {
    /// Takes an event into the hash and keeps its words for a while.
    pub fn event(&mut self, event: String) {
        self.number(event.len() as u64);
        self.hash.update(event.as_bytes());
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// Takes a number into the hash.
    pub fn number(&mut self, number: u64) {
        self.hash.update(&number.to_le_bytes());
    }

    /// Takes bytes into the hash.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.hash.update(bytes);
    }

    /// The hash of everything so far (xxh3, 64 bits).
    pub fn hash(&self) -> u64 {
        self.hash.digest()
    }

    /// The last events, oldest first.
    pub fn last_events(&self) -> impl Iterator<Item = &str> {
        self.events.iter().map(String::as_str)
    }
}

/// The one trace of a life, for everything that runs in it. Clones share it.
#[derive(Clone, Default)]
pub struct SharedTrace {
    trace: Arc<Mutex<Trace>>,
}

impl fmt::Debug for SharedTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedTrace({:016x})", self.hash())
    }
}

impl SharedTrace {
    /// Takes an event into the hash and keeps its words for a while.
    pub fn event(&self, event: String) {
        tracing::debug!(target: "simulation::trace", "{event}");
        self.trace.lock().event(event);
    }

    /// Takes the delivery of bytes over a connection into the hash.
    pub fn delivered(&self, link: u64, bytes: &[u8]) {
        tracing::trace!(target: "simulation::trace", link, bytes = bytes.len(), "delivered");
        let mut trace = self.trace.lock();
        trace.number(link);
        trace.bytes(bytes);
    }

    /// Takes a change of a disk into the hash.
    pub fn file_operation(&self, disk: u64, kind: u64, path: &Path, number: u64) {
        tracing::trace!(target: "simulation::trace", kind, path = %path.display(), number, "file");
        let mut trace = self.trace.lock();
        trace.number(disk);
        trace.number(kind);
        trace.bytes(path.as_os_str().as_encoded_bytes());
        trace.number(number);
    }

    /// Takes a number into the hash.
    pub fn number(&self, number: u64) {
        self.trace.lock().number(number);
    }

    /// The hash of everything so far.
    pub fn hash(&self) -> u64 {
        self.trace.lock().hash()
    }

    /// The last events, oldest first.
    pub fn last_events(&self) -> Vec<String> {
        self.trace.lock().last_events().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_borders_of_events_count() {
        let hash = |events: &[&str]| {
            let mut trace = Trace::default();
            events.iter().for_each(|event| trace.event((*event).to_owned()));
            trace.hash()
        };
        assert_eq!(hash(&["a", "b"]), hash(&["a", "b"]));
        assert_ne!(hash(&["a", "b"]), hash(&["b", "a"]));
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
    }

    #[test]
    fn only_the_last_events_are_kept() {
        let mut trace = Trace::default();
        (0..EVENTS_MAX + 3).for_each(|number| trace.event(number.to_string()));
        assert_eq!(trace.last_events().next(), Some("3"));
        assert_eq!(trace.last_events().count(), EVENTS_MAX);
    }
}
