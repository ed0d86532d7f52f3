//! Binary operators with their modifiers: `bool`, `on`, `ignoring`, `group_left`, `fill` and so on.

use super::ast::{Cardinality, Expr, ExprKind, Matching};
use super::lexer::Token;
use super::operators::BinaryOp;
use super::parser::{Parser, Place};
use super::{ParseError, Span};

/// Most labels in a list.
pub const LIST_LABELS_MAX: usize = 1000;

const fn grouping(expected: &'static str) -> Place {
    Place { context: "grouping opts", expected }
}

const IN_FILL: Place = Place { context: "fill modifier", expected: "number" };

impl Parser<'_> {
    /// The binary operator under the cursor.
    pub(super) fn operator(&self) -> Option<BinaryOp> {
        match &self.token {
            Token::Symbol(symbol) => BinaryOp::from_name(symbol),
            Token::Word(word) => BinaryOp::from_name(word),
            _ => None,
        }
    }

    /// `lhs op …`; the cursor is on the operator.
    pub(super) fn binary(&mut self, op: BinaryOp, lhs: Expr) -> Result<Expr, ParseError> {
        self.advance()?;
        let returns_bool = self.at_keyword("bool");
        if returns_bool {
            self.advance()?;
        }
        let matching = self.matching()?;
        // `^` is right associative, all others left.
        let next = op.precedence() + u8::from(op != BinaryOp::Pow);
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
        }
        self.fills(&mut matching)?;
        Ok(matching)
    }

    /// `fill(x)`, or `fill_left(x)` and `fill_right(x)`, each once; without parentheses these are
    /// metrics.
    fn fills(&mut self, matching: &mut Matching) -> Result<(), ParseError> {
        if self.at_fill("fill") {
            let value = self.fill_value()?;
            (matching.fill_left, matching.fill_right) = (Some(value), Some(value));
            return Ok(());
        }
        while (self.at_fill("fill_left") && matching.fill_left.is_none())
            || (self.at_fill("fill_right") && matching.fill_right.is_none())
        {
            let left = self.at_keyword("fill_left");
            let value = self.fill_value()?;
            *(if left { &mut matching.fill_left } else { &mut matching.fill_right }) = Some(value);
        }
        Ok(())
    }

    fn at_fill(&self, keyword: &str) -> bool {
        self.at_keyword(keyword) && self.query[self.span.end..].trim_start().starts_with('(')
    }

    fn fill_value(&mut self) -> Result<f64, ParseError> {
        self.advance()?;
        self.expect("(", IN_FILL)?;
        let negative = self.take("-")?;
        if !negative {
            self.take("+")?;
        }
        let value = match self.token.clone() {
            Token::Number { value, .. } => value,
            Token::Word(word) if word.eq_ignore_ascii_case("inf") => f64::INFINITY,
            Token::Word(word) if word.eq_ignore_ascii_case("nan") => f64::NAN,
            _ => return Err(self.unexpected(IN_FILL)),
        };
        self.advance()?;
        self.expect(")", Place { expected: "\")\"", ..IN_FILL })?;
        Ok(if negative { -value } else { value })
    }

    /// `(a, "b.c", …)`.
    pub(super) fn label_list(&mut self) -> Result<Vec<String>, ParseError> {
        self.expect("(", grouping("\"(\""))?;
        let mut labels = Vec::new();
        while !self.at_symbol(")") {
            if labels.len() >= LIST_LABELS_MAX {
                let message = format!("a list has more than {LIST_LABELS_MAX} labels");
                return Err(self.error(self.span.start, message));
            }
            labels.push(self.grouping_label()?);
            if !self.at_symbol(")") {
                self.expect(",", grouping("\",\" or \")\""))?;
            }
        }
        self.advance()?;
        Ok(labels)
    }

    fn grouping_label(&mut self) -> Result<String, ParseError> {
        let start = self.span.start;
        let name = match self.token.clone() {
            Token::Word(name) => name,
            Token::String(name) => self.utf8(name, start)?,
            _ => return Err(self.unexpected(grouping("label"))),
        };
        if name.is_empty() {
            return Err(self.error(start, "invalid label name for grouping: \"\""));
        }
        self.advance()?;
        Ok(name)
    }
}
