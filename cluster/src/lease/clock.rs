//! Cluster time: the median of the voters' wall clocks, monotone, at most twice real speed.

use tokio::time::Instant;

/// The leader's clock for the whole cluster.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClusterClock {
    last: Option<(i64, Instant)>,
    is_running: bool,
}

impl ClusterClock {
    /// Goes on from what a node knows of the last leader's time: it was so, at that moment. Once
    /// the clock runs nothing is followed any more: nodes know its time from it.
    pub fn follow(&mut self, time_ms: i64, at: Instant) {
        let is_later = self.last.is_none_or(|(last, _)| last < time_ms);
        if is_later && !self.is_running {
            self.last = Some((time_ms, at));
        }
    }

    /// Cluster time now, given the voters' clocks as of now. Without any clock it stands still.
    pub fn advance(&mut self, now: Instant, clocks_ms: &mut [i64]) -> Option<i64> {
        let time = match (self.last, median(clocks_ms)) {
            (None, median) => median?,
            (Some((last, _)), None) => last,
            (Some((last, at)), Some(median)) => {
                let passed = now.saturating_duration_since(at).as_millis();
                let passed = i64::try_from(passed).unwrap_or(i64::MAX);
                median.clamp(last, last.saturating_add(passed.saturating_mul(2)))
            }
        };
        (self.last, self.is_running) = (Some((time, now)), true);
        Some(time)
    }
}

/// The middle value; of two middle ones the lower.
fn median(values: &mut [i64]) -> Option<i64> {
    values.sort_unstable();
    let last = values.len().checked_sub(1)?;
    values.get(if journal::planted!("G6") { last } else { last / 2 }).copied()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn time_is_monotone_and_at_most_twice_real_speed() {
        let start = Instant::now();
        let at = |s: u64| start + Duration::from_secs(s);
        let mut clock = ClusterClock::default();
        assert_eq!(clock.advance(at(0), &mut []), None);
        for (second, clocks, expected) in [
            (0, vec![100_000, 5_000_000, 101_000], 101_000), // one wild clock does not matter
            (1, vec![101_000, 102_000], 101_000),            // the lower of two
            (2, vec![50_000, 50_000, 50_000], 101_000),      // stepped back: stands still
            (3, vec![104_000], 103_000),                     // at most two seconds a second
            (4, vec![104_000], 104_000),
            (9, vec![900_000], 114_000),
            (10, vec![], 114_000),
        ] {
            let mut clocks = clocks;
            assert_eq!(clock.advance(at(second), &mut clocks), Some(expected), "at {second} s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_leader_goes_on_from_the_old_ones_time() {
        let start = Instant::now();
        let mut clock = ClusterClock::default();
        clock.follow(49_000, start);
        clock.follow(50_000, start);
        clock.follow(48_000, start);
        let later = start + Duration::from_secs(5);
        assert_eq!(clock.advance(later, &mut [40_000]), Some(50_000));
        clock.follow(70_000, later);
        assert_eq!(clock.advance(later, &mut [60_000]), Some(50_000), "it runs by itself");
    }
}
