//! Looks for the copies of acknowledged samples on all disks (I1), and that no disk has what
//! belongs elsewhere (I4).

use std::collections::BTreeMap;

use super::blocks::Shelf;
use crate::fleet::Fleet;
use crate::invariants::i01_acked_durable::{self, Durable};
use crate::invariants::i04_tenants_apart::{Placement, check_disk};
use crate::invariants::{Contents, Violation};
use crate::life::Stage;
use crate::life::durable::{HEAD, add_contents, contents_of, open_head};
use crate::life::stage::Acked;
use crate::world::store::Store;

/// Time between two looks for acks that are not urgent, milliseconds.
const LOOK_MS: i64 = 2_000;

/// See the module.
#[derive(Default)]
pub struct AckWatch {
    looked_ms: i64,
}

impl AckWatch {
    /// Looks for what was acknowledged since the last look, if it is time.
    pub fn look(
        &mut self,
        fleet: &Fleet,
        stage: &mut Stage,
        shelf: &mut Shelf,
        store: &Store,
    ) -> Result<(), Violation> {
        let is_urgent = stage.acked.iter().any(|acked| acked.is_urgent);
        let is_due = fleet.now_ms() >= self.looked_ms + LOOK_MS;
        if stage.acked.is_empty() || !(is_urgent || is_due) {
            return Ok(());
        }
        self.looked_ms = fleet.now_ms();
        let acked = std::mem::take(&mut stage.acked);
        let times = times_of(&acked);
        let disks = disks(fleet, shelf, times)?;
        check_places(fleet, stage, &disks)?;
        let none = Contents::new();
        let found = check(fleet, stage, &acked, &disks, &none);
        if found.is_err() {
            // What left the disks must be in the bucket: it is read only when it matters.
            let bucket = shelf.bucket(store)?;
            check(fleet, stage, &acked, &disks, &bucket.contents)?;
        }
        stage.acks_looked_up += acked.len() as u64;
        Ok(())
    }
}

fn times_of(acked: &[Acked]) -> (i64, i64) {
    let all = || acked.iter().flat_map(|acked| acked.push.samples.iter().map(|sample| sample.t));
    (all().min().unwrap_or(i64::MAX), all().max().unwrap_or(i64::MIN))
}

/// What each disk would give back after a power cut, of some times.
fn disks(
    fleet: &Fleet,
    shelf: &mut Shelf,
    times: (i64, i64),
) -> Result<BTreeMap<String, Contents>, Violation> {
    let mut disks = BTreeMap::new();
    for (index, host) in fleet.hosts.iter().enumerate() {
        let copy = host.disk.durable_below(std::path::Path::new(HEAD));
        // A head that cannot be opened holds nothing that anyone could read.
        let head = open_head(&copy, &host.config);
        let mut contents = head.and_then(|head| contents_of(&head, times)).unwrap_or_default();
        for block in shelf.blocks_of(index, host) {
            add_contents(&mut contents, &block.contents, times);
        }
        disks.insert(host.name.clone(), contents);
    }
    Ok(disks)
}

fn check_places(
    fleet: &Fleet,
    stage: &mut Stage,
    disks: &BTreeMap<String, Contents>,
) -> Result<(), Violation> {
    let mut rings: BTreeMap<String, std::collections::BTreeSet<String>> = BTreeMap::new();
    for host in &fleet.hosts {
        rings.entry(host.config.hashring.clone()).or_default().insert(host.name.clone());
    }
    let placement = Placement { tenants: stage.traffic.tenants(), rings: &rings };
    for (name, contents) in disks {
        check_disk(placement, name, contents)?;
    }
    stage.checked("I4");
    Ok(())
}

fn check(
    fleet: &Fleet,
    stage: &mut Stage,
    acked: &[Acked],
    disks: &BTreeMap<String, Contents>,
    bucket: &Contents,
) -> Result<(), Violation> {
    let hosts = fleet.hosts.iter().zip(&stage.health.hosts);
    let robbed = hosts.filter_map(|(host, health)| Some((host.name.clone(), health.damaged_ms?)));
    let robbed = robbed.collect();
    let factor = fleet.hosts[0].config.receive.replication_factor;
    let copies_needed = cluster::Hashring::ack_copies_default(factor) as usize;
    let durable = Durable { disks, bucket, copies_needed, robbed: &robbed };
    for Acked { push, at_ms, .. } in acked {
        i01_acked_durable::check(&stage.ledger, stage.ledger.slots_of(push), durable, *at_ms)?;
    }
    acked.iter().for_each(|_| stage.checked("I1"));
    Ok(())
}
