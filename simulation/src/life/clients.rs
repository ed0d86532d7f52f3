//! The clients in the network: each pushes in turn, others query.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use tokio::time::{Instant, sleep};
use turmoil::Sim;

use super::{SharedStage, Stage};
use super::{reading, refusals};
use crate::client;
use crate::host::{HTTP_PORT, WRITE_PORT};
use crate::plan::Plan;
use crate::random::Random;
use crate::traffic::{Outcome, Push};
use crate::world::clock::true_ms;

/// Name of the host that all clients run on.
pub const CLIENTS: &str = "clients";
/// How long a client waits for an answer; longer than a node takes to give up.
const PUSH_LIMIT: Duration = Duration::from_secs(15);
/// Of a hundred pushes, how many are sent to two nodes at once: a proxy that does not wait.
const TWICE_PERCENT: u64 = 5;
/// How long an operator waits for an answer.
const ROUTE_LIMIT: Duration = Duration::from_secs(10);
/// Between two looks whether a node starts.
const STARTS_EVERY: Duration = Duration::from_millis(20);
/// Between two looks whether the stage is open.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Puts the clients into the network. They wait until the stage opens.
pub fn start(sim: &mut Sim<'static>, stage: &SharedStage, plan: &Rc<Plan>) {
    let (stage, plan) = (stage.clone(), plan.clone());
    sim.client(CLIENTS, async move {
        let clients = stage.borrow().traffic.clients();
        for number in 0..clients {
            tokio::task::spawn_local(pusher(number, stage.clone(), plan.clone()));
        }
        for number in 0..2 {
            tokio::task::spawn_local(querier(number, stage.clone(), plan.clone()));
        }
        tokio::task::spawn_local(operator(stage.clone(), plan.clone()));
        std::future::pending().await
    });
}

/// A pause around a mean of so many milliseconds.
async fn pause(random: &mut Random, mean_ms: i64) {
    let ms = random.between(mean_ms / 4, mean_ms * 7 / 4);
    sleep(Duration::from_millis(ms.unsigned_abs())).await;
}

/// A pause around a mean, cut short when a node begins to start: answers are most telling then.
async fn pause_until_start(stage: &SharedStage, random: &mut Random, mean_ms: i64) {
    let ms = random.between(mean_ms / 4, mean_ms * 7 / 4);
    let is_starting = || stage.borrow().hosts.iter().any(|host| host.is_starting());
    let (was_starting, end) =
        (is_starting(), Instant::now() + Duration::from_millis(ms.unsigned_abs()));
    while Instant::now() < end && (was_starting || !is_starting()) {
        sleep(STARTS_EVERY.min(end - Instant::now())).await;
    }
}

async fn pusher(number: usize, stage: SharedStage, plan: Rc<Plan>) {
    let mut random = Random::new(0x7075_7368 ^ ((number as u64) << 40));
    loop {
        pause(&mut random, plan.push_every_ms).await;
        if !stage.borrow().is_open() {
            sleep(LOOK_EVERY).await;
            continue;
        }
        push_once(number, &stage, &mut random).await;
    }
}

/// Sends the next push of a client to any node, now and then to another one too without waiting
/// for the first.
async fn push_once(number: usize, stage: &SharedStage, random: &mut Random) {
    let (push, twin, hosts) = {
        let mut stage = stage.borrow_mut();
        let hosts = [(); 2].map(|()| random.index(stage.hosts.len()));
        let push = stage.traffic.next_of(number, true_ms());
        let is_twice = random.percent(TWICE_PERCENT);
        let twin = is_twice.then(|| stage.traffic.again(&push, true_ms()));
        (push, twin, hosts)
    };
    if let Some(twin) = twin {
        tokio::task::spawn_local(deliver(twin, hosts[1], stage.clone()));
    }
    deliver(push, hosts[0], stage.clone()).await;
}

/// Sends a push to a node and takes down what its client was told.
async fn deliver(push: Push, host: usize, stage: SharedStage) {
    let sent_ms = true_ms();
    let (node, trace) = {
        let mut stage = stage.borrow_mut();
        let node = stage.hosts[host].name.clone();
        stage.sent(&push, &node, sent_ms);
        (node, stage.trace.clone())
    };
    let answer = match request_of(&push) {
        Some(request) => client::send(&node, WRITE_PORT, request, PUSH_LIMIT, &trace).await,
        None => Err(client::Lost::NotSent("the request cannot be made".to_owned())),
    };
    let mut stage = stage.borrow_mut();
    if let Ok(answer) = &answer {
        note_answer(answer, &push, &mut stage);
    }
    let outcome = answer.map_or(Outcome::Unknown, |answer| Outcome::Status(answer.status));
    if outcome == Outcome::Status(503) {
        refusals::judge(&push, host, sent_ms, true_ms(), &mut stage);
    }
    stage.settled(&push, &node, outcome, true_ms());
}

/// Counts answers of which a life should have some.
fn note_answer(answer: &client::Answer, push: &Push, stage: &mut Stage) {
    let text = String::from_utf8_lossy(&answer.body);
    let says = |words: &str| text.contains(words);
    match answer.status {
        400 if says("another value is stored") => stage.sometimes("conflict answered 400"),
        503 if says("no lease") => stage.sometimes("write refused for want of a lease"),
        200 if push.number != push.first => stage.sometimes("push sent again and taken"),
        _ => {}
    }
}

fn request_of(push: &Push) -> Option<Request<Full<Bytes>>> {
    let mut request = Request::post("/api/v1/receive")
        .header("content-encoding", "snappy")
        .header("content-type", push.content_type)
        .header("user-agent", push.client_name.as_str());
    if let Some(tenant) = &push.tenant_header {
        request = request.header("THANOS-TENANT", tenant.as_str());
    }
    request.body(Full::new(push.body.clone())).ok()
}

async fn querier(number: usize, stage: SharedStage, plan: Rc<Plan>) {
    let mut random = Random::new(0x7175_6572 ^ ((number as u64) << 40));
    loop {
        pause_until_start(&stage, &mut random, plan.query_every_ms).await;
        if !stage.borrow().is_open() {
            sleep(LOOK_EVERY).await;
            continue;
        }
        let host = random.index(stage.borrow().hosts.len());
        reading::ask(host, &stage, &mut random).await;
    }
}

/// An operator who changes the cluster's state again and again: routes of tenants that send
/// nothing.
async fn operator(stage: SharedStage, plan: Rc<Plan>) {
    let mut random = Random::new(0x726f_7574);
    loop {
        pause(&mut random, plan.route_every_ms).await;
        if !stage.borrow().is_open() {
            continue;
        }
        let (node, trace) = {
            let stage = stage.borrow();
            let host = &stage.hosts[random.index(stage.hosts.len())];
            (host.name.clone(), stage.trace.clone())
        };
        let ring = plan.rings[random.index(plan.rings.len())].name;
        let request = route_request(&format!("idle-{}", random.below(8)), ring);
        if let Some(request) = request {
            let answer = client::send(&node, HTTP_PORT, request, ROUTE_LIMIT, &trace).await;
            let is_done = answer.is_ok_and(|answer| answer.status == 200);
            trace.event(format!("a route by {node}: {is_done}"));
        }
    }
}

/// The request to route a tenant to a hashring.
pub(super) fn route_request(tenant: &str, ring: &str) -> Option<Request<Full<Bytes>>> {
    let path = format!("/api/v1/granary/tenants/{tenant}/route?hashring={ring}");
    Request::post(path).body(Full::new(Bytes::new())).ok()
}
