//! What aggregations that fold do with native histograms: sum and avg add them up, count and
//! group count them as they count floats, the others pass over them.

use std::sync::Arc;

use proto::FloatHistogram;
use proto::histogram::{CompensatedHistogram, Incompatible, Merged};

use super::mixed::{HintsSeen, HistogramMean};
use super::{ABSENT, Row, is_present};
use crate::annotations::{Note, NoteSet, Operation};
use crate::histogram_column::{HistogramColumn, weight};
use crate::syntax::AggregateOp;

/// The histograms of an aggregation `[group][step]`; groups without histograms are empty.
pub(super) struct FoldedHistograms {
    op: AggregateOp,
    groups: Vec<Vec<Option<Box<Slot>>>>,
    /// What the histograms weigh.
    pub samples: usize,
}

/// The histograms of a group at a step.
struct Slot {
    /// `None` once exponential and custom buckets have met.
    sum: Option<HistogramFold>,
    hints: HintsSeen,
}

enum HistogramFold {
    Sum(CompensatedHistogram),
    Mean(HistogramMean),
}

impl HistogramFold {
    fn new(op: AggregateOp, first: FloatHistogram) -> HistogramFold {
        match op {
            AggregateOp::Avg => HistogramFold::Mean(HistogramMean::new(first)),
            _ => HistogramFold::Sum(CompensatedHistogram::new(first)),
        }
    }

    fn add(&mut self, histogram: &FloatHistogram) -> Result<Merged, Incompatible> {
        match self {
            HistogramFold::Sum(sum) => sum.add(histogram),
            HistogramFold::Mean(mean) => mean.add(histogram),
        }
    }

    fn finish(self) -> FloatHistogram {
        match self {
            HistogramFold::Sum(sum) => sum.finish(),
            HistogramFold::Mean(mean) => mean.finish(),
        }
    }
}

impl FoldedHistograms {
    pub(super) fn new(op: AggregateOp) -> FoldedHistograms {
        FoldedHistograms { op, groups: Vec::new(), samples: 0 }
    }

    /// Takes the histograms out of a row, so that its floats remain for the accumulators; what is
    /// held more than before.
    pub(super) fn take(&mut self, row: &mut Row<'_>, group: usize, notes: &mut NoteSet) -> usize {
        let before = self.samples;
        match self.op {
            AggregateOp::Count | AggregateOp::Group => {}
            AggregateOp::Sum | AggregateOp::Avg => {
                if self.groups.len() <= group {
                    self.groups.resize_with(group + 1, Vec::new);
                }
                self.groups[group].resize_with(row.values.len(), || None);
                let slots = row.values.iter().enumerate().filter(|(_, v)| is_present(**v));
                for (step, _) in slots {
                    if let Some(histogram) = row.histograms.get(step) {
                        self.add(group, step, histogram, notes);
                    }
                }
                row.remove_histograms();
            }
            op => {
                if row.remove_histograms() {
                    notes.add(Note::IgnoredInAggregation(op.name()));
                }
            }
        }
        self.samples - before
    }

    fn add(&mut self, group: usize, step: usize, histogram: &FloatHistogram, notes: &mut NoteSet) {
        let Some(slot) = &mut self.groups[group][step] else {
            let sum = Some(HistogramFold::new(self.op, histogram.clone()));
            let mut slot = Slot { sum, hints: HintsSeen::default() };
            slot.hints.see(histogram);
            self.samples += weight(histogram);
            self.groups[group][step] = Some(Box::new(slot));
            return;
        };
        let Some(sum) = &mut slot.sum else { return };
        slot.hints.see(histogram);
        match sum.add(histogram) {
            Ok(merged) => notes.add_merged(merged, Operation::Aggregation),
            Err(Incompatible) => {
                notes.add(Note::MixedSchemas);
                slot.sum = None;
            }
        }
    }

    /// Puts the histograms of a group among its floats. Where both are there is no value.
    pub(super) fn finish(
        &mut self,
        group: usize,
        values: &mut [f64],
        notes: &mut NoteSet,
    ) -> HistogramColumn {
        let mut column = HistogramColumn::default();
        let slots = self.groups.get_mut(group).map(std::mem::take).unwrap_or_default();
        let slots = slots.into_iter().enumerate();
        for (step, slot) in slots.filter_map(|(step, slot)| Some((step, slot?))) {
            if is_present(values[step]) {
                values[step] = ABSENT;
                notes.add(Note::MixedKindsInGroup);
                continue;
            }
            if let Some(sum) = slot.sum {
                if slot.hints.conflict() {
                    notes.add(Note::ResetsConflict(Operation::Aggregation));
                }
                values[step] = 0.0;
                column.set(step, Arc::new(sum.finish()));
            }
        }
        column
    }
}
