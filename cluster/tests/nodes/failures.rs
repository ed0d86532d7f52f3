//! Losing the leader, losing the majority.

use std::time::Duration;

use cluster::{Answer, ClusterError, Command, Phase};
use journal::files::faulty::Operation;
use tokio::time::Instant;

use super::harness::{Cut, Node, Place, listen, start_all, until, until_ready};

/// Worst time without a leader, at the product's speed.
const ELECTION_MAX: Duration = Duration::from_secs(5);

async fn three(cut: &Cut) -> (Vec<Place>, Vec<Node>) {
    let place = |n: u64| Place::new(&format!("n{n}"), "default", n, cut);
    let mut places: Vec<Place> = (0..3).map(place).collect();
    let nodes = start_all(&mut places).await;
    until_ready(&nodes).await;
    (places, nodes)
}

fn leader(nodes: &[Node]) -> usize {
    let id = nodes[0].cluster.status().leader.expect("ready nodes know their leader");
    nodes.iter().position(|n| n.cluster.node_id() == id).expect("the leader is one of them")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn losing_the_leader_loses_no_lease() {
    let (_places, mut nodes) = three(&Cut::default()).await;
    let gone = nodes.remove(leader(&nodes));
    let gone_id = gone.cluster.node_id();
    gone.kill().await;
    let began = Instant::now();
    until("another leader", || {
        assert!(nodes.iter().all(|n| n.cluster.lease().valid()), "a lease ran out");
        nodes.iter().all(|n| n.cluster.status().leader.is_some_and(|id| id != gone_id))
    })
    .await;
    assert!(began.elapsed() < ELECTION_MAX, "took {:?}", began.elapsed());
    until("the dead one is known", || {
        assert!(nodes.iter().all(|n| n.cluster.lease().valid()), "a lease ran out");
        nodes.iter().all(|n| !n.cluster.lease().live().contains(&gone_id))
    })
    .await;
    let route = Command::RouteTenant { tenant: "t".to_owned(), hashring: "default".to_owned() };
    nodes[0].cluster.propose(route).await.unwrap();
    for node in nodes {
        node.kill().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_cut_off_loses_its_lease_and_gets_it_back() {
    let cut = Cut::default();
    let (_places, nodes) = three(&cut).await;
    let alone = leader(&nodes);
    let others: Vec<usize> = (0..3).filter(|n| *n != alone).collect();
    cut.set(&[&nodes[alone].address]);
    until("its lease ran out", || !nodes[alone].cluster.lease().valid()).await;
    let stood = nodes[alone].cluster.lease().cluster_time_ms();
    until("the others lead themselves", || {
        others.iter().all(|n| {
            let status = nodes[*n].cluster.status();
            status.has_lease && status.leader != Some(nodes[alone].cluster.node_id())
        })
    })
    .await;
    assert_eq!(nodes[alone].cluster.lease().cluster_time_ms(), stood, "its time stands still");
    cut.set(&[]);
    until("it is back", || nodes[alone].cluster.lease().valid()).await;
    assert!(nodes[alone].cluster.lease().cluster_time_ms() > stood);
    for node in nodes {
        node.kill().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_majority_nothing_is_agreed_and_the_caller_is_told() {
    let (_places, mut nodes) = three(&Cut::default()).await;
    let last = nodes.pop().expect("there are three");
    for node in nodes {
        node.kill().await;
    }
    until("its lease ran out", || !last.cluster.lease().valid()).await;
    let route = Command::RouteTenant { tenant: "t".to_owned(), hashring: "default".to_owned() };
    let began = Instant::now();
    let refused = last.cluster.propose(route).await;
    assert!(
        matches!(refused, Err(ClusterError::Unavailable(_) | ClusterError::OutcomeUnknown(_))),
        "{refused:?}"
    );
    assert!(began.elapsed() < Duration::from_secs(15), "within its deadline");
    assert!(last.cluster.state().routes.is_empty());
    last.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_disk_is_fatal_and_agrees_to_nothing() {
    let mut place = Place::new("alone", "default", 1, &Cut::default());
    let node = place.start_with(listen().await, &[], 0, |o| o.replication_factor = 1).await;
    until("a member", || node.cluster.status().phase == Phase::Member).await;
    node.faults.fail_all(Operation::Sync, std::io::ErrorKind::Other, |_| true);
    let route = Command::RouteTenant { tenant: "t".to_owned(), hashring: "default".to_owned() };
    let (proposed, reason) = tokio::join!(node.cluster.propose(route), node.cluster.fatal());
    assert!(proposed.is_err(), "{proposed:?}");
    assert!(reason.contains("log failed"), "{reason}");
    assert!(node.cluster.state().routes.is_empty());
    node.kill().await;
}

/// The last entry that a node acknowledged is damaged while it is down.
async fn come_back_with_a_damaged_log(of_leader: bool) {
    let (mut places, mut nodes) = three(&Cut::default()).await;
    for n in 0..10 {
        let route =
            Command::RouteTenant { tenant: format!("t{n}"), hashring: "default".to_owned() };
        assert_eq!(nodes[0].cluster.propose(route).await.unwrap(), Answer::Done);
    }
    let everywhere = || nodes.iter().all(|node| *node.cluster.state() == *nodes[0].cluster.state());
    until("all have all of it", everywhere).await;
    let leader = leader(&nodes);
    let hurt = if of_leader { leader } else { (leader + 1) % nodes.len() };
    let (down, mut place) = (nodes.remove(hurt), places.remove(hurt));
    let id = down.cluster.node_id();
    down.kill().await;
    assert!(place.damage_log(b"\"t9\"") > 0);

    let seeds: Vec<String> = nodes.iter().map(|node| node.address.clone()).collect();
    let back = place.start(listen().await, &seeds, 0).await;
    assert_eq!(back.cluster.node_id(), id);
    until("it is a member again", || back.cluster.status().phase == Phase::Member).await;
    until("with a lease", || back.cluster.lease().valid()).await;
    until("it has everything", || *back.cluster.state() == *nodes[0].cluster.state()).await;
    assert_eq!(back.cluster.state().routes.len(), 10);
    assert!(!back.cluster.status().owes_entries);
    for node in nodes.into_iter().chain([back]) {
        node.kill().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_whose_log_was_damaged_is_sent_again_what_it_lost() {
    come_back_with_a_damaged_log(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_log_was_damaged_is_sent_again_what_it_lost() {
    come_back_with_a_damaged_log(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_joins_late_gets_a_snapshot() {
    let mut place = Place::new("first", "default", 1, &Cut::default());
    let first = place.start_with(listen().await, &[], 0, |o| o.replication_factor = 1).await;
    until("a member", || first.cluster.status().phase == Phase::Member).await;
    for n in 0..400 {
        let route =
            Command::RouteTenant { tenant: format!("t{n}"), hashring: "default".to_owned() };
        assert_eq!(first.cluster.propose(route).await.unwrap(), Answer::Done);
    }
    let mut late = Place::new("late", "default", 9, &Cut::default());
    let seeds = vec![first.address.clone()];
    let second = late.start(listen().await, &seeds, 0).await;
    until("it has everything", || *second.cluster.state() == *first.cluster.state()).await;
    assert_eq!(second.cluster.state().routes.len(), 400);
    second.kill().await;

    let second = late.start(listen().await, &seeds, 0).await;
    until("and after a restart", || second.cluster.status().phase == Phase::Member).await;
    assert_eq!(second.cluster.state().routes.len(), 400);
    first.kill().await;
    second.kill().await;
}
