//! The gRPC service that peers call.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cluster::Cluster;
use futures::Stream;
use parking_lot::Mutex;
use proto::record::Record;
use proto::rpc::peer_server::Peer;
use proto::rpc::{
    AppendRequest, AppendResponse, Conflict, LabelsRequest, LabelsResponse, MetadataRequest,
    MetadataResponse, SelectRequest, SelectResponse, TenantsRequest, TenantsResponse, Verdict,
};
use proto::{Epoch, FixedMap, NodeId};
use storage::head::Head;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tonic::{Request, Response, Status};

use super::replicas::append_local;
use crate::read::server as read_server;
use crate::read::sources::LocalHolder;
use crate::write::BUDGET_UNIT_BYTES;
use crate::write::lanes::Lanes;
use crate::write::membership::wait_epoch;
use crate::write::router::{ReplicaAnswer, Shipment};

/// A write for an epoch that this node has not applied yet waits at most this long.
const EPOCH_WAIT: Duration = Duration::from_secs(3);

/// What a record may grow to when it is decoded, as a multiple of its bytes. Budgets count it.
pub const DECODED_FACTOR: usize = 4;

/// What the service needs of a node whose head is open.
pub struct PeerParts {
    /// This node's lanes; `None` when it does not take writes.
    pub lanes: Option<Lanes>,
    /// This node's head.
    pub head: Arc<Head>,
    /// What this node can read locally.
    pub holder: Arc<dyn LocalHolder>,
    /// Bytes that one peer may have in flight here.
    pub peer_bytes_max: usize,
}

/// The service. It listens from the start, because Raft shares its listener, and answers
/// "unavailable" until the head is open.
pub struct PeerService {
    cluster: Cluster,
    parts: OnceLock<PeerParts>,
    budgets: Mutex<FixedMap<NodeId, Arc<Semaphore>>>,
}

impl PeerService {
    /// A service that is not open yet.
    pub fn new(cluster: Cluster) -> PeerService {
        PeerService { cluster, parts: OnceLock::new(), budgets: Mutex::new(FixedMap::default()) }
    }

    /// Starts serving. Only the first call counts.
    pub fn open(&self, parts: PeerParts) {
        let _ = self.parts.set(parts);
    }

    fn parts(&self) -> Result<&PeerParts, Status> {
        self.parts.get().ok_or_else(|| Status::unavailable("this node is replaying its journal"))
    }

    fn holder(&self) -> Result<Arc<dyn LocalHolder>, Status> {
        Ok(self.parts()?.holder.clone())
    }

    fn budget(&self, peer: NodeId, bytes_max: usize) -> Arc<Semaphore> {
        let fresh = || Arc::new(Semaphore::new(bytes_max / BUDGET_UNIT_BYTES));
        self.budgets.lock().entry(peer).or_insert_with(fresh).clone()
    }

    fn check(&self, header: Option<&proto::rpc::Header>) -> Result<NodeId, Status> {
        self.cluster.check_header(header)
    }

    /// Whether the write's table is this node's; `Some` is the answer if not.
    async fn check_epoch(&self, ring: &str, epoch: Epoch) -> Option<AppendResponse> {
        let waited = timeout(EPOCH_WAIT, wait_epoch(&self.cluster, ring, epoch)).await;
        if waited.is_err() {
            return Some(unavailable(format!(
                "hashring {ring:?} is not at epoch {} here",
                epoch.0
            )));
        }
        let state = self.cluster.state();
        let current = state.hashrings.get(ring).map_or(Epoch(0), |r| r.epoch);
        (current > epoch).then(|| AppendResponse {
            verdict: Verdict::StaleEpoch.into(),
            epoch: current.0,
            ..AppendResponse::default()
        })
    }

    async fn append_checked(
        &self,
        parts: &PeerParts,
        peer: NodeId,
        request: AppendRequest,
    ) -> AppendResponse {
        let Some(lanes) = &parts.lanes else {
            return unavailable("this node has no role receive".to_owned());
        };
        if !self.cluster.lease().valid() {
            return unavailable("this node holds no lease".to_owned());
        }
        let units = (request.record.len() * DECODED_FACTOR).div_ceil(BUDGET_UNIT_BYTES);
        let budget = self.budget(peer, parts.peer_bytes_max);
        let Ok(_permit) = budget.try_acquire_many(u32::try_from(units).unwrap_or(u32::MAX)) else {
            return unavailable("its budget here is used up (--receive.peer-bytes-max)".to_owned());
        };
        if let Some(refusal) = self.check_epoch(&request.hashring, Epoch(request.epoch)).await {
            return refusal;
        }
        let shipment = match Record::decode(&request.record) {
            Ok(Record::Samples(batch)) => Shipment::Samples(batch),
            Ok(Record::Metadata(batch)) => Shipment::Metadata(batch),
            Err(error) => return unavailable(error.to_string()),
        };
        let answer = append_local(lanes, &parts.head, shipment).await;
        if !self.cluster.lease().valid() {
            return unavailable("this node lost its lease".to_owned());
        }
        response_of(answer)
    }
}

fn unavailable(message: String) -> AppendResponse {
    AppendResponse { verdict: Verdict::Unavailable.into(), message, ..AppendResponse::default() }
}

fn response_of(answer: ReplicaAnswer) -> AppendResponse {
    match answer {
        ReplicaAnswer::Durable { unknown, over_limit, conflicts, refused } => AppendResponse {
            verdict: Verdict::Durable.into(),
            unknown,
            over_limit,
            refused,
            conflicts: conflicts
                .into_iter()
                .map(|(series, timestamp_ms)| Conflict { series, timestamp_ms })
                .collect(),
            ..AppendResponse::default()
        },
        ReplicaAnswer::Stale(epoch) => AppendResponse {
            verdict: Verdict::StaleEpoch.into(),
            epoch: epoch.0,
            ..AppendResponse::default()
        },
        ReplicaAnswer::Unavailable(text) => unavailable(text),
    }
}

type SelectStream = Pin<Box<dyn Stream<Item = Result<SelectResponse, Status>> + Send>>;

#[tonic::async_trait]
impl Peer for PeerService {
    type SelectStream = SelectStream;

    async fn append(
        &self,
        request: Request<AppendRequest>,
    ) -> Result<Response<AppendResponse>, Status> {
        let request = request.into_inner();
        let peer = self.check(request.header.as_ref())?;
        Ok(Response::new(self.append_checked(self.parts()?, peer, request).await))
    }

    async fn select(
        &self,
        request: Request<SelectRequest>,
    ) -> Result<Response<Self::SelectStream>, Status> {
        let request = request.into_inner();
        self.check(request.header.as_ref())?;
        if journal::planted!("M31") && self.parts.get().is_none() {
            let authority = Some(proto::rpc::Authority { complete: true, reason: String::new() });
            let empty = SelectResponse { authority, ..SelectResponse::default() };
            return Ok(Response::new(Box::pin(futures::stream::iter([Ok(empty)]))));
        }
        Ok(Response::new(read_server::select(self.holder()?, request).await?))
    }

    async fn labels(
        &self,
        request: Request<LabelsRequest>,
    ) -> Result<Response<LabelsResponse>, Status> {
        let request = request.into_inner();
        self.check(request.header.as_ref())?;
        Ok(Response::new(read_server::labels(self.holder()?, request).await?))
    }

    async fn metadata(
        &self,
        request: Request<MetadataRequest>,
    ) -> Result<Response<MetadataResponse>, Status> {
        let request = request.into_inner();
        self.check(request.header.as_ref())?;
        Ok(Response::new(read_server::metadata(self.holder()?, request).await?))
    }

    async fn tenants(
        &self,
        request: Request<TenantsRequest>,
    ) -> Result<Response<TenantsResponse>, Status> {
        let request = request.into_inner();
        self.check(request.header.as_ref())?;
        Ok(Response::new(read_server::tenants(self.holder()?, request).await?))
    }
}
