//! Regular expressions of matchers. Most are literals in disguise; the others are compiled, equal
//! ones once, and no more of them than one query may have.

use std::collections::BTreeMap;
use std::sync::Arc;

use regex_automata::meta::{Builder, Config, Regex};
use regex_automata::nfa::thompson::WhichCaptures;
use regex_syntax::ast::{self, Ast, ClassSetItem};
use regex_syntax::hir::translate::TranslatorBuilder;
use regex_syntax::hir::{Hir, Look};

use super::{MatchOp, Matcher, MatcherError, Plan};

/// Largest compiled regular expression in bytes.
pub const REGEX_BYTES_MAX: usize = 1 << 20;
/// Longest pattern that is compiled, in bytes.
pub const PATTERN_BYTES_MAX: usize = 64 << 10;
/// Most character classes (`\w`, `\pL`, `a-z` in brackets) in a pattern: each takes kilobytes.
pub const CLASSES_MAX: usize = 1000;
/// Most different compiled regular expressions in one query.
pub const REGEXES_MAX: usize = 128;
/// Most bytes of all compiled regular expressions of one query.
pub const REGEXES_BYTES_MAX: usize = 16 << 20;

/// Most bytes of states that a search keeps, in each direction and for each thread.
const STATES_BYTES_MAX: usize = 1 << 20;
/// Characters of a pattern that a message shows.
const SHOWN_CHARS: usize = 40;

/// Makes the matchers of one query, or of one question of a peer: equal patterns are compiled
/// once, and all of them together take a bounded amount of memory.
#[derive(Clone, Debug, Default)]
pub struct Regexes {
    compiled: BTreeMap<String, Arc<Regex>>,
    bytes: usize,
}

impl Regexes {
    /// Makes a matcher. Patterns are anchored at both ends and `.` matches a newline, as in
    /// Prometheus 3.
    ///
    /// # Errors
    /// `Invalid`: the pattern is no regular expression. `Limit`: it, or all of the query together,
    /// are too large.
    pub fn matcher(
        &mut self,
        name: &str,
        op: MatchOp,
        value: &str,
    ) -> Result<Matcher, MatcherError> {
        let plan = match op {
            MatchOp::Equal | MatchOp::NotEqual => Plan::Literal(value.to_owned()),
            MatchOp::Regex | MatchOp::NotRegex => match without_regex(value) {
                Some(plan) => plan,
                None => Plan::Regex(self.compiled(value)?),
            },
        };
        Ok(Matcher { name: name.to_owned(), op, value: value.to_owned(), plan })
    }

    fn compiled(&mut self, pattern: &str) -> Result<Arc<Regex>, MatcherError> {
        if let Some(known) = self.compiled.get(pattern) {
            return Ok(known.clone());
        }
        if self.compiled.len() >= REGEXES_MAX {
            return Err(MatcherError::Limit(format!(
                "a query has more than {REGEXES_MAX} different regular expressions"
            )));
        }
        let regex = Arc::new(compile(pattern)?);
        self.bytes += regex.memory_usage();
        if self.bytes > REGEXES_BYTES_MAX {
            return Err(MatcherError::Limit(format!(
                "the regular expressions of a query take more than {REGEXES_BYTES_MAX} bytes \
                 together"
            )));
        }
        self.compiled.insert(pattern.to_owned(), regex.clone());
        Ok(regex)
    }
}

const META: &[char] = &['\\', '.', '+', '*', '?', '(', ')', '|', '[', ']', '{', '}', '^', '$'];

/// How a pattern is matched that needs no regular expression.
fn without_regex(pattern: &str) -> Option<Plan> {
    let in_parens = pattern.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    if let Some(mut literals) = alternatives(in_parens.unwrap_or(pattern)) {
        literals.sort();
        literals.dedup();
        return Some(match literals.len() {
            1 => Plan::Literal(literals.remove(0)),
            _ => Plan::OneOf(literals.into()),
        });
    }
    let plain = |prefix: &&str| !prefix.contains(META);
    if let Some(prefix) = pattern.strip_suffix(".*").filter(plain) {
        return Some(Plan::Prefix(prefix.to_owned()));
    }
    let prefix = pattern.strip_suffix(".+").filter(plain)?;
    Some(Plan::PrefixAndMore(prefix.to_owned()))
}

/// The literals of a pattern like `a|b\.c`, if it is nothing else.
fn alternatives(pattern: &str) -> Option<Vec<String>> {
    let (mut literals, mut literal) = (Vec::new(), String::new());
    let mut chars = pattern.chars();
    while let Some(char) = chars.next() {
        match char {
            '|' => literals.push(std::mem::take(&mut literal)),
            '\\' => literal.push(chars.next().filter(|escaped| META.contains(escaped))?),
            char if META.contains(&char) => return None,
            char => literal.push(char),
        }
    }
    literals.push(literal);
    Some(literals)
}

pub(super) fn compile(pattern: &str) -> Result<Regex, MatcherError> {
    let whole = vec![Hir::look(Look::Start), understood(pattern)?, Hir::look(Look::End)];
    let config = Config::new()
        .nfa_size_limit(Some(REGEX_BYTES_MAX))
        .hybrid_cache_capacity(STATES_BYTES_MAX)
        .which_captures(WhichCaptures::Implicit);
    let built = Builder::new().configure(config).build_from_hir(&Hir::concat(whole));
    built.map_err(|error| match error.size_limit() {
        Some(limit) => {
            let what = format!("takes more than {limit} bytes when compiled");
            limit_error(pattern, &what)
        }
        None => invalid(pattern, error.to_string()),
    })
}

/// Checks that a pattern is a regular expression whose tree is not too large to be compiled.
///
/// # Errors
/// As [`Regexes::matcher`].
pub fn check_pattern(pattern: &str) -> Result<(), MatcherError> {
    understood(pattern).map(|_| ())
}

fn understood(pattern: &str) -> Result<Hir, MatcherError> {
    let bytes = pattern.len();
    if bytes > PATTERN_BYTES_MAX {
        let what = format!("has {bytes} bytes; at most {PATTERN_BYTES_MAX} are compiled");
        return Err(limit_error(pattern, &what));
    }
    let tree = ast::parse::Parser::new().parse(pattern);
    let tree = tree.map_err(|error| invalid(pattern, error.to_string()))?;
    let classes = ast::visit(&tree, Classes::default()).unwrap_or(usize::MAX);
    if classes > CLASSES_MAX {
        let what = format!("has more than {CLASSES_MAX} character classes");
        return Err(limit_error(pattern, &what));
    }
    let mut translator = TranslatorBuilder::new().dot_matches_new_line(true).build();
    let hir = translator.translate(pattern, &tree);
    hir.map_err(|error| invalid(pattern, error.to_string()))
}

fn invalid(pattern: &str, reason: String) -> MatcherError {
    MatcherError::Invalid { pattern: pattern.to_owned(), reason }
}

fn limit_error(pattern: &str, what: &str) -> MatcherError {
    let mut shown: String = pattern.chars().take(SHOWN_CHARS).collect();
    if shown.len() < pattern.len() {
        shown.push('…');
    }
    MatcherError::Limit(format!("the regular expression {shown:?} {what}"))
}

/// Counts the character classes of a pattern.
#[derive(Default)]
struct Classes(usize);

impl ast::Visitor for Classes {
    type Output = usize;
    type Err = std::convert::Infallible;

    fn finish(self) -> Result<usize, Self::Err> {
        Ok(self.0)
    }

    fn visit_pre(&mut self, tree: &Ast) -> Result<(), Self::Err> {
        let is_class = matches!(tree, Ast::ClassUnicode(_) | Ast::ClassPerl(_));
        self.0 += usize::from(is_class);
        Ok(())
    }

    fn visit_class_set_item_pre(&mut self, item: &ClassSetItem) -> Result<(), Self::Err> {
        let is_literal = matches!(item, ClassSetItem::Empty(_) | ClassSetItem::Literal(_));
        self.0 += usize::from(!is_literal);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit_of(made: Result<Matcher, MatcherError>) -> String {
        match made {
            Err(MatcherError::Limit(text)) => text,
            other => panic!("no limit fired: {other:?}"),
        }
    }

    fn re(regexes: &mut Regexes, pattern: &str) -> Result<Matcher, MatcherError> {
        regexes.matcher("l", MatchOp::Regex, pattern)
    }

    #[test]
    fn every_plan_agrees_with_the_regex_it_replaces() {
        let values = ["", "a", "b", "ab", "abc", "c", "a|b", "\n", "a.b", "axb", "(a)"];
        for pattern in [
            "",
            "a",
            "a|b",
            "a|",
            "ab.*",
            "a.+",
            ".*",
            ".+",
            "a|b|ab",
            "(a|b)",
            "()",
            "(|c)",
            r"a\.b",
            r"(a\.b|c)",
            r"\(a\)",
            r"a\|b",
        ] {
            let plan = without_regex(pattern).expect("it is matched without a regex");
            let (op, value) = (MatchOp::Regex, pattern.to_owned());
            let quick = Matcher { name: String::new(), op, value, plan };
            let full = compile(pattern).unwrap();
            for value in values {
                assert_eq!(quick.matches(value), full.is_match(value), "{pattern:?} on {value:?}");
            }
        }
        for pattern in ["(a)|(b)", r"(a\)", r"a\", r"\d", "(?:a)", "a.*b", "(a|b)c"] {
            assert!(without_regex(pattern).is_none(), "{pattern}");
        }
    }

    #[test]
    fn equal_patterns_are_compiled_once() {
        let mut regexes = Regexes::default();
        for _ in 0..2 * REGEXES_MAX {
            assert!(re(&mut regexes, "a[0-9]b").unwrap().matches("a1b"));
        }
        assert_eq!(regexes.compiled.len(), 1);
        let bytes = regexes.bytes;
        re(&mut regexes, "(a|b|c)").unwrap();
        assert_eq!(regexes.bytes, bytes, "literals take nothing of the budget");
    }

    #[test]
    fn a_query_has_so_many_regular_expressions() {
        let mut regexes = Regexes::default();
        for number in 0..REGEXES_MAX {
            re(&mut regexes, &format!("a[0-9]{number}")).unwrap();
        }
        let text = limit_of(re(&mut regexes, "one more?"));
        assert!(text.contains("more than 128 different"), "{text}");
        assert!(re(&mut regexes, "a[0-9]7").is_ok(), "that one is there");
    }

    #[test]
    fn regular_expressions_take_so_much_memory_together() {
        let mut regexes = Regexes::default();
        let made = (0..REGEXES_MAX).map(|n| re(&mut regexes, &format!("\\pL{{20}}{n}")));
        let refused = made.into_iter().find(Result::is_err).expect("the budget ends");
        let text = limit_of(refused);
        assert!(text.contains("16777216 bytes together"), "{text}");
    }

    #[test]
    fn one_regular_expression_is_of_bounded_size() {
        for (pattern, part) in [
            (r"\pL{400}".to_owned(), "more than 1048576 bytes when compiled"),
            (r"\w".repeat(CLASSES_MAX + 1), "more than 1000 character classes"),
            (format!("[{}]", r"\pL".repeat(CLASSES_MAX + 1)), "more than 1000 character classes"),
            ("a?".repeat(PATTERN_BYTES_MAX), "at most 65536 are compiled"),
        ] {
            let text = limit_of(re(&mut Regexes::default(), &pattern));
            assert!(text.contains(part) && text.len() < 200, "{text}");
        }
        let pods = (0..20_000).map(|n| format!("pod-{n}\\.zone")).collect::<Vec<_>>().join("|");
        assert!(re(&mut Regexes::default(), &format!("({pods})")).unwrap().matches("pod-7.zone"));
    }
}
