//! What may follow an expression: `[range]`, `[range:step]`, `offset`, `@`.

use super::ast::{At, Expr, ExprKind, TimeShift, Type};
use super::duration_expr::DurationExpr;
use super::lexer::Token;
use super::parser::Parser;
use super::{ParseError, Span};

/// Largest duration, offset or timestamp in milliseconds (about 292,000 years), so that sums of
/// a few of them cannot overflow.
const TIME_MS_MAX: f64 = (i64::MAX / 1000) as f64;

/// Milliseconds, or zero and what must be resolved first.
type Folded = (i64, Option<Box<DurationExpr>>);

impl Parser<'_> {
    pub(super) fn postfixes(&mut self, mut expr: Expr) -> Result<Expr, ParseError> {
        // Which modifiers are there already; a bracket makes a new expression.
        let (mut offset, mut at) = (false, false);
        loop {
            if self.at_symbol("[") {
                expr = self.bracket(expr, offset, at)?;
                (offset, at) = (false, false);
            } else if self.at_keyword("offset") {
                let start = self.span.start;
                self.advance()?;
                let duration = self.offset_duration()?;
                let (ms, dynamic) = self.folded(duration, start)?;
                if std::mem::replace(&mut offset, true) {
                    return Err(self.error(start, "offset may not be set multiple times"));
                }
                let what = "offset modifier";
                expr = self.shifted(expr, what, |shift| {
                    (shift.offset_ms, shift.offset) = (ms, dynamic);
                })?;
            } else if self.at_symbol("@") {
                let start = self.span.start;
                self.advance()?;
                let value = self.at_value()?;
                if std::mem::replace(&mut at, true) {
                    return Err(self.error(start, "@ <timestamp> may not be set multiple times"));
                }
                expr = self.shifted(expr, "@ modifier", |shift| shift.at = Some(value))?;
            } else if self.at_keyword("anchored") || self.at_keyword("smoothed") {
                return Err(self.unsupported(self.span.start, "an anchored or smoothed selector"));
            } else {
                return Ok(expr);
            }
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

    /// `[range]` or `[range:step]` behind `expr`.
    fn bracket(&mut self, expr: Expr, offset: bool, at: bool) -> Result<Expr, ParseError> {
        let colon = std::mem::replace(&mut self.lexer.colon_splits, true);
        let open = self.span.start;
        self.advance()?;
        let range = self.positive_duration()?;
        let subquery = self.take(":")?;
        let step = match subquery && !self.at_symbol("]") {
            true => Some(self.positive_duration()?),
            false => None,
        };
        self.lexer.colon_splits = colon;
        if !self.at_symbol("]") {
            return Err(self.unexpected("subquery or range, expected \"]\""));
        }
        self.advance()?;
        let span = Span { start: expr.span.start, end: self.last_end };
        if subquery {
            return self.subquery(expr, range, step, span);
        }
        match expr.kind {
            ExprKind::Selector(_) if offset => {
                Err(self.error(open, "no offset modifiers allowed before range"))
            }
            ExprKind::Selector(_) if at => {
                Err(self.error(open, "no @ modifiers allowed before range"))
            }
            ExprKind::Selector(selector) => {
                let (range_ms, range) = range;
                self.node(ExprKind::Range { selector, range_ms, range }, span)
            }
            _ => Err(self.error(span.start, "ranges only allowed for vector selectors")),
        }
    }

    fn subquery(
        &self,
        expr: Expr,
        (range_ms, range): Folded,
        step: Option<Folded>,
        span: Span,
    ) -> Result<Expr, ParseError> {
        let found = expr.value_type();
        if found != Type::Vector {
            let message =
                format!("subquery is only allowed on instant vector, got {found} instead");
            return Err(self.error(expr.span.start, message));
        }
        let (expr, shift) = (Box::new(expr), TimeShift::default());
        let (step_ms, step) = step.map_or((None, None), |(ms, step)| (Some(ms), step));
        self.node(ExprKind::Subquery { expr, range_ms, step_ms, range, step, shift }, span)
    }

    /// A duration that must be positive as far as that is known yet.
    fn positive_duration(&mut self) -> Result<Folded, ParseError> {
        let start = self.span.start;
        let duration = self.duration_expression(0)?;
        let (ms, dynamic) = self.folded(duration, start)?;
        if ms <= 0 && dynamic.is_none() {
            return Err(self.error(start, "duration must be greater than 0"));
        }
        Ok((ms, dynamic))
    }

    /// Milliseconds of a duration, or what it depends on.
    fn folded(&self, duration: DurationExpr, at: usize) -> Result<Folded, ParseError> {
        if duration.depends_on_query() {
            return Ok((0, Some(Box::new(duration))));
        }
        let seconds = duration.seconds(0.0, 0.0).map_err(|text| self.error(at, text))?;
        Ok((self.milliseconds(seconds, at)?, None))
    }

    fn at_value(&mut self) -> Result<At, ParseError> {
        let start = self.span.start;
        for (word, value) in [("start", At::Start), ("end", At::End)] {
            if self.at_keyword(word) {
                self.advance()?;
                self.expect("(", "@")?;
                self.expect(")", "@")?;
                return Ok(value);
            }
        }
        let negative = self.take("-")?;
        if !negative {
            self.take("+")?;
        }
        let seconds = match self.token.clone() {
            Token::Number(seconds) => seconds,
            Token::Word(word) if word.eq_ignore_ascii_case("inf") => f64::INFINITY,
            Token::Word(word) if word.eq_ignore_ascii_case("nan") => f64::NAN,
            _ => return Err(self.unexpected("@, expected timestamp")),
        };
        self.advance()?;
        let seconds = if negative { -seconds } else { seconds };
        self.milliseconds(seconds, start).map(At::Timestamp)
    }

    fn milliseconds(&self, seconds: f64, at: usize) -> Result<i64, ParseError> {
        to_milliseconds(seconds).map_err(|text| self.error(at, text))
    }
}

/// Seconds as milliseconds, within bounds.
pub(super) fn to_milliseconds(seconds: f64) -> Result<i64, String> {
    let ms = (seconds * 1000.0).round();
    if ms.is_nan() || ms.abs() > TIME_MS_MAX {
        return Err(format!("timestamp or duration out of bounds: {seconds}"));
    }
    Ok(ms as i64)
}
