//! Losing the leader, losing the majority.

use std::time::Duration;

use cluster::Command;
use tokio::time::Instant;

use super::harness::{Cut, Node, Place, start_all, until, until_ready};

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
    assert!(refused.is_err(), "{refused:?}");
    assert!(began.elapsed() < Duration::from_secs(15), "within its deadline");
    assert!(last.cluster.state().routes.is_empty());
    last.kill().await;
}
