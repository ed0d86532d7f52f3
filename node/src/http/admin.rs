//! Health, metrics and the administration API that the command line uses.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use cluster::{Answer, Cluster, ClusterError, ClusterState, Command, Hashring};
use futures::future::join_all;
use proto::rpc::TenantsRequest;
use proto::{NodeId, TenantName};
use serde::Serialize;
use serde_json::json;
use storage::head::Head;
use tokio::time::{Duration, timeout};

use crate::metrics::Metrics;
use crate::peer::pool::Pool;
use crate::read::sources::LocalHolder;
use crate::readiness::Readiness;

/// Deadline of a question to a peer.
const PEER_DEADLINE: Duration = Duration::from_secs(5);

/// Everything the administration API needs.
pub struct AdminEdge {
    /// The cluster.
    pub cluster: Cluster,
    /// Connections to peers.
    pub pool: Arc<Pool>,
    /// What this node can read locally.
    pub holder: Arc<dyn LocalHolder>,
    /// This node's head.
    pub head: Arc<Head>,
    /// Whether the node may serve.
    pub readiness: Arc<Readiness>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Name of this node.
    pub node_name: String,
    /// Its ring.
    pub hashring: String,
    /// Header of the one tenant that a caller may hear of; `None` when all may be seen.
    pub enforced_header: Option<String>,
}

/// Mounts health, metrics and administration.
pub fn configure(config: &mut web::ServiceConfig) {
    for method in [web::get, web::head] {
        config.route("/-/healthy", method().to(healthy)).route("/-/ready", method().to(ready));
    }
    config
        .route("/metrics", web::get().to(metrics))
        .route("/api/v1/granary/ring", web::get().to(ring))
        .route("/api/v1/granary/tenants", web::get().to(tenants))
        .route("/api/v1/granary/tenants/{tenant}/route", web::post().to(route_tenant))
        .route("/api/v1/granary/status", web::get().to(status));
}

async fn healthy() -> &'static str {
    "granary is alive.\n"
}

async fn ready(edge: web::Data<AdminEdge>) -> HttpResponse {
    match edge.readiness.check() {
        Ok(()) => HttpResponse::Ok().body("granary is ready.\n"),
        Err(reason) => {
            HttpResponse::ServiceUnavailable().body(format!("granary is not ready: {reason}\n"))
        }
    }
}

async fn metrics(edge: web::Data<AdminEdge>) -> HttpResponse {
    edge.refresh_gauges();
    match edge.metrics.page() {
        Ok(page) => HttpResponse::Ok()
            .content_type("application/openmetrics-text; version=1.0.0; charset=utf-8")
            .body(page),
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}

#[derive(Serialize)]
struct RingNode {
    id: String,
    address: String,
    state: &'static str,
}

async fn ring(edge: web::Data<AdminEdge>) -> HttpResponse {
    let state = edge.cluster.state();
    let live = edge.cluster.lease().live();
    let names = edge.enforced_header.is_none();
    let ring = |ring: &Hashring| ring_json(&state, ring, &live, names);
    let rings: Vec<_> = state.hashrings.values().map(ring).collect();
    HttpResponse::Ok().json(json!({ "hashrings": rings }))
}

fn ring_json(
    state: &ClusterState,
    ring: &Hashring,
    live: &std::collections::BTreeSet<NodeId>,
    names_tenants: bool,
) -> serde_json::Value {
    let nodes: Vec<RingNode> = ring
        .nodes
        .iter()
        .map(|id| RingNode {
            id: id.to_string(),
            address: state.address_of(*id).unwrap_or("").to_owned(),
            state: if live.contains(id) { "live" } else { "down" },
        })
        .collect();
    let owners = |shard: &Vec<NodeId>| shard.iter().map(NodeId::to_string).collect();
    let shards: Vec<Vec<String>> = ring.shards.iter().map(owners).collect();
    json!({
        "name": ring.name,
        "epoch": ring.epoch.0,
        "replication_factor": ring.replication_factor,
        "tenants": if names_tenants { state.hard_tenants(&ring.name) } else { Vec::new() },
        "nodes": nodes,
        "shards": shards,
    })
}

#[derive(Serialize)]
struct TenantNode {
    id: String,
    series: u64,
    samples: u64,
}

#[derive(Serialize)]
struct TenantRow {
    tenant: String,
    hashring: String,
    nodes: Vec<TenantNode>,
}

async fn tenants(request: HttpRequest, edge: web::Data<AdminEdge>) -> HttpResponse {
    let only = match &edge.enforced_header {
        None => None,
        Some(header) => match request.headers().get(header.as_str()) {
            Some(value) => Some(value.to_str().unwrap_or("").to_owned()),
            None => return failed(401, &format!("the header {header} must name a tenant")),
        },
    };
    match edge.tenant_rows().await {
        Ok(mut rows) => {
            rows.retain(|row| only.as_ref().is_none_or(|tenant| *tenant == row.tenant));
            HttpResponse::Ok().json(rows)
        }
        Err(error) => failed(503, &error),
    }
}

async fn route_tenant(
    edge: web::Data<AdminEdge>,
    path: web::Path<String>,
    query: web::Query<BTreeMap<String, String>>,
) -> HttpResponse {
    if edge.enforced_header.is_some() {
        return failed(403, "tenants cannot be routed here: --query.enforce-tenancy is on");
    }
    let tenant = match TenantName::new(&path) {
        Ok(tenant) => tenant,
        Err(error) => return failed(400, &error.to_string()),
    };
    let Some(hashring) = query.get("hashring").cloned() else {
        return failed(400, "the parameter hashring is missing");
    };
    match edge.route(&tenant, &hashring).await {
        Ok(()) => HttpResponse::Ok().json(json!({"tenant": tenant.as_str(), "hashring": hashring})),
        Err((code, text)) => failed(code, &text),
    }
}

async fn status(edge: web::Data<AdminEdge>) -> HttpResponse {
    let state = edge.cluster.state();
    let lease = edge.cluster.lease();
    let live = lease.live();
    let raft = edge.cluster.status();
    let head = edge.head.stats();
    let members: Vec<_> = state
        .members
        .iter()
        .map(|(id, member)| {
            json!({
                "id": id.to_string(), "name": member.name, "address": member.address,
                "hashring": member.hashring, "state": member.state.as_str(),
                "live": live.contains(id),
            })
        })
        .collect();
    HttpResponse::Ok().json(json!({
        "node": {
            "id": edge.cluster.node_id().to_string(), "name": edge.node_name,
            "version": env!("CARGO_PKG_VERSION"), "ready": edge.readiness.check().is_ok(),
            "phase": edge.readiness.check().err().unwrap_or_else(|| "ready".to_owned()),
            "hashring": edge.hashring,
        },
        "cluster": {
            "id": state.cluster_id.map(|id| id.to_string()),
            "leader": raft.leader.map(|id| id.to_string()), "term": raft.term,
            "applied": raft.last_applied, "lease_valid": lease.valid(),
            "cluster_time_ms": lease.cluster_time_ms(), "members": members,
        },
        "head": {"series": head.series(), "samples_appended": head.appended()},
        "blocks": {
            "local": edge.metrics.blocks_local.get(), "unshipped": edge.metrics.blocks_unshipped.get(),
        },
    }))
}

fn failed(code: u16, text: &str) -> HttpResponse {
    let status = actix_web::http::StatusCode::from_u16(code)
        .unwrap_or(actix_web::http::StatusCode::INTERNAL_SERVER_ERROR);
    HttpResponse::build(status).json(json!({ "error": text }))
}

impl AdminEdge {
    fn refresh_gauges(&self) {
        let head = self.head.stats();
        let lease = self.cluster.lease();
        self.metrics.head_series.set(head.series() as i64);
        self.metrics.head_samples_appended.set(head.appended() as i64);
        self.metrics.lease_valid.set(i64::from(lease.valid()));
        self.metrics.raft_log_owes.set(i64::from(self.cluster.status().owes_entries));
        self.metrics.members_live.set(lease.live().len() as i64);
        self.metrics.ready.set(i64::from(self.readiness.check().is_ok()));
    }

    /// Series and samples of every tenant on every node that answers.
    async fn tenant_rows(&self) -> Result<Vec<TenantRow>, String> {
        let state = self.cluster.state();
        let own = self.cluster.node_id();
        let mut counts: BTreeMap<TenantName, Vec<TenantNode>> = BTreeMap::new();
        let others = state.members.keys().copied().filter(|id| *id != own);
        let answers = join_all(others.map(|id| self.ask_tenants(id))).await;
        let own_stats = self.holder.tenant_stats().map_err(|error| error.to_string())?;
        let mine = own_stats.into_iter().map(|s| (own, s.tenant, s.series, s.samples));
        for (id, tenant, series, samples) in mine.chain(answers.into_iter().flatten()) {
            let node = TenantNode { id: id.to_string(), series, samples };
            counts.entry(tenant).or_default().push(node);
        }
        let row = |(tenant, mut nodes): (TenantName, Vec<TenantNode>)| {
            nodes.sort_by(|a, b| a.id.cmp(&b.id));
            let hashring = state.ring_name_of(&tenant).to_owned();
            TenantRow { tenant: tenant.to_string(), hashring, nodes }
        };
        Ok(counts.into_iter().map(row).collect())
    }

    async fn ask_tenants(&self, id: NodeId) -> Vec<(NodeId, TenantName, u64, u64)> {
        let Some(mut client) = self.pool.client(id) else { return Vec::new() };
        let request = TenantsRequest { header: Some(self.pool.header(id)) };
        let answer = timeout(PEER_DEADLINE, client.tenants(request)).await;
        let Ok(Ok(response)) = answer else {
            tracing::warn!(node = %id, "node did not say which tenants it holds");
            return Vec::new();
        };
        let stats = response.into_inner().tenants.into_iter();
        stats
            .filter_map(|s| Some((id, TenantName::new(&s.tenant).ok()?, s.series, s.samples)))
            .collect()
    }

    /// Makes a tenant a hard tenant. Refused once samples of it are anywhere: moving them is
    /// another operation.
    async fn route(&self, tenant: &TenantName, hashring: &str) -> Result<(), (u16, String)> {
        if self.cluster.state().routes.get(tenant.as_str()).is_some_and(|ring| ring == hashring) {
            return Ok(());
        }
        let rows = self.tenant_rows().await.map_err(|text| (503, text))?;
        if rows.iter().any(|row| row.tenant == tenant.as_str()) {
            return Err((
                409,
                format!(
                    "tenant {tenant} has samples already; moving a tenant's data is not supported yet"
                ),
            ));
        }
        let command = Command::RouteTenant {
            tenant: tenant.as_str().to_owned(),
            hashring: hashring.to_owned(),
        };
        match self.cluster.propose(command).await {
            Ok(Answer::Done) => Ok(()),
            Ok(Answer::Refused(text)) | Err(ClusterError::Refused(text)) => Err((409, text)),
            Err(error) => Err((503, error.to_string())),
        }
    }
}
