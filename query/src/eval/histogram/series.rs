//! Which series make a histogram: buckets of the same labels but for `le`, and native ones.

use std::sync::Arc;

use proto::FloatHistogram;

use super::classic::Bucket;
use crate::error::QueryError;
use crate::eval::groups::Groups;
use crate::eval::{LabelTable, Matrix, RowLabels, Run, is_present};
use crate::histogram_column::HistogramColumn;
use crate::plan::Grid;
use crate::syntax::{Expr, quote};

/// The series of one histogram, as indices in the matrix.
#[derive(Default)]
pub(super) struct Histogram {
    /// Series of buckets and their upper bounds, ascending.
    classic: Vec<(usize, f64)>,
    /// The series of native histograms.
    native: Option<usize>,
}

/// Series by histogram.
pub(super) struct Histograms {
    pub matrix: Matrix,
    /// Labels without `le`; the metric's name is still there.
    pub labels: LabelTable,
    pub histograms: Vec<Histogram>,
}

/// The values of one histogram's series.
pub(super) struct HistogramSeries<'m> {
    classic: Vec<BucketSeries<'m>>,
    native: Option<(&'m [f64], &'m HistogramColumn)>,
}

struct BucketSeries<'m> {
    upper: f64,
    values: &'m [f64],
    histograms: &'m HistogramColumn,
}

impl Histograms {
    /// The series of a histogram.
    pub(super) fn series_of(&self, histogram: &Histogram) -> HistogramSeries<'_> {
        let column = |series: usize| (self.matrix.values(series), self.matrix.histograms(series));
        let bucket = |(series, upper): &(usize, f64)| {
            let (values, histograms) = column(*series);
            BucketSeries { upper: *upper, values, histograms }
        };
        let classic = histogram.classic.iter().map(bucket).collect();
        HistogramSeries { classic, native: histogram.native.map(column) }
    }
}

impl<'m> HistogramSeries<'m> {
    /// Makes `buckets` the classic buckets at a step.
    #[inline]
    pub(super) fn buckets_at(&self, step: usize, buckets: &mut Vec<Bucket>) {
        buckets.clear();
        buckets.extend(self.classic.iter().filter_map(|series| {
            let count = series.values[step];
            let is_float = is_present(count) && series.histograms.get(step).is_none();
            is_float.then_some(Bucket { upper: series.upper, count })
        }));
    }

    /// The native histogram at a step.
    #[inline]
    pub(super) fn native_at(&self, step: usize) -> Option<&'m FloatHistogram> {
        let (values, histograms) = self.native?;
        histograms.get(step).filter(|_| is_present(values[step])).map(Arc::as_ref)
    }
}

impl Run<'_> {
    /// Collects the series of an expression and sorts them into histograms.
    pub(super) fn histograms(&mut self, arg: &Expr, grid: Grid) -> Result<Histograms, QueryError> {
        let matrix = self.collect(arg, grid)?;
        let le = self.names.intern_name("le");
        let mut groups = Groups::default();
        let (mut labels, mut histograms) = (LabelTable::default(), Vec::<Histogram>::new());
        let mut place = |key: RowLabels, histograms: &mut Vec<Histogram>| {
            let (group, new) = groups.number(key);
            if new {
                labels.push(groups.labels.get(group));
                histograms.push(Histogram::default());
            }
            group
        };
        for index in 0..matrix.len() {
            let (has_floats, has_histograms) = kinds(&matrix, index);
            let row = matrix.labels(index);
            if has_histograms {
                let group = place(row.into(), &mut histograms);
                histograms[group].native = Some(index);
            }
            if !has_floats {
                continue;
            }
            let Some(bound) = self.bucket_bound(arg, row, le) else { continue };
            let kept = row.iter().copied().filter(|pair| self.names.name_of(*pair) != le);
            let group = place(kept.collect(), &mut histograms);
            histograms[group].classic.push((index, bound));
        }
        for histogram in &mut histograms {
            histogram.classic.sort_by(|a, b| a.1.total_cmp(&b.1));
        }
        Ok(Histograms { matrix, labels, histograms })
    }

    /// Upper bound of a bucket series; a warning if `le` is no number.
    fn bucket_bound(&mut self, arg: &Expr, labels: &[u32], le: u32) -> Option<f64> {
        let value = self.names.value_of(labels, le);
        let bound = value.parse().ok().filter(|bound: &f64| !value.is_empty() && !bound.is_nan());
        if bound.is_none() {
            let name = self.shown_name(labels);
            let value = quote(value.as_bytes());
            let mut text =
                format!("bucket label \"le\" is missing or has a malformed value of {value}");
            if !name.is_empty() {
                text.push_str(&format!(" for metric name {}", quote(name.as_bytes())));
            }
            self.notes.warn(&self.plan.query, arg.span.start, &text);
        }
        bound
    }

    /// The metric's name as annotations tell it: only if names are not dropped on the way.
    pub(super) fn shown_name(&self, labels: &[u32]) -> &str {
        if self.plan.options.delayed_name_removal { self.metric_name(labels) } else { "" }
    }
}

/// Whether a series has floats, and whether it has histograms.
fn kinds(matrix: &Matrix, index: usize) -> (bool, bool) {
    let (values, histograms) = (matrix.values(index), matrix.histograms(index));
    if histograms.is_empty() {
        return (values.iter().any(|v| is_present(*v)), false);
    }
    let values = values.iter().enumerate().filter(|(_, v)| is_present(**v));
    values.fold((false, false), |(floats, natives), (step, _)| {
        let native = histograms.get(step).is_some();
        (floats || !native, natives || native)
    })
}
