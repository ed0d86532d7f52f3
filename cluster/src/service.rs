//! The control plane's gRPC service: checks who speaks, then hands over.

use std::sync::Arc;

use proto::NodeId;
use proto::rpc::RaftMessage;
use proto::rpc::raft_server::Raft;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic::{Request, Response, Status};

use crate::identity::cluster_of;
use crate::membership::Membership;
use crate::peers::Method;
use crate::raft::RaftNode;
use crate::wire::{self, Beat, Discover, Proposal};

/// Mounted by the node on its gRPC server as soon as the cluster part is open.
#[derive(Clone, Debug)]
pub struct RaftService {
    membership: Arc<Membership>,
}

type Answered = Result<Response<RaftMessage>, Status>;

impl RaftService {
    pub(crate) fn new(membership: Arc<Membership>) -> RaftService {
        RaftService { membership }
    }

    fn raft(&self) -> &RaftNode {
        &self.membership.raft
    }

    /// Checks that a call of a member is meant for this node and gives its message.
    fn open<T: DeserializeOwned>(&self, message: &RaftMessage) -> Result<T, Status> {
        self.admit(message)?;
        let (target, inner) = wire::decode(&message.payload)?;
        self.check_target(target)?;
        Ok(inner)
    }

    /// Checks the header. The first call from the cluster that this node promised itself to makes
    /// it a member.
    fn admit(&self, message: &RaftMessage) -> Result<NodeId, Status> {
        self.check_open()?;
        let identity = &self.membership.identity;
        let header = message.header.as_ref();
        let theirs = header.map(cluster_of).transpose()?.flatten();
        let promised = identity.promise().map(|p| p.cluster);
        let is_candidate = identity.founding().is_some();
        if identity.cluster_id().is_none()
            && !is_candidate
            && theirs.is_some()
            && theirs == promised
            && let Some(cluster) = theirs
        {
            identity.adopt(cluster).map_err(|e| Status::unavailable(e.to_string()))?;
        }
        identity.check_header(header)
    }

    fn check_open(&self) -> Result<(), Status> {
        match self.membership.is_closed() {
            true => Err(Status::unavailable("this node is shutting down")),
            false => Ok(()),
        }
    }

    fn check_target(&self, target: NodeId) -> Result<(), Status> {
        let me = self.membership.node_id();
        match wire::is_for(target, me) {
            true => Ok(()),
            false => Err(Status::unavailable(format!("this is node {me}, not {target}"))),
        }
    }

    async fn raft_call(&self, method: Method, request: Request<RaftMessage>) -> Answered {
        let message = request.into_inner();
        self.admit(&message)?;
        self.check_target(wire::target(&message.payload)?)?;
        let payload = self.raft().handle(method, &message.payload).await?;
        self.answer_bytes(payload)
    }

    fn answer<T: Serialize>(&self, answer: &T) -> Answered {
        self.answer_bytes(wire::encode(wire::ANYONE, answer)?)
    }

    fn answer_bytes(&self, payload: bytes::Bytes) -> Answered {
        let header = Some(self.membership.identity.header());
        Ok(Response::new(RaftMessage { header, payload }))
    }

    /// Answers a node that looks for a cluster, unless it has another one than this node.
    fn discover_call(&self, message: &RaftMessage) -> Answered {
        self.check_open()?;
        let identity = &self.membership.identity;
        let header = message.header.as_ref();
        let header = header.ok_or(Status::invalid_argument("the call has no header"))?;
        if let (Some(theirs), Some(ours)) = (cluster_of(header)?, identity.cluster_id())
            && theirs != ours
        {
            let text = format!("this node belongs to cluster {ours}, the caller to {theirs}");
            return Err(Status::failed_precondition(text));
        }
        let caller = identity.check_stranger(header)?;
        let (_, asked) = wire::decode(&message.payload)?;
        let promised = self.asked(caller, asked)?;
        self.answer(&self.membership.discovered(promised))
    }

    /// Whether the node gives the promise it is asked for.
    fn asked(&self, caller: NodeId, asked: Discover) -> Result<bool, Status> {
        match asked {
            Discover::Hello { me } if me.id == caller => {
                self.membership.peers.learn(me);
                Ok(false)
            }
            Discover::Promise(promise)
                if promise.candidate == caller
                    && promise.founders.contains(&self.membership.node_id())
                    && self.raft().is_pristine() =>
            {
                let promised = self.membership.identity.promise_to(promise);
                promised.map_err(|e| Status::unavailable(e.to_string()))
            }
            _ => Ok(false),
        }
    }
}

#[tonic::async_trait]
impl Raft for RaftService {
    async fn append_entries(&self, request: Request<RaftMessage>) -> Answered {
        self.raft_call(Method::AppendEntries, request).await
    }

    async fn vote(&self, request: Request<RaftMessage>) -> Answered {
        self.admit(request.get_ref())?;
        // A vote that an old copy of the disk forgets must be known to be newer than the copy.
        let advanced = self.membership.advance_life().await;
        advanced.map_err(|error| Status::unavailable(error.to_string()))?;
        self.raft_call(Method::Vote, request).await
    }

    async fn pre_vote(&self, request: Request<RaftMessage>) -> Answered {
        self.raft_call(Method::PreVote, request).await
    }

    async fn install_snapshot(&self, request: Request<RaftMessage>) -> Answered {
        self.raft_call(Method::InstallSnapshot, request).await
    }

    async fn heartbeat(&self, request: Request<RaftMessage>) -> Answered {
        let beat: Beat = self.open(request.get_ref())?;
        self.answer(&self.membership.take_beat(&beat))
    }

    async fn propose(&self, request: Request<RaftMessage>) -> Answered {
        let proposal: Proposal = self.open(request.get_ref())?;
        let proposed = self.membership.propose_here(proposal.command).await;
        self.answer(&proposed)
    }

    async fn discover(&self, request: Request<RaftMessage>) -> Answered {
        self.discover_call(request.get_ref())
    }
}
