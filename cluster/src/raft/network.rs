//! Raft's calls over gRPC, each with a deadline. Every failure is "unreachable" to Raft, so that
//! it backs off.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use openraft::OptionalSend;
use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{RPCOption, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
};
use proto::NodeId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tonic::Status;

use super::types::{Peer, Snapshot, SnapshotData, SnapshotMeta, TypeConfig, Vote};
use crate::peers::{Method, Peers};

/// A snapshot on the wire.
#[derive(Debug, Serialize, Deserialize)]
pub struct SnapshotMessage {
    /// The leader's vote.
    pub vote: Vote,
    /// What the image is of.
    pub meta: SnapshotMeta,
    /// The image as text, which it is but for its version byte.
    pub image: Vec<u8>,
}

/// Makes connections to members.
#[derive(Clone, Debug)]
pub struct Network {
    /// Who does the calling.
    pub peers: Arc<Peers>,
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Connection;

    async fn new_client(&mut self, target: u64, peer: &Peer) -> Connection {
        let added_at = peer.address.clone();
        Connection { peers: self.peers.clone(), target: NodeId(target), added_at }
    }
}

/// A connection to one member.
#[derive(Debug)]
pub struct Connection {
    peers: Arc<Peers>,
    target: NodeId,
    added_at: String,
}

impl Connection {
    async fn call<Q: Serialize, A: DeserializeOwned>(
        &self,
        method: Method,
        request: &Q,
        deadline: Duration,
    ) -> Result<A, Unreachable<TypeConfig>> {
        let address = self.peers.address_or(self.target, &self.added_at);
        let answer = self.peers.call(method, self.target, &address, request, deadline).await;
        answer.map_err(|status| unreachable(&status))
    }
}

fn unreachable(status: &Status) -> Unreachable<TypeConfig> {
    Unreachable::from_string(status.message())
}

impl RaftNetworkV2<TypeConfig> for Connection {
    type SnapshotData = SnapshotData;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig>, RPCError<TypeConfig>> {
        Ok(self.call(Method::AppendEntries, &request, option.soft_ttl()).await?)
    }

    async fn vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        // An old copy of the disk forgets that this node voted for itself: the life of this call
        // tells it from the disk. A node whose life cannot be kept does not ask for votes.
        let advanced = self.peers.advance_life();
        advanced.map_err(Unreachable::<TypeConfig>::from_string)?;
        Ok(self.call(Method::Vote, &request, option.soft_ttl()).await?)
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        Ok(self.call(Method::PreVote, &request, option.soft_ttl()).await?)
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let image = snapshot.snapshot.into_inner();
        let message = SnapshotMessage { vote, meta: snapshot.meta, image };
        let sent = self.call(Method::InstallSnapshot, &message, option.soft_ttl());
        tokio::select! {
            biased;
            closed = cancel => Err(closed.into()),
            answer = sent => Ok(answer?),
        }
    }
}
