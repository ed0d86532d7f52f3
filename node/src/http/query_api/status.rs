//! What Grafana and Thanos' page ask beside the data.

use std::collections::BTreeSet;

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::QueryApi;
use super::reply::{ApiError, found, respond};

fn data(value: &Value) -> HttpResponse {
    respond(found(value, BTreeSet::new()))
}

/// There are no rules.
pub async fn no_rules() -> HttpResponse {
    data(&json!({"groups": []}))
}

/// There are no alerts.
pub async fn no_alerts() -> HttpResponse {
    data(&json!({"alerts": []}))
}

/// Nothing is scraped.
pub async fn no_targets() -> HttpResponse {
    data(&json!({"activeTargets": [], "droppedTargets": [], "droppedTargetCounts": {}}))
}

/// Metadata of targets, of which there are none.
pub async fn no_target_metadata() -> HttpResponse {
    data(&json!([]))
}

/// Nothing is scraped.
pub async fn no_scrape_pools() -> HttpResponse {
    data(&json!({"scrapePools": []}))
}

/// There are no alerts to be sent.
pub async fn no_alertmanagers() -> HttpResponse {
    data(&json!({"activeAlertmanagers": [], "droppedAlertmanagers": []}))
}

/// The journal is replayed: before that nothing else is served.
pub async fn replayed() -> HttpResponse {
    data(&json!({"min": 0, "max": 0, "current": 0, "state": "done"}))
}

/// Version and origin. No `features`: Grafana would take granary for another product.
pub async fn build_info() -> HttpResponse {
    data(&json!({
        "version": env!("CARGO_PKG_VERSION"), "revision": "", "branch": "", "buildUser": "",
        "buildDate": "", "goVersion": "",
    }))
}

/// Facts of this process.
pub async fn runtime_info(api: web::Data<QueryApi>) -> HttpResponse {
    let now_ms = api.parts.clock.now_ms();
    data(&json!({
        "application": "granary", "applicationVersion": env!("CARGO_PKG_VERSION"),
        "serverTimeMs": now_ms, "queryConcurrency": api.parts.concurrent_max,
        "queryTimeoutSeconds": api.parts.timeout.as_secs_f64(),
    }))
}

/// Flags are not shown.
pub async fn flags() -> HttpResponse {
    data(&json!({}))
}

/// The nodes that queries ask, per hashring.
pub async fn stores(request: HttpRequest, api: web::Data<QueryApi>) -> HttpResponse {
    respond(api.stores(&request))
}

impl QueryApi {
    fn stores(&self, request: &HttpRequest) -> Result<HttpResponse, ApiError> {
        // The same check as for data, so that enforced tenancy closes this too.
        self.fanout(request, &super::params::Params::of(request, &[])?)?;
        let view = self.parts.sources.views.view();
        let nodes = view.rings.iter().flat_map(|ring| ring.nodes.iter().map(move |n| (ring, n)));
        let store = |(ring, node): (&crate::read::sources::RingHolders, &proto::NodeId)| {
            let is_up = *node == view.own || view.live.contains(node);
            let error = if is_up { Value::Null } else { json!("it does not answer the leader") };
            json!({
                "name": view.name_of(*node), "hashring": ring.name, "labelSets": [],
                "lastError": error,
            })
        };
        let all: Vec<Value> = nodes.map(store).collect();
        found(&json!({"receive": all}), BTreeSet::new())
    }
}

/// Whatever is not there. Grafana looks for this text.
pub async fn not_found() -> HttpResponse {
    HttpResponse::NotFound().content_type("text/plain; charset=utf-8").body("404 page not found\n")
}
