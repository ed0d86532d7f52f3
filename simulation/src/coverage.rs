//! What many lives had between them: a kind of fault or a state that none of them reached proves
//! nothing, however many were green.

use std::collections::BTreeMap;
use std::io::{self, Write};

/// So many lives must have had everything.
pub const LIVES_MIN: u64 = 300;

/// Sums of what the summaries of lives count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    lives: u64,
    /// By what is counted: how often, and in how many lives.
    sums: BTreeMap<String, (u64, u64)>,
}

impl Coverage {
    /// Takes the summary of a life in.
    pub fn add(&mut self, summary: &str) {
        self.lives += 1;
        let counted = summary
            .lines()
            .filter(|line| line.starts_with("fault ") || line.starts_with("sometimes "));
        for (name, count) in counted.filter_map(|line| line.rsplit_once(": ")) {
            let count: u64 = count.parse().unwrap_or(0);
            let (sum, lives) = self.sums.entry(name.to_owned()).or_default();
            *sum += count;
            *lives += u64::from(count > 0);
        }
    }

    /// What no life had, when there were enough of them.
    pub fn missed(&self) -> Vec<&str> {
        let never = self.sums.iter().filter(|(_, (sum, _))| *sum == 0);
        let never = never.map(|(name, _)| name.as_str());
        if self.lives < LIVES_MIN { Vec::new() } else { never.collect() }
    }

    /// Writes a line for each.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        for (name, (sum, lives)) in &self.sums {
            writeln!(out, "{name}: {sum} in {lives} of {} lives", self.lives)?;
        }
        for name in self.missed() {
            writeln!(out, "no life had this: {name}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_life_had_is_missed_once_there_were_enough() {
        let mut coverage = Coverage::default();
        for life in 0..LIVES_MIN {
            assert!(coverage.missed().is_empty(), "{life}");
            let joins = u64::from(life == 7) * 3;
            coverage.add(&format!("seed: {life}\nfault join: {joins}\nsometimes block cut: 0"));
        }
        assert_eq!(coverage.missed(), ["sometimes block cut"]);
        let mut text = Vec::new();
        coverage.write(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("fault join: 3 in 1 of 300 lives"), "{text}");
        assert!(text.contains("no life had this: sometimes block cut"), "{text}");
    }
}
