//! Who founds, who joins, who waits.

use std::collections::BTreeSet;

use proto::Life;

use super::*;
use crate::wire::Contact;

fn ids(ids: &[u64]) -> BTreeSet<NodeId> {
    ids.iter().map(|id| NodeId(*id)).collect()
}

fn answer(id: u64, sees: &[u64]) -> Discovered {
    Discovered {
        me: Contact { id: NodeId(id), address: format!("h:{id}"), life: Life(1) },
        cluster: None,
        members: Vec::new(),
        sees: ids(sees),
        candidacy: None,
        promised: false,
    }
}

fn view(me: u64, answers: &[Discovered]) -> View<'_> {
    View {
        me: NodeId(me),
        address: "h:me",
        promise: None,
        founding: None,
        answers,
        seeds: 3,
        is_seed: true,
        expect: Some(3),
    }
}

fn promise(cluster: u128, candidate: u64) -> Promise {
    Promise { cluster: ClusterId(cluster), candidate: NodeId(candidate), founders: Vec::new() }
}

fn founding(cluster: u128, founders: &[u64]) -> Founding {
    let founders = founders.iter().map(|id| (NodeId(*id), format!("h:{id}"))).collect();
    Founding { cluster: ClusterId(cluster), founders, initialised: false }
}

fn is_wait(step: &Step) -> bool {
    matches!(step, Step::Wait(_))
}

#[test]
fn the_lowest_of_nodes_that_reach_each_other_founds() {
    let others = [answer(2, &[1, 3]), answer(3, &[1, 2])];
    match decide(&view(1, &others)) {
        Step::Found(founders) => {
            assert_eq!(founders.keys().copied().collect::<BTreeSet<_>>(), ids(&[1, 2, 3]));
        }
        other => panic!("{other:?}"),
    }
    let others = [answer(1, &[2, 3]), answer(3, &[1, 2])];
    assert!(is_wait(&decide(&view(2, &others))), "the lowest does it");
    let others = [answer(2, &[1]), answer(3, &[1, 2])];
    assert!(is_wait(&decide(&view(1, &others))), "2 does not reach 3");
    assert!(is_wait(&decide(&view(1, &[answer(2, &[1])]))), "too few");
}

#[test]
fn founders_are_more_than_half_of_the_seeds() {
    let others = [answer(2, &[1])];
    let mut outsider = view(1, &others);
    (outsider.expect, outsider.is_seed) = (Some(2), false);
    assert!(is_wait(&decide(&outsider)), "one of three seeds");
    outsider.is_seed = true;
    assert!(matches!(decide(&outsider), Step::Found(_)));
}

#[test]
fn a_cluster_is_joined_flag_or_not() {
    let mut member = answer(2, &[]);
    member.cluster = Some(ClusterId(9));
    let others = [member];
    let mut free = view(1, &others);
    free.expect = None;
    assert_eq!(decide(&free), Step::Join(ClusterId(9)));
    free.founding = Some(founding(7, &[1, 2, 3]));
    assert_eq!(decide(&free), Step::Abandon, "nobody was made a member yet");
    free.founding = None;
    free.promise = Some(promise(9, 2));
    assert_eq!(decide(&free), Step::Join(ClusterId(9)));
    free.promise = Some(promise(7, 3));
    assert!(is_wait(&decide(&free)), "it gave its word to another");
}

#[test]
fn a_node_without_a_flag_waits_for_a_cluster() {
    let others = [answer(2, &[1, 3]), answer(3, &[1, 2])];
    let mut free = view(1, &others);
    free.expect = None;
    assert!(is_wait(&decide(&free)));
}

#[test]
fn a_promise_is_taken_back_only_when_its_candidate_gave_up() {
    let mut candidate = answer(2, &[1, 3]);
    candidate.candidacy = Some(ClusterId(7));
    let keeps = [candidate.clone()];
    let mut promised = view(1, &keeps);
    promised.promise = Some(promise(7, 2));
    assert!(is_wait(&decide(&promised)));
    let silent = [answer(3, &[1])];
    promised.answers = &silent;
    assert!(is_wait(&decide(&promised)), "it may come back");
    candidate.candidacy = None;
    let gave_up = [candidate];
    promised.answers = &gave_up;
    assert_eq!(decide(&promised), Step::Release);
}

#[test]
fn a_candidate_gives_up_for_a_lower_node_and_asks_again_otherwise() {
    let others = [answer(3, &[2, 4]), answer(4, &[2, 3])];
    let mut candidate = view(2, &others);
    candidate.founding = Some(founding(7, &[2, 3, 4]));
    assert_eq!(decide(&candidate), Step::Ask);
    let fewer = [answer(3, &[2, 4])];
    candidate.answers = &fewer;
    assert_eq!(decide(&candidate), Step::Ask, "a missing answer changes nothing");
    let lower = [answer(1, &[2, 3, 4]), answer(3, &[1, 2, 4]), answer(4, &[1, 2, 3])];
    candidate.answers = &lower;
    assert_eq!(decide(&candidate), Step::Abandon);
}
