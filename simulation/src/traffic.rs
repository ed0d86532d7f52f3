//! The clients of a cluster: who they are, and the next thing that each of them sends.
//!
//! Several tenants have clients that behave like Prometheus servers: they scrape, they fall behind
//! and catch up, they send again what was not acknowledged; some are pairs of replicas. The same
//! label sets exist under every tenant, and every value names the one sample that it belongs to
//! ([`value`]). Now and then a client sends what must be refused ([`refused`]).
//!
//! Nothing here knows a network: a [`Push`] is made at a simulated time, the caller delivers it
//! and says with [`Traffic::told`] what came of it. The same seed and the same calls give the same
//! pushes, byte by byte.

mod client;
mod encode;
mod history;
mod push;
mod refused;
mod samples;
mod spans;
pub mod value;

use std::collections::BTreeMap;

use proto::TenantName;

use crate::random::Random;
use client::{Client, clients_of};
use history::History;

pub use push::{Expect, Fate, Outcome, Push, SentSample, SeriesKey};
pub use spans::Spans;

/// Pushes of one client that wait to be sent again.
const AGAIN_PUSHES_MAX: usize = 20;
/// Of a hundred acknowledged pushes, how many are sent again: their clients did not hear of it.
const DEAF_PERCENT: u64 = 3;

/// A tenant of a life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantPlan {
    /// Its name.
    pub name: TenantName,
    /// The hashring that it is routed to by name; `None` for a soft tenant.
    pub hard_ring: Option<String>,
}

/// What the clients of a life are like.
#[derive(Clone, Debug)]
pub struct TrafficOptions {
    /// The tenants, at most [`value::TENANTS_MAX`].
    pub tenants: Vec<TenantPlan>,
    /// The tenant of requests without a header: some of its clients send none.
    pub default_tenant: Option<TenantName>,
    /// Clients of each tenant.
    pub clients_per_tenant: usize,
    /// Series of each client.
    pub series_per_client: usize,
    /// Label that tells the replicas of a pair apart, where they are told apart. The ledger and
    /// the model know nothing of deduplication: queries must not take it for a replica label.
    pub replica_label: &'static str,
    /// Times that the cluster is configured with.
    pub spans: Spans,
    /// Of a hundred pushes, how many have something that must be refused.
    pub refused_percent: u64,
    /// Of a hundred pushes without a good answer, how many are sent again.
    pub retry_percent: u64,
    /// `--receive.decoded-bytes-max` of the nodes.
    pub decoded_bytes_max: u64,
}

/// See the module.
pub struct Traffic {
    options: TrafficOptions,
    random: Random,
    clients: Vec<Client>,
    /// What was sent of each series.
    histories: BTreeMap<SeriesKey, History>,
    /// Pushes that were made.
    pushes: u64,
    /// Samples that were drawn.
    serials: u64,
}

impl Traffic {
    /// The clients of a life.
    ///
    /// # Panics
    /// If there is no tenant, or more than values can name.
    pub fn new(options: TrafficOptions, random: Random) -> Traffic {
        assert!((1..=value::TENANTS_MAX).contains(&options.tenants.len()), "tenants of a life");
        let tenants = options.tenants.iter().enumerate();
        let clients = tenants.flat_map(|(number, tenant)| clients_of(number, tenant, &options));
        let clients = clients.collect();
        let histories = BTreeMap::new();
        Traffic { options, random, clients, histories, pushes: 0, serials: 0 }
    }

    /// Number of clients.
    pub fn clients(&self) -> usize {
        self.clients.len()
    }

    /// The tenants of the life.
    pub fn tenants(&self) -> &[TenantPlan] {
        &self.options.tenants
    }

    /// The next push of some client.
    pub fn next(&mut self, now_ms: i64) -> Push {
        let client = self.random.index(self.clients.len());
        self.next_of(client, now_ms)
    }

    /// The next push of a client, an index below [`Traffic::clients`]: what is to be sent again,
    /// or something new. Times are milliseconds since the Unix epoch.
    pub fn next_of(&mut self, client: usize, now_ms: i64) -> Push {
        if let Some(push) = self.clients[client].again.pop_front() {
            return self.repeat(push, now_ms);
        }
        if self.random.percent(self.options.refused_percent) {
            return self.refused(client, now_ms);
        }
        self.ordinary(client, now_ms)
    }

    /// The same push once more while nothing was heard of the first.
    pub fn again(&mut self, push: &Push, now_ms: i64) -> Push {
        self.repeat(push.clone(), now_ms)
    }

    /// Tells a client what came of a push. What was not answered, or with an error that may pass,
    /// is mostly sent again, as Prometheus does; sometimes what was acknowledged is, too.
    pub fn told(&mut self, push: &Push, outcome: Outcome) {
        let percent = match outcome {
            _ if outcome.may_pass() => self.options.retry_percent,
            _ if outcome.is_ack() => DEAF_PERCENT,
            _ => 0,
        };
        let is_again = self.random.percent(percent);
        let again = &mut self.clients[push.client].again;
        if is_again && again.len() < AGAIN_PUSHES_MAX {
            again.push_back(push.clone());
        }
    }

    /// The same bytes once more, as an attempt of its own, judged as of now.
    fn repeat(&mut self, mut push: Push, now_ms: i64) -> Push {
        self.pushes += 1;
        push.number = self.pushes;
        let spans = &self.options.spans;
        for sample in &mut push.samples {
            if sample.is_wellformed {
                sample.fate = spans.fate(sample.t, now_ms);
            }
        }
        if matches!(push.expect, Expect::Taken | Expect::Partly) {
            let surely = push.samples.iter().any(|s| s.fate == Fate::Never) || push.has_extra;
            push.expect = if surely { Expect::Partly } else { Expect::Taken };
        }
        push
    }
}

#[cfg(test)]
mod tests;
