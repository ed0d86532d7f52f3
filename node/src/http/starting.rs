//! The HTTP edge of a node that is still replaying its journal: alive, not ready, and telling how
//! far it is.

use actix_web::{HttpResponse, web};
use serde_json::json;
use storage::head::ReplayProgress;

use super::serving::HttpApp;

/// What is served until the full edge takes over.
pub fn app(progress: ReplayProgress) -> HttpApp {
    let progress = web::Data::new(progress);
    HttpApp::new(move |config| {
        config
            .app_data(progress.clone())
            .route("/-/healthy", web::get().to(|| async { "granary is alive.\n" }))
            .route("/api/v1/status/walreplay", web::get().to(walreplay))
            .default_service(web::to(not_ready));
    })
    .workers(1)
}

async fn walreplay(progress: web::Data<ReplayProgress>) -> HttpResponse {
    let (done, total) = (progress.done_bytes(), progress.total_bytes());
    HttpResponse::Ok().json(json!({
        "status": "success",
        "data": {"min": 0, "max": total, "current": done, "state": "in progress"},
    }))
}

async fn not_ready(progress: web::Data<ReplayProgress>) -> HttpResponse {
    let (done, total) = (progress.done_bytes(), progress.total_bytes());
    HttpResponse::ServiceUnavailable()
        .insert_header(("Retry-After", "1"))
        .body(format!("granary is not ready: replaying its journal, {done} of {total} bytes\n"))
}
