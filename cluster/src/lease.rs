//! Whether a node may act on what it knows.
//!
//! The leader sends every node a beat each second, with a lease only while it itself heard a
//! quorum of the voters. A lease lasts ten seconds from the moment the node gave the answer that
//! the leader heard last; without one the node neither acks nor accepts writes of peers, deletes
//! nothing, and calls no answer complete. All of this is plain state: time is handed in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use journal::planted;
use parking_lot::Mutex;
use proto::NodeId;
use tokio::time::Instant;

use crate::wire::{Beat, BeatAnswer, Grant, KnownTime};

pub mod clock;
pub mod pulse;

/// A clock further off than this makes its node say so and not be ready.
pub const CLOCK_SKEW_MS_MAX: i64 = 30_000;
/// Answers whose time is remembered; a leader echoes one of the last two.
const ANSWERS_MAX: usize = 16;

/// A node's lease, cluster time and view of who is alive. Clones share it.
#[derive(Clone, Debug)]
pub struct Lease {
    held: Arc<Mutex<Held>>,
}

/// The lease of a node as plain state.
#[derive(Debug)]
struct Held {
    length: Duration,
    term: u64,
    /// When this node answered which (term, round).
    answers: BTreeMap<(u64, u64), Instant>,
    until: Option<Instant>,
    time: Option<Shown>,
    live: Arc<BTreeSet<NodeId>>,
    is_clock_skewed: bool,
}

/// Cluster time as last handed out.
#[derive(Clone, Copy, Debug)]
struct Shown {
    granted_ms: i64,
    at: Instant,
    /// Never show less than this again.
    floor_ms: i64,
}

impl Lease {
    /// No lease yet; each will last for `length`.
    pub fn new(length: Duration) -> Lease {
        let held = Held {
            length,
            term: 0,
            answers: BTreeMap::new(),
            until: None,
            time: None,
            live: Arc::default(),
            is_clock_skewed: false,
        };
        Lease { held: Arc::new(Mutex::new(held)) }
    }

    /// Whether the node may ack, accept writes of peers and call answers complete.
    pub fn valid(&self) -> bool {
        let now = Instant::now();
        self.held.lock().until.is_some_and(|until| now < until || planted!("G4"))
    }

    /// Until when it lasts, or lasted; `None` before the first. It never goes back.
    pub fn until(&self) -> Option<Instant> {
        self.held.lock().until
    }

    /// Milliseconds since 1970 by the cluster's clock. It goes on with this node's monotonic time
    /// between beats and stands still when the lease ran out; `None` before the first lease.
    pub fn cluster_time_ms(&self) -> Option<i64> {
        self.held.lock().time_at(Instant::now())
    }

    /// The nodes that are alive by the last beat.
    pub fn live(&self) -> Arc<BTreeSet<NodeId>> {
        self.held.lock().live.clone()
    }

    /// Whether this node's wall clock is more than [`CLOCK_SKEW_MS_MAX`] from the cluster's.
    pub fn is_clock_skewed(&self) -> bool {
        self.held.lock().is_clock_skewed
    }

    /// Takes a beat and answers it; a beat of an older term does nothing.
    pub(crate) fn take(&self, beat: &Beat, now: Instant, wall_ms: i64) -> BeatAnswer {
        let mut held = self.held.lock();
        let known = held.known_at(now);
        BeatAnswer { term: held.take(beat, now, wall_ms), wall_ms, known }
    }
}

impl Held {
    fn take(&mut self, beat: &Beat, now: Instant, wall_ms: i64) -> u64 {
        if beat.term < self.term {
            return self.term;
        }
        self.term = beat.term;
        if let Some(grant) = &beat.grant {
            self.take_grant(beat.term, grant, now, wall_ms);
        }
        self.answers.insert((beat.term, beat.round), now);
        while self.answers.len() > ANSWERS_MAX {
            self.answers.pop_first();
        }
        self.term
    }

    fn take_grant(&mut self, term: u64, grant: &Grant, now: Instant, wall_ms: i64) {
        let Some(answered) = self.answers.get(&(term, grant.heard_round)) else { return };
        let until = *answered + self.length;
        if until <= now || self.until.is_some_and(|had| until < had) {
            return;
        }
        let floor_ms = self.time_at(now).unwrap_or(i64::MIN);
        self.until = Some(until);
        let granted_ms = if planted!("M25") { wall_ms } else { grant.cluster_time_ms };
        self.time = Some(Shown { granted_ms, at: now, floor_ms });
        self.is_clock_skewed = wall_ms.abs_diff(grant.cluster_time_ms) > CLOCK_SKEW_MS_MAX as u64;
        if *self.live != grant.live {
            self.live = Arc::new(grant.live.clone());
        }
    }

    fn known_at(&self, now: Instant) -> Option<KnownTime> {
        let stood = self.until.map_or(Duration::ZERO, |until| now.saturating_duration_since(until));
        let stood_ms = u64::try_from(stood.as_millis()).unwrap_or(u64::MAX);
        Some(KnownTime { time_ms: self.time_at(now)?, stood_ms })
    }

    fn time_at(&self, now: Instant) -> Option<i64> {
        let time = self.time?;
        let until = self.until.map_or(now, |until| until.min(now));
        let passed = until.saturating_duration_since(time.at);
        let passed_ms = i64::try_from(passed.as_millis()).unwrap_or(i64::MAX);
        Some(time.granted_ms.saturating_add(passed_ms).max(time.floor_ms))
    }
}

#[cfg(test)]
mod tests;
