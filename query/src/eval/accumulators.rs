//! Dense accumulators `[group][step]` of the aggregations that fold value by value.

use super::{ABSENT, is_present};
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

/// One aggregation's accumulators.
pub(crate) enum Accumulators {
    Sum {
        sums: Vec<Sum>,
        present: Vec<bool>,
    },
    Mean(Vec<Mean>),
    Variance {
        slots: Vec<Variance>,
        root: bool,
    },
    /// Value a slot: count, extreme, or one.
    Plain {
        op: AggregateOp,
        slots: Vec<f64>,
    },
}

impl Accumulators {
    /// Those of an operator; `None` if it does not fold value by value.
    pub(crate) fn new(op: AggregateOp) -> Option<Accumulators> {
        use AggregateOp::*;
        Some(match op {
            Sum => Accumulators::Sum { sums: Vec::new(), present: Vec::new() },
            Avg => Accumulators::Mean(Vec::new()),
            Stddev => Accumulators::Variance { slots: Vec::new(), root: true },
            Stdvar => Accumulators::Variance { slots: Vec::new(), root: false },
            Count | Min | Max | Group => Accumulators::Plain { op, slots: Vec::new() },
            Topk | Bottomk | Limitk | LimitRatio | CountValues | Quantile => return None,
        })
    }

    /// Makes room for one more group.
    pub(crate) fn grow(&mut self, steps: usize) {
        match self {
            Accumulators::Sum { sums, present } => {
                sums.resize(sums.len() + steps, Sum::default());
                present.resize(present.len() + steps, false);
            }
            Accumulators::Mean(slots) => slots.resize(slots.len() + steps, Mean::default()),
            Accumulators::Variance { slots, .. } => {
                slots.resize(slots.len() + steps, Variance::default());
            }
            Accumulators::Plain { slots, .. } => slots.resize(slots.len() + steps, ABSENT),
        }
    }

    /// Folds a row into a group.
    pub(crate) fn add(&mut self, group: usize, row: &[f64]) {
        let slots = group * row.len()..(group + 1) * row.len();
        match self {
            Accumulators::Sum { sums, present } => {
                let slots = sums[slots.clone()].iter_mut().zip(&mut present[slots]);
                for ((sum, present), value) in slots.zip(row).filter(|(_, v)| is_present(**v)) {
                    sum.add(*value);
                    *present = true;
                }
            }
            Accumulators::Mean(means) => {
                let slots = means[slots].iter_mut().zip(row).filter(|(_, v)| is_present(**v));
                slots.for_each(|(mean, value)| mean.add(*value));
            }
            Accumulators::Variance { slots: all, .. } => {
                let slots = all[slots].iter_mut().zip(row).filter(|(_, v)| is_present(**v));
                slots.for_each(|(slot, value)| slot.add(*value));
            }
            Accumulators::Plain { op, slots: all } => {
                let op = *op;
                let slots = all[slots].iter_mut().zip(row).filter(|(_, v)| is_present(**v));
                slots.for_each(|(slot, value)| *slot = plain(op, *slot, *value));
            }
        }
    }

    /// Writes a group's values.
    pub(crate) fn finish(&self, group: usize, out: &mut [f64]) {
        let first = group * out.len();
        for (step, value) in out.iter_mut().enumerate() {
            *value = self.slot(first + step);
        }
    }

    fn slot(&self, slot: usize) -> f64 {
        match self {
            Accumulators::Sum { sums, present } if present[slot] => sums[slot].both(),
            Accumulators::Mean(slots) if slots[slot].count > 0.0 => slots[slot].finish(),
            Accumulators::Variance { slots, root } if slots[slot].count > 0.0 => {
                let variance = slots[slot].finish();
                if *root { variance.sqrt() } else { variance }
            }
            Accumulators::Plain { slots, .. } => slots[slot],
            _ => ABSENT,
        }
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

    #[test]
    fn groups_are_dense_and_absent_where_nothing_was() {
        let mut sums = Accumulators::new(AggregateOp::Sum).unwrap();
        sums.grow(2);
        sums.grow(2);
        sums.add(1, &[1.0, ABSENT]);
        sums.add(1, &[2.0, ABSENT]);
        let mut out = [0.0; 2];
        sums.finish(1, &mut out);
        assert_eq!(out[0], 3.0);
        assert!(!is_present(out[1]));
        sums.finish(0, &mut out);
        assert!(out.iter().all(|v| !is_present(*v)));
    }
}
