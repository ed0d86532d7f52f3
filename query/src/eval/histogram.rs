//! The functions of histograms: native ones, and classic ones, whose buckets are series with a
//! label `le`.

mod classic;
mod native;
mod series;

pub(crate) use classic::Raised;
pub(super) use native::spelled;
pub(crate) use native::{average, deviation, variance};

use proto::FloatHistogram;

use super::each_series::item_length;
use super::labels::with_label;
use super::{ABSENT, Row, Run, Scalar, Sink, Values, is_present};
use crate::annotations::{Note, NoteSet};
use crate::dictionary::{NameId, PairId};
use crate::error::QueryError;
use crate::histogram_column::HistogramColumn;
use crate::in_order::in_order;
use crate::numbers::go_general;
use crate::plan::Grid;
use crate::syntax::Expr;
use classic::Bucket;
use series::{Histogram, Histograms};

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
            self.estimates(arg, grid, found, estimate, &mut |run, mut row| {
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

    /// Rows of an estimate of each histogram.
    fn estimates(
        &mut self,
        arg: &Expr,
        grid: Grid,
        found: &Histograms,
        estimate: Estimate<'_>,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let length = item_length(grid.count);
        let items: Vec<&[Histogram]> = found.histograms.chunks(length).collect();
        let work = |item: usize| -> Vec<Estimated> {
            items[item].iter().map(|of| estimate.of(found, of, grid.count)).collect()
        };
        let mut index = 0;
        in_order(self.workers_for(grid.count), items.len(), &work, &mut |item| {
            self.check_cancel()?;
            for estimated in item {
                let labels = found.labels.get(index);
                index += 1;
                let values = self.noted(arg, grid, labels, estimated);
                if values.iter().any(|v| is_present(*v)) {
                    let histograms = HistogramColumn::default();
                    let values = Values::Given(values);
                    self.emit_renamed(Row { labels, drop_name: true, values, histograms }, sink)?;
                }
            }
            Ok(())
        })
    }

    /// Tells what is to be told of an estimate; its values.
    fn noted(
        &mut self,
        arg: &Expr,
        grid: Grid,
        labels: &[PairId],
        estimated: Estimated,
    ) -> Box<[f64]> {
        let Estimated { values, notes, raised } = estimated;
        if notes.is_empty() && raised.is_empty() {
            return values;
        }
        let (at, name) = (arg.span.start, self.shown_name(labels).to_owned());
        for (step, raised) in raised {
            self.notes.raised(&self.plan.query, at, &name, grid.at(step), raised);
        }
        self.notes.add_all(&self.plan.query, at, notes, &name);
        values
    }
}

/// What a histogram comes to, with what is to be told of it.
struct Estimated {
    values: Box<[f64]>,
    notes: NoteSet,
    /// Steps at which bucket counts had to be raised.
    raised: Vec<(usize, Raised)>,
}

impl Estimate<'_> {
    /// Estimates a histogram at each step.
    fn of(&self, found: &Histograms, histogram: &Histogram, steps: usize) -> Estimated {
        let mut values = vec![ABSENT; steps].into_boxed_slice();
        let (mut notes, mut raised, mut buckets) = (NoteSet::default(), Vec::new(), Vec::new());
        let series = found.series_of(histogram);
        for (step, value) in values.iter_mut().enumerate() {
            series.buckets_at(step, &mut buckets);
            *value = match series.native_at(step) {
                Some(_) if !buckets.is_empty() => {
                    notes.add(Note::MixedClassicNative);
                    ABSENT
                }
                Some(native) => self.native(step, native, &mut notes),
                None if buckets.is_empty() => ABSENT,
                None => {
                    let (value, why) = self.classic(step, &mut buckets);
                    raised.extend(why.map(|raised| (step, raised)));
                    value
                }
            };
        }
        Estimated { values, notes, raised }
    }

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

/// A number as the exposition format OpenMetrics writes it: never as an integer.
fn open_metrics_float(value: f64) -> String {
    let text = go_general(value);
    if !value.is_finite() || text.contains(['.', 'e']) { text } else { format!("{text}.0") }
}
