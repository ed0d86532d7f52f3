//! The tree of a query.

use std::fmt;

use proto::Matcher;

use super::duration_expr::DurationExpr;
use super::operators::{AggregateOp, BinaryOp};
use crate::functions::Function;

/// Bytes `start..end` of the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One after the last byte.
    pub end: usize,
}

/// Type of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// A number a step.
    Scalar,
    /// A number a series and step.
    Vector,
    /// A range of samples a series and step.
    Matrix,
    /// A text.
    String,
}

impl Type {
    /// The name in Prometheus' API.
    pub fn name(self) -> &'static str {
        match self {
            Type::Scalar => "scalar",
            Type::Vector => "vector",
            Type::Matrix => "matrix",
            Type::String => "string",
        }
    }
}

impl fmt::Display for Type {
    /// As Prometheus documents the type.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Type::Scalar => "scalar",
            Type::Vector => "instant vector",
            Type::Matrix => "range vector",
            Type::String => "string",
        })
    }
}

/// An expression with its place in the query.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
    /// Height of the tree, 1 for a leaf.
    pub depth: usize,
    /// Whether its value is the same at every step.
    pub invariant: bool,
}

/// Kinds of expression.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// A number.
    Number {
        /// Its value; seconds of a duration.
        value: f64,
        /// Whether it is written as a duration.
        duration: bool,
    },
    /// A string; Go strings need not be UTF-8.
    String(Vec<u8>),
    /// An instant selector.
    Selector(Selector),
    /// A range selector.
    Range {
        /// The series.
        selector: Selector,
        /// Width of the window, milliseconds, at least 1.
        range_ms: i64,
        /// What the width is, unless a literal; resolved when the query is planned.
        range: Option<Box<DurationExpr>>,
    },
    /// `expr[range:step]`.
    Subquery {
        /// Evaluated at each inner step.
        expr: Box<Expr>,
        /// Width of the window, milliseconds, at least 1.
        range_ms: i64,
        /// Inner step; `None` for the engine's default.
        step_ms: Option<i64>,
        /// What the width is, unless a literal; resolved when the query is planned.
        range: Option<Box<DurationExpr>>,
        /// What the inner step is, unless a literal; resolved when the query is planned.
        step: Option<Box<DurationExpr>>,
        /// `offset` and `@`.
        shift: TimeShift,
    },
    /// `(expr)`.
    Paren(Box<Expr>),
    /// `-expr`, or `+expr`.
    Unary {
        /// Whether the sign is a minus.
        negative: bool,
        /// The operand.
        expr: Box<Expr>,
    },
    /// `lhs op rhs`.
    Binary {
        /// The operator.
        op: BinaryOp,
        /// Left operand.
        lhs: Box<Expr>,
        /// Right operand.
        rhs: Box<Expr>,
        /// Whether the `bool` modifier is there.
        returns_bool: bool,
        /// How series find each other.
        matching: Matching,
    },
    /// An aggregation.
    Aggregate {
        /// Which.
        op: AggregateOp,
        /// The vector.
        expr: Box<Expr>,
        /// First argument of those that take two.
        param: Option<Box<Expr>>,
        /// Label names of `by` or `without`.
        labels: Vec<String>,
        /// Whether the names are those of a `without`.
        without: bool,
    },
    /// A function call.
    Call {
        /// Which.
        function: &'static Function,
        /// Its arguments.
        args: Vec<Expr>,
    },
}

/// An instant selector, or the part of a range selector before the bracket.
#[derive(Clone, Debug)]
pub struct Selector {
    /// Number of this selector within the query, in order of appearance.
    pub id: usize,
    /// The metric's name that stands before the braces.
    pub name: Option<String>,
    /// All conditions, that on the metric's name included.
    pub matchers: Vec<Matcher>,
    /// `offset` and `@`.
    pub shift: TimeShift,
    /// `anchored` or `smoothed`.
    pub extension: Option<Extension>,
}

/// How a range takes in samples outside of its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    /// `anchored`: the last sample before the window stands at its start.
    Anchored,
    /// `smoothed`: values at both ends are interpolated.
    Smoothed,
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Extension::Anchored => "anchored",
            Extension::Smoothed => "smoothed",
        })
    }
}

impl Selector {
    /// The metric name that an `=` matcher asks for.
    pub fn metric_name(&self) -> Option<&str> {
        let equal = |m: &&Matcher| {
            m.name() == proto::labels::METRIC_NAME && m.op() == proto::MatchOp::Equal
        };
        self.matchers.iter().find(equal).map(Matcher::value).filter(|name| !name.is_empty())
    }
}

/// `offset` and `@` of a selector or subquery.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TimeShift {
    /// Milliseconds to look back; negative looks forward.
    pub offset_ms: i64,
    /// What the offset is, unless a literal; resolved when the query is planned.
    pub offset: Option<Box<DurationExpr>>,
    /// A fixed time in place of that of the step.
    pub at: Option<At>,
}

/// Argument of `@`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum At {
    /// Milliseconds since the Unix epoch.
    Timestamp(i64),
    /// `start()` of the query.
    Start,
    /// `end()` of the query.
    End,
}

/// How the series of a binary operation's sides find each other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matching {
    /// Whether `on` is there (else `ignoring`, perhaps of nothing).
    pub on: bool,
    /// Names given to `on` or `ignoring`.
    pub labels: Vec<String>,
    /// Which side may be many.
    pub cardinality: Cardinality,
    /// Names given to `group_left` or `group_right`.
    pub include: Vec<String>,
    /// Value of a series that the left side lacks, by `fill` or `fill_left`.
    pub fill_left: Option<f64>,
    /// Value of a series that the right side lacks, by `fill` or `fill_right`.
    pub fill_right: Option<f64>,
}

/// Cardinality of a vector match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cardinality {
    /// No grouping modifier.
    #[default]
    OneToOne,
    /// `group_left`.
    ManyToOne,
    /// `group_right`.
    OneToMany,
}

impl Expr {
    /// Puts an expression together.
    pub(crate) fn new(kind: ExprKind, span: Span) -> Expr {
        let mut expr = Expr { kind, span, depth: 1, invariant: false };
        expr.refresh();
        expr
    }

    /// Computes anew what is known of its parts.
    pub(crate) fn refresh(&mut self) {
        self.depth = 1 + self.children().map(|child| child.depth).max().unwrap_or(0);
        self.invariant = self.is_invariant();
    }

    /// Direct subexpressions.
    pub fn children(&self) -> impl Iterator<Item = &Expr> {
        let (one, two, many): (Option<&Expr>, Option<&Expr>, &[Expr]) = match &self.kind {
            ExprKind::Subquery { expr, .. }
            | ExprKind::Paren(expr)
            | ExprKind::Unary { expr, .. } => (Some(expr), None, &[]),
            ExprKind::Binary { lhs, rhs, .. } => (Some(lhs), Some(rhs), &[]),
            ExprKind::Aggregate { expr, param, .. } => (param.as_deref(), Some(expr), &[]),
            ExprKind::Call { args, .. } => (None, None, args),
            _ => (None, None, &[]),
        };
        one.into_iter().chain(two).chain(many)
    }

    /// Direct subexpressions, to be changed.
    pub fn children_mut(&mut self) -> impl Iterator<Item = &mut Expr> {
        let (one, two, many): (Option<&mut Expr>, Option<&mut Expr>, &mut [Expr]) = match &mut self
            .kind
        {
            ExprKind::Subquery { expr, .. }
            | ExprKind::Paren(expr)
            | ExprKind::Unary { expr, .. } => (Some(expr), None, &mut []),
            ExprKind::Binary { lhs, rhs, .. } => (Some(lhs), Some(rhs), &mut []),
            ExprKind::Aggregate { expr, param, .. } => (param.as_deref_mut(), Some(expr), &mut []),
            ExprKind::Call { args, .. } => (None, None, args),
            _ => (None, None, &mut []),
        };
        one.into_iter().chain(two).chain(many)
    }

    fn is_invariant(&self) -> bool {
        match &self.kind {
            ExprKind::Selector(selector) | ExprKind::Range { selector, .. } => {
                selector.shift.at.is_some()
            }
            ExprKind::Subquery { shift, .. } => shift.at.is_some(),
            ExprKind::Call { function, args } => {
                !function.depends_on_time() && args.iter().all(|arg| arg.invariant)
            }
            _ => self.children().all(|child| child.invariant),
        }
    }

    /// Type of its value.
    pub fn value_type(&self) -> Type {
        match &self.kind {
            ExprKind::Number { .. } => Type::Scalar,
            ExprKind::String(_) => Type::String,
            ExprKind::Selector(_) | ExprKind::Aggregate { .. } => Type::Vector,
            ExprKind::Range { .. } | ExprKind::Subquery { .. } => Type::Matrix,
            ExprKind::Paren(expr) | ExprKind::Unary { expr, .. } => expr.value_type(),
            ExprKind::Binary { lhs, rhs, .. } => {
                let scalars = [lhs, rhs].iter().all(|side| side.value_type() == Type::Scalar);
                if scalars { Type::Scalar } else { Type::Vector }
            }
            ExprKind::Call { function, .. } => function.returns,
        }
    }

    /// The expression inside of any parentheses.
    pub fn without_parens(&self) -> &Expr {
        let mut expr = self;
        while let ExprKind::Paren(inner) = &expr.kind {
            expr = inner;
        }
        expr
    }
}
