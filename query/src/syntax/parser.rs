//! Pratt parser: tokens to tree. Selectors are in `selector`, postfixes in `postfix`.

use super::ast::{AggregateOp, BinaryOp, Cardinality, Expr, ExprKind, Matching};
use super::lexer::{Lexer, Token};
use super::{ParseError, Span, check};
use crate::functions;

/// Deepest nesting of a query.
pub const NESTING_MAX: usize = 150;
/// Longest query in bytes.
pub const QUERY_BYTES_MAX: usize = 1 << 20;

/// Reads a query and checks its types.
pub fn parse(query: &str) -> Result<Expr, ParseError> {
    if query.len() > QUERY_BYTES_MAX {
        let message =
            format!("the query has {} bytes; at most {QUERY_BYTES_MAX} are allowed", query.len());
        return Err(ParseError::new(query, 0, message));
    }
    let mut parser = Parser::new(query)?;
    if parser.token == Token::End {
        return Err(ParseError::new(query, 0, "no expression found in input"));
    }
    let expr = parser.expression(0)?;
    if parser.token != Token::End {
        return Err(parser.unexpected(""));
    }
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
    depth: usize,
}

impl<'q> Parser<'q> {
    fn new(query: &'q str) -> Result<Parser<'q>, ParseError> {
        let mut lexer = Lexer::new(query);
        let (token, span) = lexer.next()?;
        Ok(Parser { query, lexer, token, span, last_end: 0, selectors: 0, depth: 0 })
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

    pub(super) fn unexpected(&self, context: &str) -> ParseError {
        let blank = if context.is_empty() { "" } else { " in " };
        let message = format!("unexpected {}{blank}{context}", self.token.describe());
        self.error(self.span.start, message)
    }

    pub(super) fn unsupported(&self, at: usize, what: &str) -> ParseError {
        self.error(at, format!("{what} is not supported yet"))
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

    pub(super) fn expect(&mut self, symbol: &str, context: &str) -> Result<(), ParseError> {
        if self.take(symbol)? { Ok(()) } else { Err(self.unexpected(context)) }
    }

    /// Whether a keyword is under the cursor.
    pub(super) fn at_keyword(&self, keyword: &str) -> bool {
        matches!(&self.token, Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    /// Checks the types of a new node and the height of the tree.
    pub(super) fn node(&self, kind: ExprKind, span: Span) -> Result<Expr, ParseError> {
        let expr = Expr::new(kind, span);
        if expr.depth > NESTING_MAX {
            return Err(self.too_deep(span.start));
        }
        check::check(self.query, &expr)?;
        Ok(expr)
    }

    pub(super) fn too_deep(&self, at: usize) -> ParseError {
        self.error(at, format!("the query is nested deeper than {NESTING_MAX} levels"))
    }

    /// An expression whose operators all bind at least as tight as `precedence`.
    pub(super) fn expression(&mut self, precedence: u8) -> Result<Expr, ParseError> {
        self.descend()?;
        let mut lhs = self.prefix()?;
        while let Some(op) = self.operator()? {
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

    /// The binary operator under the cursor.
    fn operator(&self) -> Result<Option<BinaryOp>, ParseError> {
        use BinaryOp::*;
        Ok(match &self.token {
            Token::Symbol(symbol) => match *symbol {
                "+" => Some(Add),
                "-" => Some(Sub),
                "*" => Some(Mul),
                "/" => Some(Div),
                "%" => Some(Mod),
                "^" => Some(Pow),
                "==" => Some(Equal),
                "!=" => Some(NotEqual),
                "<" => Some(Less),
                "<=" => Some(LessOrEqual),
                ">" => Some(Greater),
                ">=" => Some(GreaterOrEqual),
                "</" | ">/" => {
                    let what = format!("the histogram trim operator {symbol:?}");
                    return Err(self.unsupported(self.span.start, &what));
                }
                _ => None,
            },
            Token::Word(word) => {
                let words = [("and", And), ("or", Or), ("unless", Unless), ("atan2", Atan2)];
                words.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, op)| *op)
            }
            _ => None,
        })
    }

    fn binary(&mut self, op: BinaryOp, lhs: Expr) -> Result<Expr, ParseError> {
        self.advance()?;
        let returns_bool = self.at_keyword("bool");
        if returns_bool {
            if !op.is_comparison() {
                let message = "bool modifier can only be used on comparison operators";
                return Err(self.error(self.span.start, message));
            }
            self.advance()?;
        }
        let matching = self.matching()?;
        // `^` is right associative, all others left.
        let next = if op == BinaryOp::Pow { op.precedence() } else { op.precedence() + 1 };
        let rhs = self.expression(next)?;
        let span = Span { start: lhs.span.start, end: rhs.span.end };
        let (lhs, rhs) = (Box::new(lhs), Box::new(rhs));
        self.node(ExprKind::Binary { op, lhs, rhs, returns_bool, matching }, span)
    }

    fn matching(&mut self) -> Result<Matching, ParseError> {
        let mut matching = Matching::default();
        if self.at_keyword("on") || self.at_keyword("ignoring") {
            matching.on = self.at_keyword("on");
            self.advance()?;
            matching.labels = self.label_list()?;
            if self.at_keyword("group_left") || self.at_keyword("group_right") {
                let left = self.at_keyword("group_left");
                self.advance()?;
                matching.cardinality =
                    if left { Cardinality::ManyToOne } else { Cardinality::OneToMany };
                if self.at_symbol("(") {
                    matching.include = self.label_list()?;
                }
            }
            self.check_include(&matching)?;
        }
        self.fills(&mut matching)?;
        Ok(matching)
    }

    /// `fill(x)`, `fill_left(x)`, `fill_right(x)`; without parentheses these are metrics.
    fn fills(&mut self, matching: &mut Matching) -> Result<(), ParseError> {
        loop {
            let word = |name: &str| self.at_keyword(name);
            let (both, left, right) = (word("fill"), word("fill_left"), word("fill_right"));
            let called = self.query[self.span.end..].trim_start().starts_with('(');
            if !called || !(both || left || right) {
                return Ok(());
            }
            self.advance()?;
            let start = self.span.start;
            self.expect("(", "fill modifier")?;
            let ExprKind::Number(value) = self.expression(0)?.kind else {
                return Err(self.error(start, "a fill modifier takes a number"));
            };
            self.expect(")", "fill modifier")?;
            if both || left {
                matching.fill_left = Some(value);
            }
            if both || right {
                matching.fill_right = Some(value);
            }
        }
    }

    fn check_include(&self, matching: &Matching) -> Result<(), ParseError> {
        let both = matching.include.iter().find(|name| matching.labels.contains(name));
        match both {
            Some(name) if matching.on => {
                let message =
                    format!("label {name:?} must not occur in ON and GROUP clause at once");
                Err(self.error(self.last_end.saturating_sub(1), message))
            }
            _ => Ok(()),
        }
    }

    /// `(a, "b.c", …)`.
    pub(super) fn label_list(&mut self) -> Result<Vec<String>, ParseError> {
        let context = "grouping opts";
        let colon = std::mem::replace(&mut self.lexer.colon_splits, true);
        self.expect("(", context)?;
        let mut labels = Vec::new();
        while !self.at_symbol(")") {
            let start = self.span.start;
            match self.advance()? {
                Token::Word(name) => labels.push(name),
                Token::String(name) => labels.push(self.utf8(name, start)?),
                token => {
                    let message =
                        format!("unexpected {} in {context}, expected label", token.describe());
                    return Err(self.error(start, message));
                }
            }
            if !self.at_symbol(")") {
                self.expect(",", context)?;
            }
        }
        self.lexer.colon_splits = colon;
        self.advance()?;
        Ok(labels)
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
            if let ExprKind::Number(value) = expr.kind {
                let value = if negative { -value } else { value };
                return self.node(ExprKind::Number(value), span);
            }
            return self.node(ExprKind::Unary { negative, expr: Box::new(expr) }, span);
        }
        let expr = self.primary()?;
        self.postfixes(expr)
    }

    fn primary(&mut self) -> Result<Expr, ParseError> {
        let span = self.span;
        match self.token.clone() {
            Token::Number(value) => {
                self.advance()?;
                self.node(ExprKind::Number(value), span)
            }
            Token::String(value) => {
                self.advance()?;
                self.node(ExprKind::String(value), span)
            }
            Token::Symbol("(") => {
                self.advance()?;
                let inner = self.expression(0)?;
                self.expect(")", "paren expression")?;
                let span = Span { start: span.start, end: self.last_end };
                self.node(ExprKind::Paren(Box::new(inner)), span)
            }
            Token::Symbol("{") => self.selector(None, span),
            Token::Word(word) => self.word(word, span),
            _ => Err(self.unexpected("")),
        }
    }

    fn word(&mut self, word: String, span: Span) -> Result<Expr, ParseError> {
        if word.eq_ignore_ascii_case("inf") || word.eq_ignore_ascii_case("nan") {
            self.advance()?;
            let inf = word.eq_ignore_ascii_case("inf");
            return self.node(ExprKind::Number(if inf { f64::INFINITY } else { f64::NAN }), span);
        }
        for reserved in ["bool", "on", "ignoring", "group_left", "group_right", "atan2"] {
            if word.eq_ignore_ascii_case(reserved) {
                return Err(self.unexpected(""));
            }
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

    fn aggregate(&mut self, op: AggregateOp, start: usize) -> Result<Expr, ParseError> {
        let mut grouping = self.grouping()?;
        let mut args = self.arguments("aggregation")?;
        if grouping.is_none() {
            grouping = self.grouping()?;
        }
        let span = Span { start, end: self.last_end };
        let wanted = if op.param_type().is_some() { 2 } else { 1 };
        if args.is_empty() {
            let message = "no arguments for aggregate expression provided";
            return Err(self.error(start, message));
        }
        if args.len() != wanted {
            let message = format!(
                "wrong number of arguments for aggregate expression provided, expected {wanted}, \
                 got {}",
                args.len()
            );
            return Err(self.error(start, message));
        }
        let expr = Box::new(args.remove(wanted - 1));
        let param = args.pop().map(Box::new);
        let (labels, without) = grouping.unwrap_or_default();
        self.node(ExprKind::Aggregate { op, expr, param, labels, without }, span)
    }

    /// `by (…)` or `without (…)`: the names and whether it is `without`.
    fn grouping(&mut self) -> Result<Option<(Vec<String>, bool)>, ParseError> {
        let without = self.at_keyword("without");
        if !without && !self.at_keyword("by") {
            return Ok(None);
        }
        self.advance()?;
        Ok(Some((self.label_list()?, without)))
    }

    fn call(&mut self, name: &str, start: usize) -> Result<Expr, ParseError> {
        let Some(function) = functions::find(name) else {
            return Err(self.error(start, format!("unknown function with name {name:?}")));
        };
        if !function.is_supported() {
            return Err(self.unsupported(start, &format!("the function {name}()")));
        }
        let args = self.arguments("function call")?;
        let span = Span { start, end: self.last_end };
        self.node(ExprKind::Call { function, args }, span)
    }

    fn arguments(&mut self, context: &str) -> Result<Vec<Expr>, ParseError> {
        self.expect("(", context)?;
        let mut args = Vec::new();
        while !self.take(")")? {
            args.push(self.expression(0)?);
            if !self.at_symbol(")") {
                self.expect(",", context)?;
                if self.at_symbol(")") {
                    let message = format!("trailing commas not allowed in {context} args");
                    return Err(self.error(self.span.start, message));
                }
            }
        }
        Ok(args)
    }
}
