//! The functions of histograms: native ones, and classic ones, whose buckets are series with a
//! label `le`.

mod classic;
mod native;

pub(crate) use classic::Raised;
pub(super) use native::spelled;
pub(crate) use native::{average, deviation, variance};

use proto::FloatHistogram;

use super::groups::Groups;
use super::labels::with_label;
use super::{ABSENT, LabelTable, Matrix, Row, RowLabels, Run, Scalar, Sink, is_present};
use crate::annotations::{Note, NoteSet};
use crate::dictionary::NameId;
use crate::error::QueryError;
use crate::numbers::go_general;
use crate::plan::Grid;
use crate::syntax::{Expr, quote};
use classic::Bucket;

/// The series of one histogram, as indices in the matrix.
#[derive(Default)]
struct Histogram {
    /// Series of buckets and their upper bounds, ascending.
    classic: Vec<(usize, f64)>,
    /// The series of native histograms.
    native: Option<usize>,
}

/// Series by histogram.
struct Histograms {
    matrix: Matrix,
    /// Labels without `le`; the metric's name is still there.
    labels: LabelTable,
    histograms: Vec<Histogram>,
}

/// What is computed of a histogram at a step.
enum Estimate<'s> {
    Quantile(&'s Scalar),
    Fraction(&'s Scalar, &'s Scalar),
}

impl Run<'_> {
    pub(super) fn histogram_quantile(
        &mut self,
        args: &[Expr],
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let q = self.scalar(&args[0], grid)?;
        self.warn_bad_quantiles(args[0].span.start, (0..grid.count).map(|step| q.at(step)));
        let found = self.histograms(&args[1], grid)?;
        let rows = self.estimates(&args[1], grid, &found, Estimate::Quantile(&q), sink);
        self.release(&found.matrix);
        rows
    }

    /// Several quantiles, told apart by a label.
    pub(super) fn histogram_quantiles(
        &mut self,
        args: &[Expr],
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let label = self.text(&args[1])?;
        let label = self.names.intern_name(label);
        let found = self.histograms(&args[0], grid)?;
        for arg in &args[2..] {
            let q = self.scalar(arg, grid)?;
            self.warn_bad_quantiles(arg.span.start, (0..grid.count).map(|step| q.at(step)));
            self.quantile_by_label(&args[0], grid, &found, (label, &q), sink)?;
        }
        self.release(&found.matrix);
        Ok(())
    }

    /// Rows of one quantile with a label that names it; one that changes from step to step has
    /// rows for each of its values.
    fn quantile_by_label(
        &mut self,
        arg: &Expr,
        grid: Grid,
        found: &Histograms,
        (label, q): (NameId, &Scalar),
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let mut distinct: Vec<f64> = Vec::new();
        for step in 0..grid.count {
            let value = q.at(step);
            if !distinct.iter().any(|seen| seen.to_bits() == value.to_bits()) {
                distinct.push(value);
            }
        }
        for value in distinct {
            let pair = self.names.intern_value(label, &open_metrics_float(value));
            let estimate = Estimate::Quantile(q);
            self.estimates(arg, grid, found, estimate, &mut |run, row| {
                let steps = row.values.iter_mut().enumerate();
                let others = steps.filter(|(s, _)| q.at(*s).to_bits() != value.to_bits());
                others.for_each(|(_, slot)| *slot = ABSENT);
                if row.is_absent() {
                    return Ok(());
                }
                let labels = with_label(run, row.labels, label, Some(pair));
                sink(run, Row { labels: &labels, ..row })
            })?;
        }
        Ok(())
    }

    pub(super) fn histogram_fraction(
        &mut self,
        args: &[Expr],
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let (lower, upper) = (self.scalar(&args[0], grid)?, self.scalar(&args[1], grid)?);
        let found = self.histograms(&args[2], grid)?;
        let estimate = Estimate::Fraction(&lower, &upper);
        let rows = self.estimates(&args[2], grid, &found, estimate, sink);
        self.release(&found.matrix);
        rows
    }

    /// Rows of a number of each native histogram.
    pub(super) fn histogram_number(
        &mut self,
        arg: &Expr,
        number: fn(&FloatHistogram) -> f64,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        self.stream(arg, grid, &mut |run, mut row| {
            if row.histograms.is_empty() {
                return Ok(());
            }
            let histograms = std::mem::take(&mut row.histograms);
            let steps = row.values.iter_mut().enumerate().filter(|(_, v)| is_present(**v));
            for (step, value) in steps {
                *value = histograms.get(step).map_or(ABSENT, |histogram| number(histogram));
            }
            if row.is_absent() { Ok(()) } else { run.emit_renamed(row, sink) }
        })
    }

    /// Collects the series of an expression and sorts them into histograms.
    fn histograms(&mut self, arg: &Expr, grid: Grid) -> Result<Histograms, QueryError> {
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
    fn shown_name(&self, labels: &[u32]) -> &str {
        if self.plan.options.delayed_name_removal { self.metric_name(labels) } else { "" }
    }

    /// Rows of an estimate of each histogram.
    fn estimates(
        &mut self,
        arg: &Expr,
        grid: Grid,
        found: &Histograms,
        estimate: Estimate<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let mut values = vec![ABSENT; grid.count];
        let mut buckets = Vec::new();
        for (index, histogram) in found.histograms.iter().enumerate() {
            self.check_cancel()?;
            let labels = found.labels.get(index);
            let name = self.shown_name(labels).to_owned();
            let mut notes = NoteSet::default();
            for (step, value) in values.iter_mut().enumerate() {
                buckets.clear();
                buckets.extend(buckets_at(&found.matrix, histogram, step));
                let native = native_at(&found.matrix, histogram, step);
                *value = match native {
                    Some(_) if !buckets.is_empty() => {
                        notes.add(Note::MixedClassicNative);
                        ABSENT
                    }
                    Some(native) => estimate.native(step, native, &mut notes),
                    None if buckets.is_empty() => ABSENT,
                    None => {
                        let (value, raised) = estimate.classic(step, &mut buckets);
                        if let Some(raised) = raised {
                            let time = grid.at(step);
                            self.notes.raised(
                                &self.plan.query,
                                arg.span.start,
                                &name,
                                time,
                                raised,
                            );
                        }
                        value
                    }
                };
            }
            self.notes.add_all(&self.plan.query, arg.span.start, notes, &name);
            if values.iter().any(|v| is_present(*v)) {
                self.emit_renamed(Row::floats(labels, true, &mut values), sink)?;
            }
        }
        Ok(())
    }
}

impl Estimate<'_> {
    fn classic(&self, step: usize, buckets: &mut Vec<Bucket>) -> (f64, Option<Raised>) {
        match self {
            Estimate::Quantile(q) => classic::quantile(q.at(step), buckets),
            Estimate::Fraction(lower, upper) => {
                (classic::fraction(lower.at(step), upper.at(step), buckets), None)
            }
        }
    }

    fn native(&self, step: usize, histogram: &FloatHistogram, notes: &mut NoteSet) -> f64 {
        match self {
            Estimate::Quantile(q) => native::quantile(q.at(step), histogram, notes),
            Estimate::Fraction(lower, upper) => {
                native::fraction(lower.at(step), upper.at(step), histogram, notes)
            }
        }
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

fn buckets_at<'m>(
    matrix: &'m Matrix,
    histogram: &'m Histogram,
    step: usize,
) -> impl Iterator<Item = Bucket> + 'm {
    histogram.classic.iter().filter_map(move |(series, upper)| {
        let count = matrix.at(*series, step);
        let is_float = is_present(count) && matrix.histograms(*series).get(step).is_none();
        is_float.then_some(Bucket { upper: *upper, count })
    })
}

fn native_at<'m>(
    matrix: &'m Matrix,
    histogram: &Histogram,
    step: usize,
) -> Option<&'m FloatHistogram> {
    let series = histogram.native.filter(|series| is_present(matrix.at(*series, step)))?;
    matrix.histograms(series).get(step).map(std::sync::Arc::as_ref)
}

/// A number as the exposition format OpenMetrics writes it: never as an integer.
fn open_metrics_float(value: f64) -> String {
    let text = go_general(value);
    if !value.is_finite() || text.contains(['.', 'e']) { text } else { format!("{text}.0") }
}
