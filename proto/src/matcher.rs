//! Label matchers: `=`, `!=`, `=~`, `!~` with Prometheus' semantics.

use std::fmt;
use std::sync::Arc;

use regex_automata::meta::Regex;

mod regexes;

pub use regexes::{
    CLASSES_MAX, PATTERN_BYTES_MAX, REGEX_BYTES_MAX, REGEXES_BYTES_MAX, REGEXES_MAX, Regexes,
    check_pattern,
};

/// How a matcher compares.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Regex,
    /// `!~`
    NotRegex,
}

impl fmt::Display for MatchOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MatchOp::Equal => "=",
            MatchOp::NotEqual => "!=",
            MatchOp::Regex => "=~",
            MatchOp::NotRegex => "!~",
        })
    }
}

/// The regular expression of a matcher cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum MatcherError {
    /// It does not compile.
    #[error("the regular expression {pattern:?} is invalid: {reason}")]
    Invalid {
        /// The pattern as given.
        pattern: String,
        /// What the compiler said.
        reason: String,
    },
    /// It, or all of a query together, are too large; says which limit.
    #[error("{0}")]
    Limit(String),
}

/// A condition on one label. A label that is absent has the value "".
#[derive(Clone)]
pub struct Matcher {
    name: String,
    op: MatchOp,
    value: String,
    plan: Plan,
}

/// What a regular expression was found to be. Most are literals or alternations of them.
#[derive(Clone)]
enum Plan {
    /// Not a regular expression, or one that is a plain literal.
    Literal(String),
    /// Alternation of literals: `a|b|c`, sorted.
    OneOf(Arc<[String]>),
    /// `prefix.*` (the rest unrestricted).
    Prefix(String),
    /// `prefix.+`.
    PrefixAndMore(String),
    /// Anything else.
    Regex(Arc<Regex>),
}

impl Matcher {
    /// Makes one matcher of its own; those of a query share [`Regexes`]. Only the regex kinds can
    /// fail.
    pub fn new(name: &str, op: MatchOp, value: &str) -> Result<Matcher, MatcherError> {
        Regexes::default().matcher(name, op, value)
    }

    /// An `=` matcher.
    pub fn equal(name: &str, value: &str) -> Matcher {
        let plan = Plan::Literal(value.to_owned());
        Matcher { name: name.to_owned(), op: MatchOp::Equal, value: value.to_owned(), plan }
    }

    /// Name of the label.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The operator.
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// Literal or pattern as given.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether a label with this value (absent: "") fulfils the condition.
    pub fn matches(&self, value: &str) -> bool {
        let hit = match &self.plan {
            Plan::Literal(literal) => value == literal,
            Plan::OneOf(literals) => literals.binary_search_by(|l| l.as_str().cmp(value)).is_ok(),
            Plan::Prefix(prefix) => value.starts_with(prefix.as_str()),
            Plan::PrefixAndMore(prefix) => {
                value.len() > prefix.len() && value.starts_with(prefix.as_str())
            }
            Plan::Regex(regex) => regex.is_match(value),
        };
        hit != self.is_negative()
    }

    /// Whether a series without this label fulfils the condition.
    pub fn matches_empty(&self) -> bool {
        self.matches("")
    }

    /// Whether the operator is `!=` or `!~`.
    pub fn is_negative(&self) -> bool {
        matches!(self.op, MatchOp::NotEqual | MatchOp::NotRegex)
    }

    /// The values that a positive matcher can match when they are known beforehand: of `=` and of
    /// patterns that are alternations of literals. Lets postings be looked up directly.
    pub fn set_matches(&self) -> Option<Vec<&str>> {
        match (&self.plan, self.is_negative()) {
            (_, true) => None,
            (Plan::Literal(literal), _) => Some(vec![literal]),
            (Plan::OneOf(literals), _) => Some(literals.iter().map(String::as_str).collect()),
            _ => None,
        }
    }

    /// The literal every matching value of a positive matcher starts with, if known.
    pub fn prefix(&self) -> Option<&str> {
        match (&self.plan, self.is_negative()) {
            (_, true) => None,
            (Plan::Prefix(p) | Plan::PrefixAndMore(p) | Plan::Literal(p), _) => Some(p),
            _ => None,
        }
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Matcher) -> bool {
        (&self.name, self.op, &self.value) == (&other.name, other.op, &other.value)
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{:?}", self.name, self.op, self.value)
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn re(pattern: &str) -> Matcher {
        Matcher::new("l", MatchOp::Regex, pattern).unwrap()
    }

    #[test]
    fn patterns_are_anchored_and_dot_matches_newline() {
        assert!(!re("a.c").matches("xabc"));
        assert!(re("a.c").matches("a\nc"));
        assert!(re("a.*").matches("a\nb"));
        assert!(re("(a|b)c").matches("bc"));
    }

    #[test]
    fn unbalanced_patterns_do_not_escape_the_anchors() {
        let error = Matcher::new("l", MatchOp::Regex, "a)|(b").unwrap_err();
        assert!(error.to_string().contains("a)|(b"));
    }

    #[test]
    fn absent_labels_match_as_empty() {
        assert!(Matcher::new("l", MatchOp::NotEqual, "x").unwrap().matches_empty());
        assert!(!Matcher::equal("l", "x").matches_empty());
        assert!(Matcher::equal("l", "").matches_empty());
    }
}
