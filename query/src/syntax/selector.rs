//! Vector selectors: `name{label="value", "quoted.name"=~"…"}`.

use proto::labels::METRIC_NAME;
use proto::{MatchOp, Matcher};

use super::ast::{Expr, ExprKind, Selector, TimeShift};
use super::lexer::Token;
use super::parser::Parser;
use super::{ParseError, Span};

/// Most matchers in one selector.
pub const MATCHERS_MAX: usize = 1000;

impl Parser<'_> {
    /// A selector; the cursor is behind the metric's name, or on the brace.
    pub(super) fn selector(
        &mut self,
        name: Option<String>,
        span: Span,
    ) -> Result<Expr, ParseError> {
        let mut matchers = Vec::new();
        let mut quoted = None;
        if self.at_symbol("{") {
            self.matchers(&mut matchers, &mut quoted)?;
        }
        let end = self.last_end.max(span.end);
        if let (Some(name), Some(quoted)) = (&name, &quoted) {
            let message = format!("metric name must not be set twice: {name:?} or {quoted:?}");
            return Err(self.error(span.start, message));
        }
        if let Some(name) = name.or(quoted) {
            if let Some(twice) = matchers.iter().find(|m| m.name() == METRIC_NAME) {
                let other = twice.value();
                let message = format!("metric name must not be set twice: {name:?} or {other:?}");
                return Err(self.error(span.start, message));
            }
            matchers.push(Matcher::equal(METRIC_NAME, &name));
        }
        if matchers.iter().all(Matcher::matches_empty) {
            let message = "vector selector must contain at least one non-empty matcher";
            return Err(self.error(span.start, message));
        }
        let id = self.selectors;
        self.selectors += 1;
        let selector = Selector { id, matchers, shift: TimeShift::default() };
        self.node(ExprKind::Selector(selector), Span { start: span.start, end })
    }

    /// `{…}`; `quoted` gets a metric name that stands alone in quotes.
    fn matchers(
        &mut self,
        matchers: &mut Vec<Matcher>,
        quoted: &mut Option<String>,
    ) -> Result<(), ParseError> {
        let colon = std::mem::replace(&mut self.lexer.colon_splits, true);
        self.advance()?;
        while !self.at_symbol("}") {
            if matchers.len() >= MATCHERS_MAX {
                let message = format!("a selector has more than {MATCHERS_MAX} matchers");
                return Err(self.error(self.span.start, message));
            }
            self.matcher(matchers, quoted)?;
            if !self.at_symbol("}") {
                self.expect(",", "label matching, expected \",\" or \"}\"")?;
            }
        }
        self.lexer.colon_splits = colon;
        self.advance()?;
        Ok(())
    }

    fn matcher(
        &mut self,
        matchers: &mut Vec<Matcher>,
        quoted: &mut Option<String>,
    ) -> Result<(), ParseError> {
        let start = self.span.start;
        let name = match self.advance()? {
            Token::Word(name) => name,
            Token::String(name) => {
                let name = self.utf8(name, start)?;
                if self.at_symbol(",") || self.at_symbol("}") {
                    return self.metric_in_braces(name, quoted, start);
                }
                name
            }
            token => {
                let message = format!(
                    "unexpected {} in label matching, expected identifier or \"}}\"",
                    token.describe()
                );
                return Err(self.error(start, message));
            }
        };
        let op = match &self.token {
            Token::Symbol("=") => MatchOp::Equal,
            Token::Symbol("!=") => MatchOp::NotEqual,
            Token::Symbol("=~") => MatchOp::Regex,
            Token::Symbol("!~") => MatchOp::NotRegex,
            _ => return Err(self.unexpected("label matching, expected label matching operator")),
        };
        self.advance()?;
        let value_at = self.span.start;
        let Token::String(value) = self.token.clone() else {
            return Err(self.unexpected("label matching, expected string"));
        };
        self.advance()?;
        let value = self.utf8(value, value_at)?;
        let matcher = Matcher::new(&name, op, &value);
        matchers.push(matcher.map_err(|error| self.error(value_at, error.to_string()))?);
        Ok(())
    }

    fn metric_in_braces(
        &mut self,
        name: String,
        quoted: &mut Option<String>,
        start: usize,
    ) -> Result<(), ParseError> {
        if let Some(first) = quoted {
            let message = format!("metric name must not be set twice: {first:?} or {name:?}");
            return Err(self.error(start, message));
        }
        *quoted = Some(name);
        Ok(())
    }
}
