//! Commands on their way to the leader.

use std::time::Duration;

use proto::NodeId;
use tokio::time::Instant;

use crate::error::{ClusterError, Result};
use crate::membership::Membership;
use crate::peers::Method;
use crate::raft::Written;
use crate::state::{Answer, Command};
use crate::wire::{Contact, Proposal, Proposed};

/// Between two attempts.
const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// One attempt may take this share of the whole deadline.
const ATTEMPTS_MIN: u32 = 3;

/// What is known of a command that is not known to be applied.
#[derive(Debug, Default)]
struct Attempt {
    may_be_applied: bool,
    last_error: String,
    hint: Option<Contact>,
}

impl Membership {
    /// Has the cluster agree on a command: finds the leader, repeats within the deadline, and
    /// waits until this node applied it too.
    ///
    /// # Errors
    /// `Unavailable`: nothing was done. `OutcomeUnknown`: it may be applied, now or later; it may
    /// be proposed again.
    pub async fn propose(&self, command: Command) -> Result<Answer> {
        let deadline = Instant::now() + self.options.timings.propose_deadline;
        let mut attempt = Attempt::default();
        let mut turn = 0;
        while Instant::now() < deadline {
            if let Some((answer, index)) = self.attempt(&command, &mut attempt, turn).await {
                self.wait_applied(index, deadline).await;
                return Ok(answer);
            }
            turn += 1;
            tokio::time::sleep(RETRY_PAUSE).await;
        }
        match attempt.may_be_applied {
            true => Err(ClusterError::OutcomeUnknown(attempt.last_error)),
            false => Err(ClusterError::Unavailable(attempt.last_error)),
        }
    }

    /// One attempt: here, at the leader, or at whoever may know the leader.
    async fn attempt(
        &self,
        command: &Command,
        attempt: &mut Attempt,
        turn: usize,
    ) -> Option<(Answer, u64)> {
        let proposed = match self.target(attempt, turn) {
            None => self.propose_here(command.clone()).await,
            Some(to) => self.propose_at(&to, command, attempt).await?,
        };
        match proposed {
            Proposed::Applied { answer, index } => return Some((answer, index)),
            Proposed::NotLeader(leader) => {
                attempt.hint = leader;
                if !attempt.may_be_applied {
                    attempt.last_error = "the cluster has no leader".to_owned();
                }
            }
            Proposed::Unknown(why) => {
                attempt.may_be_applied = true;
                attempt.last_error = why;
            }
        }
        None
    }

    /// Whom to ask: the leader as last heard of, else every known node in turn. `None` is this
    /// node.
    fn target(&self, attempt: &mut Attempt, turn: usize) -> Option<Contact> {
        if self.raft.leading().is_some() {
            return None;
        }
        if let Some(hint) = attempt.hint.take().filter(|h| h.id != self.node_id()) {
            return Some(hint);
        }
        let (_, leader) = self.raft.term_and_leader();
        let known = leader.and_then(|id| self.known(id));
        if turn.is_multiple_of(2) && known.is_some() {
            return known;
        }
        let contacts = self.peers.contacts();
        contacts.get((turn / 2) % contacts.len().max(1)).cloned()
    }

    fn known(&self, id: NodeId) -> Option<Contact> {
        self.peers.contact(id).filter(|_| id != self.node_id())
    }

    /// `None` if there was no answer.
    async fn propose_at(
        &self,
        to: &Contact,
        command: &Command,
        attempt: &mut Attempt,
    ) -> Option<Proposed> {
        let proposal = Proposal { command: command.clone() };
        let limit = self.options.timings.propose_deadline / ATTEMPTS_MIN;
        let call = self.peers.call(Method::Propose, to.id, &to.address, &proposal, limit);
        match call.await {
            Ok(proposed) => Some(proposed),
            Err(status) => {
                attempt.may_be_applied |= may_have_arrived(&status);
                attempt.last_error = status.message().to_owned();
                None
            }
        }
    }

    /// Writes a command if this node leads; for calls of other nodes.
    pub async fn propose_here(&self, command: Command) -> Proposed {
        let limit = self.options.timings.propose_deadline / ATTEMPTS_MIN;
        match tokio::time::timeout(limit, self.raft.write(command)).await {
            Ok(Written::Applied { answer, index }) => Proposed::Applied { answer, index },
            Ok(Written::NotLeader(leader)) => {
                Proposed::NotLeader(leader.and_then(|id| self.known(id)))
            }
            Ok(Written::Unknown(why)) => Proposed::Unknown(why),
            Err(_) => Proposed::Unknown("the leader heard no quorum in time".to_owned()),
        }
    }

    /// Waits until this node's state has the command, so that its caller reads what it wrote. A
    /// node that does not follow the log yet just goes on at the deadline.
    async fn wait_applied(&self, index: u64, deadline: Instant) {
        if !self.raft.nodes().contains_key(&self.node_id()) {
            return;
        }
        let mut applied = self.raft.watch_index();
        let reached = applied.wait_for(|at| *at >= index);
        tokio::time::timeout_at(deadline, reached).await.ok();
    }
}

/// Whether a call that failed may have been carried out.
fn may_have_arrived(status: &tonic::Status) -> bool {
    use tonic::Code;
    let refused = [Code::FailedPrecondition, Code::PermissionDenied, Code::InvalidArgument];
    !refused.contains(&status.code()) && !is_connection_refused(status)
}

/// Whether nobody listened, so that nothing was sent.
fn is_connection_refused(status: &tonic::Status) -> bool {
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return io.kind() == std::io::ErrorKind::ConnectionRefused;
        }
        cause = error.source();
    }
    false
}
