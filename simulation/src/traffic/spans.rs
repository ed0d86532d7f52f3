//! The times that decide whether a sample may be taken, and what a client can know of that.

use super::push::Fate;

/// Times that the cluster is configured with, and how far off its time may be. All milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spans {
    /// Length of a window.
    pub window_ms: i64,
    /// `--receive.accept-age`.
    pub accept_age_ms: i64,
    /// `--receive.accept-ahead`.
    pub accept_ahead_ms: i64,
    /// How far cluster time may be behind the time that clients are given: skewed clocks, and time
    /// without a lease, in which it stands still.
    pub cluster_behind_ms_max: i64,
    /// How far cluster time may be ahead of it when a push is judged: skewed clocks, and the time
    /// that a push may take until a node reads it.
    pub cluster_ahead_ms_max: i64,
}

impl Spans {
    /// The timestamps that are surely accepted of what is sent now, both inclusive. Empty (the
    /// first is greater) where the bounds leave none.
    pub fn surely_accepted(&self, now_ms: i64) -> (i64, i64) {
        let from_ms = now_ms + self.cluster_ahead_ms_max - self.accept_age_ms;
        (from_ms, now_ms - self.cluster_behind_ms_max + self.accept_ahead_ms)
    }

    /// Timestamps before the first, and after the second of these are surely refused.
    pub fn surely_refused(&self, now_ms: i64) -> (i64, i64) {
        let from_ms = now_ms - self.cluster_behind_ms_max - self.accept_age_ms;
        (from_ms, now_ms + self.cluster_ahead_ms_max + self.accept_ahead_ms)
    }

    /// What becomes of a sample with this timestamp that is sent now.
    pub fn fate(&self, t: i64, now_ms: i64) -> Fate {
        let (first, last) = self.surely_accepted(now_ms);
        let (before, after) = self.surely_refused(now_ms);
        if (first..=last).contains(&t) {
            Fate::Kept
        } else if t < before || t > after {
            Fate::Never
        } else {
            Fate::Open
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cluster_time_may_judge_either_way_is_open() {
        let spans = Spans {
            window_ms: 1,
            accept_age_ms: 100,
            accept_ahead_ms: 50,
            cluster_behind_ms_max: 20,
            cluster_ahead_ms_max: 10,
        };
        let table = [
            (879, Fate::Never),
            (880, Fate::Open),
            (909, Fate::Open),
            (910, Fate::Kept),
            (1_000, Fate::Kept),
            (1_030, Fate::Kept),
            (1_031, Fate::Open),
            (1_060, Fate::Open),
            (1_061, Fate::Never),
        ];
        for (t, fate) in table {
            assert_eq!(spans.fate(t, 1_000), fate, "{t}");
        }
    }
}
