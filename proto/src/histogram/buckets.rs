//! The buckets of one side of a histogram.

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
/// observations; one that is may have none as well.
#[derive(Clone, Debug, Default)]
pub struct Buckets {
    indices: Vec<i32>,
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
        Ok(Buckets { indices, counts })
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
        for index in &self.indices {
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
        self.indices == other.indices
            && self.counts.iter().zip(&other.counts).all(|(a, b)| same_value(*a, *b))
    }

    pub(super) fn bytes(&self) -> usize {
        self.len() * (size_of::<i32>() + size_of::<f64>())
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
        let lost = |at: usize, all: &[f64]| all.get(at).copied().unwrap_or(0.0);
        let mut kept = 0;
        for at in 0..self.len() {
            if !keep(self.counts[at], lost(at, compensation)) {
                continue;
            }
            self.indices[kept] = self.indices[at];
            self.counts[kept] = self.counts[at];
            if !compensation.is_empty() {
                compensation[kept] = compensation[at];
            }
            kept += 1;
        }
        self.indices.truncate(kept);
        self.counts.truncate(kept);
        compensation.truncate(kept);
    }

    /// Adds an empty bucket, here and in the compensation, for each of `indices` that is missing.
    pub(super) fn widen(&mut self, indices: &[i32], compensation: Option<&mut Vec<f64>>) {
        if self.indices == indices {
            return;
        }
        let capacity = self.len() + indices.len();
        let mut wide =
            Buckets { indices: Vec::with_capacity(capacity), counts: Vec::with_capacity(capacity) };
        let mut from = Vec::with_capacity(capacity);
        let (mut mine, mut others) = (0, indices.iter().copied().peekable());
        while mine < self.len() || others.peek().is_some() {
            let own = self.indices.get(mine).copied();
            let other = others.peek().copied();
            let index = own.into_iter().chain(other).min().expect("one of the two goes on");
            others.next_if_eq(&index);
            let is_own = own == Some(index);
            wide.indices.push(index);
            wide.counts.push(if is_own { self.counts[mine] } else { 0.0 });
            from.push(is_own.then_some(mine));
            mine += usize::from(is_own);
        }
        if let Some(compensation) = compensation {
            let moved = from.iter().map(|at| at.map_or(0.0, |at| compensation[at]));
            *compensation = moved.collect();
        }
        *self = wide;
    }

    /// Gives each bucket a new index, which must not descend, and merges those that come to share
    /// one.
    pub(super) fn regroup(
        &mut self,
        compensation: Option<&mut Vec<f64>>,
        target: impl Fn(i32) -> i32,
    ) {
        let (mut nothing, mut kept) = (Vec::new(), 0usize);
        let compensated = compensation.is_some();
        let lost = compensation.unwrap_or(&mut nothing);
        for at in 0..self.len() {
            let (index, count) = (target(self.indices[at]), self.counts[at]);
            let merges = kept > 0 && self.indices[kept - 1] == index;
            let slot = if merges { kept - 1 } else { kept };
            if !merges {
                self.indices[slot] = index;
                self.counts[slot] = count;
                if compensated {
                    lost[slot] = lost[at];
                }
                kept += 1;
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
        self.indices.truncate(kept);
        self.counts.truncate(kept);
        lost.truncate(kept);
    }
}
