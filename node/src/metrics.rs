//! Counters and gauges of a node, as `/metrics` prints them. Names: `granary_*`, units last.

use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::write::router::ReplicaAnswer;

/// Labels of a counted HTTP request.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct RequestLabels {
    /// What the request was for: `receive`, `query`, ...
    pub handler: &'static str,
    /// Status code of the answer.
    pub code: u16,
}

/// The result of something that can fail.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ResultLabels {
    /// `durable`, `stale`, `unavailable`, `success`, `failure`.
    pub result: &'static str,
}

/// Why samples were rejected or lost.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ReasonLabels {
    /// In one word.
    pub reason: &'static str,
}

/// All metrics that are counted where things happen; gauges are set when `/metrics` is asked.
pub struct Metrics {
    registry: Registry,
    /// HTTP requests.
    pub requests: Family<RequestLabels, Counter>,
    /// Seconds that write requests took.
    pub write_seconds: Histogram,
    /// Samples that were acknowledged to clients.
    pub samples_acknowledged: Counter,
    /// Samples that can never be accepted.
    pub samples_rejected: Counter,
    /// Acks that rest on one copy only.
    pub single_copy_acks: Counter,
    /// Copies asked of replicas, by result.
    pub replications: Family<ResultLabels, Counter>,
    /// Bytes of records sent to peers.
    pub forwarded_bytes: Counter,
    /// Uploads of blocks, by result.
    pub uploads: Family<ResultLabels, Counter>,
    /// Unix seconds of the last successful upload.
    pub upload_last_success_seconds: Gauge,
    /// Blocks on local disk that are not in the bucket yet.
    pub blocks_unshipped: Gauge,
    /// Blocks on local disk.
    pub blocks_local: Gauge,
    /// Local blocks past their retention that cannot be read from the bucket, and so stay.
    pub blocks_unreadable: Gauge,
    /// Restarts of actors.
    pub actor_restarts: Counter,
    /// Series in the head.
    pub head_series: Gauge,
    /// Samples appended to the head since start.
    pub head_samples_appended: Gauge,
    /// Whether the node holds a lease.
    pub lease_valid: Gauge,
    /// Whether the node is ready.
    pub ready: Gauge,
    /// Live members, as this node believes.
    pub members_live: Gauge,
    /// Whether the Raft log was damaged and still lacks what it had acknowledged.
    pub raft_log_owes: Gauge,
    /// Frames of the journal that were found damaged at start.
    pub journal_damaged_frames: Gauge,
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::new()
    }
}

impl Metrics {
    /// All metrics, registered, at zero.
    pub fn new() -> Metrics {
        let mut metrics = Metrics {
            registry: Registry::default(),
            requests: Family::default(),
            write_seconds: Histogram::new(exponential_buckets(0.0005, 2.0, 16)),
            samples_acknowledged: Counter::default(),
            samples_rejected: Counter::default(),
            single_copy_acks: Counter::default(),
            replications: Family::default(),
            forwarded_bytes: Counter::default(),
            uploads: Family::default(),
            upload_last_success_seconds: Gauge::default(),
            blocks_unshipped: Gauge::default(),
            blocks_local: Gauge::default(),
            blocks_unreadable: Gauge::default(),
            actor_restarts: Counter::default(),
            head_series: Gauge::default(),
            head_samples_appended: Gauge::default(),
            lease_valid: Gauge::default(),
            ready: Gauge::default(),
            members_live: Gauge::default(),
            raft_log_owes: Gauge::default(),
            journal_damaged_frames: Gauge::default(),
        };
        metrics.register_write();
        metrics.register_rest();
        metrics
    }

    fn register_write(&mut self) {
        let r = &mut self.registry;
        r.register(
            "granary_http_requests",
            "HTTP requests by handler and code",
            self.requests.clone(),
        );
        r.register_with_unit(
            "granary_receive_request_duration",
            "Time that write requests took",
            Unit::Seconds,
            self.write_seconds.clone(),
        );
        r.register(
            "granary_receive_samples_acknowledged",
            "Samples acknowledged to clients",
            self.samples_acknowledged.clone(),
        );
        r.register(
            "granary_receive_samples_rejected",
            "Samples that can never be accepted",
            self.samples_rejected.clone(),
        );
        r.register(
            "granary_receive_single_copy_acks",
            "Write requests acknowledged with one durable copy",
            self.single_copy_acks.clone(),
        );
        r.register(
            "granary_receive_replications",
            "Batches that replicas answered, by result",
            self.replications.clone(),
        );
        r.register_with_unit(
            "granary_receive_forwarded",
            "Records sent to peers",
            Unit::Bytes,
            self.forwarded_bytes.clone(),
        );
    }

    fn register_rest(&mut self) {
        let r = &mut self.registry;
        r.register("granary_shipper_uploads", "Uploads of blocks, by result", self.uploads.clone());
        r.register(
            "granary_shipper_last_successful_upload_timestamp_seconds",
            "When a block was last uploaded",
            self.upload_last_success_seconds.clone(),
        );
        r.register(
            "granary_blocks_unshipped",
            "Local blocks that are not in the bucket yet",
            self.blocks_unshipped.clone(),
        );
        r.register("granary_blocks_local", "Local blocks", self.blocks_local.clone());
        r.register(
            "granary_blocks_unreadable_in_bucket",
            "Local blocks past their retention that stay, as they cannot be read from the bucket",
            self.blocks_unreadable.clone(),
        );
        r.register("granary_actor_restarts", "Restarts of actors", self.actor_restarts.clone());
        r.register("granary_head_series", "Series in the head", self.head_series.clone());
        r.register(
            "granary_head_appended_samples",
            "Samples appended to the head since start",
            self.head_samples_appended.clone(),
        );
        r.register("granary_lease_valid", "1 if this node holds a lease", self.lease_valid.clone());
        r.register("granary_ready", "1 if this node is ready", self.ready.clone());
        r.register("granary_members_live", "Members that are alive", self.members_live.clone());
        r.register(
            "granary_raft_log_owes_entries",
            "1 if the Raft log was damaged and lacks entries that it had acknowledged",
            self.raft_log_owes.clone(),
        );
        r.register(
            "granary_journal_damaged_frames",
            "Journal frames that were found damaged and whose time is still kept",
            self.journal_damaged_frames.clone(),
        );
    }

    /// Counts what a replica answered.
    pub fn count_replication(&self, answer: &ReplicaAnswer) {
        let result = match answer {
            ReplicaAnswer::Durable { .. } => "durable",
            ReplicaAnswer::Stale(_) => "stale",
            ReplicaAnswer::Unavailable(_) => "unavailable",
        };
        self.replications.get_or_create(&ResultLabels { result }).inc();
    }

    /// Counts an HTTP request.
    pub fn count_request(&self, handler: &'static str, code: u16) {
        self.requests.get_or_create(&RequestLabels { handler, code }).inc();
    }

    /// The page that `/metrics` answers, in the OpenMetrics text format.
    pub fn page(&self) -> Result<String, std::fmt::Error> {
        let mut page = String::new();
        encode(&mut page, &self.registry)?;
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_what_was_counted() {
        let metrics = Metrics::new();
        metrics.count_request("receive", 200);
        metrics.count_replication(&ReplicaAnswer::Unavailable("x".into()));
        let page = metrics.page().unwrap();
        assert!(page.contains("granary_http_requests_total{handler=\"receive\",code=\"200\"} 1"));
        assert!(page.contains("granary_receive_replications_total{result=\"unavailable\"} 1"));
    }
}
