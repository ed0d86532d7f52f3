//! A good history breaks nothing; each kind of bad one does.

use super::*;

/// All terms of these tests are of node 9.
fn term_of(number: u64) -> Term {
    (number, 9)
}

/// A node whose entries have these terms from index 1, all committed and applied.
fn node(node: u64, term: u64, terms: &[u64]) -> RaftSeen {
    let length = terms.len() as u64;
    let hash = |index: u64, term: &u64| (term_of(*term), index * 100 + term);
    let entries = (1..).zip(terms).map(|(index, term)| (index, hash(index, term)));
    RaftSeen {
        node,
        boot: 1,
        vote: term_of(term),
        last: (terms.last().copied().map(term_of).unwrap_or_default(), length),
        committed: length,
        applied: length,
        entries: entries.collect(),
        state_hash: terms.iter().fold(7, |hash, term| hash * 31 + term),
        ..RaftSeen::default()
    }
}

fn leader(seen: RaftSeen) -> RaftSeen {
    RaftSeen { is_leader: true, ..seen }
}

fn refs(nodes: &[RaftSeen]) -> Vec<&RaftSeen> {
    nodes.iter().collect()
}

/// How the last of these observations is judged.
fn last_of(steps: &[&[RaftSeen]]) -> Result<(), Violation> {
    let mut history = RaftHistory::default();
    let (last, before) = steps.split_last().unwrap();
    before.iter().for_each(|nodes| history.observe(1, &refs(nodes)).unwrap());
    history.observe(2, &refs(last))
}

fn assert_broken(steps: &[&[RaftSeen]], word: &str) {
    let violation = last_of(steps).unwrap_err();
    assert!(violation.evidence.contains(word), "{violation}");
}

#[test]
fn a_change_of_leaders_is_fine() {
    let first = [leader(node(1, 1, &[1, 1])), node(2, 1, &[1, 1]), node(3, 1, &[1])];
    // Node 1 is cut off and still takes itself for the leader of term 1.
    let uncommitted = RaftSeen { committed: 2, applied: 2, ..leader(node(1, 1, &[1, 1, 1])) };
    let uncommitted = RaftSeen { state_hash: node(1, 1, &[1, 1]).state_hash, ..uncommitted };
    let second = [uncommitted, leader(node(2, 2, &[1, 1, 2])), node(3, 2, &[1, 1, 2])];
    let third = [node(1, 2, &[1, 1, 2]), leader(node(2, 2, &[1, 1, 2]))];
    last_of(&[&first, &second, &third]).unwrap();
}

#[test]
fn a_term_has_one_leader() {
    assert_broken(&[&[leader(node(1, 1, &[1]))], &[leader(node(2, 1, &[1]))]], "both lead");
}

#[test]
fn terms_and_votes_do_not_go_back_by_a_start_either() {
    let restarted = |seen| RaftSeen { boot: 2, ..seen };
    assert_broken(&[&[node(1, 2, &[1])], &[restarted(node(1, 1, &[1]))]], "vote");
    let other = RaftSeen { vote: (2, 3), ..node(1, 2, &[1]) };
    assert_broken(&[&[node(1, 2, &[1])], &[restarted(other)]], "vote");
}

#[test]
fn progress_goes_back_by_a_start_only() {
    let behind = RaftSeen { committed: 1, applied: 1, ..node(1, 1, &[1, 1]) };
    let behind = RaftSeen { state_hash: node(1, 1, &[1]).state_hash, ..behind };
    assert_broken(&[&[node(1, 1, &[1, 1])], std::slice::from_ref(&behind)], "applied");
    last_of(&[&[node(1, 1, &[1, 1])], &[RaftSeen { boot: 2, ..behind }]]).unwrap();
    let beyond = RaftSeen { committed: 3, ..node(1, 1, &[1, 1]) };
    assert_broken(&[&[beyond]], "last 2");
}

#[test]
fn logs_match() {
    let mut other = node(2, 1, &[1, 1]);
    other.entries.insert(2, (term_of(1), 999));
    assert_broken(&[&[node(1, 1, &[1, 1]), other]], "differs");
    let open = |seen| RaftSeen { committed: 0, applied: 0, state_hash: 7, ..seen };
    let (one, two) = (open(node(1, 3, &[1, 3])), open(node(2, 3, &[2, 3])));
    assert_broken(&[&[one, two]], "below one they share");
}

#[test]
fn what_is_committed_stays_and_later_leaders_have_it() {
    let other = RaftSeen { applied: 0, state_hash: 7, ..node(2, 2, &[2]) };
    assert_broken(&[&[node(1, 1, &[1])], &[other]], "was committed as");
    let without = RaftSeen { committed: 1, applied: 1, ..leader(node(2, 2, &[1])) };
    assert_broken(&[&[node(1, 1, &[1, 1])], std::slice::from_ref(&without)], "without entry 2");
    // What it purged it has applied.
    let purged = RaftSeen { purged: 2, entries: BTreeMap::new(), ..leader(node(2, 2, &[1, 1])) };
    last_of(&[&[node(1, 1, &[1, 1])], &[purged]]).unwrap();
}

#[test]
fn equal_entries_give_equal_states() {
    let other = RaftSeen { state_hash: 1, ..node(2, 1, &[1]) };
    assert_broken(&[&[node(1, 1, &[1]), other]], "differ");
}

#[test]
fn what_is_committed_is_on_a_majority_of_voters() {
    let voter = |id, terms: &[u64], committed| {
        let state_hash = node(id, 1, &terms[..committed as usize]).state_hash;
        let seen = RaftSeen { committed, applied: committed, state_hash, ..node(id, 1, terms) };
        RaftSeen { voters: [1, 2, 3].into(), ..seen }
    };
    let (leader, with, without) = (voter(1, &[1, 1], 2), voter(2, &[1, 1], 1), voter(3, &[1], 1));
    last_of(&[&[leader.clone(), with.clone(), without.clone()]]).unwrap();
    let lagging = RaftSeen { node: 2, ..without.clone() };
    assert_broken(&[&[leader.clone(), lagging.clone(), without.clone()]], "1 of 3");
    // A voter is not seen, or the membership is changing: it cannot be counted.
    last_of(&[&[leader.clone(), lagging.clone()]]).unwrap();
    let changing = RaftSeen { voters: [1, 3].into(), ..lagging };
    last_of(&[&[leader, changing, without]]).unwrap();
}

#[test]
fn nodes_that_differ_in_membership_alone_differ() {
    let cached = |number, hash| RaftSeen { cached: Some((2, hash)), ..node(number, 1, &[1, 1]) };
    last_of(&[&[cached(1, 5), cached(2, 5)]]).unwrap();
    assert_broken(&[&[cached(1, 5)], &[cached(2, 6)]], "membership up to 2");
}

#[test]
fn what_is_purged_is_in_a_snapshot() {
    let purged = |snapshot| {
        let seen = RaftSeen { purged: 2, entries: BTreeMap::new(), ..node(1, 1, &[1, 1]) };
        [RaftSeen { snapshot: Some(snapshot), ..seen }]
    };
    last_of(&[&purged(2)]).unwrap();
    assert_broken(&[&purged(1)], "its snapshot is 1");
}

#[test]
fn a_quorum_is_one_of_durable_logs() {
    let check = |ends: [u64; 3]| check_durable(1, 7, &(1..).zip(ends).collect());
    check([7, 8, 0]).unwrap();
    check([7, 7, 7]).unwrap();
    let violation = check([7, 6, 0]).unwrap_err();
    assert!(violation.evidence.contains("entry 7 is committed"), "{violation}");
}
