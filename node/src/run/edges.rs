//! The HTTP edges of a node that is up: what each of them is made of.

use std::sync::Arc;

use actix_web::web;
use cluster::Cluster;
use storage::head::Head;
use tokio::sync::Semaphore;

use super::{Start, millis};
use crate::blocks::Blocks;
use crate::error::NodeError;
use crate::http::admin::AdminEdge;
use crate::http::query_api::{QueryApi, QueryParts};
use crate::http::receive::WriteEdge;
use crate::http::serving::{HttpApp, HttpServing};
use crate::http::{admin, assets, query_api, receive};
use crate::peer::pool::Pool;
use crate::peer::replicas::ClusterReplicas;
use crate::read::peers::PeerHolders;
use crate::read::sources::{ClusterViews, LocalHolder};
use crate::read::stored::StoredBlocks;
use crate::read::{Blocking, Sources};
use crate::write::BUDGET_UNIT_BYTES;
use crate::write::alias::Aliases;
use crate::write::lanes::Lanes;
use crate::write::membership::ClusterRouting;
use crate::write::router::{Router, RouterOptions};

/// HTTP workers of the query and admin edge.
const ADMIN_WORKERS: usize = 2;
/// Most bytes of series that one query may gather.
const QUERY_BYTES_MAX: u64 = 1 << 30;
/// A call to a peer takes at most this share of a request's time.
const PEER_CALL_SHARE: f64 = 0.9;

/// What the HTTP edges are made of.
pub(super) struct Edges {
    pub(super) cluster: Cluster,
    pub(super) head: Arc<Head>,
    pub(super) blocks: Arc<Blocks>,
    pub(super) lanes: Option<Lanes>,
    pub(super) holder: Arc<dyn LocalHolder>,
    pub(super) pool: Arc<Pool>,
    pub(super) blocking: Blocking,
}

impl Start {
    /// Starts the HTTP edges on the node's listeners.
    pub(super) fn serve_http(&self, edges: &Edges) -> Result<Vec<Box<dyn HttpServing>>, NodeError> {
        let query = web::Data::new(self.query_api(edges));
        let admin_edge = web::Data::new(self.admin_edge(edges));
        let http = HttpApp::new(move |config| {
            config
                .app_data(query.clone())
                .app_data(admin_edge.clone())
                .configure(admin::configure)
                .configure(assets::configure)
                .configure(query_api::configure);
        });
        let http = http.workers(ADMIN_WORKERS).compressed();
        let mut servers = vec![self.listeners.http.serve(http)?];
        if let Some(edge) = self.write_edge(edges) {
            let edge = web::Data::new(edge);
            let write = HttpApp::new(move |config| {
                config.app_data(edge.clone()).configure(receive::configure);
            });
            servers.push(self.listeners.write.serve(write)?);
        }
        Ok(servers)
    }

    fn write_edge(&self, edges: &Edges) -> Option<WriteEdge> {
        edges.lanes.as_ref()?;
        let receive = &self.config.receive;
        let routing = Arc::new(ClusterRouting::new(
            edges.cluster.clone(),
            millis(receive.accept_age),
            millis(receive.accept_ahead),
        ));
        let replicas = Arc::new(ClusterReplicas {
            own: edges.cluster.node_id(),
            lanes: edges.lanes.clone(),
            head: edges.head.clone(),
            pool: edges.pool.clone(),
            deadline: receive.request_timeout.mul_f64(PEER_CALL_SHARE),
            metrics: self.metrics.clone(),
        });
        let aliases = Arc::new(Aliases::default());
        let options = RouterOptions {
            fallback_after: receive.fallback_after,
            request_timeout: receive.request_timeout,
        };
        let handle = tokio::runtime::Handle::current();
        let router = Router::new(routing.clone(), replicas, aliases.clone(), options, handle);
        Some(WriteEdge {
            router,
            routing,
            aliases,
            tenant_header: receive.tenant_header.clone(),
            default_tenant: receive.default_tenant.clone(),
            request_bytes_max: receive.request_bytes_max as usize,
            decoded_bytes_max: receive.decoded_bytes_max as usize,
            budget: Arc::new(Semaphore::new(
                receive.inflight_bytes_max as usize / BUDGET_UNIT_BYTES,
            )),
            readiness: self.readiness.clone(),
            metrics: self.metrics.clone(),
        })
    }

    fn query_api(&self, edges: &Edges) -> QueryApi {
        let query = &self.config.query;
        QueryApi::new(QueryParts {
            sources: self.sources(edges),
            clock: self.env.clock.clone(),
            blocking: edges.blocking.clone(),
            tenant_label: self.config.receive.tenant_label.clone(),
            tenant_header: self.config.receive.tenant_header.clone(),
            enforce_tenancy: query.enforce_tenancy,
            replica_labels: query.replica_labels.clone(),
            partial_response: query.partial_response,
            timeout: query.timeout,
            lookback: query.lookback,
            samples_max: usize::try_from(query.samples_max).unwrap_or(usize::MAX),
            bytes_max: QUERY_BYTES_MAX,
            concurrent_max: query.concurrent_max,
            workers: self.env.threads.workers(),
        })
    }

    fn sources(&self, edges: &Edges) -> Sources {
        let (dialer, speaker) = (edges.pool.clone(), edges.pool.clone());
        let remote =
            PeerHolders::new(move |node| dialer.client(node), move |node| speaker.header(node));
        let blocks = edges.blocks.clone();
        let doubt = Box::new(move || blocks.doubt());
        // Whoever answers queries reads the bucket, whatever its roles: without it an answer
        // could not be complete.
        let bucket = Arc::new(StoredBlocks::new(edges.blocks.bucket().clone(), doubt));
        Sources {
            local: edges.holder.clone(),
            remote: Arc::new(remote),
            bucket: Some(bucket),
            views: Arc::new(ClusterViews(edges.cluster.clone())),
        }
    }

    fn admin_edge(&self, edges: &Edges) -> AdminEdge {
        let header = self.config.receive.tenant_header.clone();
        AdminEdge {
            cluster: edges.cluster.clone(),
            pool: edges.pool.clone(),
            holder: edges.holder.clone(),
            head: edges.head.clone(),
            readiness: self.readiness.clone(),
            metrics: self.metrics.clone(),
            node_name: self.config.node_name.clone(),
            hashring: self.config.hashring.clone(),
            enforced_header: self.config.query.enforce_tenancy.then_some(header),
        }
    }
}
