//! Vector selectors: `name{label="value", "quoted.name"=~"…"}`.

use proto::labels::METRIC_NAME;
use proto::{MatchOp, Matcher};

use super::ast::{Expr, ExprKind, Selector, TimeShift};
use super::lexer::Token;
use super::parser::{Parser, Place, SELECTORS_MAX};
use super::{ParseError, Span};

/// Most matchers in one selector.
pub const MATCHERS_MAX: usize = 1000;

const fn matching(expected: &'static str) -> Place {
    Place { context: "label matching", expected }
}

impl Parser<'_> {
    /// A selector; the cursor is behind the metric's name, or on the brace.
    pub(super) fn selector(
        &mut self,
        name: Option<String>,
        span: Span,
    ) -> Result<Expr, ParseError> {
        let mut matchers = Vec::new();
        let mut end = span.end;
        if self.at_symbol("{") {
            self.matchers(&mut matchers)?;
            end = self.last_end;
        }
        if let Some(name) = &name {
            matchers.push(Matcher::equal(METRIC_NAME, name));
        }
        let id = self.selectors;
        if id >= SELECTORS_MAX {
            let message = format!("the query has more than {SELECTORS_MAX} selectors");
            return Err(self.error(span.start, message));
        }
        self.selectors += 1;
        let shift = TimeShift::default();
        let selector = Selector { id, name, matchers, shift, extension: None };
        self.node(ExprKind::Selector(selector), Span { start: span.start, end })
    }

    /// `{…}`
    fn matchers(&mut self, matchers: &mut Vec<Matcher>) -> Result<(), ParseError> {
        let colon = std::mem::replace(&mut self.lexer.colon_splits, true);
        self.advance()?;
        while !self.at_symbol("}") {
            if matchers.len() >= MATCHERS_MAX {
                let message = format!("a selector has more than {MATCHERS_MAX} matchers");
                return Err(self.error(self.span.start, message));
            }
            matchers.push(self.matcher()?);
            if !self.at_symbol("}") {
                self.expect(",", matching("\",\" or \"}\""))?;
            }
        }
        self.lexer.colon_splits = colon;
        self.advance()?;
        Ok(())
    }

    fn matcher(&mut self) -> Result<Matcher, ParseError> {
        let start = self.span.start;
        let name = match self.token.clone() {
            Token::Word(name) => {
                self.advance()?;
                name
            }
            Token::String(name) => {
                self.advance()?;
                let name = self.utf8(name, start)?;
                if self.at_symbol(",") || self.at_symbol("}") {
                    return Ok(Matcher::equal(METRIC_NAME, &name));
                }
                name
            }
            _ => return Err(self.unexpected(matching("identifier or \"}\""))),
        };
        let op = match &self.token {
            Token::Symbol("=") => MatchOp::Equal,
            Token::Symbol("!=") => MatchOp::NotEqual,
            Token::Symbol("=~") => MatchOp::Regex,
            Token::Symbol("!~") => MatchOp::NotRegex,
            _ => return Err(self.unexpected(matching("label matching operator"))),
        };
        self.advance()?;
        let Token::String(value) = self.token.clone() else {
            return Err(self.unexpected(matching("string")));
        };
        let value = self.utf8(value, self.span.start)?;
        self.advance()?;
        let matcher = self.regexes.matcher(&name, op, &value);
        matcher.map_err(|error| self.error(start, error.to_string()))
    }
}
