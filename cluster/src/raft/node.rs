//! The Raft node as the rest of the crate sees it: no openraft type leaves this folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use journal::files::Files;
use openraft::ChangeMembers;
use openraft::async_runtime::WatchReceiver;
use openraft::entry::RaftEntry;
use openraft::errors::{ClientWriteError, Fatal, InitializeError, RaftError};
use openraft::raft::VoteRequest;
use proto::NodeId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tonic::Status;

use super::log::{LogSizes, RaftLog};
use super::machine::Machine;
use super::network::{Network, SnapshotMessage};
use super::snapshot::SnapshotFile;
use super::standing::{EntryId, LogOutline, Standing, term_of};
use super::types::{Peer, Raft, Rt, Snapshot, TypeConfig, config};
use crate::error::{ClusterError, Result};
use crate::kv::KeyValue;
use crate::options::{Blocking, Timings};
use crate::peers::{Method, Peers};
use crate::state::{Answer, ClusterState, Command};
use crate::wire;

/// What the Raft node is given.
pub struct RaftDeps {
    /// The disk.
    pub files: Arc<dyn Files>,
    /// Cache of the applied state.
    pub kv: Arc<dyn KeyValue>,
    /// Where blocking work runs.
    pub blocking: Blocking,
    /// Connections to other nodes.
    pub peers: Arc<Peers>,
    /// Seed of this start's randomness.
    pub seed: u64,
}

/// What became of a command that was written here.
#[derive(Debug)]
pub enum Written {
    /// Applied as entry `index`.
    Applied {
        /// What became of it.
        answer: Answer,
        /// Index of its entry.
        index: u64,
    },
    /// Not written: this node does not lead. Who does, if known.
    NotLeader(Option<NodeId>),
    /// It may or may not be applied.
    Unknown(String),
}

/// Raft with its log and state machine.
pub struct RaftNode {
    raft: Raft,
    log: RaftLog,
    machine: Arc<Machine>,
    fatal: watch::Sender<Option<String>>,
}

impl std::fmt::Debug for RaftNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RaftNode").field("log", &self.log).finish_non_exhaustive()
    }
}

impl RaftNode {
    /// Opens what is in `dir` (`log/` and `snapshot`) and starts Raft. A node that is in no
    /// cluster yet does nothing until it is initialised or hears a leader.
    pub async fn open(
        id: NodeId,
        dir: &Path,
        (timings, snapshot_entries): (&Timings, u64),
        deps: RaftDeps,
    ) -> Result<RaftNode> {
        let fatal = watch::Sender::new(None);
        deps.files.create_dir_durable(dir)?;
        let (files, blocking) = (deps.files.clone(), deps.blocking.clone());
        let sizes = (LogSizes::default(), deps.seed);
        let log = RaftLog::open(files, &dir.join("log"), sizes, blocking, fatal.clone())?;
        let file = SnapshotFile::new(deps.files, dir.join("snapshot"));
        let machine = Arc::new(Machine::open(deps.kv, file, &log, deps.blocking)?);
        let network = Network { peers: deps.peers };
        let parts = (network, log.clone(), machine.clone());
        let config = config(timings, snapshot_entries, log.owed().is_none())?;
        let started = Raft::new(id.0, config, parts.0, parts.1, parts.2);
        let raft = Rt::scope(deps.seed ^ id.0, started).await;
        let raft = raft.map_err(|e| ClusterError::Raft(e.to_string()))?;
        let node = RaftNode { raft, log, machine, fatal };
        node.stand_if_whole();
        Ok(node)
    }

    /// Whether the log lost entries that it had acknowledged and that no leader sent again yet.
    pub fn owes_entries(&self) -> bool {
        self.log.owed().is_some()
    }

    /// A node whose log owes entries asks for no votes.
    fn stand_if_whole(&self) {
        self.raft.runtime_config().elect(!self.owes_entries());
    }

    /// A node whose log owes entries gives its vote to those only that have them.
    fn check_candidate(
        &self,
        request: VoteRequest<TypeConfig>,
    ) -> std::result::Result<VoteRequest<TypeConfig>, Status> {
        match self.log.owed() {
            Some(owed) if request.last_log_id < Some(owed) => Err(Status::unavailable(
                "the Raft log here is damaged and lost entries that the candidate does not have",
            )),
            _ => Ok(request),
        }
    }

    /// The applied state now.
    pub fn state(&self) -> Arc<ClusterState> {
        self.machine.state()
    }

    /// The applied state whenever it changes.
    pub fn watch(&self) -> watch::Receiver<Arc<ClusterState>> {
        self.machine.watch()
    }

    /// Index of the last applied entry.
    pub fn watch_index(&self) -> watch::Receiver<u64> {
        self.machine.watch_index()
    }

    /// Whether nothing was ever written to the log.
    pub fn is_pristine(&self) -> bool {
        self.log.is_pristine()
    }

    /// The term, if this node believes to lead it. A cut off leader goes on believing: act on it
    /// only with a quorum.
    pub fn leading(&self) -> Option<u64> {
        let metrics = self.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        metrics.state.is_leader().then(|| metrics.vote.leader_id().term)
    }

    /// The term and the leader as far as this node knows.
    pub fn term_and_leader(&self) -> (u64, Option<NodeId>) {
        let metrics = self.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        (metrics.vote.leader_id().term, metrics.current_leader.map(NodeId))
    }

    /// The voters of the membership in force.
    pub fn voters(&self) -> BTreeSet<NodeId> {
        let metrics = self.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        metrics.membership_config.voter_ids().map(NodeId).collect()
    }

    /// Voters and learners, and where they were added.
    pub fn nodes(&self) -> BTreeMap<NodeId, String> {
        let metrics = self.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        let nodes = metrics.membership_config.nodes();
        nodes.map(|(id, peer)| (NodeId(*id), peer.address.clone())).collect()
    }

    /// How far the node's log is.
    pub fn standing(&self) -> Standing {
        let standing = self.log.standing();
        let metrics = self.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        let leads = metrics.state.is_leader() && term_of(Some(&metrics.vote)) == standing.vote;
        let applied = Some(*self.machine.watch_index().borrow()).filter(|index| *index > 0);
        Standing { leads, applied, ..standing }
    }

    /// The log in short: a walk over all that is in memory.
    pub fn outline(&self) -> LogOutline {
        let applied = self.machine.membership();
        self.log.with_image(|image| {
            let last = image.entries.values().rev().find_map(|entry| entry.get_membership());
            let membership = last.unwrap_or_else(|| applied.membership().clone());
            LogOutline {
                entries: image.entries.values().map(|e| EntryId::from(e.log_id())).collect(),
                voters: membership.voter_ids().map(NodeId).collect(),
                is_joint: membership.get_joint_config().len() > 1,
            }
        })
    }

    /// Hash over an entry with its content; `None` if the log does not have it (any more).
    pub fn entry_hash(&self, index: u64) -> Option<u64> {
        self.log.entry_hash(index)
    }

    /// Makes these nodes the first voters. Doing it again is harmless.
    pub async fn initialise(&self, voters: &BTreeMap<NodeId, String>) -> Result<()> {
        let peers: BTreeMap<u64, Peer> =
            voters.iter().map(|(id, a)| (id.0, Peer { address: a.clone() })).collect();
        match self.raft.initialize(peers).await {
            Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => Ok(()),
            Err(error) => Err(ClusterError::Raft(error.to_string())),
        }
    }

    /// Writes a command, if this node leads.
    pub async fn write(&self, command: Command) -> Written {
        match self.raft.client_write(command).await {
            Ok(done) => Written::Applied { answer: done.data, index: done.log_id.index },
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(to))) => {
                Written::NotLeader(to.leader_id.map(NodeId))
            }
            Err(error) => Written::Unknown(error.to_string()),
        }
    }

    /// Lets a node follow the log without a vote.
    pub async fn add_learner(&self, id: NodeId, address: &str) -> Result<()> {
        let peer = Peer { address: address.to_owned() };
        let added = self.raft.add_learner(id.0, peer, false).await;
        added.map(|_| ()).map_err(|e| ClusterError::Unavailable(e.to_string()))
    }

    /// Gives learners a vote.
    pub async fn add_voters(&self, ids: &BTreeSet<NodeId>) -> Result<()> {
        let change = ChangeMembers::AddVoterIds(ids.iter().map(|id| id.0).collect());
        let changed = self.raft.change_membership(change, true).await;
        changed.map(|_| ()).map_err(|e| ClusterError::Unavailable(e.to_string()))
    }

    /// Hands one of Raft's own calls to it.
    pub async fn handle(
        &self,
        method: Method,
        payload: &[u8],
    ) -> std::result::Result<Bytes, Status> {
        match method {
            Method::AppendEntries => {
                let answer = self.raft.append_entries(read(payload)?).await;
                self.stand_if_whole();
                reply(answer)
            }
            Method::Vote => reply(self.raft.vote(self.check_candidate(read(payload)?)?).await),
            Method::PreVote => {
                reply(self.raft.pre_vote(self.check_candidate(read(payload)?)?).await)
            }
            Method::InstallSnapshot => {
                let sent: SnapshotMessage = read(payload)?;
                let data = std::io::Cursor::new(sent.image);
                let snapshot = Snapshot { meta: sent.meta, snapshot: data };
                let answer = self.raft.install_full_snapshot(sent.vote, snapshot).await;
                self.stand_if_whole();
                reply(answer)
            }
            other => Err(Status::internal(format!("{other:?} is not Raft's call"))),
        }
    }

    /// Ends with the reason when the node's Raft log or state machine failed: the process must
    /// end. Never ends otherwise.
    pub async fn fatal(&self) -> String {
        let mut disk = self.fatal.subscribe();
        tokio::select! {
            biased;
            failed = disk.wait_for(Option::is_some) => match failed {
                Ok(reason) => reason.clone().unwrap_or_default(),
                Err(_) => std::future::pending().await,
            },
            reason = self.stopped() => reason,
        }
    }

    async fn stopped(&self) -> String {
        let mut metrics = self.raft.metrics();
        loop {
            match metrics.borrow_watched().running_state.clone() {
                Ok(()) | Err(Fatal::Stopped) => {}
                Err(fatal) => return fatal.to_string(),
            }
            if metrics.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// Stops Raft and makes the cache durable.
    pub async fn shutdown(&self) {
        if let Err(error) = self.raft.shutdown().await {
            tracing::warn!(%error, "Raft did not stop cleanly");
        }
        if let Err(error) = self.machine.flush() {
            tracing::warn!(%error, "the cache of the applied state is not flushed");
        }
    }
}

fn read<T: DeserializeOwned>(payload: &[u8]) -> std::result::Result<T, Status> {
    wire::decode(payload).map(|(_, message)| message)
}

fn reply<T: Serialize, E: std::fmt::Display>(
    answer: std::result::Result<T, E>,
) -> std::result::Result<Bytes, Status> {
    let answer = answer.map_err(|e| Status::unavailable(e.to_string()))?;
    wire::encode(wire::ANYONE, &answer)
}
