//! Pratt parser: tokens to tree. Selectors are in `selector`, what follows them in `postfix`,
//! operators in `infix`, calls and aggregations in `calls`.

use proto::Regexes;

use super::ast::{Expr, ExprKind};
use super::lexer::{Lexer, Token};
use super::operators::{AggregateOp, BinaryOp};
use super::{ParseError, Span, check};

/// Deepest nesting of a query.
pub const NESTING_MAX: usize = 150;
/// Longest query in bytes.
pub const QUERY_BYTES_MAX: usize = 1 << 20;
/// Most selectors in a query, equal ones counted again.
pub const SELECTORS_MAX: usize = 1000;

/// Words that are neither a metric nor a function.
const RESERVED: [&str; 6] = ["bool", "on", "ignoring", "group_left", "group_right", "atan2"];

/// What a message says of a place in the query.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    /// What is being read.
    pub context: &'static str,
    /// What may come next.
    pub expected: &'static str,
}

/// Reads a query and checks its types.
pub fn parse(query: &str) -> Result<Expr, ParseError> {
    parse_with(query, &mut Regexes::default())
}

/// Reads a query that shares its budget of regular expressions with others.
pub fn parse_with(query: &str, regexes: &mut Regexes) -> Result<Expr, ParseError> {
    if query.len() > QUERY_BYTES_MAX {
        let message =
            format!("the query has {} bytes; at most {QUERY_BYTES_MAX} are allowed", query.len());
        return Err(ParseError::new(query, 0, message));
    }
    let mut parser = Parser::new(query, regexes)?;
    if parser.token == Token::End {
        return Err(ParseError::new(query, 0, "no expression found in input"));
    }
    let expr = parser.expression(0)?;
    if parser.token != Token::End {
        return Err(parser.unexpected(Place::default()));
    }
    check::check(query, &expr)?;
    Ok(expr)
}

pub(super) struct Parser<'q> {
    pub(super) query: &'q str,
    pub(super) lexer: Lexer<'q>,
    /// The token under the cursor and its place.
    pub(super) token: Token,
    pub(super) span: Span,
    /// End of the token before.
    pub(super) last_end: usize,
    pub(super) selectors: usize,
    /// What makes the matchers.
    pub(super) regexes: &'q mut Regexes,
    depth: usize,
}

impl<'q> Parser<'q> {
    fn new(query: &'q str, regexes: &'q mut Regexes) -> Result<Parser<'q>, ParseError> {
        let mut lexer = Lexer::new(query);
        let (token, span) = lexer.next()?;
        Ok(Parser { query, lexer, token, span, last_end: 0, selectors: 0, regexes, depth: 0 })
    }

    /// Moves on and gives the token that was under the cursor.
    pub(super) fn advance(&mut self) -> Result<Token, ParseError> {
        let (token, span) = self.lexer.next()?;
        self.last_end = self.span.end;
        self.span = span;
        Ok(std::mem::replace(&mut self.token, token))
    }

    pub(super) fn error(&self, at: usize, message: impl Into<String>) -> ParseError {
        ParseError::new(self.query, at, message)
    }

    /// The error that the token under the cursor has no business here.
    pub(super) fn unexpected(&self, place: Place) -> ParseError {
        let text = &self.query[self.span.start..self.span.end];
        let mut message = format!("unexpected {}", self.token.describe(text));
        for (word, part) in [(" in ", place.context), (", expected ", place.expected)] {
            if !part.is_empty() {
                message.push_str(word);
                message.push_str(part);
            }
        }
        self.error(self.span.start, message)
    }

    pub(super) fn at_symbol(&self, symbol: &str) -> bool {
        matches!(&self.token, Token::Symbol(s) if *s == symbol)
    }

    /// Takes the symbol if it is under the cursor.
    pub(super) fn take(&mut self, symbol: &str) -> Result<bool, ParseError> {
        let found = self.at_symbol(symbol);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    /// Takes the symbol, which must be under the cursor.
    pub(super) fn expect(&mut self, symbol: &str, place: Place) -> Result<(), ParseError> {
        if self.take(symbol)? { Ok(()) } else { Err(self.unexpected(place)) }
    }

    /// Whether a keyword is under the cursor.
    pub(super) fn at_keyword(&self, keyword: &str) -> bool {
        matches!(&self.token, Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    /// A new node, if the tree is not too high with it.
    pub(super) fn node(&self, kind: ExprKind, span: Span) -> Result<Expr, ParseError> {
        let expr = Expr::new(kind, span);
        if expr.depth > NESTING_MAX {
            return Err(self.too_deep(span.start));
        }
        Ok(expr)
    }

    pub(super) fn too_deep(&self, at: usize) -> ParseError {
        self.error(at, format!("the query is nested deeper than {NESTING_MAX} levels"))
    }

    /// An expression whose operators all bind at least as tight as `precedence`.
    pub(super) fn expression(&mut self, precedence: u8) -> Result<Expr, ParseError> {
        self.descend()?;
        let mut lhs = self.prefix()?;
        while let Some(op) = self.operator() {
            if op.precedence() < precedence {
                break;
            }
            lhs = self.binary(op, lhs)?;
        }
        self.ascend();
        Ok(lhs)
    }

    /// Counts a level of recursion; the counterpart is [`Parser::ascend`].
    pub(super) fn descend(&mut self) -> Result<(), ParseError> {
        self.depth += 1;
        if self.depth > NESTING_MAX {
            return Err(self.too_deep(self.span.start));
        }
        Ok(())
    }

    pub(super) fn ascend(&mut self) {
        self.depth -= 1;
    }

    pub(super) fn utf8(&self, bytes: Vec<u8>, at: usize) -> Result<String, ParseError> {
        String::from_utf8(bytes).map_err(|_| self.error(at, "the string is not valid UTF-8"))
    }

    /// A unary expression, or a primary with its postfixes.
    fn prefix(&mut self) -> Result<Expr, ParseError> {
        let negative = self.at_symbol("-");
        if negative || self.at_symbol("+") {
            let start = self.span.start;
            self.advance()?;
            // A sign binds as tight as `*`, so only `^` is taken along.
            let expr = self.expression(BinaryOp::Pow.precedence())?;
            let span = Span { start, end: expr.span.end };
            if let ExprKind::Number { value, duration } = expr.kind {
                let value = if negative { -value } else { value };
                return self.node(ExprKind::Number { value, duration }, span);
            }
            return self.node(ExprKind::Unary { negative, expr: Box::new(expr) }, span);
        }
        let expr = self.primary()?;
        self.postfixes(expr)
    }

    fn primary(&mut self) -> Result<Expr, ParseError> {
        let span = self.span;
        match self.token.clone() {
            Token::Number { value, duration } => {
                self.advance()?;
                self.node(ExprKind::Number { value, duration }, span)
            }
            Token::String(value) => {
                self.advance()?;
                self.node(ExprKind::String(value), span)
            }
            Token::Symbol("(") => {
                self.advance()?;
                let inner = self.expression(0)?;
                self.expect(")", Place::default())?;
                let span = Span { start: span.start, end: self.last_end };
                self.node(ExprKind::Paren(Box::new(inner)), span)
            }
            Token::Symbol("{") => self.selector(None, span),
            Token::Word(word) => self.word(word, span),
            _ => Err(self.unexpected(Place::default())),
        }
    }

    fn word(&mut self, word: String, span: Span) -> Result<Expr, ParseError> {
        for (name, value) in [("inf", f64::INFINITY), ("nan", f64::NAN)] {
            if word.eq_ignore_ascii_case(name) {
                self.advance()?;
                return self.node(ExprKind::Number { value, duration: false }, span);
            }
        }
        if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(&word)) {
            return Err(self.unexpected(Place::default()));
        }
        self.advance()?;
        if let Some(op) = AggregateOp::from_name(&word)
            && (self.at_symbol("(") || self.at_keyword("by") || self.at_keyword("without"))
        {
            return self.aggregate(op, span.start);
        }
        if self.at_symbol("(") {
            return self.call(&word, span.start);
        }
        self.selector(Some(word), span)
    }
}
