//! The leader's work: beats with leases, naming the cluster, learners and voters.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;
use proto::{Life, NodeId};
use tokio::time::Instant;

use crate::lease::pulse::Pulse;
use crate::membership::Membership;
use crate::peers::Method;
use crate::raft::Written;
use crate::state::{Command, Secret};
use crate::wire::{Beat, BeatAnswer};

/// A beat is cut into so many steps when the leader waits for its first quorum.
const STEPS_PER_BEAT: u32 = 20;

/// What beats tell of the lives of nodes: in the first rounds of a leader all that it knows, later
/// what is new. Everything is told in two rounds, because a beat may get lost.
#[derive(Debug, Default)]
struct News {
    last: BTreeMap<NodeId, Life>,
    before: BTreeMap<NodeId, Life>,
}

impl News {
    /// What to tell in this round, with the lives as they are now.
    fn next(&mut self, lives: BTreeMap<NodeId, Life>) -> BTreeMap<NodeId, Life> {
        let mut news = lives.clone();
        news.retain(|id, life| self.before.get(id) != Some(life));
        self.before = std::mem::replace(&mut self.last, lives);
        news
    }
}

/// Beats whenever this node leads.
pub async fn beats(membership: Arc<Membership>) {
    let step = membership.options.timings.beat / STEPS_PER_BEAT;
    loop {
        if let Some(term) = membership.raft.leading() {
            lead_term(&membership, term).await;
        }
        tokio::time::sleep(step).await;
    }
}

async fn lead_term(membership: &Arc<Membership>, term: u64) {
    let pulse = Arc::new(Mutex::new(new_pulse(membership, term)));
    let (mut applied, mut news) = (0, News::default());
    while membership.raft.leading() == Some(term) {
        membership.note_round(pulse.lock().round() + 1);
        let index = *membership.raft.watch_index().borrow();
        let applied_before = std::mem::replace(&mut applied, index);
        let voters = membership.raft.voters();
        let beats = pulse.lock().beats(Instant::now(), &members(membership), &voters);
        let granted = beats.iter().any(|(_, beat)| beat.grant.is_some());
        let lives = news.next(membership.identity.lives());
        for (id, mut beat) in beats {
            beat.applied = applied_before;
            beat.lives.clone_from(&lives);
            send(membership, &pulse, id, beat);
        }
        wait(membership, &pulse, &voters, granted).await;
    }
}

fn new_pulse(membership: &Membership, term: u64) -> Pulse {
    let live = membership.lease.live();
    let members = members(membership);
    let down = match live.is_empty() {
        true => BTreeSet::new(),
        false => members.difference(&live).copied().collect(),
    };
    let down_after = membership.options.timings.down_after;
    // A leader may start again within its term: its rounds must not be those of before.
    let before = membership.rounds_before();
    Pulse::new((term, before), Instant::now(), down_after, down)
}

/// Everybody who gets a beat: members and whoever Raft knows.
fn members(membership: &Membership) -> BTreeSet<NodeId> {
    let state = membership.raft.state();
    let known = state.members.keys().copied();
    known.chain(membership.raft.nodes().into_keys()).collect()
}

/// One beat, until the next round; the first rounds follow each other as soon as a quorum
/// answered, so that leases are there soon after an election.
async fn wait(
    membership: &Membership,
    pulse: &Mutex<Pulse>,
    voters: &BTreeSet<NodeId>,
    granted: bool,
) {
    let beat = membership.options.timings.beat;
    if granted {
        return tokio::time::sleep(beat).await;
    }
    for _ in 0..STEPS_PER_BEAT {
        tokio::time::sleep(beat / STEPS_PER_BEAT).await;
        if pulse.lock().answered_last_round(voters) {
            return;
        }
    }
}

/// Sends one beat in the background; it has until the next round.
fn send(membership: &Arc<Membership>, pulse: &Arc<Mutex<Pulse>>, id: NodeId, beat: Beat) {
    let round = beat.round;
    if id == membership.node_id() {
        let answer = membership.take_beat(&beat);
        return pulse.lock().hear(id, round, Instant::now(), &answer);
    }
    let Some(contact) = contact(membership, id) else { return };
    let (membership, pulse) = (membership.clone(), pulse.clone());
    tokio::spawn(async move {
        let deadline = membership.options.timings.beat;
        let to = contact.as_str();
        let call = membership.peers.call(Method::Heartbeat, id, to, &beat, deadline);
        let answer: Result<BeatAnswer, _> = call.await;
        match answer {
            Ok(answer) if answer.term == beat.term => {
                pulse.lock().hear(id, round, Instant::now(), &answer);
            }
            Ok(answer) => tracing::info!(term = answer.term, "a node knows a later leader"),
            Err(status) => tracing::debug!(node = %id, error = status.message(), "no answer"),
        }
    });
}

fn contact(membership: &Membership, id: NodeId) -> Option<String> {
    let added_at = membership.raft.nodes().get(&id).cloned();
    let known = membership.peers.contact(id).map(|c| c.address);
    known.or(added_at)
}

/// Names the cluster and brings Raft's membership to what was agreed, whenever this node leads.
pub async fn reconcile(membership: Arc<Membership>) {
    loop {
        if membership.raft.leading().is_some() {
            step(&membership).await;
        }
        tokio::time::sleep(membership.options.timings.beat / 2).await;
    }
}

async fn step(membership: &Membership) {
    if membership.raft.state().cluster_id.is_none() {
        return found(membership).await;
    }
    for (id, address) in membership.missing_learners() {
        if let Err(error) = membership.raft.add_learner(id, &address).await {
            return tracing::info!(node = %id, %error, "not yet a learner");
        }
        tracing::info!(node = %id, "follows the log");
    }
    let wanted = membership.missing_voters();
    if wanted.is_empty() {
        return;
    }
    match membership.raft.add_voters(&wanted).await {
        Ok(()) => tracing::info!(?wanted, "vote from now on"),
        Err(error) => tracing::info!(?wanted, %error, "not yet voters"),
    }
}

async fn found(membership: &Membership) {
    let command = Command::Found {
        cluster_id: membership.identity.cluster_id(),
        cluster_seed: Secret(membership.draw()),
        founders: membership.identity.founders().into_iter().collect(),
    };
    if let Written::Unknown(why) = membership.raft.write(command).await {
        tracing::info!(why, "the cluster is not named yet");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_life_is_told_in_two_rounds() {
        let lives = |of: &[(u64, u64)]| -> BTreeMap<NodeId, Life> {
            of.iter().map(|(id, life)| (NodeId(*id), Life(*life))).collect()
        };
        let rounds = [
            (lives(&[(1, 1), (2, 1)]), lives(&[(1, 1), (2, 1)])),
            (lives(&[(1, 1), (2, 1)]), lives(&[(1, 1), (2, 1)])),
            (lives(&[(1, 1), (2, 1)]), lives(&[])),
            (lives(&[(1, 1), (2, 5)]), lives(&[(2, 5)])),
            (lives(&[(1, 4), (2, 5)]), lives(&[(1, 4), (2, 5)])),
            (lives(&[(1, 4), (2, 5)]), lives(&[(1, 4)])),
            (lives(&[(1, 4), (2, 5)]), lives(&[])),
        ];
        let mut news = News::default();
        for (round, (now, told)) in rounds.into_iter().enumerate() {
            assert_eq!(news.next(now), told, "round {round}");
        }
    }
}
