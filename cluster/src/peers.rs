//! Calls to other nodes: the address book, the channels, deadlines and the check of who answered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use proto::NodeId;
use proto::rpc::RaftMessage;
use proto::rpc::raft_client::RaftClient;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic::Status;

use crate::identity::Identity;
use crate::options::{Dial, Line};
use crate::state::{ClusterState, MEMBERS_MAX};
use crate::wire::{self, ANYONE, Contact, RPC_BYTES_MAX};

/// Channels that are kept open; others are opened again when needed.
const CHANNELS_MAX: usize = 2 * MEMBERS_MAX;

/// The calls of the control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Raft's log replication.
    AppendEntries,
    /// Raft's vote.
    Vote,
    /// Whether a vote would be given.
    PreVote,
    /// Raft's snapshot.
    InstallSnapshot,
    /// The leader's heartbeat.
    Heartbeat,
    /// A command for the leader.
    Propose,
    /// Discovery and promises.
    Discover,
}

/// How to reach other nodes.
#[derive(Debug)]
pub struct Peers {
    identity: Arc<Identity>,
    dial: Arc<dyn Dial>,
    book: Mutex<BTreeMap<NodeId, Contact>>,
    channels: Mutex<BTreeMap<String, Line>>,
}

impl Peers {
    /// Nobody is known yet.
    pub fn new(identity: Arc<Identity>, dial: Arc<dyn Dial>) -> Peers {
        Peers { identity, dial, book: Mutex::default(), channels: Mutex::default() }
    }

    /// Advances this node's life number; on the disk when it returns.
    pub fn advance_life(&self) -> crate::Result<()> {
        self.identity.advance()
    }

    /// Takes note of where a node is; the later life knows better.
    pub fn learn(&self, contact: Contact) {
        let mut book = self.book.lock();
        if contact.id == self.identity.node_id() || contact.address.is_empty() {
            return;
        }
        let known = book.get(&contact.id).map(|c| c.life);
        let has_room = known.is_some() || book.len() < MEMBERS_MAX;
        if has_room && known.is_none_or(|life| life <= contact.life) {
            book.insert(contact.id, contact);
        }
    }

    /// Takes note of where all members are, and of the lives they registered with.
    pub fn learn_members(&self, state: &ClusterState) {
        for (id, member) in &state.members {
            self.identity.see(*id, member.life);
            self.learn(Contact { id: *id, address: member.address.clone(), life: member.life });
        }
    }

    /// Where everybody is, as far as known.
    pub fn contacts(&self) -> Vec<Contact> {
        self.book.lock().values().cloned().collect()
    }

    /// Where a node is.
    pub fn contact(&self, id: NodeId) -> Option<Contact> {
        self.book.lock().get(&id).cloned()
    }

    /// Where a node is, or where it was when it was added.
    pub fn address_or(&self, id: NodeId, added_at: &str) -> String {
        self.contact(id).map_or_else(|| added_at.to_owned(), |c| c.address)
    }

    fn channel(&self, address: &str) -> Result<Line, Status> {
        let mut channels = self.channels.lock();
        if let Some(channel) = channels.get(address) {
            return Ok(channel.clone());
        }
        if channels.len() >= CHANNELS_MAX {
            channels.pop_first();
        }
        let channel = self.dial.channel(address);
        let channel = channel.map_err(|e| Status::unavailable(e.to_string()))?;
        channels.insert(address.to_owned(), channel.clone());
        Ok(channel)
    }

    /// Calls a node and checks that it is the one that answers.
    pub async fn call<Q: Serialize, A: DeserializeOwned>(
        &self,
        method: Method,
        to: NodeId,
        address: &str,
        request: &Q,
        deadline: Duration,
    ) -> Result<A, Status> {
        let payload = wire::encode(to, request)?;
        let header = match to {
            ANYONE => self.identity.header(),
            to => self.identity.header_to(to),
        };
        let request = RaftMessage { header: Some(header), payload };
        let answer = tokio::time::timeout(deadline, self.send(method, address, request)).await;
        let late = |_| Status::deadline_exceeded(format!("{address} did not answer in time"));
        let answer = answer.map_err(late)?;
        let answer = answer.inspect_err(|status| self.identity.refused_by(to, status))?;
        self.check_answer(to, &answer)?;
        let (_, message) = wire::decode(&answer.payload)?;
        Ok(message)
    }

    async fn send(
        &self,
        method: Method,
        address: &str,
        request: RaftMessage,
    ) -> Result<RaftMessage, Status> {
        let client = RaftClient::new(self.channel(address)?);
        let client = client.max_decoding_message_size(RPC_BYTES_MAX);
        let mut client = client.max_encoding_message_size(RPC_BYTES_MAX);
        let answer = match method {
            Method::AppendEntries => client.append_entries(request).await,
            Method::Vote => client.vote(request).await,
            Method::PreVote => client.pre_vote(request).await,
            Method::InstallSnapshot => client.install_snapshot(request).await,
            Method::Heartbeat => client.heartbeat(request).await,
            Method::Propose => client.propose(request).await,
            Method::Discover => client.discover(request).await,
        };
        Ok(answer?.into_inner())
    }

    fn check_answer(&self, to: NodeId, answer: &RaftMessage) -> Result<(), Status> {
        let header = answer.header.as_ref();
        let header = header.ok_or(Status::internal("the answer has no header"))?;
        let node = NodeId(header.node_id);
        if to != ANYONE && node != to {
            return Err(Status::unavailable(format!("node {node} answered in place of {to}")));
        }
        self.identity.check_stranger(header).map(|_| ())
    }
}
