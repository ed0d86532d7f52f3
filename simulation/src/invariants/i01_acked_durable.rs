//! I1: what was acknowledged is durable on W distinct nodes.
//!
//! At the moment of an ack, and from then on, every sample that was not rejected is on the disks
//! of W nodes as a power cut would leave them now, those of nodes that are down included, with its
//! value or a greater one. A sample that is in the bucket needs no disk any more.

use std::collections::BTreeMap;

use super::{Contents, Violation, holds};
use crate::ledger::{Ledger, Slot};
use crate::traffic::SeriesKey;

/// What is durable where.
#[derive(Clone, Copy, Debug)]
pub struct Durable<'a> {
    /// What each node's disk would give back after a power cut.
    pub disks: &'a BTreeMap<String, Contents>,
    /// What the whole blocks of the bucket hold.
    pub bucket: &'a Contents,
    /// Copies that an ack needs.
    pub copies_needed: usize,
}

/// Checks these samples as of a time: all ([`Ledger::slots`]) or those of one push
/// ([`Ledger::slots_of`]). What was not acknowledged by then is passed over.
pub fn check<'a>(
    ledger: &Ledger,
    slots: impl Iterator<Item = (&'a SeriesKey, i64, &'a Slot)>,
    durable: Durable<'_>,
    at_ms: i64,
) -> Result<(), Violation> {
    for (key, t, slot) in slots {
        let Some(floor) = slot.acked_floor(at_ms) else { continue };
        if holds(durable.bucket, key, t, floor) {
            continue;
        }
        let holders = durable.disks.iter().filter(|(_, disk)| holds(disk, key, t, floor));
        let holders: Vec<&str> = holders.map(|(node, _)| node.as_str()).collect();
        if holders.len() < durable.copies_needed {
            let evidence = format!(
                "at {at_ms} on the disks of {holders:?} only, not of {} nodes: {}",
                durable.copies_needed,
                ledger.describe_slot(key, t, slot)
            );
            return Err(Violation::new("I1", evidence));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fakes::{acked, bits, contents};
    use super::*;

    #[test]
    fn copies_are_counted_by_node() {
        let (ledger, _) = acked(&[(5, 2)]);
        let (good, none) = (contents(&[(5, bits(2))]), Contents::new());
        let (lesser, greater) = (contents(&[(5, bits(1))]), contents(&[(5, bits(3))]));
        let table = [
            (&good, &good, &none, true),
            (&good, &greater, &none, true),
            (&good, &none, &none, false),
            (&good, &lesser, &none, false),
            (&none, &none, &none, false),
            (&none, &none, &good, true),
        ];
        for (one, two, bucket, is_durable) in table {
            let disks = [("n1", one), ("n2", two)];
            let disks = disks.map(|(n, disk)| (n.to_owned(), disk.clone())).into();
            let durable = Durable { disks: &disks, bucket, copies_needed: 2 };
            let found = check(&ledger, ledger.slots(), durable, 10);
            assert_eq!(found.is_ok(), is_durable, "{found:?}");
            // Before the ack nothing is promised.
            check(&ledger, ledger.slots(), durable, 0).unwrap();
        }
    }
}
