//! Queries with damage.

use crate::random::Random;

/// Texts that damage inserts.
const TOKENS: &[&str] = &[
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "@",
    "offset",
    "by",
    "without",
    "on",
    "ignoring",
    "bool",
    "group_left",
    "fill(",
    "anchored",
    "smoothed",
    "step()",
    "range()",
    "start()",
    "end()",
    "min_of(",
    "</",
    ">/",
    "=~",
    "!~",
    "==",
    "^",
    "-",
    "+",
    "*",
    "/",
    "%",
    "#",
    "\n",
    "\"",
    "'",
    "`",
    "\\x",
    "0x",
    "1e",
    "_",
    "Inf",
    "NaN",
    "9223372036854775807",
    "1e308",
    "400y",
    "é",
    "\u{0}",
    "sum(",
    "info(",
    "rate(",
    "topk(",
    "histogram_quantile(",
    "x[5m]",
    "x[5m:1s]",
    "label_replace(",
];

/// A query with some bytes changed, removed, doubled, or taken from another one.
pub fn damaged(query: &str, other: &str, random: &mut Random) -> String {
    let mut bytes = query.as_bytes().to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        let end = (at + random.below(8)).min(bytes.len());
        match random.below(6) {
            0 => drop(bytes.drain(at..end)),
            1 => {
                let part = bytes[at..end].to_vec();
                let times = if random.one_in(50) { 300 } else { 1 + random.below(3) };
                bytes.splice(at..at, part.repeat(times));
            }
            2 => {
                let start = random.below(other.len() + 1);
                let length = random.below(20).min(other.len() - start);
                bytes.splice(at..end, other.as_bytes()[start..start + length].iter().copied());
            }
            3 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            _ => {
                let token = random.pick(TOKENS).bytes();
                bytes.splice(at..at, token);
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
