//! Nodes that are shell scripts: how they end and that nothing is left of them.

use std::path::PathBuf;

use super::super::plan::Addresses;
use super::*;

/// Long enough for a loaded machine; no test waits that long unless it fails.
const LONG: Duration = Duration::from_secs(60);

/// A plan of one node per script.
fn plan(directory: &Path, scripts: &[&str]) -> Plan {
    let any = "127.0.0.1:1".parse().unwrap();
    let node = |(number, script): (usize, &&str)| NodePlan {
        name: format!("node-{number}"),
        number,
        listen: Addresses { http: any, grpc: any, write: any },
        args: vec!["-c".to_owned(), (*script).to_owned()],
        log: directory.join("logs").join(format!("{number}.log")),
    };
    Plan { nodes: scripts.iter().enumerate().map(node).collect() }
}

fn start(directory: &Path, scripts: &[&str]) -> Fleet {
    let mut fleet = Fleet::default();
    fleet.start(Path::new("/bin/sh"), &plan(directory, scripts)).unwrap();
    fleet
}

fn exists(pid: u32) -> bool {
    PathBuf::from(format!("/proc/{pid}")).exists()
}

async fn until(mut done: impl FnMut() -> bool) {
    let wait = async {
        while !done() {
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::time::timeout(LONG, wait).await.expect("it happens");
}

#[tokio::test]
async fn stop_ends_nodes_that_listen_and_kills_those_that_do_not() {
    let directory = tempfile::tempdir().unwrap();
    let stubborn = "trap '' TERM; echo ready; while :; do sleep 0.1; done";
    let mut fleet = start(directory.path(), &["exec sleep 1000", stubborn]);
    let pids: Vec<_> = fleet.live().map(|node| node.pid).collect();
    let log = fleet.nodes[1].plan.log.clone();
    until(|| process::log_tail(&log).contains("ready")).await;
    let mut signals = Signals::listen().unwrap();
    fleet.stop(&mut signals, Duration::from_millis(300)).await;
    assert!(fleet.live().next().is_none());
    assert!(pids.iter().all(|pid| !exists(*pid)));
}

#[tokio::test]
async fn a_node_that_ends_is_told_once_and_stays_dead() {
    let directory = tempfile::tempdir().unwrap();
    let mut fleet = start(directory.path(), &["echo no good; exit 3", "exec sleep 1000"]);
    let mut ended = Vec::new();
    until(|| {
        ended.extend(fleet.newly_ended());
        !ended.is_empty()
    })
    .await;
    assert_eq!((ended.len(), ended[0].plan.name.as_str()), (1, "node-0"));
    assert!(ended[0].status.contains('3'), "{}", ended[0].status);
    assert_eq!(process::log_tail(&ended[0].plan.log), "  no good");
    assert!(fleet.newly_ended().is_empty());
    assert_eq!(fleet.live().count(), 1);
    let mut signals = Signals::listen().unwrap();
    fleet.stop(&mut signals, LONG).await;
}

#[tokio::test]
async fn a_fleet_that_is_dropped_takes_its_nodes_along() {
    let directory = tempfile::tempdir().unwrap();
    let fleet = start(directory.path(), &["exec sleep 1000"]);
    let pid = fleet.nodes[0].pid;
    assert!(exists(pid));
    drop(fleet);
    // Whoever waits for it (the runtime) does so in its own time.
    until(|| !exists(pid)).await;
}
