//! Dense accumulators `[group][step]` of the aggregations that fold value by value.

use super::{ABSENT, Values, is_present};
use crate::syntax::AggregateOp;
use proto::kahan::Sum;

/// A mean that is the compensated sum by the count, until the sum overflows; from then on the
/// mean itself is carried along.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mean {
    sum: Sum,
    count: f64,
    incremental: bool,
}

impl Mean {
    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if !self.incremental {
            let mut next = self.sum;
            next.add(value);
            if self.count == 1.0 || !next.sum.is_infinite() {
                self.sum = next;
                return;
            }
            self.incremental = true;
            self.sum.sum /= self.count - 1.0;
            self.sum.compensation /= self.count - 1.0;
        }
        let share = (self.count - 1.0) / self.count;
        self.sum.sum *= share;
        self.sum.compensation *= share;
        self.sum.add(value / self.count);
    }

    pub(crate) fn finish(&self) -> f64 {
        if self.incremental {
            return self.sum.sum + self.sum.compensation;
        }
        self.sum.sum / self.count + self.sum.compensation / self.count
    }

    /// Mean of all values.
    pub(crate) fn of(values: &[f64]) -> f64 {
        let mut mean = Mean::default();
        values.iter().for_each(|value| mean.add(*value));
        mean.finish()
    }
}

/// Count, mean and sum of squared distances from it (Welford).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Variance {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Variance {
    #[inline]
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let delta = value - self.mean;
        self.mean += delta / self.count;
        self.squares += delta * (value - self.mean);
    }

    fn finish(&self) -> f64 {
        self.squares / self.count
    }
}

/// The accumulators of an aggregation: of each group one a step.
pub(crate) struct Accumulators {
    op: AggregateOp,
    groups: Vec<Group>,
}

/// What is known of a group at each step.
enum Group {
    /// The only row so far; [`ABSENT`] where it has none.
    One(Box<[f64]>),
    /// Sums, [`ABSENT`] where there was no value, and what rounding has taken from each.
    Sums(Box<[f64]>, Box<[f64]>),
    Means(Box<[Mean]>),
    Variances(Box<[Variance]>),
    /// Count, extreme, or one.
    Plain(Box<[f64]>),
}

impl Accumulators {
    /// Those of an operator; `None` if it does not fold value by value.
    pub(crate) fn new(op: AggregateOp) -> Option<Accumulators> {
        use AggregateOp::*;
        match op {
            Sum | Avg | Stddev | Stdvar | Count | Min | Max | Group => {
                Some(Accumulators { op, groups: Vec::new() })
            }
            Topk | Bottomk | Limitk | LimitRatio | CountValues | Quantile => None,
        }
    }

    /// Adds a group that has one row so far. Many groups never get a second one.
    pub(crate) fn begin(&mut self, first: Values<'_>) {
        self.groups.push(Group::One(first.keep()));
    }

    /// Folds a further row into a group.
    pub(crate) fn add(&mut self, group: usize, row: &[f64]) {
        let group = &mut self.groups[group];
        if let Group::One(first) = group {
            let first = std::mem::take(first);
            *group = Group::of(self.op, first);
        }
        group.add(self.op, row);
    }

    /// The values of each group.
    pub(crate) fn finish(self) -> impl Iterator<Item = Box<[f64]>> {
        let op = self.op;
        self.groups.into_iter().map(move |group| match group {
            Group::One(first) => Group::of(op, first).finish(op),
            group => group.finish(op),
        })
    }
}

impl Group {
    /// The accumulators after one row.
    fn of(op: AggregateOp, first: Box<[f64]>) -> Group {
        let mut group = match op {
            AggregateOp::Sum => {
                // What adding to zero makes of it: no negative zero, and nothing is lost.
                let mut sums = first;
                sums.iter_mut().filter(|sum| is_present(**sum)).for_each(|sum| *sum += 0.0);
                return Group::Sums(sums, Box::default());
            }
            AggregateOp::Avg => Group::Means(vec![Mean::default(); first.len()].into()),
            AggregateOp::Stddev | AggregateOp::Stdvar => {
                Group::Variances(vec![Variance::default(); first.len()].into())
            }
            _ => {
                let mut slots = first;
                let present = slots.iter_mut().filter(|slot| is_present(**slot));
                present.for_each(|slot| *slot = plain(op, ABSENT, *slot));
                return Group::Plain(slots);
            }
        };
        group.add(op, &first);
        group
    }

    fn add(&mut self, op: AggregateOp, row: &[f64]) {
        match self {
            Group::One(_) => {}
            Group::Sums(sums, lost) => {
                if lost.is_empty() {
                    *lost = vec![0.0; sums.len()].into();
                }
                add_to_sums(sums, lost, row);
            }
            Group::Means(slots) => {
                let slots = slots.iter_mut().zip(row).filter(|(_, v)| is_present(**v));
                slots.for_each(|(slot, value)| slot.add(*value));
            }
            Group::Variances(slots) => {
                let slots = slots.iter_mut().zip(row).filter(|(_, v)| is_present(**v));
                slots.for_each(|(slot, value)| slot.add(*value));
            }
            Group::Plain(slots) => {
                let slots = slots.iter_mut().zip(row).filter(|(_, v)| is_present(**v));
                slots.for_each(|(slot, value)| *slot = plain(op, *slot, *value));
            }
        }
    }

    fn finish(self, op: AggregateOp) -> Box<[f64]> {
        match self {
            Group::One(values) | Group::Plain(values) => values,
            Group::Sums(mut sums, lost) => {
                let slots = sums.iter_mut().zip(&lost).filter(|(sum, _)| is_present(**sum));
                slots.for_each(|(sum, lost)| *sum = Sum { sum: *sum, compensation: *lost }.both());
                sums
            }
            Group::Means(slots) => {
                let value = |mean: &Mean| if mean.count > 0.0 { mean.finish() } else { ABSENT };
                slots.iter().map(value).collect()
            }
            Group::Variances(slots) => {
                let root = op == AggregateOp::Stddev;
                let of = |slot: &Variance| if root { slot.finish().sqrt() } else { slot.finish() };
                let value = |slot: &Variance| if slot.count > 0.0 { of(slot) } else { ABSENT };
                slots.iter().map(value).collect()
            }
        }
    }
}

/// Adds a row without branches, so that several steps are added at a time.
fn add_to_sums(sums: &mut [f64], lost: &mut [f64], row: &[f64]) {
    for ((sum, lost), value) in sums.iter_mut().zip(lost).zip(row) {
        let before = if is_present(*sum) { *sum } else { 0.0 };
        let mut next = Sum { sum: before, compensation: *lost };
        next.add(*value);
        let is_there = is_present(*value);
        *sum = if is_there { next.sum } else { *sum };
        *lost = if is_there { next.compensation } else { *lost };
    }
}

#[inline]
fn plain(op: AggregateOp, slot: f64, value: f64) -> f64 {
    let first = !is_present(slot);
    match op {
        AggregateOp::Group => 1.0,
        AggregateOp::Count if first => 1.0,
        AggregateOp::Count => slot + 1.0,
        // A NaN gives way to any number.
        AggregateOp::Min if first || slot > value || slot.is_nan() => value,
        AggregateOp::Max if first || slot < value || slot.is_nan() => value,
        _ => slot,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_survive_overflow_and_infinities() {
        let big = f64::MAX / 1.8;
        assert_eq!(Mean::of(&[big, big, big]), big);
        assert_eq!(Mean::of(&[f64::INFINITY, 0.0, 0.0]), f64::INFINITY);
        assert!(Mean::of(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
        assert_eq!(Mean::of(&[52.0; 11]), 52.0);
    }

    /// Each group's values, from rows and the groups that they belong to, first rows in order.
    fn folded(op: AggregateOp, rows: &[(usize, [f64; 2])]) -> Vec<Box<[f64]>> {
        let mut accumulators = Accumulators::new(op).unwrap();
        for (group, mut row) in rows.iter().copied() {
            match group < accumulators.groups.len() {
                true => accumulators.add(group, &row),
                false => accumulators.begin(Values::Lent(&mut row)),
            }
        }
        accumulators.finish().collect()
    }

    #[test]
    fn groups_are_absent_where_nothing_was() {
        let rows = [(0, [ABSENT, -0.0]), (1, [1.0, ABSENT]), (1, [2.0, ABSENT])];
        let sums = folded(AggregateOp::Sum, &rows);
        assert!(!is_present(sums[0][0]) && !is_present(sums[1][1]));
        assert_eq!((sums[0][1].to_bits(), sums[1][0]), (0, 3.0));
    }

    #[test]
    fn a_first_row_counts_like_any_other() {
        use AggregateOp::*;
        for op in [Sum, Avg, Stddev, Stdvar, Count, Min, Max, Group] {
            let (x, y) = ([5.0, ABSENT], [-3.0, 7.0]);
            let one = folded(op, &[(0, [ABSENT; 2]), (0, x)]);
            assert_eq!(one[0][0], folded(op, &[(0, x)])[0][0], "{op:?}");
            assert_eq!(folded(op, &[(0, x), (0, y)]), folded(op, &[(0, y), (0, x)]), "{op:?}");
        }
    }
}
