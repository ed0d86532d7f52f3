//! A tree as a query over several lines, as Prometheus' format_query prints it: what is longer
//! than a line is split at its operators and arguments.

use std::fmt::{self, Write};

use super::ast::{Expr, ExprKind};
use super::bounded::Bounded;
use super::printer::{head, suffix, unsigned};

/// Longest text that stays on one line.
const LINE_BYTES_MAX: usize = 100;

/// The query with one level of indentation for each level of nesting that is split; `None` if it
/// is longer than `bytes_max`.
pub fn pretty(expr: &Expr, bytes_max: usize) -> Option<String> {
    let mut printer = Printer { out: Bounded::new(bytes_max) };
    printer.lines(expr, 0, true).ok()?;
    String::from_utf8(printer.out.into_bytes()).ok()
}

struct Printer {
    out: Bounded,
}

impl Printer {
    /// Writes an expression; `at_start` says that its line has no margin yet.
    fn lines(&mut self, expr: &Expr, level: usize, at_start: bool) -> fmt::Result {
        if let ExprKind::Unary { negative, expr } = &expr.kind {
            self.margin(level, at_start)?;
            self.out.write_str(if *negative { "-" } else { "+" })?;
            return self.lines(expr, level, false);
        }
        let is_short = write!(Room(LINE_BYTES_MAX), "{expr}").is_ok();
        match &expr.kind {
            _ if is_short => self.line(level, at_start, expr),
            ExprKind::Paren(inner) => self.call("", [inner.as_ref()], level, at_start),
            ExprKind::Subquery { expr: inner, .. } => {
                self.lines(inner, level, at_start)?;
                self.out.write_str(&suffix(expr))
            }
            ExprKind::Binary { op, lhs, rhs, .. } => {
                match unsigned(*op, lhs) {
                    Some(lhs) => self.line(level + 1, at_start, lhs)?,
                    None => self.lines(lhs, level + 1, at_start)?,
                }
                self.out.write_char('\n')?;
                self.line(level, true, head(expr))?;
                self.out.write_char('\n')?;
                self.lines(rhs, level + 1, true)
            }
            ExprKind::Aggregate { expr: inner, param, .. } => {
                let args = param.iter().map(AsRef::as_ref).chain([inner.as_ref()]);
                self.call(&head(expr), args, level, at_start)
            }
            ExprKind::Call { args, .. } => self.call(&head(expr), args, level, at_start),
            _ => self.line(level, at_start, expr),
        }
    }

    /// `head(`, the arguments on lines of their own, and `)`.
    fn call<'e>(
        &mut self,
        head: &str,
        args: impl IntoIterator<Item = &'e Expr>,
        level: usize,
        at_start: bool,
    ) -> fmt::Result {
        self.margin(level, at_start)?;
        write!(self.out, "{head}(")?;
        for (index, arg) in args.into_iter().enumerate() {
            self.out.write_str(if index > 0 { ",\n" } else { "\n" })?;
            self.lines(arg, level + 1, true)?;
        }
        self.out.write_char('\n')?;
        self.line(level, true, ")")
    }

    fn line(&mut self, level: usize, at_start: bool, text: impl fmt::Display) -> fmt::Result {
        self.margin(level, at_start)?;
        write!(self.out, "{text}")
    }

    fn margin(&mut self, level: usize, at_start: bool) -> fmt::Result {
        let levels = if at_start { level } else { 0 };
        (0..levels).try_for_each(|_| self.out.write_str("  "))
    }
}

/// Fails once more was written than there is room for.
struct Room(usize);

impl Write for Room {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.checked_sub(text.len()).ok_or(fmt::Error)?;
        Ok(())
    }
}
