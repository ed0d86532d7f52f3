//! An ack is a promise: no 2xx leaves before W nodes have fsynced. Two real nodes, real HTTP and
//! gRPC, and a disk whose fsync is held back through the fs seam.

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use journal::files::OsFiles;
use journal::files::faulty::{Faults, FaultyFiles};
use node::config::NodeConfig;
use node::env::Env;
use node::run::Node;
use proto::Labels;
use proto::remote_write::RequestWriter;

/// How long an ack that leaves too early is given to show itself.
const PATIENCE: Duration = Duration::from_millis(700);
/// How long a cluster may take to get ready.
const START: Duration = Duration::from_secs(60);

struct Started {
    node: Node,
    faults: Arc<Faults>,
    _data: tempfile::TempDir,
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it has an address").port()
}

async fn start(name: &str, port: u16, seeds: &[String]) -> Started {
    let data = tempfile::tempdir().expect("a temporary directory");
    let mut config = NodeConfig::default();
    let any = "127.0.0.1:0".parse().expect("an address");
    (config.http_address, config.remote_write_address) = (any, any);
    config.grpc_address = format!("127.0.0.1:{port}").parse().expect("an address");
    config.cluster.advertise_address = config.grpc_address.to_string();
    config.cluster.seeds = seeds.to_vec();
    config.cluster.bootstrap_expect = Some(2);
    config.receive.replication_factor = 2;
    config.receive.request_timeout = Duration::from_secs(60);
    config.tsdb.path = data.path().to_owned();
    config.tsdb.wal_segment_bytes = 1 << 20;
    config.node_name = name.to_owned();
    config.bucket = node::config::BucketConfig::Directory(data.path().join("bucket"));
    let files = FaultyFiles::new(Arc::new(OsFiles));
    let faults = files.faults();
    let mut env = Env::production().expect("a production environment");
    env.files = Arc::new(files);
    let node = Node::start(config, env).await.expect("the node starts");
    Started { node, faults, _data: data }
}

async fn two_nodes() -> [Started; 2] {
    let ports = [free_port(), free_port()];
    let seeds = ports.map(|port| format!("127.0.0.1:{port}"));
    let (a, b) = tokio::join!(start("a", ports[0], &seeds), start("b", ports[1], &seeds));
    for started in [&a, &b] {
        let ready = async {
            while started.node.ready().is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let waited = tokio::time::timeout(START, ready).await;
        waited.unwrap_or_else(|_| panic!("not ready: {:?}", started.node.ready()));
    }
    [a, b]
}

/// Sends samples of several series, so that both nodes are owners, and gives the status.
fn write(node: &Node, value: f64) -> tokio::task::JoinHandle<u16> {
    let url = format!("http://{}/api/v1/receive", node.write_address);
    let mut request = RequestWriter::default();
    let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_millis() as i64;
    for i in 0..20 {
        let name = format!("metric_{i}");
        let labels = Labels::from_pairs([("__name__", name.as_str())]).expect("valid labels");
        request.series(&labels, &[(now, value)]);
    }
    let body = snap::raw::Encoder::new().compress_vec(request.as_bytes()).expect("compresses");
    tokio::spawn(async move {
        let response = reqwest::Client::new().post(url).body(body).send().await;
        response.expect("the node answers").status().as_u16()
    })
}

fn is_head_journal(path: &Path) -> bool {
    path.components().any(|c| c.as_os_str() == "head")
}

async fn wait_held(faults: &Arc<Faults>) {
    let faults = faults.clone();
    let waited = tokio::task::spawn_blocking(move || faults.wait_held());
    let held = tokio::time::timeout(START, waited).await;
    held.expect("an fsync was asked for").expect("the waiter lives");
}

async fn still_waits(answer: &mut tokio::task::JoinHandle<u16>, why: &str) {
    let early = tokio::time::timeout(PATIENCE, answer).await;
    assert!(early.is_err(), "an answer left {why}: {early:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_2xx_leaves_before_two_nodes_have_fsynced() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let [a, b] = two_nodes().await;
    assert_eq!(write(&a.node, 1.0).await.expect("the client lives"), 200, "nothing is held");

    // One owner cannot fsync; the request goes to the other one, then to it itself.
    for taker in [&a, &b] {
        let hold = b.faults.hold_syncs(is_head_journal);
        let mut answer = write(&taker.node, 2.0);
        wait_held(&b.faults).await;
        still_waits(&mut answer, "while one of two owners had not fsynced").await;
        b.faults.release(hold);
        assert_eq!(answer.await.expect("the client lives"), 200);
    }

    // Both cannot; releasing one is not enough.
    let holds = (a.faults.hold_syncs(is_head_journal), b.faults.hold_syncs(is_head_journal));
    let mut answer = write(&a.node, 3.0);
    wait_held(&a.faults).await;
    wait_held(&b.faults).await;
    still_waits(&mut answer, "while no owner had fsynced").await;
    a.faults.release(holds.0);
    still_waits(&mut answer, "while only one of two owners had fsynced").await;
    b.faults.release(holds.1);
    assert_eq!(answer.await.expect("the client lives"), 200);

    for started in [a, b] {
        started.node.stop(Duration::from_secs(5)).await;
    }
}
