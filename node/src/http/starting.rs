//! The HTTP edge of a node that is still replaying its journal: alive, not ready, and telling how
//! far it is.

use std::net::TcpListener;

use actix_web::dev::{Server, ServerHandle};
use actix_web::{App, HttpResponse, HttpServer, web};
use serde_json::json;
use storage::head::ReplayProgress;

use crate::error::NodeError;

/// Serves on a copy of the listener until the full edge takes over.
pub fn serve(listener: &TcpListener, progress: ReplayProgress) -> Result<ServerHandle, NodeError> {
    let progress = web::Data::new(progress);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(progress.clone())
            .route("/-/healthy", web::get().to(|| async { "granary is alive.\n" }))
            .route("/api/v1/status/walreplay", web::get().to(walreplay))
            .default_service(web::to(not_ready))
    })
    .workers(1)
    .disable_signals();
    let listener = listener.try_clone().map_err(|error| NodeError::Internal(error.to_string()))?;
    run(server.listen(listener).map_err(|error| NodeError::Internal(error.to_string()))?.run())
}

/// Runs a server on the current runtime; its handle stops it.
pub fn run(server: Server) -> Result<ServerHandle, NodeError> {
    let handle = server.handle();
    tokio::spawn(server);
    Ok(handle)
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
