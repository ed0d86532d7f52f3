//! Reads values as operators write them. Every function says in words what is wrong, so that the
//! message fits behind the value: `"15x" has the unknown unit "x"`.

mod duration;
mod labels;
mod network;
mod size;
mod time;

pub use duration::{duration, duration_text};
pub use labels::{label_name, label_text, labels};
pub use network::{header_name, host_port, host_ports, listen};
pub use size::{size, size_text};
pub use time::time_bound;

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

/// What is wrong with a value.
pub type Reason = String;

/// Longest name of a node, zone or hashring in bytes.
pub const NAME_BYTES_MAX: usize = 128;

/// A whole number from `low` to `high`.
pub fn within<N>(text: &str, low: N, high: N) -> Result<N, Reason>
where
    N: FromStr + PartialOrd + Display,
{
    let number = text.parse().ok().filter(|number| (&low..=&high).contains(&number));
    number.ok_or_else(|| format!("is no whole number from {low} to {high}"))
}

/// `true` or `false`.
pub fn switch(text: &str) -> Result<bool, Reason> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err("is neither true nor false".to_owned()),
    }
}

/// A name of a node, a zone or a hashring: up to [`NAME_BYTES_MAX`] letters, digits, `-`, `_`, `.`.
pub fn name(text: &str) -> Result<String, Reason> {
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    name_or_empty(text)
}

/// Like [`name`], or nothing at all.
pub fn name_or_empty(text: &str) -> Result<String, Reason> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if let Some(bad) = text.chars().find(|c| !allowed(*c)) {
        return Err(format!("has the character {bad:?}; letters, digits, - _ and . are allowed"));
    }
    if text.len() > NAME_BYTES_MAX {
        return Err(format!("has {} bytes; at most {NAME_BYTES_MAX} are allowed", text.len()));
    }
    Ok(text.to_owned())
}

/// Label names separated by commas.
pub fn label_names(text: &str) -> Result<Vec<String>, Reason> {
    text.split(',').map(|part| label_name(part.trim())).collect()
}

/// A duration that is not zero.
pub fn lasting(text: &str) -> Result<Duration, Reason> {
    match duration(text)? {
        Duration::ZERO => Err("must be longer than nothing".to_owned()),
        duration => Ok(duration),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_whole_and_limited() {
        assert_eq!(within("50000000", 1, u64::MAX), Ok(50_000_000));
        assert_eq!((within("1", 1u32, 9), within("9", 1u32, 9)), (Ok(1), Ok(9)));
        for text in ["0", "10", "1e0", "-1", "", "99999999999999999999"] {
            assert!(within(text, 1u32, 9).is_err(), "{text}");
        }
        assert!(lasting("0s").is_err());
    }

    #[test]
    fn switches_are_true_or_false() {
        assert_eq!((switch("true"), switch("False")), (Ok(true), Ok(false)));
        assert!(switch("yes").is_err());
    }

    #[test]
    fn names_are_safe_in_paths_and_labels() {
        assert_eq!(name("granary-0.eu_1"), Ok("granary-0.eu_1".to_owned()));
        assert!(name("").is_err());
        assert!(name("a/b").is_err());
        assert!(name(&"x".repeat(129)).is_err());
        assert_eq!(name_or_empty(""), Ok(String::new()));
    }
}
