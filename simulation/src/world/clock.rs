//! The wall clock of a host: simulated time with an offset that faults change.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use cluster::WallClock;

/// Wall clock at the start of every life: 2026-01-05T00:00:00Z, in milliseconds since 1970.
pub const EPOCH_MS: i64 = 1_767_571_200_000;

/// The wall clock of one host. Clones are the same clock.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    offset_ms: Arc<AtomicI64>,
}

impl Clock {
    /// Sets how far the clock is off, now and from now on.
    pub fn set_offset_ms(&self, offset_ms: i64) {
        self.offset_ms.store(offset_ms, Ordering::Relaxed);
    }

    /// How far the clock is off.
    pub fn offset_ms(&self) -> i64 {
        self.offset_ms.load(Ordering::Relaxed)
    }
}

impl WallClock for Clock {
    fn now_ms(&self) -> i64 {
        true_ms() + self.offset_ms()
    }
}

/// The true time, in milliseconds since 1970. Only within a host.
pub fn true_ms() -> i64 {
    let elapsed = turmoil::sim_elapsed().unwrap_or_default();
    EPOCH_MS + i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}
