//! Duration expressions: `[5m + step()]`, `offset (2 * range())`.
//!
//! What does not depend on the query's times is computed by the parser; the rest is kept in the
//! tree and resolved when the query is planned.

use super::ast::{Expr, ExprKind, TimeShift};
use super::lexer::Token;
use super::parser::{NESTING_MAX, Parser};
use super::postfix::to_milliseconds;
use super::{ParseError, Span};

/// A duration in seconds.
#[derive(Clone, Debug, PartialEq)]
pub enum DurationExpr {
    /// A literal.
    Seconds(f64),
    /// Step of the query.
    Step,
    /// Distance of the query's last and first time.
    Range,
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
    /// Operator and binding strength of a symbol.
    fn of_symbol(symbol: &str) -> Option<(DurationOp, u8)> {
        Some(match symbol {
            "+" => (DurationOp::Add, 1),
            "-" => (DurationOp::Sub, 1),
            "*" => (DurationOp::Mul, 2),
            "/" => (DurationOp::Div, 2),
            "%" => (DurationOp::Mod, 2),
            "^" => (DurationOp::Pow, 3),
            _ => return None,
        })
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
    /// Whether the value is known only with the query's times.
    pub(super) fn depends_on_query(&self) -> bool {
        match self {
            DurationExpr::Seconds(_) => false,
            DurationExpr::Step | DurationExpr::Range => true,
            DurationExpr::Negative(inner) => inner.depends_on_query(),
            DurationExpr::Binary(_, a, b) => a.depends_on_query() || b.depends_on_query(),
        }
    }

    /// The value, given the query's step and range in seconds.
    pub(super) fn seconds(&self, step: f64, range: f64) -> Result<f64, String> {
        match self {
            DurationExpr::Seconds(seconds) => Ok(*seconds),
            DurationExpr::Step => Ok(step),
            DurationExpr::Range => Ok(range),
            DurationExpr::Negative(inner) => Ok(-inner.seconds(step, range)?),
            DurationExpr::Binary(op, a, b) => {
                op.compute(a.seconds(step, range)?, b.seconds(step, range)?)
            }
        }
    }

    fn depth(&self) -> usize {
        match self {
            DurationExpr::Negative(inner) => 1 + inner.depth(),
            DurationExpr::Binary(_, a, b) => 1 + a.depth().max(b.depth()),
            _ => 1,
        }
    }
}

impl Parser<'_> {
    /// A duration whose operators all bind at least as tight as `strength`.
    pub(super) fn duration_expression(&mut self, strength: u8) -> Result<DurationExpr, ParseError> {
        self.descend()?;
        let mut lhs = self.signed_duration(true)?;
        let mut chain = 0;
        while let Token::Symbol(symbol) = &self.token
            && let Some((op, binds)) = DurationOp::of_symbol(symbol)
            && binds >= strength
        {
            chain += 1;
            if chain > NESTING_MAX {
                return Err(self.too_deep(self.span.start));
            }
            self.advance()?;
            let next = if op == DurationOp::Pow { binds } else { binds + 1 };
            let rhs = self.duration_expression(next)?;
            lhs = DurationExpr::Binary(op, Box::new(lhs), Box::new(rhs));
        }
        self.ascend();
        if lhs.depth() > NESTING_MAX {
            return Err(self.too_deep(self.span.start));
        }
        Ok(lhs)
    }

    /// The operand of `offset`: operators need parentheses.
    pub(super) fn offset_duration(&mut self) -> Result<DurationExpr, ParseError> {
        self.signed_duration(false)
    }

    /// Inside of an expression a sign binds as tight as `*`.
    fn signed_duration(&mut self, in_expression: bool) -> Result<DurationExpr, ParseError> {
        let negative = self.take("-")?;
        if !negative && !self.take("+")? {
            return self.duration_operand();
        }
        let operand = match in_expression {
            true => self.duration_expression(3)?,
            false => self.duration_operand()?,
        };
        Ok(if negative { DurationExpr::Negative(Box::new(operand)) } else { operand })
    }

    fn duration_operand(&mut self) -> Result<DurationExpr, ParseError> {
        match self.token.clone() {
            Token::Number(seconds) => {
                self.advance()?;
                Ok(DurationExpr::Seconds(seconds))
            }
            Token::Symbol("(") => {
                self.advance()?;
                let inner = self.duration_expression(0)?;
                self.expect(")", "duration expression")?;
                Ok(inner)
            }
            Token::Word(word) => self.duration_call(&word.to_ascii_lowercase()),
            _ => Err(self.unexpected("duration")),
        }
    }

    fn duration_call(&mut self, name: &str) -> Result<DurationExpr, ParseError> {
        let context = "duration expression";
        let op = match name {
            "step" | "range" => None,
            "min_of" => Some(DurationOp::Min),
            "max_of" => Some(DurationOp::Max),
            _ => return Err(self.unexpected("duration")),
        };
        self.advance()?;
        self.expect("(", context)?;
        let Some(op) = op else {
            self.expect(")", context)?;
            return Ok(if name == "step" { DurationExpr::Step } else { DurationExpr::Range });
        };
        let a = self.duration_expression(0)?;
        self.expect(",", context)?;
        let b = self.duration_expression(0)?;
        self.expect(")", context)?;
        Ok(DurationExpr::Binary(op, Box::new(a), Box::new(b)))
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
        let seconds = duration.seconds(self.step, self.range);
        let ms = seconds.and_then(to_milliseconds);
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
