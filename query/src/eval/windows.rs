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
}

impl Windows {
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

    /// Calls `visit` with each window that has samples, and the indices of these.
    #[inline]
    pub(crate) fn sweep(&self, timestamps: &[i64], mut visit: impl FnMut(usize, Range<usize>)) {
        let (mut low, mut high) = (0, 0);
        for index in 0..self.count {
            let (start, end) = (self.start(index), self.end(index));
            while high < timestamps.len() && timestamps[high] <= end {
                high += 1;
            }
            while low < high && timestamps[low] <= start {
                low += 1;
            }
            if low < high {
                visit(index, low..high);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_open_on_the_left_and_closed_on_the_right() {
        let windows = Windows { first_end: 10, step: 10, count: 3, width: 10 };
        let mut seen = Vec::new();
        windows.sweep(&[0, 5, 10, 20, 21], |i, range| seen.push((i, range)));
        assert_eq!(seen, [(0, 1..3), (1, 3..4), (2, 4..5)]);
    }

    #[test]
    fn windows_that_stand_still_all_see_the_same() {
        let windows = Windows { first_end: 10, step: 0, count: 2, width: 10 };
        let mut seen = Vec::new();
        windows.sweep(&[1, 2, 30], |i, range| seen.push((i, range)));
        assert_eq!(seen, [(0, 0..2), (1, 0..2)]);
    }
}
