//! Leases, liveness and cluster time under a paused clock.

use super::pulse::Pulse;
use super::*;

const LENGTH: Duration = Duration::from_secs(10);
const DOWN_AFTER: Duration = Duration::from_secs(3);

fn nodes(ids: &[u64]) -> BTreeSet<NodeId> {
    ids.iter().map(|id| NodeId(*id)).collect()
}

fn pulse(term: u64) -> Pulse {
    pulse_of_life(term, 1)
}

fn pulse_of_life(term: u64, life: u64) -> Pulse {
    Pulse::new((term, life << 24), Instant::now(), DOWN_AFTER, BTreeSet::new())
}

fn bare(term: u64, round: u64) -> Beat {
    Beat { term, round, grant: None, applied: 0, lives: BTreeMap::new() }
}

fn beat_for(beats: &[(NodeId, Beat)], id: u64) -> Beat {
    beats.iter().find(|(node, _)| *node == NodeId(id)).unwrap().1.clone()
}

async fn pass(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}

/// One round in which `answering` take their beat and answer.
fn round(pulse: &mut Pulse, leases: &BTreeMap<u64, Lease>, answering: &[u64], wall_ms: i64) {
    let all = nodes(&leases.keys().copied().collect::<Vec<_>>());
    let beats = pulse.beats(Instant::now(), &all, &all);
    for id in answering {
        let answer = leases[id].take(&beat_for(&beats, *id), Instant::now(), wall_ms);
        pulse.hear(NodeId(*id), pulse.round(), Instant::now(), &answer);
    }
}

/// The answer of a node that knows no cluster time.
fn answer(wall_ms: i64) -> BeatAnswer {
    BeatAnswer { term: 2, wall_ms, known: None }
}

fn three_leases() -> BTreeMap<u64, Lease> {
    [1, 2, 3].map(|id| (id, Lease::new(LENGTH))).into()
}

#[tokio::test(start_paused = true)]
async fn a_quorum_has_leases_and_a_minority_loses_them_after_ten_seconds() {
    let leases = three_leases();
    let mut leader = pulse(1);
    round(&mut leader, &leases, &[1, 2, 3], 1_000);
    assert!(!leases[&1].valid(), "the first round asks only");
    pass(1).await;
    round(&mut leader, &leases, &[1, 2, 3], 2_000);
    assert!(leases.values().all(Lease::valid));
    for _ in 0..9 {
        pass(1).await;
        round(&mut leader, &leases, &[1, 2], 0);
    }
    assert!(!leases[&3].valid(), "its last answer heard is ten seconds old");
    assert!(leases[&1].valid() && leases[&2].valid());
    assert_eq!(*leases[&1].live(), nodes(&[1, 2]));
}

#[tokio::test(start_paused = true)]
async fn a_leader_without_a_quorum_hands_out_nothing() {
    let leases = three_leases();
    let mut leader = pulse(1);
    for _ in 0..30 {
        round(&mut leader, &leases, &[1], 0);
        pass(1).await;
    }
    assert!(leases.values().all(|lease| !lease.valid()));
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_loses_its_quorum_stops_and_its_own_lease_runs_out() {
    let leases = three_leases();
    let mut leader = pulse(1);
    for _ in 0..5 {
        round(&mut leader, &leases, &[1, 2, 3], 0);
        pass(1).await;
    }
    for second in 0..12 {
        round(&mut leader, &leases, &[1], 0);
        assert_eq!(leases[&1].valid(), second < 9, "second {second}");
        pass(1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_beat_does_not_lengthen_a_lease() {
    let lease = Lease::new(LENGTH);
    let grant = |heard_round: u64| Grant { heard_round, cluster_time_ms: 0, live: nodes(&[1]) };
    let beat = |round: u64, heard: Option<u64>| Beat { grant: heard.map(grant), ..bare(1, round) };
    lease.take(&beat(1, None), Instant::now(), 0);
    pass(9).await;
    lease.take(&beat(2, Some(1)), Instant::now(), 0);
    assert!(lease.valid());
    pass(2).await;
    assert!(!lease.valid(), "ten seconds from the answer, not from the grant");
    lease.take(&beat(3, Some(77)), Instant::now(), 0);
    assert!(!lease.valid(), "an answer it never gave");
}

#[tokio::test(start_paused = true)]
async fn beats_of_an_old_term_are_ignored() {
    let lease = Lease::new(LENGTH);
    assert_eq!(lease.take(&bare(5, 1), Instant::now(), 0).term, 5);
    let grant = Some(Grant { heard_round: 1, cluster_time_ms: 0, live: nodes(&[1]) });
    assert_eq!(lease.take(&Beat { grant, ..bare(4, 2) }, Instant::now(), 0).term, 5);
    assert!(!lease.valid());
}

#[tokio::test(start_paused = true)]
async fn cluster_time_goes_on_between_beats_and_stands_still_without_a_lease() {
    let leases = three_leases();
    let mut leader = pulse(1);
    assert_eq!(leases[&1].cluster_time_ms(), None);
    round(&mut leader, &leases, &[1, 2, 3], 50_000);
    pass(1).await;
    round(&mut leader, &leases, &[1, 2, 3], 51_000);
    assert_eq!(leases[&1].cluster_time_ms(), Some(51_000));
    pass(4).await;
    assert_eq!(leases[&1].cluster_time_ms(), Some(55_000));
    pass(60).await;
    assert_eq!(leases[&1].cluster_time_ms(), Some(60_000), "stood still when the lease ran out");
}

#[tokio::test(start_paused = true)]
async fn a_node_is_down_after_three_silent_seconds_and_back_on_its_first_answer() {
    let leases = three_leases();
    let mut leader = pulse(1);
    for (second, answering, live) in [
        (0, vec![1, 2, 3], vec![]),
        (1, vec![1, 2, 3], vec![1, 2, 3]),
        (2, vec![1, 2], vec![1, 2, 3]),
        (3, vec![1, 2], vec![1, 2, 3]),
        (4, vec![1, 2], vec![1, 2]),
        (5, vec![1, 2, 3], vec![1, 2]),
        (6, vec![1, 2, 3], vec![1, 2, 3]),
    ] {
        round(&mut leader, &leases, &answering, 0);
        assert_eq!(*leases[&1].live(), nodes(&live), "second {second}");
        pass(1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_leader_keeps_who_was_down_and_gives_the_others_grace() {
    let now = Instant::now();
    let mut leader = Pulse::new((2, 1 << 24), now, DOWN_AFTER, nodes(&[3]));
    let (all, me) = (nodes(&[1, 2, 3]), nodes(&[1]));
    leader.beats(now, &all, &me);
    leader.hear(NodeId(1), leader.round(), now, &answer(0));
    let grant = beat_for(&leader.beats(now, &all, &me), 1).grant.unwrap();
    assert_eq!(grant.live, nodes(&[1, 2]));
}

/// Of two voters' clocks the lower counts, which may be one that is far behind.
#[tokio::test(start_paused = true)]
async fn a_leader_that_knows_no_time_goes_on_from_what_another_node_knows() {
    let mut leases = three_leases();
    let mut before = pulse(1);
    for _ in 0..3 {
        round(&mut before, &leases, &[1, 2, 3], 500_000);
    }
    assert_eq!(leases[&2].cluster_time_ms(), Some(500_000));
    leases.insert(1, Lease::new(LENGTH));
    pass(1).await;
    let mut leader = pulse(2);
    for _ in 0..3 {
        round(&mut leader, &leases, &[1, 2], 200_000);
    }
    assert_eq!(leases[&1].cluster_time_ms(), Some(501_000));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_far_off_is_noticed() {
    let lease = Lease::new(LENGTH);
    let grant = Some(Grant { heard_round: 1, cluster_time_ms: 100_000, live: nodes(&[1]) });
    lease.take(&bare(1, 1), Instant::now(), 0);
    let beat = Beat { grant, ..bare(1, 2) };
    lease.take(&beat, Instant::now(), 69_999);
    assert!(lease.is_clock_skewed());
    lease.take(&beat, Instant::now(), 130_000);
    assert!(!lease.is_clock_skewed());
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_starts_again_within_its_term_gives_leases_again() {
    let leases = three_leases();
    let mut leader = pulse(1);
    for _ in 0..40 {
        pass(1).await;
        round(&mut leader, &leases, &[1, 2, 3], 0);
    }
    pass(11).await;
    assert!(leases.values().all(|lease| !lease.valid()));
    let mut again = pulse_of_life(1, 2);
    for _ in 0..2 {
        pass(1).await;
        round(&mut again, &leases, &[1, 2, 3], 0);
    }
    assert!(leases.values().all(Lease::valid), "the rounds of before do not hide the new ones");
}
