//! Nodes that crash under load: with three nodes at replication factor 2 one crash refuses no
//! write, and nothing that was acknowledged is ever missing.

use std::time::Duration;

use tests::clock::wait_for;
use tests::traffic::Traffic;
use tests::{Cluster, ClusterPlan, Node};

const TENANTS: [&str; 3] = ["one", "two", "three"];
const SERIES: usize = 20;
/// Longest wait for an answer to be complete.
const COMPLETE_LIMIT: Duration = Duration::from_secs(30);
/// Writes between two events: some seconds, longer than it takes to see that a node is down.
const WRITES_BETWEEN: usize = 200;

fn cluster() -> Cluster {
    ClusterPlan::of(3).flag("--receive.replication-factor=2").start()
}

fn traffic(nodes: &[Node]) -> Traffic {
    Traffic::start(nodes.iter().map(|node| node.at.write).collect(), &TENANTS, SERIES)
}

#[test]
fn one_crash_refuses_no_write_and_loses_nothing() {
    let mut cluster = cluster();
    let id = cluster.nodes[2].id();
    let traffic = traffic(&cluster.nodes[..2]);
    traffic.wait_more(WRITES_BETWEEN);
    cluster.nodes[2].kill();
    traffic.wait_more(WRITES_BETWEEN);
    cluster.nodes[2].start();
    cluster.nodes[2].wait_ready();
    traffic.wait_more(WRITES_BETWEEN / 4);
    let ledger = traffic.finish();
    assert_eq!(ledger.refused, Vec::<String>::new(), "{} accepted", ledger.accepted);
    assert!(ledger.samples() > SERIES * WRITES_BETWEEN);

    assert_eq!(cluster.nodes[2].id(), id, "the node came back as another one");
    for node in &cluster.nodes {
        let what = format!("{} to read every acknowledged sample", node.name);
        wait_for(&what, COMPLETE_LIMIT, || ledger.is_read_by(node.at.http));
    }
}

#[test]
fn while_a_node_is_down_the_others_answer_completely() {
    let mut cluster = cluster();
    let traffic = traffic(&cluster.nodes[..2]);
    traffic.wait_more(WRITES_BETWEEN / 4);
    cluster.nodes[2].kill();
    traffic.wait_more(WRITES_BETWEEN / 4);
    let ledger = traffic.finish();
    assert_eq!(ledger.refused, Vec::<String>::new(), "{} accepted", ledger.accepted);
    for node in &cluster.nodes[..2] {
        let what = format!("{} to read every acknowledged sample", node.name);
        wait_for(&what, COMPLETE_LIMIT, || ledger.is_read_by(node.at.http));
    }
    // The comparison sees a sample that was never written.
    let mut more = ledger;
    let times = more.acked.values_mut().next().expect("some were acknowledged");
    times.push(times.last().expect("not empty") + 1);
    let error = more.is_read_by(cluster.nodes[0].at.http).expect_err("one is missing");
    assert!(error.contains("1 of"), "{error}");
}

#[test]
fn a_crash_of_all_nodes_at_once_loses_nothing_acknowledged() {
    let mut cluster = cluster();
    let ids: Vec<String> = cluster.nodes.iter().map(Node::id).collect();
    let traffic = traffic(&cluster.nodes);
    traffic.wait_more(WRITES_BETWEEN / 2);
    cluster.nodes.iter_mut().for_each(Node::kill);
    let ledger = traffic.finish();
    cluster.nodes.iter_mut().for_each(Node::start);
    cluster.wait_ready();
    assert_eq!(cluster.nodes.iter().map(Node::id).collect::<Vec<_>>(), ids);
    for node in &cluster.nodes {
        let what = format!("{} to read every acknowledged sample", node.name);
        wait_for(&what, COMPLETE_LIMIT, || ledger.is_read_by(node.at.http));
    }
}
