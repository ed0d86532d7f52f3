//! The router over replicas that follow a script.

use std::collections::BTreeMap;

use bytes::Bytes;
use parking_lot::Mutex;
use proto::Labels;
use proto::remote_write::RequestWriter;

use super::*;
use crate::write::request::AcceptedTime;

/// How a scripted node behaves.
#[derive(Clone)]
enum Node {
    Healthy,
    Refuses,
    Hangs,
    Stale(u64),
}

/// Value bits by series and timestamp.
type Stored = BTreeMap<SeriesId, BTreeMap<i64, u64>>;

#[derive(Default)]
struct Scripted {
    nodes: Mutex<BTreeMap<NodeId, Node>>,
    known: Mutex<BTreeMap<NodeId, Stored>>,
}

impl Scripted {
    fn append_samples(&self, node: NodeId, batch: &SampleBatch) -> ReplicaAnswer {
        let mut known = self.known.lock();
        let series = known.entry(node).or_default();
        for (index, _) in &batch.labels {
            series.entry(batch.ids[*index as usize]).or_default();
        }
        let (mut unknown, mut conflicts) = (Vec::new(), Vec::new());
        for (index, id, timestamps, values) in batch.iter() {
            let Some(samples) = series.get_mut(&id) else {
                unknown.push(index as u32);
                continue;
            };
            for (t, v) in timestamps.iter().zip(values) {
                if *samples.entry(*t).or_insert(v.to_bits()) != v.to_bits() {
                    conflicts.push((index as u32, *t));
                }
            }
        }
        ReplicaAnswer::Durable { unknown, over_limit: Vec::new(), conflicts, refused: 0 }
    }

    fn samples_on(&self, node: u64) -> usize {
        let known = self.known.lock();
        known.get(&NodeId(node)).map_or(0, |s| s.values().map(BTreeMap::len).sum())
    }
}

#[async_trait]
impl Replicas for Scripted {
    async fn append(&self, node: NodeId, _ring: &str, shipment: Shipment) -> ReplicaAnswer {
        let behaviour = self.nodes.lock().get(&node).cloned().unwrap_or(Node::Healthy);
        match (behaviour, shipment) {
            (Node::Refuses, _) => ReplicaAnswer::Unavailable("scripted".to_owned()),
            (Node::Hangs, _) => std::future::pending().await,
            (Node::Stale(epoch), _) => ReplicaAnswer::Stale(Epoch(epoch)),
            (Node::Healthy, Shipment::Samples(batch)) => self.append_samples(node, &batch),
            (Node::Healthy, Shipment::Metadata(_)) => ReplicaAnswer::all_durable(),
        }
    }
}

struct FixedRouting {
    view: Mutex<View>,
    lease: bool,
}

#[async_trait]
impl Routing for FixedRouting {
    async fn view(&self, _tenant: &TenantName) -> Result<View, Unavailable> {
        Ok(self.view.lock().clone())
    }

    fn may_acknowledge(&self) -> bool {
        self.lease
    }

    async fn wait_epoch(&self, _ring: &str, epoch: Epoch) {
        let mut view = self.view.lock();
        let mut ring = (*view.ring).clone();
        ring.epoch = epoch;
        view.ring = Arc::new(ring);
    }
}

struct Bench {
    replicas: Arc<Scripted>,
    router: Router,
}

fn bench(ack_copies: usize, dead: &[u64], lease: bool) -> Bench {
    let pair = |a, b| vec![NodeId(a), NodeId(b)];
    let shards = [pair(1, 2), pair(2, 3), pair(3, 1), pair(2, 1)];
    let ring = Arc::new(RingView::new("default", Epoch(4), ack_copies, &shards, &BTreeSet::new()));
    let live = (1..=3).filter(|n| !dead.contains(n)).map(NodeId).collect();
    let view = View { ring, live: Arc::new(live), seed: 7, width: 0 };
    let routing = Arc::new(FixedRouting { view: Mutex::new(view), lease });
    let replicas = Arc::new(Scripted::default());
    let options = RouterOptions {
        fallback_after: Duration::from_millis(500),
        request_timeout: Duration::from_secs(10),
    };
    let handle = tokio::runtime::Handle::current();
    let router =
        Router::new(routing, replicas.clone(), Arc::new(Aliases::default()), options, handle);
    Bench { replicas, router }
}

fn request(value: f64) -> Request {
    let mut writer = RequestWriter::default();
    for i in 0..40 {
        let name = format!("m{i}");
        let labels = Labels::from_pairs([("__name__", name.as_str()), ("job", "x")]).unwrap();
        writer.series(&labels, &[(5, value)]);
    }
    parse(writer.as_bytes())
}

fn parse(body: &[u8]) -> Request {
    let accepted = AcceptedTime { from_ms: 0, to_ms: 10 };
    let tenant = TenantName::new("a").unwrap();
    let body = Bytes::copy_from_slice(body);
    Request::parse(tenant, 7, &body, accepted, &Aliases::default()).unwrap()
}

fn done(copies: usize, epoch: u64) -> Verdict {
    Verdict::Done { copies, epoch, rejections: Rejections::default() }
}

#[tokio::test(start_paused = true)]
async fn every_sample_is_on_two_nodes_before_the_ack() {
    let bench = bench(2, &[], true);
    assert_eq!(bench.router.write(request(1.0), None).await, done(2, 4));
    let total: usize = (1..=3).map(|n| bench.replicas.samples_on(n)).sum();
    assert_eq!(total, 80);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_refuses_or_hangs_is_replaced_by_a_fallback() {
    for bad in [Node::Refuses, Node::Hangs] {
        let bench = bench(2, &[], true);
        bench.replicas.nodes.lock().insert(NodeId(2), bad);
        assert_eq!(bench.router.write(request(1.0), None).await, done(2, 4));
        assert_eq!(bench.replicas.samples_on(1), 40);
        assert_eq!(bench.replicas.samples_on(3), 40);
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_known_to_be_dead_is_not_waited_for() {
    let bench = bench(2, &[3], true);
    bench.replicas.nodes.lock().insert(NodeId(3), Node::Hangs);
    let started = Instant::now();
    assert_eq!(bench.router.write(request(1.0), None).await, done(2, 4));
    assert!(started.elapsed() < Duration::from_millis(500), "virtual time passed");
}

#[tokio::test(start_paused = true)]
async fn too_few_answers_are_no_ack() {
    let bench = bench(2, &[], true);
    for node in [2, 3] {
        bench.replicas.nodes.lock().insert(NodeId(node), Node::Refuses);
    }
    let verdict = bench.router.write(request(1.0), None).await;
    assert!(matches!(verdict, Verdict::Retry(Unavailable::Exhausted { needed: 2, .. })));
}

#[tokio::test(start_paused = true)]
async fn no_answer_at_all_ends_with_the_deadline() {
    let bench = bench(2, &[], true);
    for node in [1, 2, 3] {
        bench.replicas.nodes.lock().insert(NodeId(node), Node::Hangs);
    }
    let verdict = bench.router.write(request(1.0), None).await;
    assert!(matches!(verdict, Verdict::Retry(Unavailable::Deadline { seconds: 10, .. })));
}

#[tokio::test(start_paused = true)]
async fn a_lease_lost_on_the_way_is_no_ack() {
    let bench = bench(2, &[], false);
    let verdict = bench.router.write(request(1.0), None).await;
    assert_eq!(verdict, Verdict::Retry(Unavailable::NoLease));
}

#[tokio::test(start_paused = true)]
async fn a_second_value_is_a_conflict_and_an_identical_one_is_not() {
    let bench = bench(2, &[], true);
    assert_eq!(bench.router.write(request(1.0), None).await, done(2, 4));
    assert_eq!(bench.router.write(request(1.0), None).await, done(2, 4));
    let verdict = bench.router.write(request(2.0), None).await;
    let Verdict::Done { rejections, .. } = verdict else { panic!("{verdict:?}") };
    assert_eq!(rejections.count, 40);
    assert!(rejections.named[0].contains("another value is stored at timestamp 5"));
}

#[tokio::test(start_paused = true)]
async fn a_newer_table_is_waited_for_and_the_request_routed_anew() {
    let bench = bench(2, &[], true);
    bench.replicas.nodes.lock().insert(NodeId(1), Node::Stale(5));
    let replicas = bench.replicas.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(1)).await;
        replicas.nodes.lock().clear();
    });
    let verdict = bench.router.write(request(1.0), None).await;
    assert_eq!(verdict, done(2, 5));
}

#[tokio::test(start_paused = true)]
async fn series_of_a_sender_that_does_not_sort_are_stored_under_their_real_id() {
    let bench = bench(2, &[], true);
    let mut series = Labels::from_pairs([("b", "2")]).unwrap().as_bytes().to_vec();
    series.extend_from_slice(Labels::from_pairs([("__name__", "m")]).unwrap().as_bytes());
    series.extend_from_slice(&[0x12, 0x02, 0x10, 0x05]);
    let mut body = vec![0x0a, series.len() as u8];
    body.extend_from_slice(&series);
    assert_eq!(bench.router.write(parse(&body), None).await, done(2, 4));
    let real = Labels::from_pairs([("__name__", "m"), ("b", "2")]).unwrap();
    let real = SeriesId::of(real.as_bytes(), 7);
    let holders = bench.replicas.known.lock().values().filter(|s| s.contains_key(&real)).count();
    assert_eq!(holders, 2);
}

#[tokio::test(start_paused = true)]
async fn invalid_labels_are_rejected_and_the_rest_is_durable() {
    let bench = bench(2, &[], true);
    let mut writer = RequestWriter::default();
    writer.series(&Labels::from_pairs([("job", "x")]).unwrap(), &[(5, 1.0)]);
    writer.series(&Labels::from_pairs([("__name__", "good")]).unwrap(), &[(5, 1.0)]);
    let verdict = bench.router.write(parse(writer.as_bytes()), None).await;
    let Verdict::Done { rejections, copies: 2, .. } = verdict else { panic!("{verdict:?}") };
    assert_eq!(rejections.count, 1);
    assert!(rejections.named[0].contains("__name__ is missing"));
}
