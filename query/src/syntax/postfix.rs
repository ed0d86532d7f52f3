//! What may follow an expression: `[range]`, `[range:step]`, `offset`, `@`, `anchored`, `smoothed`.

use super::ast::{At, Expr, ExprKind, Extension, TimeShift};
use super::duration_parser::Folded;
use super::lexer::Token;
use super::parser::{Parser, Place};
use super::{ParseError, Span};
use crate::numbers::go_float;

/// Largest timestamp in milliseconds, either sign, so that sums of a few of them cannot overflow.
const TIME_MS_MAX: f64 = (i64::MAX / 1000) as f64;

const IN_RANGE: Place = Place {
    context: "subquery or range selector",
    expected: "number, duration, step(), or range()",
};
const AFTER_RANGE: Place = Place { context: "subquery or range", expected: "\":\" or \"]\"" };
const IN_STEP: Place =
    Place { context: "subquery selector", expected: "number, duration, step(), range(), or \"]\"" };
const AFTER_STEP: Place = Place { context: "subquery selector", expected: "\"]\"" };
const AT: Place = Place { context: "@", expected: "timestamp" };

/// Which modifiers an expression has already; a bracket makes a new expression.
#[derive(Clone, Copy, Default)]
struct Modifiers {
    offset: bool,
    at: bool,
}

impl Parser<'_> {
    pub(super) fn postfixes(&mut self, mut expr: Expr) -> Result<Expr, ParseError> {
        let mut there = Modifiers::default();
        loop {
            if self.at_symbol("[") {
                expr = self.bracket(expr, there)?;
                there = Modifiers::default();
            } else if self.at_keyword("offset") {
                expr = self.offset(expr, std::mem::replace(&mut there.offset, true))?;
            } else if self.at_symbol("@") {
                expr = self.at_modifier(expr, std::mem::replace(&mut there.at, true))?;
            } else if self.at_keyword("anchored") {
                expr = self.extended(expr, Extension::Anchored)?;
            } else if self.at_keyword("smoothed") {
                expr = self.extended(expr, Extension::Smoothed)?;
            } else {
                return Ok(expr);
            }
        }
    }

    fn offset(&mut self, expr: Expr, again: bool) -> Result<Expr, ParseError> {
        self.advance()?;
        let (ms, duration) = self.offset_duration()?;
        let start = expr.span.start;
        let expr = self.shifted(expr, "offset modifier", |shift| {
            (shift.offset_ms, shift.offset) = (ms, duration);
        })?;
        match again {
            true => Err(self.error(start, "offset may not be set multiple times")),
            false => Ok(expr),
        }
    }

    fn at_modifier(&mut self, expr: Expr, again: bool) -> Result<Expr, ParseError> {
        self.advance()?;
        let start = expr.span.start;
        let value = self.at_value(start)?;
        let expr = self.shifted(expr, "@ modifier", |shift| shift.at = Some(value))?;
        match again {
            true => Err(self.error(start, "@ <timestamp> may not be set multiple times")),
            false => Ok(expr),
        }
    }

    fn shifted(
        &self,
        mut expr: Expr,
        what: &str,
        change: impl FnOnce(&mut TimeShift),
    ) -> Result<Expr, ParseError> {
        match &mut expr.kind {
            ExprKind::Selector(selector) | ExprKind::Range { selector, .. } => {
                change(&mut selector.shift);
            }
            ExprKind::Subquery { shift, .. } => change(shift),
            _ => {
                let message = format!(
                    "{what} must be preceded by an instant vector selector or range vector \
                     selector or a subquery"
                );
                return Err(self.error(expr.span.start, message));
            }
        }
        self.node(expr.kind, Span { start: expr.span.start, end: self.last_end })
    }

    fn extended(&mut self, mut expr: Expr, extension: Extension) -> Result<Expr, ParseError> {
        self.advance()?;
        let start = expr.span.start;
        let selector = match &mut expr.kind {
            ExprKind::Selector(selector) | ExprKind::Range { selector, .. } => selector,
            ExprKind::Subquery { .. } => {
                let message = format!("{extension} modifier is not supported for subqueries");
                return Err(self.error(start, message));
            }
            _ => return Err(self.error(start, format!("{extension} modifier not implemented"))),
        };
        if selector.extension.is_some_and(|other| other != extension) {
            let message = "anchored and smoothed modifiers cannot be used together";
            return Err(self.error(start, message));
        }
        selector.extension = Some(extension);
        Ok(expr)
    }

    /// `[range]` or `[range:step]` behind `expr`.
    fn bracket(&mut self, expr: Expr, there: Modifiers) -> Result<Expr, ParseError> {
        let colon = std::mem::replace(&mut self.lexer.colon_splits, true);
        let open = self.span.start;
        self.advance()?;
        let range = self.positive_duration(IN_RANGE)?;
        let subquery = self.take(":")?;
        let step = match subquery && !self.at_symbol("]") {
            true => Some(self.positive_duration(IN_STEP)?),
            false => None,
        };
        self.lexer.colon_splits = colon;
        self.expect("]", if subquery { AFTER_STEP } else { AFTER_RANGE })?;
        let span = Span { start: expr.span.start, end: self.last_end };
        if subquery {
            return self.subquery(expr, range, step, span);
        }
        match expr.kind {
            ExprKind::Selector(_) if there.offset => {
                Err(self.error(open, "no offset modifiers allowed before range"))
            }
            ExprKind::Selector(_) if there.at => {
                Err(self.error(open, "no @ modifiers allowed before range"))
            }
            ExprKind::Selector(selector) => {
                let (range_ms, range) = range;
                self.node(ExprKind::Range { selector, range_ms, range }, span)
            }
            _ => Err(self.error(open, "ranges only allowed for vector selectors")),
        }
    }

    fn subquery(
        &self,
        expr: Expr,
        (range_ms, range): Folded,
        step: Option<Folded>,
        span: Span,
    ) -> Result<Expr, ParseError> {
        let (expr, shift) = (Box::new(expr), TimeShift::default());
        let (step_ms, step) = step.map_or((None, None), |(ms, step)| (Some(ms), step));
        self.node(ExprKind::Subquery { expr, range_ms, step_ms, range, step, shift }, span)
    }

    /// What follows `@`; `start` is where the expression before it does.
    fn at_value(&mut self, start: usize) -> Result<At, ParseError> {
        for (word, value) in [("start", At::Start), ("end", At::End)] {
            if self.at_keyword(word) {
                self.advance()?;
                self.expect("(", AT)?;
                self.expect(")", AT)?;
                return Ok(value);
            }
        }
        let negative = self.take("-")?;
        if !negative {
            self.take("+")?;
        }
        let seconds = match self.token.clone() {
            Token::Number { value, .. } => value,
            Token::Word(word) if word.eq_ignore_ascii_case("inf") => f64::INFINITY,
            Token::Word(word) if word.eq_ignore_ascii_case("nan") => f64::NAN,
            _ => return Err(self.unexpected(AT)),
        };
        self.advance()?;
        let seconds = if negative { -seconds } else { seconds };
        let ms = (seconds * 1000.0).round();
        if ms.is_nan() || ms.abs() > TIME_MS_MAX {
            let shown = match seconds.is_finite() {
                true => format!("{seconds:.6}"),
                false => go_float(seconds),
            };
            let message = format!("timestamp out of bounds for @ modifier: {shown}");
            return Err(self.error(start, message));
        }
        Ok(At::Timestamp(ms as i64))
    }
}
