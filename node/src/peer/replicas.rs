//! The sending side of a write: to this node's own lanes, or to a peer as one columnar record.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use proto::NodeId;
use proto::rpc::{AppendRequest, AppendResponse, Verdict};
use storage::head::Head;
use tokio::time::timeout;

use super::pool::Pool;
use crate::metrics::Metrics;
use crate::write::lanes::{Lanes, LocalOutcome};
use crate::write::router::{ReplicaAnswer, Replicas, Shipment};

/// All replicas of the cluster as the router sees them.
pub struct ClusterReplicas {
    /// This node.
    pub own: NodeId,
    /// Its lanes; `None` when it does not take writes.
    pub lanes: Option<Lanes>,
    /// Its head.
    pub head: Arc<Head>,
    /// The peers.
    pub pool: Arc<Pool>,
    /// Deadline of one call.
    pub deadline: Duration,
    /// Counters.
    pub metrics: Arc<Metrics>,
}

#[async_trait]
impl Replicas for ClusterReplicas {
    async fn append(&self, node: NodeId, ring: &str, shipment: Shipment) -> ReplicaAnswer {
        let answer = if node == self.own {
            self.append_here(shipment).await
        } else {
            self.append_there(node, ring, shipment).await
        };
        self.metrics.count_replication(&answer);
        answer
    }
}

impl ClusterReplicas {
    async fn append_here(&self, shipment: Shipment) -> ReplicaAnswer {
        let Some(lanes) = &self.lanes else {
            return ReplicaAnswer::Unavailable("this node has no role receive".to_owned());
        };
        append_local(lanes, &self.head, shipment).await
    }

    async fn append_there(&self, node: NodeId, ring: &str, shipment: Shipment) -> ReplicaAnswer {
        let Some(mut client) = self.pool.client(node) else {
            return ReplicaAnswer::Unavailable("it is no member of the cluster".to_owned());
        };
        let (record, epoch) = encode(&shipment);
        let request = AppendRequest {
            header: Some(self.pool.header(node)),
            hashring: ring.to_owned(),
            epoch,
            record: record.into(),
        };
        self.metrics.forwarded_bytes.inc_by(request.record.len() as u64);
        match timeout(self.deadline, client.append(request)).await {
            Ok(Ok(response)) => answer_of(response.into_inner()),
            Ok(Err(status)) => ReplicaAnswer::Unavailable(status.message().to_owned()),
            Err(_) => ReplicaAnswer::Unavailable(format!("no answer in {:?}", self.deadline)),
        }
    }
}

/// Appends to this node's head and waits for the fsync.
pub async fn append_local(lanes: &Lanes, head: &Head, shipment: Shipment) -> ReplicaAnswer {
    match shipment {
        Shipment::Samples(batch) => match lanes.append(&batch).await {
            Ok(done) => {
                let LocalOutcome { unknown, over_limit, conflicts } = done;
                ReplicaAnswer::Durable { unknown, over_limit, conflicts, refused: 0 }
            }
            Err(error) => ReplicaAnswer::Unavailable(error.to_string()),
        },
        Shipment::Metadata(batch) => {
            let done = match head.append_metadata(&batch) {
                Ok(done) => done,
                Err(error) => return ReplicaAnswer::Unavailable(error.to_string()),
            };
            match head.journal().wait_durable(done.position).await {
                Ok(()) => ReplicaAnswer::Durable {
                    unknown: Vec::new(),
                    over_limit: Vec::new(),
                    conflicts: Vec::new(),
                    refused: done.refused,
                },
                Err(error) => ReplicaAnswer::Unavailable(error.to_string()),
            }
        }
    }
}

fn encode(shipment: &Shipment) -> (Vec<u8>, u64) {
    let mut record = Vec::new();
    let epoch = match shipment {
        Shipment::Samples(batch) => {
            batch.encode(&mut record);
            batch.epoch
        }
        Shipment::Metadata(batch) => {
            batch.encode(&mut record);
            batch.epoch
        }
    };
    (record, epoch.0)
}

fn answer_of(response: AppendResponse) -> ReplicaAnswer {
    match Verdict::try_from(response.verdict) {
        Ok(Verdict::Durable) => ReplicaAnswer::Durable {
            unknown: response.unknown,
            over_limit: response.over_limit,
            refused: response.refused,
            conflicts: response.conflicts.iter().map(|c| (c.series, c.timestamp_ms)).collect(),
        },
        Ok(Verdict::StaleEpoch) => ReplicaAnswer::Stale(proto::Epoch(response.epoch)),
        Ok(Verdict::Unavailable) => ReplicaAnswer::Unavailable(response.message),
        Err(_) => ReplicaAnswer::Unavailable("it gave a verdict unknown to this node".to_owned()),
    }
}
