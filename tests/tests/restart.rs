//! Stopping and starting: SIGTERM finishes what is in flight, a node comes back as itself at
//! another address, and a data directory belongs to one process.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tests::clock::{now_ms, pause, wait_for};
use tests::node::Addresses;
use tests::query::instant;
use tests::traffic::Traffic;
use tests::{ClusterPlan, write};

const LIMIT: Duration = Duration::from_secs(30);
/// Time for the stop to begin while a request is half sent.
const HALF_WAY: Duration = Duration::from_millis(500);

#[test]
fn sigterm_lets_a_request_in_flight_finish_and_exits_with_0() {
    let mut cluster = ClusterPlan::of(1).start();
    let node = &mut cluster.nodes[0];
    let now = now_ms();
    let series = [(write::labels(&[("__name__", "in_flight")]), vec![(now, 7.0)])];
    let body = write::body(&series);
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: granary\r\nContent-Encoding: snappy\r\n\
         Content-Type: application/x-protobuf\r\nContent-Length: {}\r\n\r\n",
        write::RECEIVE,
        body.len()
    );
    let mut stream = TcpStream::connect(node.at.write).expect("the node listens");
    let (first, second) = body.split_at(body.len() / 2);
    stream.write_all(&[head.as_bytes(), first].concat()).expect("the node reads");
    pause(HALF_WAY);
    node.terminate();
    pause(HALF_WAY);
    stream.write_all(second).expect("the node still reads what it began to read");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).expect("the node answers before it stops");
    assert!(answer.starts_with(b"HTTP/1.1 2"), "{}", String::from_utf8_lossy(&answer));
    drop(stream);
    assert_eq!(node.wait_end().code(), Some(0));

    node.start();
    node.wait_ready();
    let answer = instant(node.at.http, "in_flight", Some(now + 1)).expect("an answer");
    assert_eq!(answer.series()[0].points[0].1, "7", "{:?}", answer.data);
}

#[test]
fn sigterm_under_load_loses_nothing_and_another_address_changes_nothing() {
    let mut cluster = ClusterPlan::of(3).flag("--receive.replication-factor=2").start();
    let id = cluster.nodes[2].id();
    let writers = cluster.nodes.iter().map(|node| node.at.write).collect();
    let traffic = Traffic::start(writers, &["t"], 10);
    traffic.wait_more(50);
    cluster.nodes[2].terminate();
    assert_eq!(cluster.nodes[2].wait_end().code(), Some(0));
    traffic.wait_more(50);
    let ledger = traffic.finish();
    let stopped = cluster.nodes[2].at.write.to_string();
    let elsewhere = ledger.refused.iter().filter(|refusal| !refusal.starts_with(&stopped));
    assert_eq!(elsewhere.count(), 0, "{:?}", ledger.refused);

    cluster.nodes[2].at = Addresses::free();
    cluster.nodes[2].start();
    cluster.nodes[2].wait_ready();
    assert_eq!(cluster.nodes[2].id(), id, "the node came back as another one");
    let address = cluster.nodes[2].at.grpc.to_string();
    wait_for("the cluster to know the new address", LIMIT, || {
        let shown = cluster.nodes[0].ask_json(&["ring", "show"]);
        let nodes = shown["hashrings"][0]["nodes"].as_array().cloned().unwrap_or_default();
        let known = nodes.len() == 3
            && nodes.iter().any(|n| n["id"] == id.as_str() && n["address"] == address.as_str());
        if known { Ok(()) } else { Err(format!("{nodes:?}")) }
    });
    for node in &cluster.nodes {
        wait_for("every acknowledged sample", LIMIT, || ledger.is_read_by(node.at.http));
    }
}

#[test]
fn a_data_directory_has_one_process() {
    let cluster = ClusterPlan::of(1).start();
    let mut second = ClusterPlan::of(1).make();
    second.nodes[0].data = cluster.nodes[0].data.clone();
    let output = second.nodes[0].command().output().expect("granary can be run");
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    let data = cluster.nodes[0].data.display().to_string();
    assert!(error.contains(&data) && error.contains("another granary process"), "{error}");
    cluster.nodes[0].is_ready().expect("the first goes on");
}
