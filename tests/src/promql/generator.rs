//! Random queries in the language that Prometheus 2.42 and 3 share and mean alike.
//!
//! Left out is what the two define in another way: windows with a sample on their edge, nested
//! subqueries that step on each other's edges, `topk` among equal values, rates of what comes near
//! zero with gaps, `predict_linear` of a range with `@`, `timestamp` of a selector with `@` and an
//! offset. Where a last bit may decide over the whole answer (rounding, comparisons, counting of
//! changes), the operands are *exact*: values that both compute without any rounding.

mod ranges;
mod vectors;

use super::data::SPAN_MS;
use super::random::Random;

/// A query with its times.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The query.
    pub text: String,
    /// When it is evaluated.
    pub times: Times,
    /// Whether the order of the answer means something.
    pub is_ordered: bool,
}

/// When a query is evaluated, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// Once.
    Instant(i64),
    /// From the first to the second, by the third.
    Range(i64, i64, i64),
}

/// A part of a query.
struct Part {
    text: String,
    /// Whether its values are computed without rounding.
    exact: bool,
}

impl Part {
    fn new(text: impl Into<String>, exact: bool) -> Part {
        Part { text: text.into(), exact }
    }
}

/// Makes questions about the data that begin at a time.
pub struct Generator {
    random: Random,
    base_ms: i64,
}

/// Numbers of all notations that both read.
const NUMBERS: &[&str] =
    &["0", "1", "2", "-1", "0.5", "3", "10", "100", "0x1F", "1e3", ".25", "-2.5", "1000000"];
const ODD_NUMBERS: &[&str] = &["Inf", "-Inf", "NaN", "1e300"];
/// 2.42 keeps the metric's name at `atan2`: it is for scalars only.
const ARITHMETIC: &[&str] = &["+", "-", "*", "/", "%", "^"];
const COMPARISONS: &[&str] = &["==", "!=", "<", "<=", ">", ">="];

impl Generator {
    /// Questions that the seed decides, but for the time.
    pub fn new(seed: u64, base_ms: i64) -> Generator {
        Generator { random: Random::new(seed), base_ms }
    }

    /// A question.
    pub fn question(&mut self) -> Question {
        if self.random.one_in(20) {
            return self.ordered();
        }
        if self.random.one_in(2) {
            let times = Times::Instant(self.time());
            let text = match self.random.below(12) {
                0 => self.scalar(3).text,
                1 => self.range_selector(false).text,
                2 => "\"a text\"".to_owned(),
                _ => self.vector(4, false).text,
            };
            return Question { text, times, is_ordered: false };
        }
        let (start, step) = (self.time(), 1000 * [7, 15, 30, 60, 77, 300][self.random.below(6)]);
        let steps = i64::try_from(self.random.below(30)).expect("small");
        let times = Times::Range(start, start + steps * step + 400, step);
        let text = if self.random.one_in(12) { self.scalar(3) } else { self.vector(4, false) };
        Question { text: text.text, times, is_ordered: false }
    }

    /// An instant query whose answer is sorted.
    fn ordered(&mut self) -> Question {
        let (gauge, k) = (self.distinct_gauge(), self.random.below(5));
        let text = match self.random.below(4) {
            0 => format!("sort({gauge})"),
            1 => format!("sort_desc({gauge})"),
            2 => format!("topk({k}, {gauge})"),
            _ => format!("bottomk({k}, {gauge})"),
        };
        Question { text, times: Times::Instant(self.time()), is_ordered: true }
    }

    /// A time around the data, a quarter of a second after a whole one.
    fn time(&mut self) -> i64 {
        let spread = usize::try_from(SPAN_MS / 1000).expect("small") + 900;
        let seconds = i64::try_from(self.random.below(spread)).expect("small") - 300;
        self.base_ms + 1000 * seconds + 250
    }

    fn number(&mut self) -> &'static str {
        let is_odd = self.random.one_in(15);
        self.random.pick(if is_odd { ODD_NUMBERS } else { NUMBERS })
    }

    /// A scalar; those of one number are exact.
    fn scalar(&mut self, depth: usize) -> Part {
        if depth == 0 || self.random.one_in(3) {
            return Part::new(self.number(), true);
        }
        let depth = depth - 1;
        match self.random.below(8) {
            0 => Part::new("time()", true),
            1 => Part::new("pi()", false),
            2 => {
                let one = self.random.pick(&["a", "b", "c"]);
                let text = format!("scalar(queue_length{{job=\"api\", instance=\"{one}\"}})");
                Part::new(text, true)
            }
            3 => {
                let inner = self.vector(depth, false);
                Part::new(format!("scalar({})", inner.text), inner.exact)
            }
            4 => {
                let inner = self.scalar(depth);
                Part::new(format!("-({})", inner.text), inner.exact)
            }
            5 => {
                let (op, sides) = (self.random.pick(COMPARISONS), (self.number(), self.number()));
                Part::new(format!("({} {op} bool {})", sides.0, sides.1), true)
            }
            6 => self.chain(),
            _ => {
                let (a, b) = (self.scalar(depth), self.scalar(depth));
                let is_angle = self.random.one_in(5);
                let op = if is_angle { "atan2" } else { self.arithmetic(a.exact && b.exact) };
                Part::new(format!("(({}) {op} ({}))", a.text, b.text), false)
            }
        }
    }

    /// Numbers and operators without parentheses: how they bind is what matters.
    fn chain(&mut self) -> Part {
        let mut text = self.random.pick(&["2", "-3", "4", "+5"]).to_owned();
        // The remainder of a power is a matter of its last bits.
        let is_whole = self.random.one_in(2);
        let ops = if is_whole { ["+", "-", "*", "%"] } else { ["-", "*", "/", "^"] };
        for _ in 0..=self.random.below(4) {
            let op = self.random.pick(&ops);
            text.push_str(&format!(" {op} {}", self.random.pick(&["2", "3", "-2", "5"])));
        }
        Part::new(format!("({text})"), false)
    }

    /// An operator that does not make much of little errors of inexact operands.
    fn arithmetic(&mut self, exact: bool) -> &'static str {
        self.random.pick(if exact { ARITHMETIC } else { &["*", "/"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_decides_and_the_base_moves() {
        let all = |base| -> Vec<Question> {
            (0..50).map(|seed| Generator::new(seed, base).question()).collect()
        };
        assert_eq!(all(0), all(0));
        let moved = all(3_600_000);
        for (a, b) in all(0).into_iter().zip(moved) {
            match (a.times, b.times) {
                (Times::Instant(a), Times::Instant(b)) => assert_eq!(a + 3_600_000, b),
                (Times::Range(a, ..), Times::Range(b, ..)) => assert_eq!(a + 3_600_000, b),
                (a, b) => panic!("{a:?} and {b:?}"),
            }
        }
    }
}
