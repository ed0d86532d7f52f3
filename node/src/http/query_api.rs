//! Prometheus' HTTP API for queries, with Thanos' parameters and granary's `tenant`.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use cluster::WallClock;
use tokio::sync::Semaphore;

use crate::read::{Blocking, Sources};

mod admission;
mod answer;
mod evaluate;
mod labels;
mod language;
mod params;
mod reply;
mod request;
mod shown;
mod status;

/// Most bytes of a request's form.
const FORM_BYTES_MAX: usize = 1 << 20;

/// What the API is made of.
pub struct QueryParts {
    /// Where the data is.
    pub sources: Sources,
    /// The clock that gives a query without a time its time.
    pub clock: Arc<dyn WallClock>,
    /// Where queries are evaluated.
    pub blocking: Blocking,
    /// Label by which the tenant shows.
    pub tenant_label: String,
    /// Header that names the tenant when tenancy is enforced.
    pub tenant_header: String,
    /// Whether a request sees only the tenant that its header names, and must name one.
    pub enforce_tenancy: bool,
    /// Labels that only tell replicas apart.
    pub replica_labels: Vec<String>,
    /// Default of the parameter `partial_response`.
    pub partial_response: bool,
    /// Longest time of a query; a request may ask for less.
    pub timeout: Duration,
    /// How far back an instant selector looks.
    pub lookback: Duration,
    /// Most samples that a query may hold.
    pub samples_max: usize,
    /// Most bytes of series that a query may gather.
    pub bytes_max: u64,
    /// Most queries that are evaluated at the same time.
    pub concurrent_max: usize,
    /// Threads that evaluate one query.
    pub workers: query::Workers,
}

/// The state of the API: one for all workers.
pub struct QueryApi {
    parts: QueryParts,
    admission: Arc<Semaphore>,
}

impl QueryApi {
    /// An API over these parts.
    pub fn new(parts: QueryParts) -> QueryApi {
        let admission = Arc::new(Semaphore::new(parts.concurrent_max.max(1)));
        QueryApi { parts, admission }
    }
}

/// Mounts everything below `/api/v1` and the answer to every other path; needs a
/// `web::Data<QueryApi>`. Mount other services before.
pub fn configure(config: &mut web::ServiceConfig) {
    let scope = web::scope("/api/v1")
        .app_data(web::PayloadConfig::new(FORM_BYTES_MAX))
        .service(form("/query").route(web::route().to(evaluate::instant)))
        .service(form("/query_range").route(web::route().to(evaluate::range)))
        .service(form("/series").route(web::route().to(labels::series)))
        .service(form("/labels").route(web::route().to(labels::names)))
        .route("/label/{name}/values", web::get().to(labels::values))
        .route("/metadata", web::get().to(labels::metadata))
        .service(form("/query_exemplars").route(web::route().to(language::exemplars)))
        .service(form("/format_query").route(web::route().to(language::format)))
        .service(form("/parse_query").route(web::route().to(language::tree)))
        .route("/rules", web::get().to(status::no_rules))
        .route("/alerts", web::get().to(status::no_alerts))
        .route("/targets", web::get().to(status::no_targets))
        .route("/targets/metadata", web::get().to(status::no_target_metadata))
        .route("/scrape_pools", web::get().to(status::no_scrape_pools))
        .route("/alertmanagers", web::get().to(status::no_alertmanagers))
        .route("/stores", web::get().to(status::stores))
        .route("/status/buildinfo", web::get().to(status::build_info))
        .route("/status/runtimeinfo", web::get().to(status::runtime_info))
        .route("/status/walreplay", web::get().to(status::replayed))
        .route("/status/flags", web::get().to(status::flags))
        .default_service(web::route().to(status::not_found));
    config.service(scope).default_service(web::route().to(status::not_found));
}

/// A resource that takes GET and POST.
fn form(path: &str) -> actix_web::Resource {
    use actix_web::guard;
    web::resource(path).guard(guard::Any(guard::Get()).or(guard::Post()))
}

#[cfg(test)]
mod tests;
