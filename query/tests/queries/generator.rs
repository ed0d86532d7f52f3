//! Random legal queries of every construct.

use crate::random::Random;

/// Which constructs are used.
#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "each test uses one")]
pub enum Language {
    /// All of Prometheus 3.14.
    Whole,
    /// Those of the stable language only.
    Stable,
}

const STORED_NAMES: &[&str] = &["a", "up", "http_requests_total"];
const NAMES: &[&str] = &["a:b:c", "sum", "offset", "by", "start", "smoothed"];
const LABELS: &[&str] = &["job", "le", "on", "bool", "group_left", "_x9", "and"];
const STRINGS: &[&str] = &["\"\"", "'b'", "`c\\d`", "\"é\\n\\x41\\\"\"", "\".+\"", "\"a|b.*\""];
const STABLE_STRINGS: &[&str] = &["\"\"", "'b'", "`c`", "\".+\"", "\"a|b.*\""];
const NUMBERS: &[&str] = &["0", "1", "2.5", "1e3", "0x1F", "1_000", ".5", "Inf", "NaN", "5m"];
const STABLE_NUMBERS: &[&str] = &["0", "1", "2.5", "1e3", "0x1F", ".5", "Inf", "NaN"];
const DURATIONS: &[&str] = &["5m", "1h30m", "1y", "90s", "1ms", "2w"];
const MATHS: &[&str] =
    &["abs", "ceil", "ln", "sort", "timestamp", "scalar(a) + absent", "day_of_week"];
const STATISTICS: &[&str] =
    &["histogram_count", "histogram_sum", "histogram_avg", "histogram_stddev", "histogram_stdvar"];
const WINDOWS: &[&str] = &[
    "rate",
    "increase",
    "delta",
    "irate",
    "idelta",
    "resets",
    "changes",
    "deriv",
    "max_over_time",
    "sum_over_time",
    "avg_over_time",
    "stddev_over_time",
    "last_over_time",
    "absent_over_time",
];
const FOLDS: &[&str] = &["sum", "avg", "count", "min", "MAX", "group", "stddev", "stdvar"];
const ARITHMETIC: &[&str] = &["+", "-", "*", "/", "%", "^", "atan2"];
const COMPARISONS: &[&str] = &["==", "!=", "<", "<=", ">", ">="];
const SETS: &[&str] = &["and", "or", "unless"];

/// Makes legal queries.
pub struct Generator {
    random: Random,
    language: Language,
}

impl Generator {
    /// Queries that the seed decides.
    pub fn new(seed: u64, language: Language) -> Generator {
        Generator { random: Random::new(seed), language }
    }

    /// A query of any type.
    pub fn query(&mut self) -> String {
        match self.random.below(8) {
            0 => self.scalar(3),
            1 => self.matrix(2),
            2 => self.string().to_owned(),
            _ => self.vector(4),
        }
    }

    fn whole(&mut self, one_in: usize) -> bool {
        self.language == Language::Whole && self.random.one_in(one_in)
    }

    /// A string; raw ones with backslashes are not read by all parsers.
    fn string(&mut self) -> &'static str {
        let stable = self.language == Language::Stable;
        self.random.pick(if stable { STABLE_STRINGS } else { STRINGS })
    }

    fn vector(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.selector();
        }
        let depth = depth - 1;
        match self.random.below(9) {
            0 => self.selector(),
            1 => format!("({})", self.vector(depth)),
            2 => format!("-{}", self.operand(depth)),
            3 | 4 => self.binary(depth),
            5 => self.aggregation(depth),
            6 => format!("{}({})", self.random.pick(WINDOWS), self.matrix(depth)),
            7 => self.call(depth),
            _ => {
                let op = self.random.pick(ARITHMETIC);
                format!("{} {op} {}", self.operand(depth), self.scalar(depth))
            }
        }
    }

    /// What an operator may be put to without parentheses.
    fn operand(&mut self, depth: usize) -> String {
        match self.random.one_in(2) {
            true => self.selector(),
            false => format!("({})", self.vector(depth)),
        }
    }

    fn call(&mut self, depth: usize) -> String {
        let vector = self.vector(depth);
        if self.whole(4) {
            return format!("info({vector}, {{{}}})", self.matchers());
        }
        if self.whole(4) {
            return format!("histogram_quantiles({vector}, \"q\", 0.5, {})", self.scalar(1));
        }
        match self.random.below(7) {
            4 => format!("histogram_quantile({}, {vector})", self.scalar(1)),
            5 => format!("histogram_fraction(0, {}, {vector})", self.scalar(1)),
            6 => format!("{}({vector})", self.random.pick(STATISTICS)),
            0 => format!("label_replace({vector}, \"a\", '$1', `b`, \"(.*)\")"),
            1 => format!("clamp({vector}, {}, {})", self.scalar(1), self.scalar(1)),
            2 => format!("vector({})", self.scalar(depth)),
            3 => "hour()".to_owned(),
            _ => format!("{}({vector})", self.random.pick(MATHS)),
        }
    }

    fn scalar(&mut self, depth: usize) -> String {
        let numbers = if self.language == Language::Whole { NUMBERS } else { STABLE_NUMBERS };
        if depth == 0 {
            return self.random.pick(numbers).to_owned();
        }
        let depth = depth - 1;
        if self.whole(6) {
            return format!("max_of({}, step())", self.scalar(depth));
        }
        match self.random.below(6) {
            0 => format!("scalar({})", self.vector(depth)),
            1 => format!("({})", self.scalar(depth)),
            2 => "time()".to_owned(),
            3 => format!("-({})", self.scalar(depth)),
            4 => {
                let op = self.random.pick(ARITHMETIC);
                format!("{} {op} {}", self.scalar(depth), self.scalar(depth))
            }
            _ => self.random.pick(numbers).to_owned(),
        }
    }

    fn binary(&mut self, depth: usize) -> String {
        let op = self.operator();
        let on = self.matching(SETS.contains(&op.as_str()));
        if on.is_empty() {
            return format!("{} {op} {}", self.vector(depth), self.vector(depth));
        }
        // Matching is for vectors only, whatever binds tighter.
        format!("{} {op}{on} {}", self.operand(depth), self.operand(depth))
    }

    fn operator(&mut self) -> String {
        if self.whole(8) {
            return self.random.pick(&[">/", "</"]).to_owned();
        }
        match self.random.below(4) {
            0 => self.random.pick(SETS).to_owned(),
            1 => self.random.pick(COMPARISONS).to_owned(),
            2 => format!("{} bool", self.random.pick(COMPARISONS)),
            _ => self.random.pick(ARITHMETIC).to_owned(),
        }
    }

    fn matching(&mut self, is_set: bool) -> String {
        let mut on = self.on();
        if is_set {
            return on;
        }
        if !on.is_empty() && self.random.one_in(2) {
            let side = self.random.pick(&["left", "right"]);
            on.push_str(&format!(" group_{side} (zone)"));
        }
        if self.whole(4) {
            let fills = [" fill(0)", " fill_left(-1.5)", " fill_right(NaN) fill_left(2)"];
            on.push_str(self.random.pick(&fills));
        }
        on
    }

    fn on(&mut self) -> String {
        match self.random.below(3) {
            0 => format!(" on ({})", self.labels()),
            1 => format!(" ignoring ({})", self.labels()),
            _ => String::new(),
        }
    }

    fn labels(&mut self) -> String {
        let count = self.random.below(3);
        let names: Vec<&str> = (0..count).map(|_| self.random.pick(LABELS)).collect();
        names.join(", ")
    }

    fn aggregation(&mut self, depth: usize) -> String {
        let inner = self.vector(depth);
        let args = match self.random.below(4) {
            0 => format!("topk({}, {inner})", self.scalar(1)),
            1 => format!("count_values(\"v\", {inner})"),
            _ => format!("{}({inner})", self.random.pick(FOLDS)),
        };
        match self.random.below(3) {
            0 => format!("{args} by ({})", self.labels()),
            1 => format!("{args} without ({})", self.labels()),
            _ => args,
        }
    }

    fn matrix(&mut self, depth: usize) -> String {
        let shift = self.shift();
        if depth == 0 || self.random.one_in(2) {
            let extension =
                if self.whole(3) { self.random.pick(&[" anchored", " smoothed"]) } else { "" };
            let base = self.bare_selector();
            return format!("{base}[{}]{extension}{shift}", self.duration());
        }
        let inner = self.operand(depth - 1);
        let step = if self.random.one_in(2) { self.duration() } else { String::new() };
        format!("({inner})[{}:{step}]{shift}", self.duration())
    }

    fn duration(&mut self) -> String {
        let plain = self.random.pick(DURATIONS);
        if !self.whole(3) {
            return plain.to_owned();
        }
        let other = self.random.pick(DURATIONS);
        match self.random.below(5) {
            0 => format!("{plain} * 2 + step()"),
            1 => format!("max_of(range(), {other})"),
            2 => format!("({plain} + {other}) / 3"),
            3 => format!("-(-{plain}) ^ 1"),
            _ => "300".to_owned(),
        }
    }

    fn shift(&mut self) -> String {
        let offset = match self.random.below(5) {
            0 => format!(" offset {}", self.random.pick(DURATIONS)),
            1 => format!(" offset -{}", self.random.pick(DURATIONS)),
            2 if self.language == Language::Whole => format!(" offset ({})", self.duration()),
            _ => String::new(),
        };
        let at = self.random.pick(&["", "", " @ 123.456", " @ start()", " @ end()"]);
        if self.random.one_in(2) { format!("{offset}{at}") } else { format!("{at}{offset}") }
    }

    fn selector(&mut self) -> String {
        let extension = if self.whole(8) { " smoothed" } else { "" };
        format!("{}{extension}{}", self.bare_selector(), self.shift())
    }

    /// Most are of metrics that the store of the tests has.
    fn bare_selector(&mut self) -> String {
        let name = match self.random.below(3) {
            0 if self.language == Language::Whole => self.random.pick(NAMES),
            _ => self.random.pick(STORED_NAMES),
        };
        match self.random.below(8) {
            0 => format!("{name}{{{}}}", self.matchers()),
            1 => format!("{{__name__=\"{name}\", {}}}", self.matchers()),
            2 if self.language == Language::Whole => {
                format!("{{\"my.metric\", \"a.b\"!=\"c\", {}}}", self.matchers())
            }
            _ => name.to_owned(),
        }
    }

    fn matchers(&mut self) -> String {
        let count = self.random.below(3);
        let matchers = (0..count).map(|_| {
            let (label, op) =
                (self.random.pick(LABELS), self.random.pick(&["=", "!=", "=~", "!~"]));
            format!("{label}{op}{}", self.string())
        });
        matchers.collect::<Vec<_>>().join(", ")
    }
}
