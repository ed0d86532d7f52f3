//! Rows kept side by side: `[series][step]`. Each has an allocation of its own, so that growing
//! and sorting copy none.

use super::{ABSENT, Row, Values, is_present};
use crate::dictionary::{Interner, PairId};
use crate::hashing::QueryMap;
use crate::histogram_column::HistogramColumn;

/// Label sets of many series in one allocation.
#[derive(Clone, Debug, Default)]
pub(crate) struct LabelTable {
    pairs: Vec<PairId>,
    ends: Vec<usize>,
}

impl LabelTable {
    pub(crate) fn push(&mut self, labels: &[PairId]) {
        self.pairs.extend_from_slice(labels);
        self.ends.push(self.pairs.len());
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, index: usize) -> &[PairId] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.pairs[start..self.ends[index]]
    }
}

/// Some series over the steps of a grid.
#[derive(Clone, Debug)]
pub(crate) struct Matrix {
    steps: usize,
    labels: LabelTable,
    drop_name: Vec<bool>,
    values: Vec<Box<[f64]>>,
    /// Those of each series.
    histograms: Vec<HistogramColumn>,
    /// What all histograms that came in weigh.
    histogram_samples: usize,
}

/// Two series of equal labels have a value at the same step.
#[derive(Debug)]
pub(crate) struct Overlap;

impl Matrix {
    pub(crate) fn new(steps: usize) -> Matrix {
        let (labels, drop_name, values, histograms) = Default::default();
        Matrix { steps, labels, drop_name, values, histograms, histogram_samples: 0 }
    }

    pub(crate) fn push(&mut self, row: Row<'_>) {
        debug_assert_eq!(row.values.len(), self.steps);
        self.labels.push(row.labels);
        self.drop_name.push(row.drop_name);
        self.values.push(row.values.keep());
        self.histogram_samples += row.histograms.samples();
        self.histograms.push(row.histograms);
    }

    /// Adds a series without values.
    pub(crate) fn push_empty(&mut self, labels: &[PairId], drop_name: bool) {
        self.labels.push(labels);
        self.drop_name.push(drop_name);
        self.values.push(vec![ABSENT; self.steps].into_boxed_slice());
        self.histograms.push(HistogramColumn::default());
    }

    /// Number of series.
    pub(crate) fn len(&self) -> usize {
        self.labels.len()
    }

    pub(crate) fn steps(&self) -> usize {
        self.steps
    }

    /// Number of slots, and what the histograms weigh.
    pub(crate) fn samples(&self) -> usize {
        self.values.len() * self.steps + self.histogram_samples
    }

    pub(crate) fn labels(&self, index: usize) -> &[PairId] {
        self.labels.get(index)
    }

    pub(crate) fn drop_name(&self, index: usize) -> bool {
        self.drop_name[index]
    }

    pub(crate) fn values(&self, index: usize) -> &[f64] {
        &self.values[index]
    }

    pub(crate) fn values_mut(&mut self, index: usize) -> &mut [f64] {
        &mut self.values[index]
    }

    #[inline]
    pub(crate) fn at(&self, index: usize, step: usize) -> f64 {
        self.values[index][step]
    }

    pub(crate) fn histograms(&self, index: usize) -> &HistogramColumn {
        &self.histograms[index]
    }

    pub(crate) fn histograms_mut(&mut self, index: usize) -> &mut HistogramColumn {
        &mut self.histograms[index]
    }

    /// The row of a series, whose values leave the matrix.
    pub(crate) fn row(&mut self, index: usize) -> Row<'_> {
        Row {
            labels: self.labels.get(index),
            drop_name: self.drop_name[index],
            values: Values::Given(std::mem::take(&mut self.values[index])),
            histograms: std::mem::take(&mut self.histograms[index]),
        }
    }

    /// The series in this order, each at most once.
    pub(crate) fn reordered(mut self, order: &[usize]) -> Matrix {
        let mut out = Matrix::new(self.steps);
        out.histogram_samples = self.histogram_samples;
        for index in order {
            out.labels.push(self.labels(*index));
            out.drop_name.push(self.drop_name[*index]);
            out.values.push(std::mem::take(&mut self.values[*index]));
            out.histograms.push(std::mem::take(&mut self.histograms[*index]));
        }
        out
    }

    /// Order of the series by their labels as Prometheus sorts them.
    pub(crate) fn order_by_labels(&self, names: &Interner) -> Vec<usize> {
        let ranks = names.ranks();
        let key = |index: usize| self.labels(index).iter().map(|pair| ranks[*pair as usize]);
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by(|a, b| key(*a).cmp(key(*b)));
        order
    }

    pub(crate) fn sorted_by_labels(self, names: &Interner) -> Matrix {
        let order = self.order_by_labels(names);
        self.reordered(&order)
    }

    /// Whether two series that have a value have equal labels.
    pub(crate) fn has_equal_labels(&self) -> bool {
        let mut seen: QueryMap<&[PairId], ()> = QueryMap::default();
        let is_filled = |index: &usize| self.values(*index).iter().any(|v| is_present(*v));
        let mut filled = (0..self.len()).filter(is_filled);
        filled.any(|index| seen.insert(self.labels(index), ()).is_some())
    }

    /// Makes one series of those with equal labels.
    pub(crate) fn merge_equal_labels(self) -> Result<Matrix, Overlap> {
        let mut first_of: QueryMap<&[PairId], usize> = QueryMap::default();
        let mut target = Vec::with_capacity(self.len());
        let mut doubles = false;
        for index in 0..self.len() {
            let first = *first_of.entry(self.labels(index)).or_insert(index);
            doubles |= first != index;
            target.push(first);
        }
        drop(first_of);
        if !doubles {
            return Ok(self);
        }
        self.merge_into(&target)
    }

    fn merge_into(mut self, target: &[usize]) -> Result<Matrix, Overlap> {
        for (index, first) in target.iter().enumerate().filter(|(i, first)| i != *first) {
            for step in 0..self.steps {
                let value = self.at(index, step);
                if !is_present(value) {
                    continue;
                }
                let slot = &mut self.values[*first][step];
                if is_present(*slot) {
                    return Err(Overlap);
                }
                *slot = value;
                if let Some(histogram) = self.histograms[index].take(step) {
                    self.histograms[*first].set(step, histogram);
                }
            }
            self.drop_name[*first] |= self.drop_name[index];
        }
        let kept: Vec<usize> = (0..self.len()).filter(|i| target[*i] == *i).collect();
        Ok(self.reordered(&kept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: &[(&[PairId], [f64; 2])]) -> Matrix {
        let mut matrix = Matrix::new(2);
        for (labels, mut values) in rows.iter().copied() {
            matrix.push(Row::floats(labels, false, &mut values));
        }
        matrix
    }

    #[test]
    fn equal_labels_merge_when_they_do_not_overlap() {
        let apart = matrix(&[(&[1], [1.0, ABSENT]), (&[2], [5.0, 5.0]), (&[1], [ABSENT, 2.0])]);
        let merged = apart.merge_equal_labels().unwrap();
        assert_eq!(merged.len(), 2);
        assert_eq!(merged.values(0), [1.0, 2.0]);
        let clash = matrix(&[(&[1], [1.0, ABSENT]), (&[1], [2.0, 2.0])]);
        assert!(clash.merge_equal_labels().is_err());
    }
}
