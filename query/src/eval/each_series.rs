//! The series of a selector one by one, read and computed on several threads.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use super::kernels::Scratch;
use super::mixed::Output;
use super::ranges::remove_stale;
use super::windows::Windows;
use super::{ABSENT, Row, Run, Values, is_present};
use crate::annotations::NoteSet;
use crate::dictionary::PairId;
use crate::error::QueryError;
use crate::histogram_column::HistogramColumn;
use crate::in_order::{Workers, in_order};
use crate::plan::too_many_samples;
use crate::queryable::{Columns, SeriesBatch};
use crate::result::SampleCounts;
use crate::syntax::Selector;

/// Most series of an item of work.
const ITEM_SERIES: usize = 64;
/// Most values of an item of work, unless one series has more.
const ITEM_VALUES: usize = 64 << 10;
/// Steps from which on a row has values of its own, to be given away. Shorter rows share theirs: to
/// allocate each by itself would cost more than to copy those that are kept.
const GIVEN_STEPS_MIN: usize = 512;

/// Series of an item of work that has so many values for each.
pub(super) fn item_length(steps: usize) -> usize {
    (ITEM_VALUES / steps.max(1)).clamp(1, ITEM_SERIES)
}

/// Computes the values of a series from its samples, absent ones to begin with; whether there is
/// any.
pub(super) type Compute<'c> = dyn Fn(&Columns, &mut Scratch, Output<'_>) -> bool + Sync + 'c;

/// Takes the rows in order of the series, with what is to be told of them. A row without values
/// comes only if there is something to tell.
pub(super) type Take<'t> = dyn FnMut(&mut Run<'_>, Row<'_>, NoteSet) -> Result<(), QueryError> + 't;

/// What a window shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// Its latest sample, which may be a stale marker.
    Latest,
    /// All samples that are no stale markers.
    All,
}

/// What does not change from series to series.
struct Reader<'q> {
    windows: &'q Windows,
    seen: Seen,
    count_samples: bool,
    statistics_only: bool,
    samples_max: usize,
    samples_left: usize,
    cancel: &'q AtomicBool,
}

/// Results of some series.
#[derive(Default)]
struct Item<'q> {
    rows: Vec<Made<'q>>,
    /// Values of the rows that have none of their own, one behind the other.
    shared: Vec<f64>,
    counts: SampleCounts,
    /// Why the next series has no row.
    failure: Option<QueryError>,
}

struct Made<'q> {
    labels: &'q [PairId],
    own: Option<Box<[f64]>>,
    histograms: HistogramColumn,
    notes: NoteSet,
}

impl<'q> Run<'q> {
    /// Reads each series of a selector and has one value a window computed of it.
    pub(super) fn each_series(
        &mut self,
        selector: &Selector,
        (windows, seen): (&Windows, Seen),
        compute: &Compute<'_>,
        take: &mut Take<'_>,
    ) -> Result<(), QueryError> {
        let (samples_max, steps) = (self.plan.options.samples_max, windows.count);
        let reader = Reader {
            windows,
            seen,
            count_samples: self.plan.options.count_samples,
            statistics_only: self.plan.needs_statistics_only(selector),
            samples_max,
            samples_left: samples_max.saturating_sub(self.live),
            cancel: self.cancel,
        };
        let set = self.selected(selector);
        let length = item_length(steps);
        let items: Vec<(&dyn SeriesBatch, Range<usize>)> = set
            .batches
            .iter()
            .flat_map(|batch| {
                let starts = (0..batch.len()).step_by(length);
                starts.map(|at| (&**batch, at..(at + length).min(batch.len())))
            })
            .collect();
        let workers = self.workers_for(steps);
        let work = |item: usize| reader.item(items[item].0, items[item].1.clone(), compute);
        in_order(workers, items.len(), &work, &mut |item| self.take_item(item, steps, take))
    }

    /// The threads that may make rows of so many steps: those so long that few can be held are
    /// made one at a time.
    pub(super) fn workers_for(&self, steps: usize) -> Workers {
        if steps > ITEM_VALUES { Workers::one() } else { self.plan.options.workers }
    }

    fn take_item(
        &mut self,
        mut item: Item<'_>,
        steps: usize,
        take: &mut Take<'_>,
    ) -> Result<(), QueryError> {
        self.check_cancel()?;
        self.count_read(item.counts);
        let mut shared = item.shared.chunks_exact_mut(steps.max(1));
        for Made { labels, own, histograms, notes } in item.rows {
            let values = match own {
                Some(values) => Values::Given(values),
                None => Values::Lent(shared.next().expect("every row has values")),
            };
            take(self, Row { labels, drop_name: false, values, histograms }, notes)?;
        }
        item.failure.map_or(Ok(()), Err)
    }
}

impl<'q> Item<'q> {
    fn push(
        &mut self,
        labels: &'q [PairId],
        values: &[f64],
        (histograms, notes): (HistogramColumn, NoteSet),
    ) {
        let own = (values.len() >= GIVEN_STEPS_MIN).then(|| Box::from(values));
        if own.is_none() {
            self.shared.extend_from_slice(values);
        }
        self.rows.push(Made { labels, own, histograms, notes });
    }
}

impl Reader<'_> {
    fn item<'b>(
        &self,
        batch: &'b dyn SeriesBatch,
        series: Range<usize>,
        compute: &Compute<'_>,
    ) -> Item<'b> {
        let shares = self.windows.count < GIVEN_STEPS_MIN;
        let room = if shares { series.len() * self.windows.count } else { 0 };
        let mut item = Item { shared: Vec::with_capacity(room), ..Item::default() };
        let (mut columns, mut scratch) = (Columns::default(), Scratch::default());
        let mut values = vec![ABSENT; self.windows.count];
        for index in series {
            if let Err(error) = self.read(batch, index, &mut columns) {
                item.failure = Some(error);
                return item;
            }
            let SampleCounts { total, read, peak } = self.seen.counts(&columns, self.counted());
            item.counts.total += total;
            item.counts.read += read;
            item.counts.peak = item.counts.peak.max(peak);
            if columns.is_empty() {
                continue;
            }
            values.fill(ABSENT);
            let (mut histograms, mut notes) = (HistogramColumn::default(), NoteSet::default());
            let output =
                Output { values: &mut values, histograms: &mut histograms, notes: &mut notes };
            let any = compute(&columns, &mut scratch, output);
            if any || !notes.is_empty() {
                item.push(batch.labels(index), &values, (histograms, notes));
            }
        }
        item
    }

    fn read(
        &self,
        batch: &dyn SeriesBatch,
        index: usize,
        columns: &mut Columns,
    ) -> Result<(), QueryError> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(QueryError::Canceled);
        }
        columns.clear();
        batch.read(index, self.windows.first_seen(), self.windows.last_seen(), columns)?;
        if self.seen == Seen::All {
            remove_stale(columns);
        }
        if self.statistics_only {
            columns.histograms.keep_statistics();
        }
        if columns.samples() > self.samples_left {
            return Err(too_many_samples(self.samples_max));
        }
        Ok(())
    }

    fn counted(&self) -> Option<&Windows> {
        self.count_samples.then_some(self.windows)
    }
}

impl Seen {
    /// Samples of a series that was read and, if there are windows to count in, those that they
    /// show, each as often as there are windows that show it.
    pub(super) fn counts(self, columns: &Columns, windows: Option<&Windows>) -> SampleCounts {
        let total = windows.map_or(0, |windows| self.total(columns, windows));
        SampleCounts { total, read: columns.samples(), peak: columns.samples() }
    }

    /// What all windows show, histograms by their weight.
    fn total(self, columns: &Columns, windows: &Windows) -> usize {
        let mut total = 0;
        if self == Seen::Latest {
            windows.sweep(&columns.timestamps, |_, range| {
                let last = range.end - 1;
                let is_there = is_present(columns.values[last]);
                total += if is_there { columns.sample_weight(last) } else { 0 };
            });
        } else if columns.histograms.is_empty() {
            windows.sweep(&columns.timestamps, |_, range| total += range.len());
        } else {
            let mut until = vec![0];
            for index in 0..columns.len() {
                until.push(until[index] + columns.sample_weight(index));
            }
            windows.sweep(&columns.timestamps, |_, range| {
                total += until[range.end] - until[range.start];
            });
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proto::FloatHistogram;

    use super::*;

    #[test]
    fn windows_count_what_they_show() {
        let windows = Windows { first_end: 10, step: 10, count: 4, width: 20, reach: None };
        let mut columns = Columns::default();
        columns.push(5, 1.0);
        columns.push_histogram(15, Arc::new(FloatHistogram::default()));
        let heavy = columns.sample_weight(1);
        assert!(heavy > 1, "a histogram weighs more than a float");
        let total = |seen: Seen, columns: &Columns| seen.counts(columns, Some(&windows)).total;
        // The float at 10, the histogram at 20 and 30, at 40 nothing.
        assert_eq!(total(Seen::Latest, &columns), 1 + 2 * heavy);
        // Both at 20.
        assert_eq!(total(Seen::All, &columns), 1 + (1 + heavy) + heavy);
        columns.push(25, ABSENT);
        assert_eq!(total(Seen::Latest, &columns), 1 + heavy, "a stale marker shows nothing");
        assert_eq!(Seen::Latest.counts(&columns, None).total, 0);
    }
}
