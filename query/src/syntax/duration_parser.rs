//! Parser of duration expressions. Which tokens may start one, how tightly they bind.

use super::ParseError;
use super::duration_expr::{DURATION_SECONDS_MAX, DurationExpr, DurationOp};
use super::lexer::Token;
use super::parser::{NESTING_MAX, Parser, Place};

/// How messages name what may start a duration.
const EXPECTED: &str = "number, duration, step(), or range()";

/// Milliseconds, or zero and what they are computed from.
pub(super) type Folded = (i64, Option<Box<DurationExpr>>);

impl Parser<'_> {
    /// A duration that must be positive, which is checked of literals; `place` is for messages.
    pub(super) fn positive_duration(&mut self, place: Place) -> Result<Folded, ParseError> {
        let start = self.span.start;
        let duration = self.duration_expression(0, place)?;
        let (ms, expr) = self.folded(duration, start)?;
        if expr.is_none() && ms <= 0 {
            return Err(self.error(start, "duration must be greater than 0"));
        }
        Ok((ms, expr))
    }

    /// The operand of `offset`: operators need parentheses.
    pub(super) fn offset_duration(&mut self) -> Result<Folded, ParseError> {
        let place = Place { context: "offset", expected: EXPECTED };
        let start = self.span.start;
        let duration = self.signed_duration(false, place)?;
        self.folded(duration, start)
    }

    /// Milliseconds of a literal, or what has to be computed.
    fn folded(&self, duration: DurationExpr, at: usize) -> Result<Folded, ParseError> {
        match duration {
            DurationExpr::Number { .. } => {
                let ms = duration.milliseconds(0.0, 0.0).map_err(|text| self.error(at, text))?;
                Ok((ms, None))
            }
            _ => Ok((0, Some(Box::new(duration)))),
        }
    }

    /// A duration whose operators all bind at least as tight as `strength`.
    fn duration_expression(
        &mut self,
        strength: u8,
        place: Place,
    ) -> Result<DurationExpr, ParseError> {
        self.descend()?;
        let mut lhs = self.signed_duration(true, place)?;
        let mut chain = 0;
        while let Token::Symbol(symbol) = &self.token
            && let Some(op) = DurationOp::from_name(symbol)
            && op.precedence() >= strength
        {
            chain += 1;
            if chain > NESTING_MAX {
                return Err(self.too_deep(self.span.start));
            }
            let operator_at = self.span.start;
            self.advance()?;
            let next = op.precedence() + u8::from(op != DurationOp::Pow);
            let rhs = self.duration_expression(next, place)?;
            self.check_divisor(op, &rhs, operator_at)?;
            lhs = DurationExpr::Binary(op, Box::new(lhs), Box::new(rhs));
        }
        self.ascend();
        if lhs.depth() > NESTING_MAX {
            return Err(self.too_deep(self.span.start));
        }
        Ok(lhs)
    }

    fn check_divisor(
        &self,
        op: DurationOp,
        by: &DurationExpr,
        at: usize,
    ) -> Result<(), ParseError> {
        let zero = matches!(by, DurationExpr::Number { seconds: 0.0, .. });
        match op {
            DurationOp::Div if zero => Err(self.error(at, "division by zero")),
            DurationOp::Mod if zero => Err(self.error(at, "modulo by zero")),
            _ => Ok(()),
        }
    }

    /// Inside of an expression a sign binds as tight as `*`.
    fn signed_duration(
        &mut self,
        in_expression: bool,
        place: Place,
    ) -> Result<DurationExpr, ParseError> {
        let negative = self.take("-")?;
        if !negative && !self.take("+")? {
            return self.duration_operand(place);
        }
        let operand = match in_expression {
            true => self.duration_expression(DurationOp::Pow.precedence(), place)?,
            false => self.duration_operand(place)?,
        };
        Ok(match operand {
            operand if !negative => operand,
            DurationExpr::Number { seconds, duration } => {
                DurationExpr::Number { seconds: -seconds, duration }
            }
            operand => DurationExpr::Negative(Box::new(operand)),
        })
    }

    fn duration_operand(&mut self, place: Place) -> Result<DurationExpr, ParseError> {
        match self.token.clone() {
            Token::Number { value, duration } => {
                if value.abs() > DURATION_SECONDS_MAX {
                    return Err(self.error(self.span.start, "duration out of range"));
                }
                self.advance()?;
                Ok(DurationExpr::Number { seconds: value, duration })
            }
            Token::Symbol("(") => {
                self.advance()?;
                let inner = self.duration_expression(0, place)?;
                self.expect(")", Place { expected: "\")\"", ..place })?;
                Ok(match inner {
                    DurationExpr::Paren(_) => inner,
                    _ => DurationExpr::Paren(Box::new(inner)),
                })
            }
            Token::Word(word) => self.duration_call(&word.to_ascii_lowercase(), place),
            _ => Err(self.unexpected(place)),
        }
    }

    fn duration_call(&mut self, name: &str, place: Place) -> Result<DurationExpr, ParseError> {
        let op = match name {
            "step" => return self.of_query(DurationExpr::Step, place),
            "range" => return self.of_query(DurationExpr::Range, place),
            _ => DurationOp::from_name(name).ok_or_else(|| self.unexpected(place))?,
        };
        self.advance()?;
        self.expect("(", Place { expected: "\"(\"", ..place })?;
        let a = self.duration_expression(0, place)?;
        self.expect(",", Place { expected: "\",\"", ..place })?;
        let b = self.duration_expression(0, place)?;
        self.expect(")", Place { expected: "\")\"", ..place })?;
        Ok(DurationExpr::Binary(op, Box::new(a), Box::new(b)))
    }
    /// `step()` or `range()`; the cursor is on the name.
    fn of_query(&mut self, value: DurationExpr, place: Place) -> Result<DurationExpr, ParseError> {
        self.advance()?;
        self.expect("(", Place { expected: "\"(\"", ..place })?;
        self.expect(")", Place { expected: "\")\"", ..place })?;
        Ok(value)
    }
}
