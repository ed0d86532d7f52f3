//! What each command does. Deterministic: every node applies the same commands in the same order
//! and has the same state.

use std::collections::{BTreeMap, BTreeSet};

use proto::{Epoch, NodeId, TenantName};

use super::{
    Answer, ClusterState, Command, GLOBS_MAX, HASHRINGS_MAX, Hashring, HashringWish, MEMBERS_MAX,
    Member, MemberState, NAME_BYTES_MAX, REPLICATION_FACTOR_MAX, ROUTES_MAX, Registration, Role,
    SHARDS_MAX, SHARDS_MIN,
};
use crate::placement::{self, Candidate};

/// `Err` carries the reason of a refusal.
type Outcome = Result<(), String>;

impl ClusterState {
    /// Applies one command. A refused command changes nothing.
    pub fn apply(&mut self, command: &Command) -> Answer {
        match self.try_apply(command) {
            Ok(()) => Answer::Done,
            Err(reason) => Answer::Refused(reason),
        }
    }

    fn try_apply(&mut self, command: &Command) -> Outcome {
        match command {
            Command::Found { cluster_id, cluster_seed, founders } => {
                if self.cluster_id.is_none() {
                    self.cluster_id = *cluster_id;
                    self.cluster_seed = *cluster_seed;
                    self.founders = founders.clone();
                    self.rebuild_fresh_rings();
                }
                Ok(())
            }
            Command::RegisterMember(registration) => self.register(registration),
            Command::CreateHashring(wish) => self.create_ring(wish),
            Command::RouteTenant { tenant, hashring } => self.route_tenant(tenant, hashring),
            Command::RouteGlob { glob, hashring } => self.route_glob(glob, hashring),
            Command::Unroute { tenant } => {
                self.routes.remove(tenant);
                self.globs.remove(tenant);
                Ok(())
            }
            Command::MarkRingUsed { hashring } => self.mark_used(hashring),
            Command::SetLeaving { node, leaving } => self.set_leaving(*node, *leaving),
        }
    }

    fn register(&mut self, wanted: &Registration) -> Outcome {
        self.check_registration(wanted)?;
        let receives = wanted.roles.contains(&Role::Receive);
        if receives {
            self.create_ring(&wanted.hashring)?;
        }
        let known = self.members.get(&wanted.id);
        let state = known.map_or(MemberState::Active, |m| m.state);
        let member = Member {
            name: wanted.name.clone(),
            address: wanted.address.clone(),
            http_address: wanted.http_address.clone(),
            zone: wanted.zone.clone(),
            roles: wanted.roles.clone(),
            hashring: wanted.hashring.name.clone(),
            life: wanted.life,
            state,
        };
        self.members.insert(wanted.id, member);
        if receives && let Some(ring) = self.hashrings.get_mut(&wanted.hashring.name) {
            ring.nodes.insert(wanted.id);
        }
        self.rebuild_fresh_rings();
        Ok(())
    }

    fn check_registration(&self, wanted: &Registration) -> Outcome {
        check_name("node name", &wanted.name)?;
        check_name("address", &wanted.address)?;
        check_length("zone", &wanted.zone)?;
        check_length("HTTP address", wanted.http_address.as_deref().unwrap_or_default())?;
        let Some(known) = self.members.get(&wanted.id) else {
            return match self.members.len() < MEMBERS_MAX {
                true => Ok(()),
                false => Err(format!("the cluster has {MEMBERS_MAX} members, its limit")),
            };
        };
        if wanted.life < known.life {
            let (had, now) = (known.life.0, wanted.life.0);
            return Err(format!("node {} lived {had} times, not {now}: an old disk", wanted.id));
        }
        let is_holder =
            self.hashrings.get(&known.hashring).is_some_and(|r| r.nodes.contains(&wanted.id));
        if is_holder && known.hashring != wanted.hashring.name {
            let (is, asked) = (&known.hashring, &wanted.hashring.name);
            return Err(format!(
                "it holds samples of hashring {is}; start it with --hashring {is}, not {asked}"
            ));
        }
        Ok(())
    }

    fn create_ring(&mut self, wish: &HashringWish) -> Outcome {
        if self.hashrings.contains_key(&wish.name) {
            return Ok(());
        }
        check_wish(wish)?;
        if self.hashrings.len() >= HASHRINGS_MAX {
            return Err(format!("the cluster has {HASHRINGS_MAX} hashrings, its limit"));
        }
        let default = Hashring::ack_copies_default(wish.replication_factor);
        let ring = Hashring {
            name: wish.name.clone(),
            epoch: Epoch(0),
            replication_factor: wish.replication_factor,
            ack_copies: wish.ack_copies.unwrap_or(default),
            shards_count: wish.shards,
            shards: Vec::new(),
            nodes: BTreeSet::new(),
            used: false,
            widths: BTreeMap::new(),
        };
        self.hashrings.insert(wish.name.clone(), ring);
        Ok(())
    }

    /// Makes the tables of all rings that never had an acked write anew. Before all founders are
    /// there, no ring gets its first table.
    fn rebuild_fresh_rings(&mut self) {
        if !self.is_complete() {
            return;
        }
        let members = &self.members;
        for ring in self.hashrings.values_mut().filter(|r| !r.used) {
            let active =
                |id: &&NodeId| members.get(id).is_some_and(|m| m.state == MemberState::Active);
            let zone = |id: &NodeId| members.get(id).map_or(String::new(), |m| m.zone.clone());
            let candidates: Vec<Candidate> = (ring.nodes.iter().filter(active))
                .map(|id| Candidate { id: *id, zone: zone(id) })
                .collect();
            let copies = ring.replication_factor as usize;
            let shards = ring.shards_count as usize;
            let table = placement::table(&ring.shards, &candidates, copies, shards);
            if table != ring.shards {
                ring.shards = table;
                ring.epoch.0 += 1;
            }
        }
    }

    fn check_ring(&self, ring: &str) -> Outcome {
        if self.hashrings.contains_key(ring) {
            return Ok(());
        }
        let known: Vec<&str> = self.hashrings.keys().map(String::as_str).collect();
        Err(format!("there is no hashring {ring:?}; known are {}", known.join(", ")))
    }

    fn route_tenant(&mut self, tenant: &str, ring: &str) -> Outcome {
        self.check_ring(ring)?;
        TenantName::new(tenant).map_err(|e| e.to_string())?;
        if self.routes.len() >= ROUTES_MAX && !self.routes.contains_key(tenant) {
            return Err(format!("the cluster has {ROUTES_MAX} tenant routes, its limit"));
        }
        self.routes.insert(tenant.to_owned(), ring.to_owned());
        Ok(())
    }

    fn route_glob(&mut self, glob: &str, ring: &str) -> Outcome {
        self.check_ring(ring)?;
        check_name("tenant glob", glob)?;
        if self.globs.len() >= GLOBS_MAX && !self.globs.contains_key(glob) {
            return Err(format!("the cluster has {GLOBS_MAX} tenant globs, its limit"));
        }
        self.globs.insert(glob.to_owned(), ring.to_owned());
        Ok(())
    }

    fn mark_used(&mut self, ring: &str) -> Outcome {
        self.check_ring(ring)?;
        match self.hashrings.get_mut(ring) {
            Some(ring) if ring.has_table() => {
                ring.used = true;
                Ok(())
            }
            _ => {
                Err(format!("hashring {ring} has no shard table yet: too few of its nodes are in"))
            }
        }
    }

    fn set_leaving(&mut self, node: NodeId, leaving: bool) -> Outcome {
        let member = self.members.get_mut(&node).ok_or(format!("there is no node {node}"))?;
        member.state = if leaving { MemberState::Leaving } else { MemberState::Active };
        self.rebuild_fresh_rings();
        Ok(())
    }
}

fn check_length(what: &str, text: &str) -> Outcome {
    match text.len() <= NAME_BYTES_MAX {
        true => Ok(()),
        false => Err(format!("the {what} has {} bytes; {NAME_BYTES_MAX} is the limit", text.len())),
    }
}

fn check_name(what: &str, text: &str) -> Outcome {
    check_length(what, text)?;
    if text.is_empty() { Err(format!("the {what} is empty")) } else { Ok(()) }
}

/// Whether a ring could be made like this.
pub(crate) fn check_wish(wish: &HashringWish) -> Outcome {
    check_name("hashring name", &wish.name)?;
    let (copies, shards) = (wish.replication_factor, wish.shards);
    if !(1..=REPLICATION_FACTOR_MAX).contains(&copies) {
        return Err(format!(
            "a replication factor of {copies} is not in 1..={REPLICATION_FACTOR_MAX}"
        ));
    }
    if wish.ack_copies.is_some_and(|w| !(1..=copies).contains(&w)) {
        return Err(format!("ack copies must be in 1..={copies}, the replication factor"));
    }
    if !(SHARDS_MIN..=SHARDS_MAX).contains(&shards) {
        return Err(format!("{shards} shards are not in {SHARDS_MIN}..={SHARDS_MAX}"));
    }
    Ok(())
}
