//! Where the windows of a range selector or subquery lie, step by step.

use std::ops::Range;

/// Windows of one width, open on the left, whose ends advance evenly (or stand still under `@`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Windows {
    /// End of the first window, milliseconds, inclusive.
    pub first_end: i64,
    /// Distance of two ends.
    pub step: i64,
    /// Number of windows: one a step.
    pub count: usize,
    /// Width, milliseconds.
    pub width: i64,
    /// How far the samples of a window may lie outside of it.
    pub reach: Option<Reach>,
}

/// What an `anchored` or `smoothed` range sees beside the samples within its window: the last one
/// at or before its start and, if smoothed, the first one at or after its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    /// Farthest distance of such a sample from the window, milliseconds.
    pub lookback: i64,
    /// Whether it reaches beyond the end, too.
    pub smoothed: bool,
}

impl Windows {
    /// First timestamp that matters to any window.
    pub(crate) fn first_seen(&self) -> i64 {
        let before = self.reach.map_or(0, |reach| reach.lookback);
        self.start(0).saturating_sub(before).saturating_add(1)
    }

    /// Last timestamp that matters to any window.
    pub(crate) fn last_seen(&self) -> i64 {
        let after = self.reach.filter(|reach| reach.smoothed).map_or(0, |reach| reach.lookback);
        self.last_end().saturating_add(after)
    }

    #[inline]
    pub(crate) fn end(&self, index: usize) -> i64 {
        self.first_end.saturating_add(self.step.saturating_mul(index as i64))
    }

    /// Start of the window, exclusive.
    #[inline]
    pub(crate) fn start(&self, index: usize) -> i64 {
        self.end(index).saturating_sub(self.width)
    }

    pub(crate) fn last_end(&self) -> i64 {
        self.end(self.count.saturating_sub(1))
    }

    /// Calls `visit` with each window that has samples, and the indices of these, those in its
    /// reach included.
    #[inline]
    pub(crate) fn sweep(&self, timestamps: &[i64], mut visit: impl FnMut(usize, Range<usize>)) {
        if let Some(reach) = self.reach {
            for index in 0..self.count {
                if let Some(range) = self.reached(reach, index, timestamps) {
                    visit(index, range);
                }
            }
            return;
        }
        let (mut low, mut high) = (0, 0);
        let mut end = self.first_end;
        for index in 0..self.count {
            let start = end.saturating_sub(self.width);
            while high < timestamps.len() && timestamps[high] <= end {
                high += 1;
            }
            while low < high && timestamps[low] <= start {
                low += 1;
            }
            if low < high {
                visit(index, low..high);
            }
            end = end.saturating_add(self.step);
        }
    }

    /// All samples that window `index` may reach to, whether it sees them or not.
    pub(crate) fn visible(&self, reach: Reach, index: usize, timestamps: &[i64]) -> Range<usize> {
        let through = |time: i64| timestamps.partition_point(|t| *t <= time);
        let after = if reach.smoothed { reach.lookback } else { 0 };
        through(self.start(index).saturating_sub(reach.lookback))
            ..through(self.end(index).saturating_add(after))
    }

    /// What window `index` sees; nothing if no sample lies behind its start, or all behind its end.
    fn reached(&self, reach: Reach, index: usize, timestamps: &[i64]) -> Option<Range<usize>> {
        let (start, end) = (self.start(index), self.end(index));
        let visible = self.visible(reach, index, timestamps);
        let inside = timestamps.partition_point(|t| *t <= start);
        let first = inside.saturating_sub(1).max(visible.start);
        let last = match reach.smoothed {
            false => visible.end,
            true => (timestamps.partition_point(|t| *t < end) + 1).min(visible.end),
        };
        let known = last > inside && timestamps[first] <= end;
        known.then_some(first..last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_open_on_the_left_and_closed_on_the_right() {
        let windows = Windows { first_end: 10, step: 10, count: 3, width: 10, reach: None };
        let mut seen = Vec::new();
        windows.sweep(&[0, 5, 10, 20, 21], |i, range| seen.push((i, range)));
        assert_eq!(seen, [(0, 1..3), (1, 3..4), (2, 4..5)]);
    }

    #[test]
    fn windows_that_stand_still_all_see_the_same() {
        let windows = Windows { first_end: 10, step: 0, count: 2, width: 10, reach: None };
        let mut seen = Vec::new();
        windows.sweep(&[1, 2, 30], |i, range| seen.push((i, range)));
        assert_eq!(seen, [(0, 0..2), (1, 0..2)]);
    }

    #[test]
    fn windows_that_reach_see_the_samples_next_to_them() {
        let see = |smoothed: bool, timestamps: &[i64]| {
            let reach = Some(Reach { lookback: 5, smoothed });
            let windows = Windows { first_end: 20, step: 0, count: 1, width: 10, reach };
            let mut seen = None;
            windows.sweep(timestamps, |_, range| seen = Some(range));
            seen
        };
        for (timestamps, anchored, smoothed) in [
            (&[4, 6, 8, 15, 22, 24][..], Some(2..4), Some(2..5)),
            (&[5, 15, 26], Some(1..2), Some(1..2)),
            (&[10, 20, 21], Some(0..2), Some(0..2)),
            (&[8, 25], None, Some(0..2)),
            (&[8, 10], None, None),
            (&[22, 24], None, None),
        ] {
            assert_eq!(see(false, timestamps), anchored, "{timestamps:?} anchored");
            assert_eq!(see(true, timestamps), smoothed, "{timestamps:?} smoothed");
        }
    }
}
