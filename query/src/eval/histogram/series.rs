//! Which series make a histogram: buckets of the same labels but for `le`, and native ones.

use std::sync::Arc;

use proto::FloatHistogram;

use super::classic::Bucket;
use crate::error::QueryError;
use crate::eval::groups::Groups;
use crate::eval::{LabelTable, Matrix, RowLabels, Run, is_present};
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

impl Histograms {
    /// Classic buckets of a histogram at a step.
    pub(super) fn buckets_at<'m>(
        &'m self,
        histogram: &'m Histogram,
        step: usize,
    ) -> impl Iterator<Item = Bucket> + 'm {
        histogram.classic.iter().filter_map(move |(series, upper)| {
            let count = self.matrix.at(*series, step);
            let native = self.matrix.histograms(*series).get(step);
            let is_float = is_present(count) && native.is_none();
            is_float.then_some(Bucket { upper: *upper, count })
        })
    }

    /// The native histogram at a step.
    pub(super) fn native_at(&self, histogram: &Histogram, step: usize) -> Option<&FloatHistogram> {
        let series = histogram.native.filter(|s| is_present(self.matrix.at(*s, step)))?;
        self.matrix.histograms(series).get(step).map(Arc::as_ref)
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
    let values = matrix.values(index).iter().enumerate().filter(|(_, v)| is_present(**v));
    let histograms = matrix.histograms(index);
    values.fold((false, false), |(floats, natives), (step, _)| {
        let native = histograms.get(step).is_some();
        (floats || !native, natives || native)
    })
}
