//! Binary operators: on two numbers, and on a vector and a scalar.

use super::{ABSENT, Row, Run, Sink, is_present};
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
}

impl Operation {
    /// Whether the result is a new metric, so that the name goes.
    pub(super) fn renames(self) -> bool {
        self.returns_bool || !self.op.is_comparison()
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

impl Run<'_> {
    /// Rows of a binary expression with at least one vector.
    pub(super) fn binary_rows(
        &mut self,
        expr: &Expr,
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let ExprKind::Binary { op, lhs, rhs, returns_bool, matching } = &expr.kind else {
            return Err(QueryError::execution("the expression is no binary operation"));
        };
        let operation = Operation { op: *op, returns_bool: *returns_bool };
        match (lhs.value_type(), rhs.value_type()) {
            (Type::Scalar, _) => {
                let scalar = self.scalar(lhs, grid)?;
                let apply = |step: usize, v: f64| operation.apply(scalar.at(step), v, v);
                self.scalar_operation(rhs, operation, grid, apply, sink)
            }
            (_, Type::Scalar) => {
                let scalar = self.scalar(rhs, grid)?;
                let apply = |step: usize, v: f64| operation.apply(v, scalar.at(step), v);
                self.scalar_operation(lhs, operation, grid, apply, sink)
            }
            _ if op.is_set() => self.set_rows(*op, lhs, rhs, matching, grid, sink),
            _ => self.join_rows(operation, lhs, rhs, matching, grid, sink),
        }
    }

    fn scalar_operation(
        &mut self,
        vector: &Expr,
        operation: Operation,
        grid: Grid,
        apply: impl Fn(usize, f64) -> f64,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        self.stream(vector, grid, &mut |run, row| {
            let mut any = false;
            for (step, value) in row.values.iter_mut().enumerate() {
                if is_present(*value) {
                    *value = apply(step, *value);
                    any |= is_present(*value);
                }
            }
            match (any, operation.renames()) {
                (false, _) => Ok(()),
                (true, true) => run.emit_renamed(row, sink),
                (true, false) => sink(run, row),
            }
        })
    }

    /// Rows of `f` of each value, under a new metric.
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
