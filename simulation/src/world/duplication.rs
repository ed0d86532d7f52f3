//! Calls to other nodes that are made twice: a layer around gRPC's channel. The copy goes before
//! the call or a while after its answer; nobody hears what it is answered.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cluster::Line;
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tonic::transport::{Channel, Error};
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt};

use crate::random::Random;

/// Longest time between a call and its late copy, milliseconds.
const LATE_MS_MAX: u64 = 4_000;

#[derive(Debug)]
struct State {
    percent: u64,
    random: Random,
    made: u64,
}

/// Of a hundred calls of a host, how many are made twice. Clones share it.
#[derive(Clone, Debug)]
pub struct Duplication {
    state: Arc<Mutex<State>>,
}

impl Duplication {
    /// No call is made twice yet.
    pub fn new(seed: u64) -> Duplication {
        let state = State { percent: 0, random: Random::new(seed), made: 0 };
        Duplication { state: Arc::new(Mutex::new(state)) }
    }

    /// Has so many of a hundred calls made twice.
    pub fn set(&self, percent: u64) {
        self.state.lock().percent = percent;
    }

    /// Calls that were made twice.
    pub fn made(&self) -> u64 {
        self.state.lock().made
    }

    /// How long after its call a copy is made, if one is; zero is right before.
    fn draw(&self) -> Option<Duration> {
        let mut state = self.state.lock();
        let percent = state.percent;
        if percent == 0 || !state.random.percent(percent) {
            return None;
        }
        state.made += 1;
        let late = state.random.percent(50);
        let ms = if late { state.random.below(LATE_MS_MAX) } else { 0 };
        Some(Duration::from_millis(ms))
    }

    /// The channel with this layer around it.
    pub fn wrap(&self, channel: Channel) -> Line {
        let duplication = self.clone();
        BoxCloneSyncService::new(tower::service_fn(move |request| {
            call(channel.clone(), duplication.clone(), request)
        }))
    }
}

async fn call(
    channel: Channel,
    duplication: Duplication,
    request: Request<Body>,
) -> Result<Response<Body>, Error> {
    let Some(after) = duplication.draw() else { return once(channel, request).await };
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return once(channel, Request::from_parts(parts, Body::empty())).await;
    };
    let bytes: Bytes = body.to_bytes();
    let make = || Request::from_parts(parts.clone(), Body::new(Full::new(bytes.clone())));
    let (copy, other) = (make(), channel.clone());
    if after.is_zero() {
        forget(once(other, copy).await);
    } else {
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            forget(once(other, copy).await);
        });
    }
    once(channel, make()).await
}

/// Nobody hears what a copy is answered.
fn forget(_: Result<Response<Body>, Error>) {}

async fn once(mut channel: Channel, request: Request<Body>) -> Result<Response<Body>, Error> {
    channel.ready().await?.call(request).await
}
