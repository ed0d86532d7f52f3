//! Founding, joining, routing, coming back.

use std::collections::BTreeSet;

use cluster::{Answer, Command, Phase};
use proto::{NodeId, TenantName};

use super::harness::{Cut, Node, Place, listen, start_all, until, until_ready};

fn places(rings: &[&str], cut: &Cut) -> Vec<Place> {
    let place = |(n, ring): (usize, &&str)| Place::new(&format!("n{n}"), ring, n as u64, cut);
    rings.iter().enumerate().map(place).collect()
}

fn ids(nodes: &[Node]) -> BTreeSet<NodeId> {
    nodes.iter().map(|n| n.cluster.node_id()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_is_a_cluster_at_once() {
    let cut = Cut::default();
    let mut place = Place::new("alone", "default", 1, &cut);
    let node =
        place.start_with(listen().await, &[], 0, |options| options.replication_factor = 1).await;
    until("a member", || node.cluster.status().phase == Phase::Member).await;
    until("a lease", || node.cluster.lease().valid()).await;
    let state = node.cluster.state();
    assert_eq!(state.hashrings["default"].owners(0), [node.cluster.node_id()]);
    assert!(node.cluster.lease().cluster_time_ms().unwrap() > 1_000_000_000_000);
    assert_eq!(node.cluster.mark_ring_used("default").await.unwrap(), Answer::Done);
    let (id, cluster_id) = (node.cluster.node_id(), node.cluster.status().cluster_id);
    node.kill().await;

    let node =
        place.start_with(listen().await, &[], 0, |options| options.replication_factor = 3).await;
    until("back", || node.cluster.status().phase == Phase::Member).await;
    assert_eq!(node.cluster.node_id(), id);
    assert_eq!(node.cluster.status().cluster_id, cluster_id);
    assert!(node.cluster.state().hashrings["default"].used);
    assert_eq!(node.cluster.status().replication_factor_kept, Some(1));
    node.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn six_nodes_make_two_rings_and_route_tenants() {
    let cut = Cut::default();
    let rings = ["default", "default", "default", "hashring-0", "hashring-0", "hashring-0"];
    let mut places = places(&rings, &cut);
    let nodes = start_all(&mut places).await;
    until_ready(&nodes).await;
    let hard = ids(&nodes[3..]);
    until("tables of all", || {
        nodes.iter().all(|n| {
            n.cluster.state().hashrings.values().all(|r| r.has_table() && r.nodes.len() == 3)
        })
    })
    .await;
    let state = nodes[0].cluster.state();
    assert_eq!(state.founders, ids(&nodes));
    assert_eq!(nodes[0].cluster.voters().len(), 5, "the sixth follows the log");
    assert_eq!(state.hashrings["hashring-0"].nodes, hard);
    let owners: BTreeSet<_> = state.hashrings["hashring-0"].shards.iter().flatten().collect();
    assert_eq!(owners.len(), 3);
    assert_eq!(state.hashrings["hashring-0"].ack_copies, 2);

    for (tenant, node) in [("a", &nodes[0]), ("b", &nodes[5])] {
        let route =
            Command::RouteTenant { tenant: tenant.to_owned(), hashring: "hashring-0".to_owned() };
        assert_eq!(node.cluster.propose(route).await.unwrap(), Answer::Done);
        let name = TenantName::new(tenant).unwrap();
        assert_eq!(node.cluster.state().ring_name_of(&name), "hashring-0", "reads its own write");
    }
    let nowhere = Command::RouteTenant { tenant: "c".to_owned(), hashring: "none".to_owned() };
    assert!(matches!(nodes[1].cluster.propose(nowhere).await.unwrap(), Answer::Refused(_)));
    until("all agree", || {
        let first = nodes[0].cluster.state();
        first.routes.len() == 2 && nodes.iter().all(|n| *n.cluster.state() == *first)
    })
    .await;
    for node in nodes {
        node.kill().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fourth_node_joins_and_gets_no_shard_of_a_used_ring() {
    let cut = Cut::default();
    let mut places = places(&["default", "default", "default"], &cut);
    let mut nodes = start_all(&mut places).await;
    until_ready(&nodes).await;
    assert_eq!(nodes[1].cluster.mark_ring_used("default").await.unwrap(), Answer::Done);
    let before = nodes[1].cluster.state().hashrings["default"].clone();

    let seeds: Vec<String> = vec![nodes[2].address.clone()];
    assert_eq!(nodes[0].cluster.voters(), ids(&nodes));
    let mut late = Place::new("late", "default", 77, &cut);
    nodes.push(late.start(listen().await, &seeds, 0).await);
    until_ready(&nodes).await;
    let state = nodes[3].cluster.state();
    let ring = &state.hashrings["default"];
    assert_eq!((ring.epoch, &ring.shards), (before.epoch, &before.shards));
    assert!(ring.nodes.contains(&nodes[3].cluster.node_id()));
    for node in nodes {
        node.kill().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_comes_back_as_itself_at_another_address() {
    let cut = Cut::default();
    let mut places = places(&["default", "default", "default"], &cut);
    let mut nodes = start_all(&mut places).await;
    until_ready(&nodes).await;
    let seeds: Vec<String> = nodes.iter().map(|n| n.address.clone()).collect();
    let gone = nodes.remove(2);
    let id = gone.cluster.node_id();
    gone.kill().await;
    until("it is down", || !nodes[0].cluster.lease().live().contains(&id)).await;

    let back = places[2].start(listen().await, &seeds, 3).await;
    assert_eq!(back.cluster.node_id(), id);
    let address = back.address.clone();
    nodes.push(back);
    until_ready(&nodes).await;
    until("all know the new address", || {
        nodes.iter().all(|n| n.cluster.state().address_of(id) == Some(&address))
    })
    .await;
    assert_eq!(nodes[0].cluster.state().members.len(), 3);
    for node in nodes {
        node.kill().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_nodes_restart_at_other_addresses() {
    let cut = Cut::default();
    let mut places = places(&["default", "default", "default"], &cut);
    let nodes = start_all(&mut places).await;
    until_ready(&nodes).await;
    let (before, cluster_id) = (ids(&nodes), nodes[0].cluster.status().cluster_id);
    for node in nodes {
        node.kill().await;
    }
    let nodes = start_all(&mut places).await;
    until_ready(&nodes).await;
    assert_eq!(ids(&nodes), before);
    assert!(nodes.iter().all(|n| n.cluster.status().cluster_id == cluster_id));
    until("new addresses", || {
        let state = nodes[0].cluster.state();
        nodes.iter().all(|n| state.address_of(n.cluster.node_id()) == Some(&n.address))
    })
    .await;
    for node in nodes {
        node.kill().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_another_cluster_is_refused() {
    let cut = Cut::default();
    let mut ours = Place::new("ours", "default", 1, &cut);
    let mut theirs = Place::new("theirs", "default", 2, &cut);
    let here = ours.start(listen().await, &[], 0).await;
    let there = theirs.start(listen().await, &[], 0).await;
    until("two clusters", || {
        [&here, &there].iter().all(|n| n.cluster.status().phase == Phase::Member)
    })
    .await;
    let refused = here.cluster.check_header(Some(&there.cluster.header())).unwrap_err();
    assert_eq!(refused.code(), tonic::Code::FailedPrecondition);
    assert!(refused.message().contains("belongs to cluster"), "{refused}");
    there.kill().await;

    let seeds = vec![here.address.clone()];
    let there = theirs.start(listen().await, &seeds, 0).await;
    until("it says so", || there.cluster.status().message.contains("refused")).await;
    assert_eq!(here.cluster.state().members.len(), 1);
    here.kill().await;
    there.kill().await;
}
