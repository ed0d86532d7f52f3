//! The buckets of one side of a histogram.

use std::sync::Arc;

use super::HistogramError;
use crate::sample::same_value;

/// A run of neighbouring buckets, as histograms come over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Buckets left out since the end of the span before; of the first span, its first index.
    pub offset: i32,
    /// Number of buckets.
    pub length: u32,
}

/// Buckets by ascending index, each with its count. An index that is not there has no
/// observations; one that is may have none as well. Histograms of one series mostly have the same
/// indices, so that these are shared.
#[derive(Clone, Debug, Default)]
pub struct Buckets {
    indices: Arc<[i32]>,
    counts: Vec<f64>,
}

impl Buckets {
    /// Buckets of spans and the counts of these.
    pub fn from_spans(spans: &[Span], counts: Vec<f64>) -> Result<Buckets, HistogramError> {
        let needed = spans.iter().fold(0u64, |sum, span| sum + u64::from(span.length));
        if needed != counts.len() as u64 {
            return Err(HistogramError::BucketsMismatch { needed, given: counts.len() });
        }
        let mut indices = Vec::with_capacity(counts.len());
        let mut next = 0i32;
        for (number, span) in spans.iter().enumerate() {
            if number > 0 && span.offset < 0 {
                return Err(HistogramError::NegativeOffset(span.offset));
            }
            let end = next.checked_add(span.offset).and_then(|start| {
                let end = start.checked_add(i32::try_from(span.length).ok()?)?;
                indices.extend(start..end);
                Some(end)
            });
            next = end.ok_or(HistogramError::IndexOverflow)?;
        }
        Ok(Buckets { indices: indices.into(), counts })
    }

    /// The buckets that lie side by side from index `first` on.
    pub fn contiguous(first: i32, counts: Vec<f64>) -> Result<Buckets, HistogramError> {
        let length = u32::try_from(counts.len()).map_err(|_| HistogramError::IndexOverflow)?;
        Buckets::from_spans(&[Span { offset: first, length }], counts)
    }

    /// The runs of neighbouring buckets.
    pub fn spans(&self) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        let mut next = 0;
        for index in &*self.indices {
            match spans.last_mut() {
                Some(span) if *index == next => span.length += 1,
                _ => spans.push(Span { offset: index.wrapping_sub(next), length: 1 }),
            }
            next = index.wrapping_add(1);
        }
        spans
    }

    /// Number of buckets.
    #[inline]
    pub fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// Indices, strictly ascending.
    #[inline]
    pub fn indices(&self) -> &[i32] {
        &self.indices
    }

    /// Counts in order of the indices.
    #[inline]
    pub fn counts(&self) -> &[f64] {
        &self.counts
    }

    #[inline]
    pub(super) fn counts_mut(&mut self) -> &mut [f64] {
        &mut self.counts
    }

    /// Index and count of each.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (i32, f64)> + '_ {
        self.indices.iter().copied().zip(self.counts.iter().copied())
    }

    pub(super) fn same(&self, other: &Buckets) -> bool {
        self.has_indices_of(other.indices())
            && self.counts.iter().zip(&other.counts).all(|(a, b)| same_value(*a, *b))
    }

    pub(super) fn bytes(&self) -> usize {
        self.len() * (size_of::<i32>() + size_of::<f64>())
    }

    /// Whether the indices are these; quick where they are shared.
    #[inline]
    pub(super) fn has_indices_of(&self, indices: &[i32]) -> bool {
        std::ptr::eq(&*self.indices, indices) || *self.indices == *indices
    }

    pub(super) fn compact(&mut self) {
        self.retain_with(&mut Vec::new(), |count, _| count != 0.0);
    }

    /// Keeps some buckets, told by their count and its compensation.
    pub(super) fn retain_with(
        &mut self,
        compensation: &mut Vec<f64>,
        keep: impl Fn(f64, f64) -> bool,
    ) {
        let stays = |at: &usize, counts: &[f64], lost: &[f64]| {
            keep(counts[*at], lost.get(*at).copied().unwrap_or(0.0))
        };
        if (0..self.len()).all(|at| stays(&at, &self.counts, compensation)) {
            return;
        }
        let mut indices = Vec::with_capacity(self.len());
        for at in 0..self.len() {
            if !stays(&at, &self.counts, compensation) {
                continue;
            }
            let kept = indices.len();
            indices.push(self.indices[at]);
            self.counts[kept] = self.counts[at];
            if !compensation.is_empty() {
                compensation[kept] = compensation[at];
            }
        }
        self.counts.truncate(indices.len());
        compensation.truncate(indices.len());
        self.indices = indices.into();
    }

    /// Adds an empty bucket, here and in the compensation, for each of `indices` that is missing.
    pub(super) fn widen(&mut self, indices: &[i32], compensation: Option<&mut Vec<f64>>) {
        if self.has_indices_of(indices) {
            return;
        }
        let capacity = self.len() + indices.len();
        let (mut wide, mut counts) = (Vec::with_capacity(capacity), Vec::with_capacity(capacity));
        let mut from = Vec::with_capacity(capacity);
        let (mut mine, mut others) = (0, indices.iter().copied().peekable());
        while mine < self.len() || others.peek().is_some() {
            let own = self.indices.get(mine).copied();
            let other = others.peek().copied();
            let index = own.into_iter().chain(other).min().expect("one of the two goes on");
            others.next_if_eq(&index);
            let is_own = own == Some(index);
            wide.push(index);
            counts.push(if is_own { self.counts[mine] } else { 0.0 });
            from.push(is_own.then_some(mine));
            mine += usize::from(is_own);
        }
        if let Some(compensation) = compensation {
            let moved = from.iter().map(|at| at.map_or(0.0, |at| compensation[at]));
            *compensation = moved.collect();
        }
        *self = Buckets { indices: wide.into(), counts };
    }

    /// Gives each bucket a new index, which must not descend, and merges those that come to share
    /// one.
    pub(super) fn regroup(
        &mut self,
        compensation: Option<&mut Vec<f64>>,
        target: impl Fn(i32) -> i32,
    ) {
        let (mut nothing, mut indices) = (Vec::new(), Vec::<i32>::with_capacity(self.len()));
        let compensated = compensation.is_some();
        let lost = compensation.unwrap_or(&mut nothing);
        for at in 0..self.len() {
            let (index, count) = (target(self.indices[at]), self.counts[at]);
            let merges = indices.last() == Some(&index);
            let slot = if merges { indices.len() - 1 } else { indices.len() };
            if !merges {
                indices.push(index);
                self.counts[slot] = count;
                if compensated {
                    lost[slot] = lost[at];
                }
            } else if compensated {
                let mut sum =
                    crate::kahan::Sum { sum: self.counts[slot], compensation: lost[slot] };
                sum.add(count);
                sum.add(lost[at]);
                (self.counts[slot], lost[slot]) = (sum.sum, sum.compensation);
            } else {
                self.counts[slot] += count;
            }
        }
        self.counts.truncate(indices.len());
        lost.truncate(indices.len());
        self.indices = indices.into();
    }
}
