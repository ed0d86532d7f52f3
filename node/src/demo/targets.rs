//! The built-in targets: what a Prometheus would have scraped from a small cluster, remote-written
//! over HTTP, one request per target and round.

use std::time::Duration;

use proto::labels::METRIC_NAME;
use proto::remote_write::RequestWriter;
use proto::{Labels, LabelsError, TenantName};
use reqwest::Client;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::options::DemoOptions;
use super::plan::{HARD_TENANTS, Plan};
use crate::client::ClientError;
use crate::client::encode::compress;
use crate::client::remote_write::{Delivery, RemoteWriter, RetryLimits, TENANT_HEADER};

/// Time between two rounds.
pub(super) const ROUND_EVERY: Duration = Duration::from_secs(5);

/// (job, port) of tenant `cluster`'s targets, as monitoring of a Kubernetes cluster has them;
/// further targets begin again at the top with another address.
const JOBS: [(&str, u16); 17] = [
    ("apiserver", 6443),
    ("kubelet", 10250),
    ("kubelet", 10250),
    ("kubelet", 10250),
    ("node-exporter", 9100),
    ("node-exporter", 9100),
    ("node-exporter", 9100),
    ("coredns", 9153),
    ("coredns", 9153),
    ("kube-controller-manager", 10257),
    ("kube-scheduler", 10259),
    ("kube-proxy", 10249),
    ("kube-state-metrics", 8080),
    ("etcd", 2381),
    ("alertmanager", 9093),
    ("prometheus", 9090),
    ("prometheus-operator", 8080),
];

/// How a series goes on from round to round.
#[derive(Clone, Copy, Debug)]
enum Course {
    /// Always this value.
    Constant(f64),
    /// Grows by this much each round.
    Counter(f64),
    /// Swings around the first by the second.
    Gauge(f64, f64),
}

/// Metric name, one more label if it has one, course.
type SeriesPlan = (&'static str, Option<(&'static str, &'static str)>, Course);

/// What each target tells.
const SERIES: [SeriesPlan; 9] = [
    ("up", None, Course::Constant(1.0)),
    ("scrape_duration_seconds", None, Course::Gauge(0.012, 0.006)),
    ("scrape_samples_scraped", None, Course::Constant(9.0)),
    ("process_cpu_seconds_total", None, Course::Counter(0.11)),
    ("process_resident_memory_bytes", None, Course::Gauge(6.4e7, 3.0e6)),
    ("process_open_fds", None, Course::Gauge(24.0, 8.0)),
    ("http_requests_total", Some(("code", "200")), Course::Counter(37.0)),
    ("http_requests_total", Some(("code", "404")), Course::Counter(2.0)),
    ("http_requests_total", Some(("code", "500")), Course::Counter(1.0)),
];

/// A target: a tenant's, with the series of one scrape.
#[derive(Debug)]
pub(super) struct Target {
    /// `None` is the default tenant: its writes have no header, as in the original demo.
    tenant: Option<TenantName>,
    name: String,
    phase: f64,
    series: Vec<(Labels, Course)>,
}

impl Target {
    fn new(tenant: Option<&str>, job: &str, instance: &str, phase: f64) -> Option<Target> {
        let labels = |&(metric, more, course): &SeriesPlan| {
            let pairs = [(METRIC_NAME, metric), ("job", job), ("instance", instance)];
            Labels::from_pairs(pairs.into_iter().chain(more)).map(|labels| (labels, course))
        };
        let series: Result<Vec<_>, LabelsError> = SERIES.iter().map(labels).collect();
        Some(Target {
            tenant: tenant.map(TenantName::new).transpose().ok()?,
            name: format!("{job} {instance}"),
            phase,
            series: series.ok()?,
        })
    }

    /// The request of one round.
    pub(super) fn scrape(&self, round: u64, timestamp_ms: i64) -> RequestWriter {
        let mut request = RequestWriter::default();
        for (labels, course) in &self.series {
            let value = course.value(round, self.phase);
            request.series(labels, &[(timestamp_ms, value)]);
        }
        request
    }
}

impl Course {
    fn value(self, round: u64, phase: f64) -> f64 {
        let time = round as f64;
        match self {
            Course::Constant(value) => value,
            Course::Counter(step) => ((time + phase) * step * 1000.0).round() / 1000.0,
            Course::Gauge(middle, swing) => middle + swing * (time / 7.0 + phase).sin(),
        }
    }
}

/// The targets that run: `options.targets` of tenant `cluster` but for a stopped one, and one of
/// each hard tenant.
pub(super) fn targets(options: &DemoOptions) -> Vec<Target> {
    let cluster = (1..=options.targets)
        .filter(|number| options.stop_target != Some(*number))
        .filter_map(|number| {
            let (job, port) = JOBS[(number as usize - 1) % JOBS.len()];
            let instance = format!("10.0.{}.{}:{port}", number / 250, number % 250 + 1);
            Target::new(None, job, &instance, f64::from(number))
        });
    let hard = HARD_TENANTS.iter().filter_map(|tenant| {
        let instance = format!("prometheus-tenant-{tenant}:9090");
        Target::new(Some(tenant), "prometheus", &instance, 0.5)
    });
    cluster.chain(hard).collect()
}

/// How writing goes.
#[derive(Clone, Debug, Default)]
pub(super) struct Fed {
    /// Rounds done.
    pub(super) rounds: u64,
    /// Targets of the last round whose write was not acked, and why the first was not.
    pub(super) failed: usize,
    /// Why the first of them failed.
    pub(super) reason: String,
}

/// Writes all targets every [`ROUND_EVERY`], the first time at once.
pub(super) struct Feeder {
    targets: Vec<Target>,
    urls: Vec<String>,
    writer: RemoteWriter,
    now_ms: fn() -> i64,
    fed: watch::Sender<Fed>,
}

impl Feeder {
    /// A feeder that writes to the plan's writers; see [`Feeder::fed`].
    pub(super) fn new(
        options: &DemoOptions,
        plan: &Plan,
        http: &Client,
        now_ms: fn() -> i64,
    ) -> Result<Feeder, ClientError> {
        let limits = RetryLimits { deadline: ROUND_EVERY, ..RetryLimits::default() };
        Ok(Feeder {
            targets: targets(options),
            urls: plan.writers().iter().map(|node| node.write_url()).collect(),
            writer: RemoteWriter::new(http.clone(), TENANT_HEADER, limits)?,
            now_ms,
            fed: watch::Sender::new(Fed::default()),
        })
    }

    /// Tells after each round how it went.
    pub(super) fn fed(&self) -> watch::Receiver<Fed> {
        self.fed.subscribe()
    }

    /// Never returns.
    pub(super) async fn run(&self) {
        let mut tick = tokio::time::interval(ROUND_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for round in 0.. {
            tick.tick().await;
            let writes = self.targets.iter().enumerate().map(|(i, t)| self.write(i, t, round));
            let failures: Vec<_> =
                futures::future::join_all(writes).await.into_iter().flatten().collect();
            let reason = failures.first().cloned().unwrap_or_default();
            self.fed.send_replace(Fed { rounds: round + 1, failed: failures.len(), reason });
        }
    }

    /// Writes one target; the failure in words.
    async fn write(&self, i: usize, target: &Target, round: u64) -> Option<String> {
        let body = compress(&target.scrape(round, (self.now_ms)()))?;
        let tenant = target.tenant.as_ref();
        let Delivery { verdict, .. } = self.writer.send(&self.urls, i, tenant, body.into()).await;
        verdict.err().map(|error| format!("{}: {error}", target.name))
    }
}

#[cfg(test)]
mod tests;
