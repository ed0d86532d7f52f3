//! The trace of a life: a hash over everything that happened, and the last events in words.

use std::collections::VecDeque;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

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

    /// Takes a delivery into the hash. The lines of the head of an HTTP/1 response have no order:
    /// the server keeps them in a map whose order comes from addresses of this process.
    fn delivered(&mut self, bytes: &[u8]) {
        let head = head_length(bytes);
        let lines = bytes[..head].split(|byte| *byte == b'\n');
        self.number(lines.map(xxh3_64).fold(0, u64::wrapping_add));
        self.bytes(&bytes[head..]);
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

/// How many bytes of a delivery are the head of an HTTP/1 response.
fn head_length(bytes: &[u8]) -> usize {
    if !bytes.starts_with(b"HTTP/1.") {
        return 0;
    }
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    end.map_or(bytes.len(), |end| end + 2)
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
        trace.delivered(bytes);
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
    fn headers_have_no_order_but_bodies_have() {
        let hash = |bytes: &[u8]| {
            let mut trace = Trace::default();
            trace.delivered(bytes);
            trace.hash()
        };
        let ok = hash(b"HTTP/1.1 200 OK\r\na: 1\r\nb: 2\r\n\r\nx\ny");
        assert_eq!(ok, hash(b"HTTP/1.1 200 OK\r\nb: 2\r\na: 1\r\n\r\nx\ny"));
        assert_ne!(ok, hash(b"HTTP/1.1 200 OK\r\na: 1\r\nb: 3\r\n\r\nx\ny"));
        assert_ne!(ok, hash(b"HTTP/1.1 200 OK\r\na: 1\r\nb: 2\r\n\r\ny\nx"));
        assert_ne!(hash(b"a: 1\nb: 2\n"), hash(b"b: 2\na: 1\n"));
    }

    #[test]
    fn only_the_last_events_are_kept() {
        let mut trace = Trace::default();
        (0..EVENTS_MAX + 3).for_each(|number| trace.event(number.to_string()));
        assert_eq!(trace.last_events().next(), Some("3"));
        assert_eq!(trace.last_events().count(), EVENTS_MAX);
    }
}
