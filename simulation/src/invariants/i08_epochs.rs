//! I8: nodes that act on one epoch of a hashring agree on who owns what.
//!
//! Two nodes with the same epoch of a hashring have the same table, now and ever; while a node
//! runs its epoch never goes back.

use std::collections::BTreeMap;

use super::Violation;

/// A node's table of a hashring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSeen {
    /// Whose.
    pub node: String,
    /// Which start of it.
    pub boot: u64,
    /// Name of the hashring.
    pub ring: String,
    /// Version of the table.
    pub epoch: u64,
    /// Hash over owners of all shards, and over what else the epoch covers.
    pub table_hash: u64,
}

/// Everything that was seen so far.
#[derive(Clone, Debug, Default)]
pub struct Epochs {
    tables: BTreeMap<(String, u64), (u64, String)>,
    last: BTreeMap<(String, u64, String), u64>,
}

impl Epochs {
    /// Takes in what a node has.
    pub fn observe(&mut self, seen: &TableSeen) -> Result<(), Violation> {
        let TableSeen { node, boot, ring, epoch, table_hash } = seen;
        let last = self.last.entry((node.clone(), *boot, ring.clone())).or_insert(*epoch);
        if *epoch < *last {
            let text = format!("{node} went from epoch {last} of {ring:?} back to {epoch}");
            return Err(Violation::new("I8", text));
        }
        *last = *epoch;
        let first = (*table_hash, node.clone());
        let (known, by) = self.tables.entry((ring.clone(), *epoch)).or_insert(first);
        if known != table_hash {
            let text = format!("{node} and {by} have different tables of {ring:?} epoch {epoch}");
            return Err(Violation::new("I8", text));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_has_one_table_and_does_not_go_back() {
        let seen = |node: &str, boot, epoch, table_hash| {
            let (node, ring) = (node.to_owned(), "default".to_owned());
            TableSeen { node, boot, ring, epoch, table_hash }
        };
        let mut epochs = Epochs::default();
        epochs.observe(&seen("a", 1, 1, 10)).unwrap();
        epochs.observe(&seen("b", 1, 1, 10)).unwrap();
        epochs.observe(&seen("a", 1, 2, 20)).unwrap();
        assert!(epochs.observe(&seen("b", 1, 2, 21)).is_err());
        assert!(epochs.observe(&seen("a", 1, 1, 10)).is_err());
        // After a start it may replay.
        epochs.observe(&seen("a", 2, 1, 10)).unwrap();
    }
}
