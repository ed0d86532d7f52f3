//! Function calls and aggregations.

use super::ast::{Expr, ExprKind};
use super::operators::AggregateOp;
use super::parser::{Parser, Place};
use super::{ParseError, Span};
use crate::functions;

const IN_AGGREGATION: Place = Place { context: "aggregation", expected: "" };

impl Parser<'_> {
    /// An aggregation that starts at `start`; the cursor is behind its name.
    pub(super) fn aggregate(&mut self, op: AggregateOp, start: usize) -> Result<Expr, ParseError> {
        let mut grouping = self.grouping()?;
        let mut args = self.arguments(IN_AGGREGATION)?;
        let mut span = Span { start, end: self.last_end };
        if grouping.is_none() {
            grouping = self.grouping()?;
            span.end = if grouping.is_some() { self.last_end } else { span.end };
        }
        let wanted = 1 + usize::from(op.param_type().is_some());
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

    /// A call that starts at `start`; the cursor is behind the function's name.
    pub(super) fn call(&mut self, name: &str, start: usize) -> Result<Expr, ParseError> {
        let args = self.arguments(Place::default())?;
        let Some(function) = functions::find(name) else {
            return Err(self.error(start, format!("unknown function with name {name:?}")));
        };
        let span = Span { start, end: self.last_end };
        self.node(ExprKind::Call { function, args }, span)
    }

    fn arguments(&mut self, place: Place) -> Result<Vec<Expr>, ParseError> {
        self.expect("(", place)?;
        let mut args = Vec::new();
        while !self.take(")")? {
            args.push(self.expression(0)?);
            let comma = self.span.start;
            if !self.at_symbol(")") {
                self.expect(",", Place::default())?;
                if self.at_symbol(")") {
                    let message = "trailing commas not allowed in function call args";
                    return Err(self.error(comma, message));
                }
            }
        }
        Ok(args)
    }
}
