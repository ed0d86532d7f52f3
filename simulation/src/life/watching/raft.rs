//! Raft (I7) and the tables of hashrings (I8), of all nodes that run.

use std::collections::BTreeMap;
use std::sync::Arc;

use cluster::{ClusterState, EntryId, Hashring, Standing};
use xxhash_rust::xxh3::xxh3_64;

use crate::fleet::Fleet;
use crate::host::{Host, Running};
use crate::invariants::Violation;
use crate::invariants::i07_raft::{RaftHistory, RaftSeen, Term, check_durable};
use crate::invariants::i08_epochs::{Epochs, TableSeen};
use crate::life::{Stage, raft_disk};
use crate::nemesis::Nemesis;

/// Time between two looks at what is durable of logs, milliseconds.
const LOOK_MS: i64 = 4_000;

/// A node as it was last seen.
struct Known {
    start: u64,
    standing: Standing,
    state: Arc<ClusterState>,
    state_hash: u64,
    /// Hashes of entries that were seen.
    hashes: BTreeMap<EntryId, u64>,
    seen: RaftSeen,
}

/// See the module.
#[derive(Default)]
pub struct RaftWatch {
    /// By host.
    known: BTreeMap<usize, Known>,
    history: RaftHistory,
    epochs: Epochs,
    looked_ms: i64,
}

impl RaftWatch {
    /// Looks at all nodes, and closer where something changed.
    /// Hosts whose disk was damaged or replaced are left out from then on: such a node may know
    /// less than before until it is refused.
    pub fn look(
        &mut self,
        fleet: &Fleet,
        nemesis: &Nemesis,
        stage: &mut Stage,
    ) -> Result<(), Violation> {
        let mut changed = false;
        for (index, host) in fleet.hosts.iter().enumerate() {
            if nemesis.has_old_disk(index) {
                check_outdated(host, fleet.now_ms())?;
            }
            match host.running().filter(|_| nemesis.damages_of(index) == 0) {
                None => changed |= self.known.remove(&index).is_some(),
                Some(running) => changed |= self.look_at(index, host, &running, stage)?,
            }
        }
        if !changed {
            return Ok(());
        }
        let (led, committed) = (self.history.terms_led(), self.history.last_committed());
        let nodes: Vec<&RaftSeen> = self.known.values().map(|known| &known.seen).collect();
        self.history.observe(fleet.now_ms(), &nodes)?;
        stage.checked("I7");
        if self.history.last_committed() > committed {
            self.check_disks(fleet)?;
        }
        if led > 0 && self.history.terms_led() > led {
            stage.sometimes("leader changed");
        }
        Ok(())
    }

    /// What was just committed is durable on a majority of voters, all of which run.
    fn check_disks(&mut self, fleet: &Fleet) -> Result<(), Violation> {
        let now_ms = fleet.now_ms();
        let newest = self.known.values().map(|known| &known.seen).max_by_key(|seen| seen.committed);
        let Some(newest) = newest.filter(|_| now_ms >= self.looked_ms + LOOK_MS) else {
            return Ok(());
        };
        let voters = self.known.iter().filter(|(_, known)| {
            newest.voters.contains(&known.seen.node) && known.seen.voters == newest.voters
        });
        let last = |index: &usize| raft_disk::durable_last(&fleet.hosts[*index]);
        let durable: BTreeMap<u64, u64> =
            voters.map(|(index, known)| (known.seen.node, last(index))).collect();
        if durable.len() != newest.voters.len() {
            return Ok(());
        }
        self.looked_ms = now_ms;
        check_durable(now_ms, newest.committed, &durable)
    }

    /// Whether anything changed on a node.
    fn look_at(
        &mut self,
        index: usize,
        host: &Host,
        running: &Running,
        stage: &mut Stage,
    ) -> Result<bool, Violation> {
        let standing = running.cluster.raft_standing();
        let before = self.known.remove(&index).filter(|known| known.start == running.start);
        if let Some(known) = before.as_ref().filter(|known| known.standing == standing)
            && Arc::ptr_eq(&known.state, &running.cluster.state())
        {
            self.known.extend(before.map(|known| (index, known)));
            return Ok(false);
        }
        let was_behind = |purged| before.as_ref().is_some_and(|b| position(b.last()) < purged);
        if standing.purged.is_some_and(|purged| was_behind(purged + 1)) {
            stage.sometimes("snapshot installed");
        }
        if before.is_none() && index >= stage.founders && running.start == 0 {
            stage.sometimes("node joined");
        }
        let state_before = before.as_ref().map(|known| known.state.clone());
        let known = Known::of(host, running, standing, before);
        if state_before.is_none_or(|state| !Arc::ptr_eq(&state, &known.state)) {
            self.check_tables(&host.name, &known, stage)?;
        }
        self.known.insert(index, known);
        Ok(true)
    }

    fn check_tables(
        &mut self,
        name: &str,
        known: &Known,
        stage: &mut Stage,
    ) -> Result<(), Violation> {
        for ring in known.state.hashrings.values().filter(|ring| ring.has_table()) {
            self.epochs.observe(&TableSeen {
                node: name.to_owned(),
                boot: known.start,
                ring: ring.name.clone(),
                epoch: ring.epoch.0,
                table_hash: table_hash(ring),
            })?;
            stage.checked("I8");
        }
        Ok(())
    }
}

impl Known {
    fn last(&self) -> Option<u64> {
        self.standing.last.map(|entry| entry.index)
    }

    /// A node as it is now.
    fn of(host: &Host, running: &Running, standing: Standing, before: Option<Known>) -> Known {
        let state = running.cluster.state();
        let same_purged = before.as_ref().filter(|known| known.standing.purged == standing.purged);
        let snapshot = match same_purged {
            Some(known) => known.seen.snapshot,
            None => raft_disk::snapshot(host),
        };
        let same_state = before.as_ref().filter(|known| Arc::ptr_eq(&known.state, &state));
        let state_hash = same_state.map_or_else(|| hash_of(&*state), |known| known.state_hash);
        let outline = running.cluster.raft_outline();
        let old = before.map(|known| known.hashes).unwrap_or_default();
        let mut hashes = BTreeMap::new();
        for entry in &outline.entries {
            let known = old.get(entry).copied();
            let hash = known.or_else(|| running.cluster.raft_entry_hash(entry.index));
            hashes.extend(hash.map(|hash| (*entry, hash)));
        }
        let entries = hashes
            .iter()
            .map(|(entry, hash)| (position(Some(entry.index)), (term_of(entry.term), *hash)));
        let applied = position(standing.applied);
        let last = standing
            .last
            .map_or(((0, 0), 0), |entry| (term_of(entry.term), position(Some(entry.index))));
        let seen = RaftSeen {
            node: running.cluster.node_id().0,
            boot: running.start,
            vote: term_of(standing.vote),
            is_leader: standing.leads,
            last,
            // What a node has applied it takes for committed, whatever it noted.
            committed: position(standing.committed).max(applied),
            applied,
            purged: position(standing.purged),
            entries: entries.collect(),
            state_hash,
            cached: raft_disk::cached(host),
            snapshot,
            voters: match outline.is_joint {
                true => Default::default(),
                false => outline.voters.iter().map(|id| id.0).collect(),
            },
        };
        Known { start: running.start, standing, state, state_hash, hashes, seen }
    }
}

/// A node on an old copy of its disk has no part in the cluster.
fn check_outdated(host: &Host, now_ms: i64) -> Result<(), Violation> {
    let until_ms = host.running().map_or(i64::MIN, |running| running.lease_until_ms());
    if until_ms <= now_ms {
        return Ok(());
    }
    let text =
        format!("{} is on an old copy of its disk and has a lease until {until_ms}", host.name);
    Err(Violation::new("I7", format!("at {now_ms}: {text}")))
}

/// Places count from 1 in observations.
fn position(index: Option<u64>) -> u64 {
    index.map_or(0, |index| index + 1)
}

fn term_of((number, leader): cluster::Term) -> Term {
    (number, leader.0)
}

fn hash_of(value: &impl serde::Serialize) -> u64 {
    xxh3_64(&serde_json::to_vec(value).expect("the product encodes it the same way"))
}

/// Hash over what an epoch of a hashring is about.
fn table_hash(ring: &Hashring) -> u64 {
    hash_of(&(&ring.shards, ring.shards_count, ring.replication_factor, ring.ack_copies))
}
