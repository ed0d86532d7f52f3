//! Rounds of discovery: ask all seeds, decide, act, write down, until the node is registered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::join_all;
use proto::{ClusterId, NodeId};
use tonic::Status;

use crate::bootstrap::{Step, View, decide};
use crate::error::{ClusterError, Result};
use crate::identity::{Founding, Promise};
use crate::membership::Membership;
use crate::peers::Method;
use crate::wire::{ANYONE, Discover, Discovered};

/// Runs until the node is registered in its present life. Ends early with an error only if its
/// disk fails.
pub async fn run(membership: Arc<Membership>) -> Result<()> {
    while !membership.is_registered(&membership.raft.state()) {
        round(&membership).await?;
        tokio::time::sleep(membership.options.timings.discover).await;
    }
    Ok(())
}

async fn round(membership: &Membership) -> Result<()> {
    if membership.identity.cluster_id().is_none() && membership.options.seeds.is_empty() {
        return found_alone(membership).await;
    }
    let promise = membership.identity.promise();
    let (answers, is_seed) = ask_seeds(membership).await;
    if membership.identity.cluster_id().is_some() {
        return membership.finish_initialising().await;
    }
    let view = View {
        me: membership.node_id(),
        address: &membership.options.address,
        promise: promise.clone(),
        founding: membership.identity.founding(),
        answers: &answers,
        seeds: membership.options.seeds.len(),
        is_seed,
        expect: membership.options.bootstrap_expect,
    };
    act(membership, decide(&view), promise).await
}

async fn act(membership: &Membership, step: Step, promise: Option<Promise>) -> Result<()> {
    let identity = &membership.identity;
    match step {
        Step::Join(cluster) => {
            membership.note(&format!("joining cluster {cluster}"));
            match identity.adopt(cluster) {
                Err(ClusterError::Refused(why)) => membership.note(&why),
                other => return other,
            }
            Ok(())
        }
        Step::Found(founders) => {
            let cluster = ClusterId(membership.draw());
            identity.begin_founding(Founding { cluster, founders, initialised: false })?;
            ask_promises(membership).await
        }
        Step::Ask => ask_promises(membership).await,
        Step::Abandon => identity.abandon_founding(),
        Step::Release => promise.map_or(Ok(()), |p| identity.release_promise(&p)),
        Step::Wait(why) => {
            membership.note(&why);
            Ok(())
        }
    }
}

/// A node without seeds is a cluster of its own at once.
async fn found_alone(membership: &Membership) -> Result<()> {
    let founders = BTreeMap::from([(membership.node_id(), membership.options.address.clone())]);
    let cluster = ClusterId(membership.draw());
    membership.identity.begin_founding(Founding { cluster, founders, initialised: false })?;
    membership.identity.finish_founding()?;
    membership.finish_initialising().await
}

/// Answers of the seeds, one a node, and whether this node was among them.
async fn ask_seeds(membership: &Membership) -> (Vec<Discovered>, bool) {
    let hello = Discover::Hello { me: membership.contact() };
    let calls = membership.options.seeds.iter().map(|seed| ask(membership, seed, &hello));
    let mut found = BTreeMap::new();
    let mut refusal = String::new();
    for (seed, answer) in membership.options.seeds.iter().zip(join_all(calls).await) {
        match answer {
            Ok(answer) => {
                found.insert(answer.me.id, answer);
            }
            Err(status) if status.code() == tonic::Code::FailedPrecondition => {
                refusal = format!("seed {seed} refused: {}", status.message());
            }
            Err(status) => tracing::debug!(%seed, error = status.message(), "no answer"),
        }
    }
    membership.note_refusal(refusal);
    let is_seed = found.remove(&membership.node_id()).is_some();
    let answers: Vec<Discovered> = found.into_values().collect();
    learn(membership, &answers);
    (answers, is_seed)
}

async fn ask(
    membership: &Membership,
    seed: &str,
    question: &Discover,
) -> std::result::Result<Discovered, Status> {
    let deadline = membership.options.timings.discover_deadline;
    membership.peers.call(Method::Discover, ANYONE, seed, question, deadline).await
}

fn learn(membership: &Membership, answers: &[Discovered]) {
    for answer in answers {
        membership.peers.learn(answer.me.clone());
        answer.members.iter().for_each(|contact| membership.peers.learn(contact.clone()));
    }
    let free = answers.iter().filter(|a| a.cluster.is_none());
    let sees: BTreeSet<NodeId> = free.map(|a| a.me.id).collect();
    membership.set_sees(sees);
}

/// Asks all founders for their promise. With all of them the cluster exists.
async fn ask_promises(membership: &Membership) -> Result<()> {
    let identity = &membership.identity;
    let (Some(founding), Some(promise)) = (identity.founding(), identity.promise()) else {
        return Ok(());
    };
    let others = founding.founders.iter().filter(|(id, _)| **id != membership.node_id());
    let deadline = membership.options.timings.discover_deadline;
    let question = Discover::Promise(promise);
    let calls = others.map(|(id, address)| {
        membership.peers.call::<_, Discovered>(Method::Discover, *id, address, &question, deadline)
    });
    let answers = join_all(calls).await;
    let given = answers.iter().flatten().filter(|a| a.promised).count();
    if given < answers.len() {
        membership.note(&format!("{} of {} founders promised", given + 1, answers.len() + 1));
        return Ok(());
    }
    identity.finish_founding()?;
    membership.note(&format!("founded cluster {}", founding.cluster));
    membership.finish_initialising().await
}
