//! I17: queues are bounded, and a node whose disk was full recovers by itself.
//!
//! No queue or budget of a node is ever over its limit. Once its disk has space again a node makes
//! new samples durable in time, with no help. That it acknowledged nothing that it could not write
//! meanwhile is I1.

use super::Violation;

/// A queue or budget of a node at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// Whose.
    pub node: String,
    /// What.
    pub name: String,
    /// When.
    pub at_ms: i64,
    /// How much is in it.
    pub used: u64,
    /// How much may be.
    pub limit: u64,
}

/// Checks a level.
pub fn check_level(level: &Level) -> Result<(), Violation> {
    let Level { node, name, at_ms, used, limit } = level;
    if used <= limit {
        return Ok(());
    }
    Err(Violation::new("I17", format!("{node}: {name} is {used} at {at_ms}, over {limit}")))
}

/// A time in which a node's disk was full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullDisk {
    /// Whose disk.
    pub node: String,
    /// Since when.
    pub from_ms: i64,
    /// When there was space again; `None` while there is none.
    pub freed_ms: Option<i64>,
    /// When the node first made something new durable after that.
    pub recovered_ms: Option<i64>,
}

/// Checks a full disk. Give only nodes that own shards, and that were up and connected since there
/// was space again.
pub fn check_full_disk(full: &FullDisk, now_ms: i64, recover_ms_max: i64) -> Result<(), Violation> {
    let FullDisk { node, from_ms, freed_ms, recovered_ms } = full;
    match (freed_ms, recovered_ms) {
        (Some(freed_ms), None) if now_ms - freed_ms > recover_ms_max => {
            let text = format!(
                "{node} had no space from {from_ms}, has it since {freed_ms}, and takes nothing"
            );
            Err(Violation::new("I17", text))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_over_its_limit() {
        let level = |used| {
            let (node, name) = ("n".to_owned(), "lane".to_owned());
            Level { node, name, at_ms: 1, used, limit: 10 }
        };
        check_level(&level(10)).unwrap();
        assert!(check_level(&level(11)).is_err());
    }

    #[test]
    fn a_disk_with_space_is_used_again() {
        let full = |freed_ms, recovered_ms| {
            let node = "n".to_owned();
            FullDisk { node, from_ms: 1, freed_ms, recovered_ms }
        };
        check_full_disk(&full(None, None), 1_000, 10).unwrap();
        check_full_disk(&full(Some(990), None), 1_000, 10).unwrap();
        check_full_disk(&full(Some(500), Some(505)), 1_000, 10).unwrap();
        assert!(check_full_disk(&full(Some(989), None), 1_000, 10).is_err());
    }
}
