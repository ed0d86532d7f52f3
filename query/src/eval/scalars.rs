//! Scalar expressions: a number a step.

use super::binary::{arithmetic, compare};
use super::{Run, is_present};
use crate::error::QueryError;
use crate::functions::Kind;
use crate::numbers::{go_max, go_min};
use crate::plan::{Grid, QueryKind};
use crate::syntax::{Expr, ExprKind};

/// A scalar over a grid.
#[derive(Clone, Debug)]
pub(crate) enum Scalar {
    /// The same at every step.
    Constant(f64),
    /// One value a step.
    Steps(Vec<f64>),
}

impl Scalar {
    #[inline]
    pub(crate) fn at(&self, step: usize) -> f64 {
        match self {
            Scalar::Constant(value) => *value,
            Scalar::Steps(values) => values[step],
        }
    }

    fn map(self, f: impl Fn(f64) -> f64) -> Scalar {
        match self {
            Scalar::Constant(value) => Scalar::Constant(f(value)),
            Scalar::Steps(values) => Scalar::Steps(values.into_iter().map(f).collect()),
        }
    }

    fn zip(self, other: Scalar, f: impl Fn(f64, f64) -> f64) -> Scalar {
        match (self, other) {
            (Scalar::Constant(a), b) => b.map(|b| f(a, b)),
            (a, Scalar::Constant(b)) => a.map(|a| f(a, b)),
            (Scalar::Steps(a), Scalar::Steps(b)) => {
                Scalar::Steps(a.into_iter().zip(b).map(|(a, b)| f(a, b)).collect())
            }
        }
    }
}

impl Run<'_> {
    /// Value of a scalar expression.
    pub(crate) fn scalar(&mut self, expr: &Expr, grid: Grid) -> Result<Scalar, QueryError> {
        match &expr.kind {
            ExprKind::Number { value, .. } => Ok(Scalar::Constant(*value)),
            ExprKind::Paren(inner) => self.scalar(inner, grid),
            ExprKind::Unary { negative, expr } => {
                let value = self.scalar(expr, grid)?;
                Ok(if *negative { value.map(|v| -v) } else { value })
            }
            ExprKind::Binary { op, lhs, rhs, .. } => {
                let (lhs, rhs) = (self.scalar(lhs, grid)?, self.scalar(rhs, grid)?);
                let op = *op;
                if op.is_comparison() {
                    return Ok(lhs.zip(rhs, |a, b| f64::from(u8::from(compare(op, a, b)))));
                }
                Ok(lhs.zip(rhs, |a, b| arithmetic(op, a, b)))
            }
            ExprKind::Call { function, args } => self.scalar_call(function.kind, args, grid),
            _ => Err(QueryError::execution("the expression is no scalar")),
        }
    }

    fn scalar_call(&mut self, kind: Kind, args: &[Expr], grid: Grid) -> Result<Scalar, QueryError> {
        let seconds = |ms: i64| ms as f64 / 1000.0;
        let (first, end) = (self.plan.grid.start_ms, self.plan.end_ms);
        Ok(match kind {
            Kind::Time => {
                self.check_row(grid)?;
                Scalar::Steps((0..grid.count).map(|i| seconds(grid.at(i))).collect())
            }
            Kind::Pi => Scalar::Constant(std::f64::consts::PI),
            Kind::QueryStart => Scalar::Constant(seconds(first)),
            Kind::QueryEnd => Scalar::Constant(seconds(end)),
            Kind::QueryRange => Scalar::Constant(seconds(end.saturating_sub(first))),
            Kind::QueryStep if self.plan.kind == QueryKind::Instant => Scalar::Constant(0.0),
            Kind::QueryStep => Scalar::Constant(seconds(self.plan.grid.step_ms)),
            Kind::MinOf | Kind::MaxOf => {
                let (a, b) = (self.scalar(&args[0], grid)?, self.scalar(&args[1], grid)?);
                a.zip(b, if matches!(kind, Kind::MinOf) { go_min } else { go_max })
            }
            Kind::Scalar => self.scalar_of_vector(&args[0], grid)?,
            _ => return Err(QueryError::execution("the function yields no scalar")),
        })
    }

    /// The only value at each step, NaN where there is not exactly one.
    fn scalar_of_vector(&mut self, expr: &Expr, grid: Grid) -> Result<Scalar, QueryError> {
        self.check_row(grid)?;
        let mut values = vec![f64::NAN; grid.count];
        let mut counts = vec![0u8; grid.count];
        self.stream(expr, grid, &mut |_, mut row| {
            row.remove_histograms();
            for (step, value) in row.values.iter().enumerate().filter(|(_, v)| is_present(**v)) {
                counts[step] = counts[step].saturating_add(1);
                values[step] = if counts[step] == 1 { *value } else { f64::NAN };
            }
            Ok(())
        })?;
        Ok(Scalar::Steps(values))
    }

    /// Bytes of a string expression.
    pub(crate) fn bytes<'e>(&self, expr: &'e Expr) -> Result<&'e [u8], QueryError> {
        match &expr.without_parens().kind {
            ExprKind::String(bytes) => Ok(bytes),
            _ => Err(QueryError::execution("the expression is no string")),
        }
    }

    /// Text of a string expression; an error if it is not UTF-8.
    pub(crate) fn text<'e>(&self, expr: &'e Expr) -> Result<&'e str, QueryError> {
        std::str::from_utf8(self.bytes(expr)?)
            .map_err(|_| QueryError::execution("a string argument is not valid UTF-8"))
    }
}
