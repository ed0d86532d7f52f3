//! What is found out of a series once, so that windows need not look at each sample again.

use std::ops::Range;

use proto::histogram::CounterResetHint;

use super::Kinds;
use crate::queryable::Columns;

/// Facts of a series' samples.
pub(super) struct History {
    /// For each sample, and the end, how many histograms come before it.
    histograms_before: Vec<usize>,
    /// Samples before which a counter was reset or the kind changed, ascending.
    resets: Vec<usize>,
    /// Whether all histograms have one schema and none is a gauge.
    pub uniform_counters: bool,
}

impl History {
    /// `with_resets`: whether somebody will ask for resets, which cost a look at all buckets.
    pub(super) fn of(columns: &Columns, with_resets: bool) -> History {
        let mut count = 0;
        let histograms_before = (0..=columns.len()).map(|at| {
            let before = count;
            count += usize::from(columns.histograms.get(at).is_some());
            before
        });
        let mut histograms = (0..columns.len()).filter_map(|at| columns.histograms.get(at));
        let schema = columns.histograms.first().map(|histogram| histogram.schema);
        History {
            histograms_before: histograms_before.collect(),
            resets: if with_resets { resets(columns) } else { Vec::new() },
            uniform_counters: histograms.all(|histogram| {
                Some(histogram.schema) == schema
                    && histogram.counter_reset_hint != CounterResetHint::Gauge
            }),
        }
    }

    /// What kinds of samples a range holds.
    pub(super) fn kinds(&self, range: &Range<usize>) -> Kinds {
        match self.histograms_before[range.end] - self.histograms_before[range.start] {
            0 => Kinds::Floats,
            all if all == range.len() => Kinds::Histograms,
            _ => Kinds::Both,
        }
    }

    /// The resets between neighbours of a range, as indices of the later ones.
    pub(super) fn resets(&self, range: &Range<usize>) -> &[usize] {
        let from = self.resets.partition_point(|at| *at <= range.start);
        let to = self.resets.partition_point(|at| *at < range.end);
        &self.resets[from..to.max(from)]
    }
}

fn resets(columns: &Columns) -> Vec<usize> {
    let is_reset = |at: &usize| {
        let at = *at;
        if started_anew(columns, at - 1, at) {
            return true;
        }
        match (columns.histograms.get(at - 1), columns.histograms.get(at)) {
            (None, None) => columns.values[at] < columns.values[at - 1],
            (Some(before), Some(now)) => now.is_reset_after(before),
            _ => true,
        }
    };
    (1..columns.len()).filter(is_reset).collect()
}

/// Whether start timestamps tell of a reset between two samples.
fn started_anew(columns: &Columns, before: usize, at: usize) -> bool {
    let (start_before, time_before) = (columns.start_timestamp(before), columns.timestamps[before]);
    let (start, time) = (columns.start_timestamp(at), columns.timestamps[at]);
    if start == 0 || start >= time || start < time_before {
        return false;
    }
    if start > time_before || start_before > time_before {
        return start > time_before;
    }
    // The start is the sample before: a delta, unless that one's own start is not known.
    start_before != 0 && start_before != time_before
}
