//! The PromQL language: lexer, parser, tree and type check. Positions are bytes of the query.

pub mod ast;
mod bounded;
mod calls;
mod check;
mod duration_expr;
mod duration_parser;
mod durations;
mod infix;
mod json;
mod lexer;
mod literals;
mod operators;
mod parser;
mod postfix;
mod pretty;
mod printer;
mod selector;

pub use ast::{
    At, Cardinality, Expr, ExprKind, Extension, Matching, Selector, Span, TimeShift, Type,
};
pub(crate) use duration_expr::resolve;
pub use duration_expr::{DurationExpr, DurationOp};
pub use durations::parse_duration_ms;
pub use json::tree_json;
pub(crate) use literals::quote;
pub use operators::{AggregateOp, BinaryOp};
pub use parser::{NESTING_MAX, QUERY_BYTES_MAX, SELECTORS_MAX, parse, parse_with};
pub use pretty::pretty;

/// The query is no PromQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// What is wrong, without the position.
    pub message: String,
    /// Line, from 1.
    pub line: usize,
    /// Byte within the line, from 1.
    pub column: usize,
}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: parse error: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for ParseError {}

impl ParseError {
    /// An error at byte `at` of `query`.
    pub(crate) fn new(query: &str, at: usize, message: impl Into<String>) -> ParseError {
        let (line, column) = line_column(query, at);
        ParseError { message: message.into(), line, column }
    }
}

/// Line and column, both from 1, of byte `at`.
pub fn line_column(query: &str, at: usize) -> (usize, usize) {
    let before = &query.as_bytes()[..at.min(query.len())];
    let line = before.iter().filter(|b| **b == b'\n').count() + 1;
    let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
    (line, before.len() - line_start + 1)
}

#[cfg(test)]
mod tests;
