//! Binary operators: on two numbers, and on a vector and a scalar.

mod kinds;

use std::sync::Arc;

use super::{ABSENT, Row, Run, Scalar, Sink, ValueRef, is_present, put};
use crate::annotations::NoteSet;
use crate::error::QueryError;
use crate::plan::Grid;
use crate::syntax::{BinaryOp, Expr, ExprKind, Type};

/// Value of an arithmetic operator.
#[inline]
pub(crate) fn arithmetic(op: BinaryOp, a: f64, b: f64) -> f64 {
    match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        BinaryOp::Mod => a % b,
        BinaryOp::Pow => power(a, b),
        BinaryOp::Atan2 => a.atan2(b),
        _ => f64::NAN,
    }
}

/// As Go's `math.Pow`: minus one to an infinite power is one, as in C.
fn power(a: f64, b: f64) -> f64 {
    a.powf(b)
}

/// Whether a comparison holds.
#[inline]
pub(crate) fn compare(op: BinaryOp, a: f64, b: f64) -> bool {
    match op {
        BinaryOp::Equal => a == b,
        BinaryOp::NotEqual => a != b,
        BinaryOp::Less => a < b,
        BinaryOp::LessOrEqual => a <= b,
        BinaryOp::Greater => a > b,
        BinaryOp::GreaterOrEqual => a >= b,
        _ => false,
    }
}

/// An operator as applied to present values: absent where a filter lets nothing through.
#[derive(Clone, Copy)]
pub(super) struct Operation {
    pub op: BinaryOp,
    pub returns_bool: bool,
    /// Where it stands in the query.
    pub at: usize,
}

impl Operation {
    /// Whether the result is a new metric, so that the name goes.
    pub(super) fn renames(self) -> bool {
        self.returns_bool || self.op.makes_metric()
    }

    /// `kept` is what a comparison without `bool` lets through.
    #[inline]
    pub(super) fn apply(self, a: f64, b: f64, kept: f64) -> f64 {
        if !self.op.is_comparison() {
            return arithmetic(self.op, a, b);
        }
        match (compare(self.op, a, b), self.returns_bool) {
            (holds, true) => f64::from(u8::from(holds)),
            (true, false) => kept,
            (false, false) => ABSENT,
        }
    }
}

/// An operation of a vector and a scalar.
struct WithScalar {
    operation: Operation,
    scalar: Scalar,
    /// Whether the scalar is the left side.
    scalar_first: bool,
}

impl WithScalar {
    /// Applies the operation to floats and histograms.
    fn apply_to_kinds(&self, row: &mut Row<'_>) -> NoteSet {
        let mut notes = NoteSet::default();
        for step in 0..row.values.len() {
            if !is_present(row.values[step]) {
                continue;
            }
            let of = ValueRef::at(row.values[step], &row.histograms, step);
            let scalar = ValueRef::Float(self.scalar.at(step));
            let (a, b) = if self.scalar_first { (scalar, of) } else { (of, scalar) };
            let value = self.operation.apply_to_kinds(a, b, of, &mut notes);
            put(value, step, &mut row.values, &mut row.histograms);
        }
        notes
    }
}

impl Run<'_> {
    /// Rows of a binary expression with at least one vector.
    pub(super) fn binary_rows(
        &mut self,
        expr: &Expr,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let at = expr.span.start;
        let ExprKind::Binary { op, lhs, rhs, returns_bool, matching } = &expr.kind else {
            return Err(QueryError::execution("the expression is no binary operation"));
        };
        let operation = Operation { op: *op, returns_bool: *returns_bool, at };
        match (lhs.value_type(), rhs.value_type()) {
            (Type::Scalar, _) => {
                let scalar = self.scalar(lhs, grid)?;
                let with = WithScalar { operation, scalar, scalar_first: true };
                self.scalar_operation(rhs, with, grid, sink)
            }
            (_, Type::Scalar) => {
                let scalar = self.scalar(rhs, grid)?;
                let with = WithScalar { operation, scalar, scalar_first: false };
                self.scalar_operation(lhs, with, grid, sink)
            }
            _ if op.is_set() => self.set_rows(*op, lhs, rhs, matching, grid, sink),
            _ => self.join_rows(operation, lhs, rhs, matching, grid, sink),
        }
    }

    fn scalar_operation(
        &mut self,
        vector: &Expr,
        with: WithScalar,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let WithScalar { operation, scalar_first, .. } = with;
        self.stream(vector, grid, &mut |run, mut row| {
            if !row.histograms.is_empty() || operation.op.is_trim() {
                let notes = with.apply_to_kinds(&mut row);
                run.add_notes(operation.at, notes, &[]);
            } else {
                let scalar = &with.scalar;
                let values = row.values.iter_mut().enumerate().filter(|(_, v)| is_present(**v));
                values.for_each(|(step, value)| {
                    let (a, b) = if scalar_first {
                        (scalar.at(step), *value)
                    } else {
                        (*value, scalar.at(step))
                    };
                    *value = operation.apply(a, b, *value);
                });
            }
            match (row.is_absent(), operation.renames()) {
                (true, _) => Ok(()),
                (false, true) => run.emit_renamed(row, sink),
                (false, false) => sink(run, row),
            }
        })
    }

    /// Rows with the sign of each value changed, under a new metric.
    pub(super) fn negated(
        &mut self,
        expr: &Expr,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        self.stream(expr, grid, &mut |run, mut row: Row<'_>| {
            let values = row.values.iter_mut().enumerate().filter(|(_, v)| is_present(**v));
            for (step, value) in values {
                match row.histograms.take(step) {
                    None => *value = -*value,
                    Some(mut histogram) => {
                        Arc::make_mut(&mut histogram).scale(-1.0);
                        row.histograms.set(step, histogram);
                    }
                }
            }
            run.emit_renamed(row, sink)
        })
    }

    /// Rows of `f` of each float, under a new metric. Histograms are left out.
    pub(super) fn map(
        &mut self,
        expr: &Expr,
        grid: Grid,
        f: impl Fn(f64) -> f64,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        self.map_steps(expr, grid, |_, value| f(value), sink)
    }

    /// Rows of `f(step, value)` of each float, under a new metric. Histograms are left out.
    pub(super) fn map_steps(
        &mut self,
        expr: &Expr,
        grid: Grid,
        f: impl Fn(usize, f64) -> f64,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        self.stream(expr, grid, &mut |run, mut row: Row<'_>| {
            if row.remove_histograms() && row.is_absent() {
                return Ok(());
            }
            let values = row.values.iter_mut().enumerate().filter(|(_, v)| is_present(**v));
            values.for_each(|(step, value)| *value = f(step, *value));
            run.emit_renamed(row, sink)
        })
    }
}
