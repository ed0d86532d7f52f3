//! The handle of a node's cluster part.

use std::sync::Arc;

use parking_lot::Mutex;
use proto::NodeId;
use proto::rpc::Header;
use proto::rpc::raft_server::RaftServer;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::error::Result;
use crate::lease::Lease;
use crate::membership::Membership;
use crate::options::{ClusterDeps, ClusterOptions};
use crate::raft::{LogOutline, Standing};
use crate::service::RaftService;
use crate::state::{Answer, ClusterState, Command};
use crate::status::Status;
use crate::tasks::{discovery, leading, life, registration};
use crate::wire::RPC_BYTES_MAX;

/// A node's part in its cluster. Clones share it.
///
/// Life: [`open`](Cluster::open) reads the disk; the node mounts [`service`](Cluster::service);
/// [`start`](Cluster::start) finds, founds or joins a cluster in the background; the node watches
/// [`fatal`](Cluster::fatal) and ends with [`shutdown`](Cluster::shutdown).
#[derive(Clone, Debug)]
pub struct Cluster {
    membership: Arc<Membership>,
    tasks: Arc<Mutex<Vec<JoinHandle<()>>>>,
    failed: watch::Sender<Option<String>>,
}

impl Cluster {
    /// Reads what is on the disk and starts Raft. Other nodes' calls can be served from here on.
    ///
    /// # Errors
    /// `Options`: fix the configuration. `Damaged`: the node must be replaced by an empty one.
    pub async fn open(options: ClusterOptions, deps: ClusterDeps) -> Result<Cluster> {
        let membership = Arc::new(Membership::open(options, deps).await?);
        let failed = watch::Sender::new(None);
        Ok(Cluster { membership, tasks: Arc::default(), failed })
    }

    /// The control plane's service, to be mounted on the node's gRPC server.
    pub fn service(&self) -> RaftServer<RaftService> {
        let server = RaftServer::new(RaftService::new(self.membership.clone()));
        let server = server.max_decoding_message_size(RPC_BYTES_MAX);
        server.max_encoding_message_size(RPC_BYTES_MAX)
    }

    /// Finds, founds or joins a cluster in the background. The gRPC server must be up.
    pub fn start(&self) {
        let (membership, failed) = (self.membership.clone(), self.failed.clone());
        let discovery = async move {
            if let Err(error) = discovery::run(membership).await {
                failed.send_replace(Some(error.to_string()));
            }
        };
        let mut tasks = self.tasks.lock();
        tasks.push(tokio::spawn(discovery));
        let (membership, failed) = (self.membership.clone(), self.failed.clone());
        let life = async move {
            let error = life::run(membership).await;
            failed.send_replace(Some(format!("the node's identity cannot be kept: {error}")));
        };
        tasks.push(tokio::spawn(life));
        tasks.push(tokio::spawn(registration::run(self.membership.clone())));
        tasks.push(tokio::spawn(leading::beats(self.membership.clone())));
        tasks.push(tokio::spawn(leading::reconcile(self.membership.clone())));
    }

    /// What the cluster has agreed on, as far as this node applied it.
    pub fn state(&self) -> Arc<ClusterState> {
        self.membership.raft.state()
    }

    /// The same whenever it changes.
    pub fn watch(&self) -> watch::Receiver<Arc<ClusterState>> {
        self.membership.raft.watch()
    }

    /// Whether this node may act on it.
    pub fn lease(&self) -> Lease {
        self.membership.lease.clone()
    }

    /// This node.
    pub fn node_id(&self) -> NodeId {
        self.membership.node_id()
    }

    /// The nodes that vote on what is agreed.
    pub fn voters(&self) -> std::collections::BTreeSet<NodeId> {
        self.membership.raft.voters()
    }

    /// How far this node's Raft log is.
    pub fn raft_standing(&self) -> Standing {
        self.membership.raft.standing()
    }

    /// This node's Raft log in short: a walk over all that is in memory.
    pub fn raft_outline(&self) -> LogOutline {
        self.membership.raft.outline()
    }

    /// Hash over an entry of this node's Raft log: nodes that have the same entry have the same.
    /// `None` if it is not there (any more).
    pub fn raft_entry_hash(&self, index: u64) -> Option<u64> {
        self.membership.raft.entry_hash(index)
    }

    /// What goes into every call to another node.
    pub fn header(&self) -> Header {
        self.membership.identity.header()
    }

    /// What goes into a call that is meant for one node: whoever has its address now refuses it
    /// if it is another, or an old copy.
    pub fn header_to(&self, node: NodeId) -> Header {
        self.membership.identity.header_to(node)
    }

    /// Checks that a call comes from a living node of this cluster and is meant for this one.
    ///
    /// # Errors
    /// The status to answer with.
    pub fn check_header(
        &self,
        header: Option<&Header>,
    ) -> std::result::Result<NodeId, tonic::Status> {
        self.membership.identity.check_header(header)
    }

    /// How far the node is.
    pub fn status(&self) -> Status {
        Status::of(&self.membership)
    }

    /// Has the cluster agree on a command, through the leader, and waits until this node applied
    /// it. [`Answer::Refused`] is an agreed refusal.
    ///
    /// # Errors
    /// `Unavailable`: nothing was done. `OutcomeUnknown`: it may be applied, now or later;
    /// commands may be proposed again.
    pub async fn propose(&self, command: Command) -> Result<Answer> {
        self.membership.propose(command).await
    }

    /// Marks a ring as used, unless it is: the first ack of a write into it waits for this once.
    ///
    /// # Errors
    /// As [`Cluster::propose`].
    pub async fn mark_ring_used(&self, hashring: &str) -> Result<Answer> {
        if self.state().hashrings.get(hashring).is_some_and(|ring| ring.used) {
            return Ok(Answer::Done);
        }
        self.propose(Command::MarkRingUsed { hashring: hashring.to_owned() }).await
    }

    /// Ends with the reason when the Raft log, the snapshot or the identity file failed, or when
    /// the node runs on an old copy of its disk: the process must end. Never ends otherwise.
    pub async fn fatal(&self) -> String {
        let mut failed = self.failed.subscribe();
        tokio::select! {
            biased;
            reason = self.membership.raft.fatal() => reason,
            reason = self.membership.identity.outdated() => reason,
            found = failed.wait_for(Option::is_some) => match found {
                Ok(reason) => reason.clone().unwrap_or_default(),
                Err(_) => std::future::pending().await,
            },
        }
    }

    /// Stops everything in the background. The node stays a member: it is only down.
    pub async fn shutdown(&self) {
        let tasks = std::mem::take(&mut *self.tasks.lock());
        for task in &tasks {
            task.abort();
        }
        for task in tasks {
            // The only errors are the abort above and a panic, which was reported when it was.
            task.await.ok();
        }
        self.membership.close();
        self.membership.raft.shutdown().await;
    }
}
