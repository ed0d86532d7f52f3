//! What differs from life to life, drawn from the seed before anything else happens.

use crate::random::Random;

/// Settings of one life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Knobs {
    /// Head partitions.
    pub partitions: usize,
    /// Length of a window, milliseconds.
    pub window_ms: i64,
    /// Size of a journal segment.
    pub segment_bytes: u64,
    /// Bytes that the journal writes with one sync.
    pub group_bytes_max: u64,
    /// Most series in memory.
    pub series_max: u64,
    /// Tenants that write.
    pub tenants: usize,
    /// Series of a tenant.
    pub series_per_tenant: usize,
    /// Cluster time at the start, milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// Most milliseconds between two operations.
    pub step_ms_max: i64,
    /// How often, of a hundred operations, a crash is planned.
    pub crash_percent: u64,
    /// How often, of a hundred recoveries, a crash is planned in them too.
    pub recovery_crash_percent: u64,
    /// Whether the journal syncs; without it, it reports frames as durable all the same, which
    /// the oracle must notice.
    pub syncs: bool,
}

impl Knobs {
    /// Draws the settings of a life.
    pub fn draw(random: &mut Random, syncs: bool) -> Knobs {
        let window_ms = random.pick([2_000, 10_000, 60_000]);
        Knobs {
            partitions: random.pick([1, 2, 4]),
            window_ms,
            segment_bytes: random.pick([128 << 10, 256 << 10, 512 << 10]),
            group_bytes_max: random.pick([2 << 10, 16 << 10, 1 << 20]),
            series_max: random.pick([6, 10_000, 10_000, 10_000]),
            tenants: random.pick([2, 3, 5]),
            series_per_tenant: random.pick([3, 8, 20]),
            start_ms: random.pick([0, 5_000, 1_700_000_000_000]),
            step_ms_max: window_ms / random.pick([5, 20, 60]),
            crash_percent: random.pick([3, 6, 12]),
            recovery_crash_percent: random.pick([0, 30, 60]),
            syncs,
        }
    }
}
