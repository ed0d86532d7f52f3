//! Instant vectors: functions, operators and aggregations.

use super::{COMPARISONS, Generator, Part};

const FOLDS: &[&str] = &["sum", "sum", "min", "max", "count", "group"];
const INEXACT_FOLDS: &[&str] = &["avg", "stddev", "stdvar"];
const GROUPINGS: &[&str] = &[
    "",
    "",
    " by (job)",
    " by (instance, job)",
    " by (code)",
    " by (none)",
    " by ()",
    " without (instance)",
    " without (code, le)",
    " without ()",
];
/// Matchings; the last ones may well fail for several on a side.
const MATCHINGS: &[&str] = &[
    "",
    "",
    " on (job, instance)",
    " ignoring (code, le)",
    " on (job, instance) group_left",
    " on (job, instance) group_right",
    " ignoring (code, le) group_left",
    " on (job) group_left (version)",
    " on (instance)",
    " on ()",
];
const SET_MATCHINGS: &[&str] =
    &["", " on (job, instance)", " ignoring (code)", " on ()", " on (job)"];
/// Functions that need exact values and give exact ones.
const ROUNDING: &[&str] = &["floor", "ceil", "round", "sgn", "abs", "-", "+"];
/// Functions of exact values whose results are not.
const CURVES: &[&str] =
    &["sqrt", "ln", "log2", "log10", "sin", "cos", "tan", "atan", "deg", "rad", "tanh", "asinh"];
const DATES: &[&str] = &[
    "minute",
    "hour",
    "day_of_week",
    "day_of_month",
    "day_of_year",
    "days_in_month",
    "month",
    "year",
];

impl Generator {
    /// An instant vector; where it matters, of exact values.
    pub(super) fn vector(&mut self, depth: usize, exact: bool) -> Part {
        if depth == 0 {
            return self.selector(exact);
        }
        let depth = depth - 1;
        match self.random.below(13) {
            0 => self.selector(exact),
            1..=3 => self.over_time(depth, exact),
            4 | 5 => self.aggregation(depth, exact),
            6 => self.with_scalar(depth, exact),
            7 => self.joined(depth, exact),
            8 => self.set(depth, exact),
            9 => self.compared(depth),
            10 => self.relabelled(depth, exact),
            11 if !exact => self.inexact_call(depth),
            _ => self.exact_call(depth),
        }
    }

    fn exact_call(&mut self, depth: usize) -> Part {
        let inner = self.vector(depth, true).text;
        let text = match self.random.below(6) {
            0 => {
                let (low, high) = (self.number(), self.number());
                format!("clamp({inner}, {low}, {high})")
            }
            1 => format!("clamp_min({inner}, {})", self.number()),
            2 => format!("absent({inner})"),
            // Milliseconds are no binary fraction.
            3 => format!("floor({})", self.timestamp()),
            4 => format!("vector({})", self.number()),
            _ => match self.random.pick(ROUNDING) {
                // 2.42 refuses to drop different names of what never meets, 3.14 does it.
                "-" if !inner.contains(" or ") => format!("-({inner})"),
                "-" | "+" => format!("+({inner})"),
                function => format!("{function}({inner})"),
            },
        };
        Part::new(text, true)
    }

    fn inexact_call(&mut self, depth: usize) -> Part {
        let text = match self.random.below(6) {
            0 | 1 => self.histogram_quantile(),
            2 => {
                let (function, inner) = (self.random.pick(CURVES), self.vector(depth, true));
                format!("{function}({})", inner.text)
            }
            3 => {
                let (function, inner) = (self.random.pick(DATES), self.selector(true));
                format!("{function}({} * 86399.5)", inner.text)
            }
            4 => format!("{}()", self.random.pick(DATES)),
            _ => {
                let inner = self.vector(depth, true).text;
                format!("round({inner}, {})", self.random.pick(&["0.5", "8", "100"]))
            }
        };
        Part::new(text, false)
    }

    fn histogram_quantile(&mut self) -> String {
        let (q, function) = (self.quantile(), self.random.pick(&["rate", "increase"]));
        let window = self.random.pick(&["1m", "5m", "10m"]);
        let rate = format!("{function}(latency_bucket[{window}])");
        match self.random.below(4) {
            0 => format!("histogram_quantile({q}, {rate})"),
            1 => format!("histogram_quantile({q}, sum by (job, le) ({rate}))"),
            2 => format!("histogram_quantile({q}, sum without (instance) ({rate}))"),
            _ => format!("histogram_quantile({q}, latency_bucket)"),
        }
    }

    fn aggregation(&mut self, depth: usize, exact: bool) -> Part {
        let grouping = self.random.pick(GROUPINGS);
        let (text, is_exact) = match self.random.below(8) {
            0 => {
                let (k, gauge) = (self.random.below(5), self.distinct_gauge());
                let function = self.random.pick(&["topk", "bottomk"]);
                (format!("{function}{grouping} ({k}, {gauge})"), true)
            }
            1 => {
                let inner = self.vector(depth, true).text;
                (format!("count_values{grouping} (\"value\", {inner})"), true)
            }
            2 if !exact => {
                let (q, inner) = (self.quantile(), self.vector(depth, false).text);
                (format!("quantile{grouping} ({q}, {inner})"), false)
            }
            3 if !exact => {
                // Variances of NaN, or of great numbers, have changed since 2.42.
                let text = match self.random.pick(INEXACT_FOLDS) {
                    "avg" => format!("avg{grouping} ({})", self.vector(depth, true).text),
                    fold => format!("{fold}{grouping} ({})", self.selector(true).text),
                };
                (text, false)
            }
            4 => {
                let fold = self.random.pick(FOLDS);
                (format!("{fold}({}){grouping}", self.several()), true)
            }
            _ => {
                let fold = self.random.pick(FOLDS);
                // Of inexact values of both signs the sum may lose all digits.
                let inner = self.vector(depth, exact || fold == "sum");
                (format!("{fold}({}){grouping}", inner.text), inner.exact)
            }
        };
        Part::new(text, is_exact)
    }

    /// A vector and a scalar with an operator between them.
    fn with_scalar(&mut self, depth: usize, exact: bool) -> Part {
        let (vector, number) = (self.vector(depth, exact), Part::new(self.number(), true));
        if exact {
            let op = self.random.pick(&["+", "-"]);
            return Part::new(format!("({}) {op} {}", vector.text, number.text), true);
        }
        let scalar = if self.random.one_in(3) { self.scalar(depth) } else { number };
        let op = self.arithmetic(vector.exact && scalar.exact);
        let text = match self.random.one_in(3) {
            true => format!("({}) {op} ({})", scalar.text, vector.text),
            false => format!("({}) {op} ({})", vector.text, scalar.text),
        };
        Part::new(text, false)
    }

    /// Two vectors with an operator between them.
    fn joined(&mut self, depth: usize, exact: bool) -> Part {
        let (a, b) = (self.vector(depth, exact), self.vector(depth, exact));
        let matching = self.random.pick(MATCHINGS);
        let both = a.exact && b.exact;
        let op = match exact {
            true => self.random.pick(&["+", "-"]),
            false => self.arithmetic(both),
        };
        let is_exact = both && ["+", "-"].contains(&op);
        Part::new(format!("({}) {op}{matching} ({})", a.text, b.text), is_exact)
    }

    fn set(&mut self, depth: usize, exact: bool) -> Part {
        let (a, b) = (self.vector(depth, exact), self.vector(depth, exact));
        let (op, matching) =
            (self.random.pick(&["and", "or", "unless"]), self.random.pick(SET_MATCHINGS));
        Part::new(format!("({}) {op}{matching} ({})", a.text, b.text), a.exact && b.exact)
    }

    fn compared(&mut self, depth: usize) -> Part {
        let (op, a) = (self.random.pick(COMPARISONS), self.vector(depth, true).text);
        let is_bool = if self.random.one_in(3) { " bool" } else { "" };
        let text = match self.random.below(3) {
            0 => {
                // 2.42 lets several match where the comparison leaves one.
                let matching = if is_bool.is_empty() { "" } else { self.random.pick(MATCHINGS) };
                let b = self.vector(depth, true).text;
                format!("({a}) {op}{is_bool}{matching} ({b})")
            }
            1 => format!("{} {op}{is_bool} ({a})", self.number()),
            _ => format!("({a}) {op}{is_bool} {}", self.number()),
        };
        Part::new(text, true)
    }

    fn relabelled(&mut self, depth: usize, exact: bool) -> Part {
        let inner = self.vector(depth, exact);
        let vector = &inner.text;
        let text = match self.random.below(5) {
            0 => format!("label_replace({vector}, \"copy\", \"$1-x\", \"job\", \"(a|w).*\")"),
            1 => format!("label_replace({vector}, \"job\", \"\", \"instance\", \"a|b\")"),
            2 => {
                format!("label_replace({vector}, \"code\", \"${{d}}xx\", \"code\", \"(?P<d>.)..\")")
            }
            3 => format!("label_join({vector}, \"both\", \"/\", \"job\", \"none\", \"instance\")"),
            _ => format!("label_join({vector}, \"instance\", \"\")"),
        };
        Part::new(text, inner.exact)
    }
}
