//! Drives one write request: sends to owners, asks fallbacks, and gives the one verdict.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use journal::planted;
use proto::record::MetadataBatch;
use proto::{Epoch, NodeId, SampleBatch, SeriesId, TenantName};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::alias::Aliases;
use super::request::{Request, Resolved};
use super::split::RingView;
use super::tally::{Ask, Decision, Tally};
use super::verdict::{Rejections, Unavailable, Verdict};

/// How often a request is routed anew because a table changed below it.
const REROUTES_MAX: usize = 8;

/// What a node answers to a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplicaAnswer {
    /// Everything is durable there, but for what is named.
    Durable {
        /// Series of the batch (indexes) that the node does not know: it needs their labels.
        unknown: Vec<u32>,
        /// Series of the batch that are new and were refused because the node's head is full.
        over_limit: Vec<u32>,
        /// Samples that differ from what is stored: (index of the series, timestamp).
        conflicts: Vec<(u32, i64)>,
        /// Metric families whose metadata was not stored because of a limit.
        refused: u64,
    },
    /// Nothing was done: the node's table of the ring has this epoch.
    Stale(Epoch),
    /// Nothing is promised; the text says why.
    Unavailable(String),
}

impl ReplicaAnswer {
    /// Everything is durable, nothing was odd.
    pub fn all_durable() -> ReplicaAnswer {
        let (unknown, over_limit, conflicts) = (Vec::new(), Vec::new(), Vec::new());
        ReplicaAnswer::Durable { unknown, over_limit, conflicts, refused: 0 }
    }
}

/// What is sent to a node.
#[derive(Debug)]
pub enum Shipment {
    /// Samples.
    Samples(SampleBatch),
    /// Metadata.
    Metadata(MetadataBatch),
}

/// Sends batches to the nodes of the cluster, this one included.
#[async_trait]
pub trait Replicas: Send + Sync {
    /// Makes a batch durable on a node. Never hangs: answers within its own deadline.
    async fn append(&self, node: NodeId, ring: &str, shipment: Shipment) -> ReplicaAnswer;
}

/// What the router needs to know of the cluster, as of now.
#[derive(Clone, Debug)]
pub struct View {
    /// The tenant's ring.
    pub ring: Arc<RingView>,
    /// Nodes believed to be alive.
    pub live: Arc<BTreeSet<NodeId>>,
    /// Seed of the tenant's series ids.
    pub seed: u64,
    /// Shards that the tenant uses; 0 for all.
    pub width: u32,
}

/// The router's window on the cluster.
#[async_trait]
pub trait Routing: Send + Sync {
    /// The tenant's ring now. An error when this node may not acknowledge.
    async fn view(&self, tenant: &TenantName) -> Result<View, Unavailable>;
    /// Whether this node still holds its lease: asked once more right before an ack.
    fn may_acknowledge(&self) -> bool;
    /// Waits until this node's table of the ring has at least this epoch.
    async fn wait_epoch(&self, ring: &str, epoch: Epoch);
}

/// Times of the router.
#[derive(Clone, Copy, Debug)]
pub struct RouterOptions {
    /// After this time without an answer a fallback is asked (`--receive.fallback-after`).
    pub fallback_after: Duration,
    /// A request's time (`--receive.request-timeout`).
    pub request_timeout: Duration,
}

/// Routes write requests. Cheap to share.
pub struct Router {
    routing: Arc<dyn Routing>,
    replicas: Arc<dyn Replicas>,
    aliases: Arc<Aliases>,
    options: RouterOptions,
    runtime: tokio::runtime::Handle,
}

/// A request on its way, with its share of the byte budget: freed when the last send has ended.
struct Flight {
    request: Request,
    view: View,
    _permit: Option<Arc<OwnedSemaphorePermit>>,
}

/// What one node made of its part of a flight.
struct Landing {
    node: NodeId,
    groups: Vec<usize>,
    answer: Result<Landed, Trouble>,
}

#[derive(Default)]
struct Landed {
    conflicts: Vec<(u32, i64)>,
    aliased: Vec<(u32, SeriesId, proto::Labels)>,
    invalid: Vec<(u32, String)>,
    over_limit: Vec<u32>,
    refused: u64,
}

enum Trouble {
    Stale(Epoch),
    Unavailable(String),
}

/// Everything one routing of a request came to.
struct Outcome {
    copies: usize,
    epoch: u64,
    rejections: Rejections,
    aliased: Vec<(u32, SeriesId, proto::Labels)>,
    over_limit: u64,
}

enum Failure {
    /// A newer table exists: its ring and epoch, and the conflicts that were met before.
    Stale(String, Epoch, BTreeSet<(u32, i64)>),
    Unavailable(Unavailable),
}

impl Router {
    /// A router; sends run on `runtime`, so that they outlive the request that started them.
    pub fn new(
        routing: Arc<dyn Routing>,
        replicas: Arc<dyn Replicas>,
        aliases: Arc<Aliases>,
        options: RouterOptions,
        runtime: tokio::runtime::Handle,
    ) -> Router {
        Router { routing, replicas, aliases, options, runtime }
    }

    /// Makes a request durable. The permit is freed when the last copy was made or given up.
    pub async fn write(&self, request: Request, permit: Option<OwnedSemaphorePermit>) -> Verdict {
        let deadline = Instant::now() + self.options.request_timeout;
        let permit = permit.map(Arc::new);
        let mut rejections = request.rejections.clone();
        let (mut copies, mut epoch, mut over_limit) = (usize::MAX, 0, 0);
        let mut next = Some(request);
        while let Some(request) = next.take() {
            let (request, outcome) = match self.route(request, permit.clone(), deadline).await {
                Ok(done) => done,
                Err(unavailable) => return Verdict::Retry(unavailable),
            };
            copies = copies.min(outcome.copies);
            epoch = outcome.epoch;
            rejections.merge(outcome.rejections);
            over_limit += outcome.over_limit;
            if !outcome.aliased.is_empty() {
                for (series, real, _) in &outcome.aliased {
                    self.aliases.insert(request.request.raw_id(*series as usize), *real);
                }
                next = Some(request.request.aliased(&outcome.aliased));
            }
        }
        if !self.routing.may_acknowledge() {
            return Verdict::Retry(Unavailable::NoLease);
        }
        if over_limit > 0 {
            return Verdict::Retry(Unavailable::TooManySeries(over_limit));
        }
        Verdict::Done { copies, epoch, rejections }
    }

    /// Routes until the tables hold still.
    async fn route(
        &self,
        request: Request,
        permit: Option<Arc<OwnedSemaphorePermit>>,
        deadline: Instant,
    ) -> Result<(Arc<Flight>, Outcome), Unavailable> {
        let mut request = request;
        let mut conflicts = BTreeSet::new();
        for _ in 0..REROUTES_MAX {
            let view = self.routing.view(&request.tenant).await?;
            let flight = Arc::new(Flight { request, view, _permit: permit.clone() });
            match self.fly(&flight, std::mem::take(&mut conflicts), deadline).await {
                Ok(outcome) => return Ok((flight, outcome)),
                Err(Failure::Unavailable(unavailable)) => return Err(unavailable),
                Err(Failure::Stale(ring, epoch, met)) => {
                    conflicts = met;
                    let wait = self.routing.wait_epoch(&ring, epoch);
                    let _ = timeout_at(deadline, wait).await;
                    request = flight.request.again();
                }
            }
        }
        Err(Unavailable::NotReady("the hashring's table keeps changing".to_owned()))
    }

    /// One routing of a request: asks, counts, and decides.
    async fn fly(
        &self,
        flight: &Arc<Flight>,
        conflicts: BTreeSet<(u32, i64)>,
        deadline: Instant,
    ) -> Result<Outcome, Failure> {
        let ring = &flight.view.ring;
        let start = proto::ids::tenant_start(flight.view.seed);
        let mut split = ring.split(&flight.request.ids, start, flight.view.width);
        if !flight.request.metadata.is_empty() {
            let group = ring.group_of(metadata_id(flight.view.seed), start, flight.view.width);
            match split.iter().position(|(g, _)| *g == group) {
                Some(index) => split.swap(0, index),
                None => split.insert(0, (group, Vec::new())),
            }
        }
        let groups: Vec<_> = split.iter().map(|(group, _)| &ring.groups[*group]).collect();
        let live = &flight.view.live;
        let (tally, asks) = Tally::new(ring.ack_copies, &groups, |node| live.contains(&node));
        let series: Vec<Vec<u32>> = split.into_iter().map(|(_, series)| series).collect();
        let mut round = Round::new(self, flight.clone(), series, tally);
        round.conflicts = conflicts;
        round.send(asks);
        round.until_decided(deadline).await
    }
}

/// Metadata of a tenant lives where this id would.
fn metadata_id(seed: u64) -> SeriesId {
    SeriesId::of(b"metadata", seed)
}

/// The sends of one routing and what came back.
struct Round<'a> {
    router: &'a Router,
    flight: Arc<Flight>,
    series: Arc<Vec<Vec<u32>>>,
    tally: Tally,
    landings: mpsc::UnboundedReceiver<Landing>,
    outbox: mpsc::UnboundedSender<Landing>,
    conflicts: BTreeSet<(u32, i64)>,
    over_limit: BTreeSet<u32>,
    refused: u64,
    invalid: std::collections::BTreeMap<u32, String>,
    aliased: std::collections::BTreeMap<u32, (SeriesId, proto::Labels)>,
    last: String,
}

impl<'a> Round<'a> {
    fn new(router: &'a Router, flight: Arc<Flight>, series: Vec<Vec<u32>>, tally: Tally) -> Self {
        let (outbox, landings) = mpsc::unbounded_channel();
        Round {
            router,
            flight,
            series: Arc::new(series),
            tally,
            landings,
            outbox,
            conflicts: BTreeSet::new(),
            over_limit: BTreeSet::new(),
            refused: 0,
            invalid: Default::default(),
            aliased: Default::default(),
            last: "no answer".to_owned(),
        }
    }

    /// Starts the sends. They run to their own end, also after the request was answered: copies
    /// beyond the quorum are made, not dropped.
    fn send(&self, asks: Vec<Ask>) {
        for ask in asks {
            let (flight, series) = (self.flight.clone(), self.series.clone());
            let (replicas, outbox) = (self.router.replicas.clone(), self.outbox.clone());
            self.router.runtime.spawn(async move {
                let answer = ship(&*replicas, &flight, &series, &ask).await;
                let landing = Landing { node: ask.node, groups: ask.groups, answer };
                // The request may have been answered already: then nobody listens.
                let _ = outbox.send(landing);
            });
        }
    }

    async fn until_decided(mut self, deadline: Instant) -> Result<Outcome, Failure> {
        let slow_at = Instant::now() + self.router.options.fallback_after;
        let mut slow_passed = false;
        loop {
            match self.tally.decision() {
                Decision::Durable { copies } => return Ok(self.outcome(copies)),
                Decision::Exhausted => return Err(self.exhausted()),
                Decision::Waiting => {}
            }
            tokio::select! {
                biased;
                Some(landing) = self.landings.recv() => self.land(landing)?,
                () = sleep_until(deadline) => return Err(self.too_late()),
                () = sleep_until(slow_at), if !slow_passed => {
                    slow_passed = true;
                    let asks = self.tally.slow();
                    self.send(asks);
                }
            }
        }
    }

    fn land(&mut self, landing: Landing) -> Result<(), Failure> {
        let durable = match landing.answer {
            Ok(landed) => {
                self.conflicts.extend(landed.conflicts);
                self.invalid.extend(landed.invalid);
                self.over_limit.extend(landed.over_limit);
                self.refused = self.refused.max(landed.refused);
                let aliased = landed.aliased.into_iter();
                self.aliased.extend(aliased.map(|(series, id, labels)| (series, (id, labels))));
                true
            }
            Err(Trouble::Stale(epoch)) if epoch > self.flight.view.ring.epoch => {
                let ring = self.flight.view.ring.name.clone();
                return Err(Failure::Stale(ring, epoch, std::mem::take(&mut self.conflicts)));
            }
            Err(Trouble::Stale(epoch)) => {
                self.last = format!("node {} is behind, at epoch {}", landing.node, epoch.0);
                false
            }
            Err(Trouble::Unavailable(text)) => {
                self.last = format!("node {}: {text}", landing.node);
                false
            }
        };
        let asks = self.tally.answer(landing.node, &landing.groups, durable);
        self.send(asks);
        Ok(())
    }

    fn outcome(self, copies: usize) -> Outcome {
        let mut rejections = Rejections::default();
        let request = &self.flight.request;
        let seed = self.flight.view.seed;
        for (series, timestamp) in self.conflicts.iter().filter(|_| !planted!("G17")) {
            rejections.add(1, || {
                let labels = match request.resolve(*series as usize, seed) {
                    Resolved::Canonical(labels) | Resolved::Aliased(_, labels) => {
                        labels.to_string()
                    }
                    Resolved::Invalid(text) => text,
                };
                format!("{labels}: another value is stored at timestamp {timestamp}")
            });
        }
        if self.refused > 0 {
            let count = self.refused;
            let why = || format!("metadata of {count} metric families: the tenant has too much");
            rejections.add(count, why);
        }
        for (series, text) in &self.invalid {
            let samples = request.samples_of(*series as usize).0.len() as u64;
            rejections.add(samples, || text.clone());
        }
        let aliased = self.aliased.into_iter().map(|(series, (id, labels))| (series, id, labels));
        let epoch = self.flight.view.ring.epoch.0;
        let over_limit = self.over_limit.len() as u64;
        Outcome { copies, epoch, rejections, aliased: aliased.collect(), over_limit }
    }

    fn exhausted(&self) -> Failure {
        let needed = self.flight.view.ring.ack_copies;
        Failure::Unavailable(Unavailable::Exhausted { needed, last: self.last.clone() })
    }

    fn too_late(&self) -> Failure {
        Failure::Unavailable(Unavailable::Deadline {
            needed: self.flight.view.ring.ack_copies,
            seconds: self.router.options.request_timeout.as_secs(),
            last: self.last.clone(),
        })
    }
}

/// Ships the groups of an ask to its node: first ids alone, then the labels of those unknown.
async fn ship(
    replicas: &dyn Replicas,
    flight: &Flight,
    series: &[Vec<u32>],
    ask: &Ask,
) -> Result<Landed, Trouble> {
    let ring = &flight.view.ring;
    let mut landed = Landed::default();
    if ask.groups.contains(&0) && !flight.request.metadata.is_empty() {
        let shipment = Shipment::Metadata(flight.request.metadata_batch(ring.epoch));
        landed.refused = durable(replicas.append(ask.node, &ring.name, shipment).await)?.refused;
    }
    let wanted: Vec<u32> = ask.groups.iter().flat_map(|g| &series[*g]).copied().collect();
    if wanted.is_empty() {
        return Ok(landed);
    }
    let batch = flight.request.batch(&wanted, ring.epoch);
    let parts = durable(replicas.append(ask.node, &ring.name, Shipment::Samples(batch)).await)?;
    landed.conflicts = at(&wanted, parts.conflicts);
    if !parts.unknown.is_empty() {
        introduce(replicas, flight, ask.node, &wanted, &parts.unknown, &mut landed).await?;
    }
    Ok(landed)
}

/// Sends the series that a node does not know once more, with their labels.
async fn introduce(
    replicas: &dyn Replicas,
    flight: &Flight,
    node: NodeId,
    wanted: &[u32],
    unknown: &[u32],
    landed: &mut Landed,
) -> Result<(), Trouble> {
    let mut again = Vec::new();
    let mut labels = Vec::new();
    for index in unknown {
        let Some(series) = wanted.get(*index as usize).copied() else {
            return Err(Trouble::Unavailable("it named a series that was not sent".to_owned()));
        };
        match flight.request.resolve(series as usize, flight.view.seed) {
            Resolved::Canonical(found) => {
                labels.push((again.len() as u32, found));
                again.push(series);
            }
            Resolved::Aliased(id, found) => landed.aliased.push((series, id, found)),
            Resolved::Invalid(text) => landed.invalid.push((series, text)),
        }
    }
    if again.is_empty() {
        return Ok(());
    }
    let ring = &flight.view.ring;
    let mut batch = flight.request.batch(&again, ring.epoch);
    batch.labels = labels;
    let parts = durable(replicas.append(node, &ring.name, Shipment::Samples(batch)).await)?;
    if !parts.unknown.is_empty() {
        let text = "it does not know series whose labels it was just sent";
        return Err(Trouble::Unavailable(text.to_owned()));
    }
    let series = parts.over_limit.iter().filter_map(|i| again.get(*i as usize));
    landed.over_limit.extend(series);
    landed.conflicts.extend(at(&again, parts.conflicts));
    Ok(())
}

struct DurableParts {
    unknown: Vec<u32>,
    over_limit: Vec<u32>,
    conflicts: Vec<(u32, i64)>,
    refused: u64,
}

fn durable(answer: ReplicaAnswer) -> Result<DurableParts, Trouble> {
    match answer {
        ReplicaAnswer::Durable { unknown, over_limit, conflicts, refused } => {
            Ok(DurableParts { unknown, over_limit, conflicts, refused })
        }
        ReplicaAnswer::Stale(epoch) => Err(Trouble::Stale(epoch)),
        ReplicaAnswer::Unavailable(text) => Err(Trouble::Unavailable(text)),
    }
}

/// Indexes of a batch as series of the request.
fn at(sent: &[u32], conflicts: Vec<(u32, i64)>) -> Vec<(u32, i64)> {
    let series = |(index, t): (u32, i64)| sent.get(index as usize).map(|series| (*series, t));
    conflicts.into_iter().filter_map(series).collect()
}

#[cfg(test)]
mod tests;
