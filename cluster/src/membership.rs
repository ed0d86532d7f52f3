//! This node's part in the cluster: everything that the service and the background tasks share.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;
use proto::{Life, NodeId};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;

use crate::error::{ClusterError, Result};
use crate::identity::{Founding, Identity};
use crate::lease::Lease;
use crate::options::{Blocking, ClusterDeps, ClusterOptions, WallClock};
use crate::peers::Peers;
use crate::placement;
use crate::raft::{RaftDeps, RaftNode};
use crate::state::{ClusterState, Registration};
use crate::wire::{Beat, BeatAnswer, Contact, Discovered};

/// Founders that vote from the start; the others follow the log first.
pub const VOTERS_MAX: usize = 5;

/// Rounds of a life of the leader: far more than it has beats before its life number advances.
const ROUNDS_BITS: u32 = 24;

/// What is shared.
pub struct Membership {
    /// What the node was told.
    pub options: ClusterOptions,
    /// Who it is.
    pub identity: Arc<Identity>,
    /// How it reaches others.
    pub peers: Arc<Peers>,
    /// The log and what it says.
    pub raft: RaftNode,
    /// Whether it may act.
    pub lease: Lease,
    clock: Arc<dyn WallClock>,
    blocking: Blocking,
    random: Mutex<StdRng>,
    notes: Mutex<Notes>,
}

impl std::fmt::Debug for Membership {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Membership").field("node", &self.node_id()).finish_non_exhaustive()
    }
}

/// What the tasks know of each other.
#[derive(Debug, Default)]
struct Notes {
    /// What the node is waiting for or was refused.
    message: String,
    /// Why a seed would not talk to it in the last round of discovery.
    refusal: String,
    /// Whether the node was shut down: it answers nobody any more.
    is_closed: bool,
    /// The last round of beats that it began.
    last_round: u64,
    /// Nodes without a cluster that answered the last round of discovery.
    sees: BTreeSet<NodeId>,
}

impl Membership {
    /// Reads what is on the disk and starts Raft.
    pub async fn open(options: ClusterOptions, deps: ClusterDeps) -> Result<Membership> {
        options.check()?;
        let mut random = StdRng::seed_from_u64(deps.seed);
        let identity = Identity::open(deps.files.clone(), &options.data_dir, || random.random())?;
        let identity = Arc::new(identity);
        let peers = Arc::new(Peers::new(identity.clone(), deps.dial));
        let raft_deps = RaftDeps {
            files: deps.files,
            kv: deps.kv,
            blocking: deps.blocking.clone(),
            peers: peers.clone(),
            seed: random.random(),
        };
        let dir = options.data_dir.join("raft");
        let knobs = (&options.timings, options.snapshot_entries);
        let raft = RaftNode::open(identity.node_id(), &dir, knobs, raft_deps).await?;
        check_agreement(&identity, &raft)?;
        peers.learn_members(&raft.state());
        let lease = Lease::new(options.timings.lease);
        Ok(Membership {
            options,
            identity,
            peers,
            raft,
            lease,
            clock: deps.clock,
            blocking: deps.blocking,
            random: Mutex::new(random),
            notes: Mutex::default(),
        })
    }

    /// This node.
    pub fn node_id(&self) -> NodeId {
        self.identity.node_id()
    }

    /// A number of beats that is greater than all that this node has led, in this life and before.
    pub fn rounds_before(&self) -> u64 {
        let of_life = self.identity.header().life << ROUNDS_BITS;
        of_life.max(self.notes.lock().last_round)
    }

    /// Takes note of a round that this node begins as the leader.
    pub fn note_round(&self, round: u64) {
        self.notes.lock().last_round = round;
    }

    /// Advances the node's life number.
    pub async fn advance_life(&self) -> Result<()> {
        self.write_identity(Identity::advance).await
    }

    /// Writes down what was seen of the lives of others.
    pub async fn keep_lives(&self) -> Result<()> {
        self.write_identity(Identity::keep_lives).await
    }

    async fn write_identity(&self, write: fn(&Identity) -> Result<()>) -> Result<()> {
        let (reply, answer) = tokio::sync::oneshot::channel();
        let identity = self.identity.clone();
        let work = move || {
            // Nobody listens when the node is shutting down.
            let _ = reply.send(write(&identity));
        };
        (self.blocking)(Box::new(work)).await;
        answer.await.unwrap_or(Ok(()))
    }

    /// This node and where it is.
    pub fn contact(&self) -> Contact {
        let (id, life) = (self.node_id(), self.identity.life());
        Contact { id, address: self.options.address.clone(), life }
    }

    /// What the node registers with.
    pub fn registration(&self) -> Registration {
        let options = &self.options;
        Registration {
            id: self.node_id(),
            name: options.name.clone(),
            address: options.address.clone(),
            http_address: options.http_address.clone(),
            zone: options.zone.clone(),
            roles: options.roles.clone(),
            hashring: options.wish(),
            life: self.identity.life(),
        }
    }

    /// Whether the agreed state has this node as it is now.
    pub fn is_registered(&self, state: &ClusterState) -> bool {
        let wanted = self.registration();
        state.cluster_id.is_some()
            && state.members.get(&wanted.id).is_some_and(|m| {
                m.life == wanted.life
                    && m.address == wanted.address
                    && m.http_address == wanted.http_address
                    && m.name == wanted.name
                    && m.zone == wanted.zone
                    && m.roles == wanted.roles
            })
    }

    /// A number from the node's one source of randomness.
    pub fn draw<T>(&self) -> T
    where
        rand::distr::StandardUniform: rand::distr::Distribution<T>,
    {
        self.random.lock().random()
    }

    /// The wall clock.
    pub fn wall_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Says what the node is waiting for.
    pub fn note(&self, message: &str) {
        let mut notes = self.notes.lock();
        if notes.message != message {
            if !message.is_empty() {
                tracing::info!(node = %self.node_id(), "{message}");
            }
            notes.message = message.to_owned();
        }
    }

    /// Says why a seed would not talk to the node; empty when they do.
    pub fn note_refusal(&self, refusal: String) {
        let mut notes = self.notes.lock();
        if notes.refusal != refusal {
            if !refusal.is_empty() {
                tracing::warn!(node = %self.node_id(), "{refusal}");
            }
            notes.refusal = refusal;
        }
    }

    /// What the node is waiting for or was refused, or empty.
    pub fn message(&self) -> String {
        let notes = self.notes.lock();
        let shown = if notes.message.is_empty() { &notes.refusal } else { &notes.message };
        shown.clone()
    }

    /// Answers nobody from here on.
    pub fn close(&self) {
        self.notes.lock().is_closed = true;
    }

    /// Whether the node was shut down.
    pub fn is_closed(&self) -> bool {
        self.notes.lock().is_closed
    }

    /// Remembers who answered the last round of discovery without a cluster.
    pub fn set_sees(&self, sees: BTreeSet<NodeId>) {
        self.notes.lock().sees = sees;
    }

    /// Takes a beat of the leader. A node that is behind, or that learns that its disk is an old
    /// copy, takes no lease.
    pub fn take_beat(&self, beat: &Beat) -> BeatAnswer {
        let wall_ms = self.wall_ms();
        let is_behind = *self.raft.watch_index().borrow() < beat.applied;
        let told = |(node, life): (&NodeId, &Life)| self.identity.told(*node, *life);
        let is_outdated = beat.lives.iter().filter(|life| !told(*life)).count() > 0;
        let bare = (is_behind || is_outdated).then(|| Beat { grant: None, ..beat.clone() });
        let beat = bare.as_ref().unwrap_or(beat);
        self.lease.take(beat, Instant::now(), wall_ms)
    }

    /// What this node says of itself to one that looks for a cluster.
    pub fn discovered(&self, promised: bool) -> Discovered {
        let cluster = self.identity.cluster_id();
        let candidacy = self.identity.founding().map(|f| f.cluster);
        let mut members = if cluster.is_some() { self.peers.contacts() } else { Vec::new() };
        members.retain(|c| c.id != self.node_id());
        Discovered {
            me: self.contact(),
            cluster,
            members,
            sees: self.notes.lock().sees.clone(),
            candidacy: candidacy.filter(|_| cluster.is_none()),
            promised,
        }
    }

    /// Initialises Raft if this node founded its cluster and did not get to it yet.
    pub async fn finish_initialising(&self) -> Result<()> {
        let Some(founding) = self.identity.founding() else { return Ok(()) };
        if founding.initialised || self.identity.cluster_id() != Some(founding.cluster) {
            return Ok(());
        }
        let voters = founding.founders.into_iter().take(VOTERS_MAX).collect();
        self.raft.initialise(&voters).await?;
        self.identity.mark_initialised()
    }

    /// Members that Raft does not know yet.
    pub fn missing_learners(&self) -> Vec<(NodeId, String)> {
        let nodes = self.raft.nodes();
        let state = self.raft.state();
        let missing = state.members.iter().filter(|(id, _)| !nodes.contains_key(id));
        missing.map(|(id, member)| (*id, member.address.clone())).collect()
    }

    /// Learners that should get a vote now.
    pub fn missing_voters(&self) -> BTreeSet<NodeId> {
        let (state, live, voters) = (self.raft.state(), self.lease.live(), self.raft.voters());
        let candidate = |id: &NodeId| placement::Candidate {
            id: *id,
            zone: state.members.get(id).map_or(String::new(), |m| m.zone.clone()),
        };
        let nodes = self.raft.nodes();
        let learners = nodes.keys().filter(|id| !voters.contains(id) && live.contains(id));
        let learners: Vec<_> = learners.map(candidate).collect();
        let now: Vec<_> = voters.iter().map(candidate).collect();
        let wanted = placement::voters(&now, &learners, VOTERS_MAX);
        wanted.difference(&voters).copied().collect()
    }
}

/// A founder that initialised Raft must still have its log: without it, it could vote twice.
fn check_agreement(identity: &Identity, raft: &RaftNode) -> Result<()> {
    let initialised = |f: Founding| f.initialised;
    if identity.founding().is_some_and(initialised) && raft.is_pristine() {
        return Err(ClusterError::Damaged(
            "the node founded a cluster, but its Raft log is gone: replace it by an empty node"
                .to_owned(),
        ));
    }
    match (identity.cluster_id(), raft.state().cluster_id) {
        (Some(ours), Some(agreed)) if ours != agreed => Err(ClusterError::Damaged(format!(
            "the node belongs to cluster {ours}, its Raft log to {agreed}"
        ))),
        _ => Ok(()),
    }
}
