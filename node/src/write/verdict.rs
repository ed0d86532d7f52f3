//! What a write request is answered with: one verdict, made from what each series met.

use std::fmt::Write as _;

/// How many rejected series a message names.
const NAMED_MAX: usize = 10;

/// Samples that can never be accepted, with the first few by name.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Rejections {
    /// Number of samples (or exemplars, histograms, metadata entries) rejected.
    pub count: u64,
    /// The first few, in words.
    pub named: Vec<String>,
}

impl Rejections {
    /// Counts `count` rejected samples of one series; `why` is made only if it will be shown.
    pub fn add(&mut self, count: u64, why: impl FnOnce() -> String) {
        self.count += count;
        if self.named.len() < NAMED_MAX {
            let text = why();
            if !self.named.contains(&text) {
                self.named.push(text);
            }
        }
    }

    /// Takes in another node's or round's rejections.
    pub fn merge(&mut self, other: Rejections) {
        self.count += other.count;
        for text in other.named {
            if self.named.len() < NAMED_MAX && !self.named.contains(&text) {
                self.named.push(text);
            }
        }
    }

    /// Whether nothing was rejected.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// Why a write could not be finished now. Trying again is right for all of them.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
pub enum Unavailable {
    /// This node holds no lease.
    #[error(
        "this node has had no word from a leader for 10 s: no lease, so it acknowledges nothing"
    )]
    NoLease,
    /// The tenant's ring has fewer live nodes than an ack needs copies.
    #[error("hashring {ring:?} has {live} live nodes; an ack needs {needed} durable copies")]
    TooFewNodes {
        /// Name of the ring.
        ring: String,
        /// Nodes believed to be alive.
        live: usize,
        /// Copies that an ack needs.
        needed: usize,
    },
    /// The time of the request is over.
    #[error(
        "no {needed} durable copies within {seconds} s (--receive.request-timeout); last: {last}"
    )]
    Deadline {
        /// Copies that an ack needs.
        needed: usize,
        /// The limit in seconds.
        seconds: u64,
        /// What the last failing node said.
        last: String,
    },
    /// Every node that could take a copy was tried.
    #[error("{needed} durable copies could not be made: {last}")]
    Exhausted {
        /// Copies that an ack needs.
        needed: usize,
        /// What the last failing node said.
        last: String,
    },
    /// A budget has no room.
    #[error("overloaded: {0}")]
    Overloaded(String),
    /// New series are refused because a head is full; the other series of the request are durable.
    #[error("{0} new series were refused: a node's head is full (--head.series-max)")]
    TooManySeries(u64),
    /// The node is starting or stopping.
    #[error("not ready: {0}")]
    NotReady(String),
}

/// Outcome of a whole write request.
#[derive(Debug, PartialEq, Eq, Clone)]
pub enum Verdict {
    /// Everything that was not rejected is durable.
    Done {
        /// Durable copies of the series that has the fewest.
        copies: usize,
        /// Epoch of the ring that was written to.
        epoch: u64,
        /// What can never be accepted.
        rejections: Rejections,
    },
    /// Something that may succeed later did not. It wins over rejections: the sender has to come
    /// back, and what was stored is not stored twice.
    Retry(Unavailable),
}

/// Text of a 400: how many, and the first few by name.
pub fn rejection_text(rejections: &Rejections) -> String {
    let mut text = format!(
        "{} samples can never be accepted; everything else of this request is durable.\n",
        rejections.count
    );
    for named in &rejections.named {
        let _ = writeln!(text, "- {named}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_few_are_named_and_all_are_counted() {
        let mut rejections = Rejections::default();
        for i in 0..25 {
            rejections.add(2, || format!("series {i}"));
        }
        assert_eq!(rejections.count, 50);
        assert_eq!(rejections.named.len(), NAMED_MAX);
        assert!(rejection_text(&rejections).starts_with("50 samples can never"));
    }
}
