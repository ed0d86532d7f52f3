//! How a node without a cluster gets into one: founding it with others, or joining.
//!
//! Each round the node asks all seeds who they are. Whoever belongs to a cluster is joined. Else,
//! among nodes that reach each other, the one with the lowest id draws a cluster id, writes it
//! down and asks all founders for a promise. A node promises once, on disk, and never when it
//! belongs to a cluster, so that of two candidates at most one gets all promises: the founders
//! are more than half of the seeds. A candidate gives up, on disk, when it sees a better one; a
//! node takes its promise back only when its candidate, asked after the promise, no longer knows
//! of it.

use std::collections::BTreeMap;

use proto::{ClusterId, NodeId};

use crate::identity::{Founding, Promise};
use crate::wire::Discovered;

/// What a node knows in one round.
#[derive(Debug)]
pub struct View<'a> {
    /// This node.
    pub me: NodeId,
    /// Its address.
    pub address: &'a str,
    /// The promise it had given before it asked.
    pub promise: Option<Promise>,
    /// The cluster it tries to found.
    pub founding: Option<Founding>,
    /// Answers of the seeds, this node's own apart.
    pub answers: &'a [Discovered],
    /// Number of seeds.
    pub seeds: usize,
    /// Whether a seed turned out to be this node.
    pub is_seed: bool,
    /// Founders wanted.
    pub expect: Option<usize>,
}

/// What to do in this round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Belong to this cluster from now on.
    Join(ClusterId),
    /// Draw a cluster id, then ask for promises.
    Found(BTreeMap<NodeId, String>),
    /// Ask the founders (again) for their promise.
    Ask,
    /// Give founding up.
    Abandon,
    /// Take the promise back.
    Release,
    /// Nothing, and why.
    Wait(String),
}

/// Decides one round.
pub fn decide(view: &View<'_>) -> Step {
    let member = view.answers.iter().find_map(|a| a.cluster);
    match (&view.founding, &view.promise) {
        (Some(_), _) => member.map_or_else(|| as_candidate(view), |_| Step::Abandon),
        (None, Some(promise)) => as_promised(view, promise, member),
        (None, None) => member.map_or_else(|| as_free(view), Step::Join),
    }
}

fn as_candidate(view: &View<'_>) -> Step {
    let known = view.founding.as_ref().map(|f| f.founders.keys().copied().collect::<Vec<_>>());
    match founders(view) {
        Some(best) if Some(best.keys().copied().collect()) != known => Step::Abandon,
        _ => Step::Ask,
    }
}

fn as_promised(view: &View<'_>, promise: &Promise, member: Option<ClusterId>) -> Step {
    if let Some(cluster) = member {
        if cluster == promise.cluster {
            return Step::Join(cluster);
        }
        return Step::Wait(format!(
            "a seed belongs to cluster {cluster}, but this node promised itself to {}",
            promise.cluster
        ));
    }
    let candidate = view.answers.iter().find(|a| a.me.id == promise.candidate);
    match candidate {
        Some(answer) if answer.candidacy != Some(promise.cluster) => Step::Release,
        _ => Step::Wait(format!(
            "node {} is founding a cluster; if it is gone for good, start this node with an empty \
             data directory",
            promise.candidate
        )),
    }
}

fn as_free(view: &View<'_>) -> Step {
    let Some(expect) = view.expect else {
        return Step::Wait("no seed belongs to a cluster yet (--cluster.seeds)".to_owned());
    };
    match founders(view) {
        Some(best) if best.first_key_value().map(|(id, _)| *id) == Some(view.me) => {
            Step::Found(best)
        }
        Some(_) => Step::Wait("waiting for the node with the lowest id to found".to_owned()),
        None => Step::Wait(format!(
            "{} of {expect} nodes (--cluster.bootstrap-expect) found each other",
            view.answers.len() + 1
        )),
    }
}

/// The best set of founders this node can see: the lowest ids that all reach each other.
fn founders(view: &View<'_>) -> Option<BTreeMap<NodeId, String>> {
    let expect = view.expect?;
    let me = (view.me, view.address.to_owned());
    let mut nodes: BTreeMap<NodeId, String> =
        view.answers.iter().map(|a| (a.me.id, a.me.address.clone())).collect();
    nodes.insert(me.0, me.1);
    let mut chosen = BTreeMap::new();
    for (id, address) in nodes {
        if chosen.len() < expect && chosen.keys().all(|other| reach_each_other(view, id, *other)) {
            chosen.insert(id, address);
        }
    }
    let among_seeds = chosen.keys().filter(|id| **id != view.me || view.is_seed).count();
    (chosen.len() == expect && 2 * among_seeds > view.seeds).then_some(chosen)
}

fn reach_each_other(view: &View<'_>, a: NodeId, b: NodeId) -> bool {
    let sees = |from: NodeId, to: NodeId| {
        let answer = view.answers.iter().find(|x| x.me.id == from);
        match answer {
            Some(answer) => answer.sees.contains(&to),
            None => from == view.me,
        }
    };
    sees(a, b) && sees(b, a)
}

#[cfg(test)]
mod tests;
