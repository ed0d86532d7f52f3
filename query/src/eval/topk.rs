//! topk and bottomk: of each step the values that rank highest. Rows are looked at as they come,
//! and only those are kept that are among the best so far at some step.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::aggregate::Aggregation;
use super::groups::{Groups, Keying};
use super::selection::count_of;
use super::{Matrix, Run, Scalar, Sink, is_present};
use crate::error::QueryError;
use crate::plan::{Grid, QueryKind};
use crate::syntax::AggregateOp;

/// A value among the best; the greatest is the first to go.
struct Best {
    value: f64,
    /// Of the kept rows.
    row: usize,
    top: bool,
}

impl Ord for Best {
    /// Of equal values the later row goes first.
    fn cmp(&self, other: &Best) -> Ordering {
        rank(self.top, self.value, other.value).then(self.row.cmp(&other.row))
    }
}

impl PartialOrd for Best {
    fn partial_cmp(&self, other: &Best) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Best {
    fn eq(&self, other: &Best) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Best {}

/// The best of one group.
struct Group {
    /// One heap a step.
    steps: Vec<BinaryHeap<Best>>,
    /// Kept rows in order.
    rows: Vec<usize>,
}

impl Run<'_> {
    pub(super) fn top_rows(
        &mut self,
        aggregation: &Aggregation<'_>,
        param: &Scalar,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let top = aggregation.op == AggregateOp::Topk;
        let counts: Vec<usize> = (0..grid.count).map(|step| count_of(param.at(step))).collect();
        let keying = Keying::grouping(self, aggregation.labels, aggregation.without);
        let (mut numbers, mut groups) = (Groups::default(), Vec::<Group>::new());
        let mut kept = Matrix::new(grid.count);
        self.stream_ranked(aggregation, grid, &mut |run, row| {
            let (number, new) = numbers.number(keying.key(run, row.labels));
            if new {
                run.charge(grid.count)?;
                let steps = counts.iter().map(|_| BinaryHeap::new()).collect();
                groups.push(Group { steps, rows: Vec::new() });
            }
            let group = &mut groups[number];
            if group.offer(top, kept.len(), &row.values, &counts) {
                group.rows.push(kept.len());
                run.keep(&mut kept, row)?;
            }
            Ok(())
        })?;
        self.live = self.live.saturating_sub(groups.len() * grid.count);
        let samples = kept.samples();
        // An instant query shows the order of its only step.
        let ranked = self.plan.kind == QueryKind::Instant && grid.count == 1;
        let best = best_only(&kept, groups, ranked);
        self.live = self.live.saturating_sub(samples).saturating_add(best.samples());
        self.forward(best, sink)
    }
}

impl Group {
    /// Puts a row's values among the best where they belong there; whether any does.
    fn offer(&mut self, top: bool, row: usize, values: &[f64], counts: &[usize]) -> bool {
        let mut taken = false;
        let slots = values.iter().zip(counts).zip(&mut self.steps);
        for ((value, count), heap) in slots.filter(|((value, _), _)| is_present(**value)) {
            let value = Best { value: *value, row, top };
            if heap.len() < *count {
                heap.push(value);
                taken = true;
            } else if let Some(mut worst) = heap.peek_mut()
                && value < *worst
            {
                *worst = value;
                taken = true;
            }
        }
        taken
    }
}

/// The kept rows, group by group, with nothing but the best values.
fn best_only(kept: &Matrix, groups: Vec<Group>, ranked: bool) -> Matrix {
    let mut best = Matrix::new(kept.steps());
    let mut place = vec![0; kept.len()];
    for group in groups {
        let steps: Vec<Vec<Best>> =
            group.steps.into_iter().map(BinaryHeap::into_sorted_vec).collect();
        let by_rank = steps.first().filter(|_| ranked);
        let rows = by_rank.map_or(group.rows, |best| best.iter().map(|b| b.row).collect());
        for row in rows {
            place[row] = best.len();
            best.push_empty(kept.labels(row), kept.drop_name(row));
        }
        for (step, values) in steps.into_iter().enumerate() {
            for Best { value, row, .. } in values {
                best.values_mut(place[row])[step] = value;
            }
        }
    }
    best
}

/// Order of rank: the highest (or lowest) value first, NaN last.
fn rank(top: bool, a: f64, b: f64) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        _ if top => b.partial_cmp(&a).unwrap_or(Ordering::Equal),
        _ => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
    }
}
