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
    /// Nodes whose disk lost something that was durable, and when last: of what was sent before,
    /// they count as holders.
    pub robbed: &'a BTreeMap<String, i64>,
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
        let sent_ms = slot.iter().map(|tried| tried.sent_ms).min().unwrap_or(at_ms);
        let robbed = durable.robbed.iter().filter(|(_, robbed_ms)| **robbed_ms >= sent_ms);
        let lost = robbed.filter(|(node, _)| !holders.contains(&node.as_str())).count();
        if holders.len() + lost < durable.copies_needed {
            let evidence = format!(
                "at {at_ms} on the disks of {holders:?} only, not of {} nodes ({lost} lost what \
                 they had since): {}",
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
    fn a_disk_that_lost_what_it_had_is_no_evidence() {
        let (ledger, _) = acked(&[(5, 2)]);
        let disks = [("n1", contents(&[(5, bits(2))])), ("n2", Contents::new())];
        let disks = disks.map(|(node, disk)| (node.to_owned(), disk)).into();
        let (bucket, copies_needed) = (&Contents::new(), 2);
        for (robbed_ms, is_fine) in [(0, true), (-1, false)] {
            let robbed = &[("n2".to_owned(), robbed_ms)].into();
            let durable = Durable { disks: &disks, bucket, copies_needed, robbed };
            assert_eq!(check(&ledger, ledger.slots(), durable, 10).is_ok(), is_fine);
        }
    }

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
            let robbed = BTreeMap::new();
            let durable = Durable { disks: &disks, bucket, copies_needed: 2, robbed: &robbed };
            let found = check(&ledger, ledger.slots(), durable, 10);
            assert_eq!(found.is_ok(), is_durable, "{found:?}");
            // Before the ack nothing is promised.
            check(&ledger, ledger.slots(), durable, 0).unwrap();
        }
    }
}
