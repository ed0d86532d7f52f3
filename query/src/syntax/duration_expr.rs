//! Duration expressions: `[5m + step()]`, `offset (2 * range())`.
//!
//! They are kept in the tree as written, and computed when the query is planned: they may depend
//! on its times.

use super::ast::{Expr, ExprKind, TimeShift};
use super::{ParseError, Span};

/// Longest duration in seconds: about 292 years, as many nanoseconds as an i64 holds.
pub(super) const DURATION_SECONDS_MAX: f64 = 9_223_372_036.854_776;

/// A duration in seconds.
#[derive(Clone, Debug, PartialEq)]
pub enum DurationExpr {
    /// A literal.
    Number {
        /// Seconds.
        seconds: f64,
        /// Whether it is written with units.
        duration: bool,
    },
    /// Step of the query.
    Step,
    /// Distance of the query's last and first time.
    Range,
    /// In parentheses.
    Paren(Box<DurationExpr>),
    /// The other sign.
    Negative(Box<DurationExpr>),
    /// Of two durations.
    Binary(DurationOp, Box<DurationExpr>, Box<DurationExpr>),
}

/// What is computed of two durations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum DurationOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
    Min,
    Max,
}

impl DurationOp {
    const NAMES: [(&'static str, DurationOp); 8] = [
        ("+", DurationOp::Add),
        ("-", DurationOp::Sub),
        ("*", DurationOp::Mul),
        ("/", DurationOp::Div),
        ("%", DurationOp::Mod),
        ("^", DurationOp::Pow),
        ("min_of", DurationOp::Min),
        ("max_of", DurationOp::Max),
    ];

    /// The operator or function of that name.
    pub(super) fn from_name(name: &str) -> Option<DurationOp> {
        Self::NAMES.iter().find(|(n, _)| *n == name).map(|(_, op)| *op)
    }

    /// How it is written.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, op)| *op == self).map_or("", |(name, _)| name)
    }

    /// Whether it is a function of two arguments, not an operator.
    pub fn is_function(self) -> bool {
        matches!(self, DurationOp::Min | DurationOp::Max)
    }

    /// Binding strength: higher binds tighter.
    pub(super) fn precedence(self) -> u8 {
        match self {
            DurationOp::Add | DurationOp::Sub => 1,
            DurationOp::Mul | DurationOp::Div | DurationOp::Mod => 2,
            _ => 3,
        }
    }

    fn compute(self, a: f64, b: f64) -> Result<f64, String> {
        Ok(match self {
            DurationOp::Add => a + b,
            DurationOp::Sub => a - b,
            DurationOp::Mul => a * b,
            DurationOp::Div if b == 0.0 => return Err("division by zero".to_owned()),
            DurationOp::Mod if b == 0.0 => return Err("modulo by zero".to_owned()),
            DurationOp::Div => a / b,
            DurationOp::Mod => a % b,
            DurationOp::Pow => a.powf(b),
            DurationOp::Min => a.min(b),
            DurationOp::Max => a.max(b),
        })
    }
}

impl DurationExpr {
    /// The value, given the query's step and range in seconds.
    pub(super) fn seconds(&self, step: f64, range: f64) -> Result<f64, String> {
        match self {
            DurationExpr::Number { seconds, .. } => Ok(*seconds),
            DurationExpr::Step => Ok(step),
            DurationExpr::Range => Ok(range),
            DurationExpr::Paren(inner) => inner.seconds(step, range),
            DurationExpr::Negative(inner) => Ok(-inner.seconds(step, range)?),
            DurationExpr::Binary(op, a, b) => {
                op.compute(a.seconds(step, range)?, b.seconds(step, range)?)
            }
        }
    }

    /// The value in milliseconds; what is below one is cut off, but a literal is rounded.
    pub(super) fn milliseconds(&self, step: f64, range: f64) -> Result<i64, String> {
        let seconds = self.seconds(step, range)?;
        if !seconds.is_finite() {
            return Err("duration is NaN or infinite".to_owned());
        }
        if seconds.abs() > DURATION_SECONDS_MAX {
            return Err("duration is out of range".to_owned());
        }
        let ms = seconds * 1000.0;
        Ok(if matches!(self, DurationExpr::Number { .. }) { ms.round() } else { ms } as i64)
    }

    /// Height of the tree.
    pub(super) fn depth(&self) -> usize {
        match self {
            DurationExpr::Negative(inner) | DurationExpr::Paren(inner) => 1 + inner.depth(),
            DurationExpr::Binary(_, a, b) => 1 + a.depth().max(b.depth()),
            _ => 1,
        }
    }
}

/// Fills in all durations that depend on the query's step and range.
pub(crate) fn resolve(
    query: &str,
    expr: &mut Expr,
    step_ms: i64,
    range_ms: i64,
) -> Result<(), ParseError> {
    let span = expr.span;
    let resolver = Resolver { query, step: step_ms as f64 / 1e3, range: range_ms as f64 / 1e3 };
    match &mut expr.kind {
        ExprKind::Selector(selector) => resolver.shift(&mut selector.shift, span)?,
        ExprKind::Range { selector, range_ms, range } => {
            resolver.shift(&mut selector.shift, span)?;
            resolver.positive(range.as_deref(), range_ms, span)?;
        }
        ExprKind::Subquery { range_ms, step_ms, range, step, shift, .. } => {
            resolver.shift(shift, span)?;
            resolver.positive(range.as_deref(), range_ms, span)?;
            if let Some(step_ms) = step_ms {
                resolver.positive(step.as_deref(), step_ms, span)?;
            }
        }
        _ => {}
    }
    expr.children_mut().try_for_each(|child| resolve(query, child, step_ms, range_ms))
}

struct Resolver<'q> {
    query: &'q str,
    step: f64,
    range: f64,
}

impl Resolver<'_> {
    fn milliseconds(&self, duration: &DurationExpr, span: Span) -> Result<i64, ParseError> {
        let ms = duration.milliseconds(self.step, self.range);
        ms.map_err(|text| ParseError::new(self.query, span.start, text))
    }

    fn shift(&self, shift: &mut TimeShift, span: Span) -> Result<(), ParseError> {
        if let Some(offset) = &shift.offset {
            shift.offset_ms = self.milliseconds(offset, span)?;
        }
        Ok(())
    }

    fn positive(
        &self,
        duration: Option<&DurationExpr>,
        ms: &mut i64,
        span: Span,
    ) -> Result<(), ParseError> {
        if let Some(duration) = duration {
            *ms = self.milliseconds(duration, span)?;
        }
        if *ms <= 0 {
            let text = "duration must be greater than 0";
            return Err(ParseError::new(self.query, span.start, text));
        }
        Ok(())
    }
}
