//! and, or, unless: which series stay is decided step by step, by key.

use super::groups::{Groups, Keying};
use super::{ABSENT, Matrix, Run, Sink, is_present};
use crate::error::QueryError;
use crate::plan::Grid;
use crate::syntax::{BinaryOp, Expr, Matching};

/// For each key and step whether some series is there.
struct Presence {
    keying: Keying,
    groups: Groups,
    present: Vec<bool>,
    steps: usize,
}

impl Presence {
    fn of(run: &Run<'_>, keying: Keying, matrix: &Matrix) -> Presence {
        let (groups, steps) = (Groups::default(), matrix.steps());
        let mut presence = Presence { keying, groups, present: Vec::new(), steps };
        for index in 0..matrix.len() {
            let key = presence.keying.key(run, matrix.labels(index));
            let (group, new) = presence.groups.number(key);
            if new {
                presence.present.resize(presence.present.len() + steps, false);
            }
            let slots = &mut presence.present[group * steps..(group + 1) * steps];
            for (slot, value) in slots.iter_mut().zip(matrix.values(index)) {
                *slot |= is_present(*value);
            }
        }
        presence
    }

    /// Removes the values of a row where the presence of its key is `unwanted`.
    fn mask(&self, run: &Run<'_>, labels: &[u32], values: &mut [f64], unwanted: bool) {
        let group = self.groups.find(&self.keying.key(run, labels));
        for (step, value) in values.iter_mut().enumerate() {
            let present = group.is_some_and(|group| self.present[group * self.steps + step]);
            if present == unwanted {
                *value = ABSENT;
            }
        }
    }
}

impl Run<'_> {
    pub(super) fn set_rows(
        &mut self,
        op: BinaryOp,
        lhs: &Expr,
        rhs: &Expr,
        matching: &Matching,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let keying = Keying::matching(self, matching);
        if op == BinaryOp::Or {
            return self.union(lhs, rhs, keying, grid, sink);
        }
        let right = self.collect(rhs, grid)?;
        let presence = Presence::of(self, keying, &right);
        self.release(&right);
        drop(right);
        let unwanted = op == BinaryOp::Unless;
        self.stream(lhs, grid, &mut |run, mut row| {
            presence.mask(run, row.labels, &mut row.values, unwanted);
            if row.values.iter().any(|v| is_present(*v)) { sink(run, row) } else { Ok(()) }
        })
    }

    fn union(
        &mut self,
        lhs: &Expr,
        rhs: &Expr,
        keying: Keying,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let left = self.collect(lhs, grid)?;
        let presence = Presence::of(self, keying, &left);
        self.forward(left, sink)?;
        self.stream(rhs, grid, &mut |run, mut row| {
            presence.mask(run, row.labels, &mut row.values, true);
            if row.values.iter().any(|v| is_present(*v)) { sink(run, row) } else { Ok(()) }
        })
    }
}
