//! The page: built files of `ui/dist`, embedded in the binary. It asks no other host for anything.

use actix_web::http::header;
use actix_web::{HttpResponse, web};

/// Scripts and styles only from here.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      base-uri 'none'; frame-ancestors 'self'; form-action 'self'";

const INDEX: &[u8] = include_bytes!("../../../ui/dist/index.html");
const SCRIPT: &[u8] = include_bytes!("../../../ui/dist/app.js");
const STYLE: &[u8] = include_bytes!("../../../ui/dist/app.css");
const ICON: &[u8] = include_bytes!("../../../ui/dist/favicon.svg");

/// Mounts the page and its files.
pub fn configure(config: &mut web::ServiceConfig) {
    for path in ["/graph", "/query"] {
        config.route(path, web::get().to(|| async { file("text/html; charset=utf-8", INDEX) }));
    }
    let script = || async { file("text/javascript; charset=utf-8", SCRIPT) };
    let style = || async { file("text/css; charset=utf-8", STYLE) };
    config
        .route("/assets/app.js", web::get().to(script))
        .route("/assets/app.css", web::get().to(style))
        .route("/assets/favicon.svg", web::get().to(|| async { file("image/svg+xml", ICON) }))
        .route("/", web::get().to(to_graph));
}

async fn to_graph() -> HttpResponse {
    HttpResponse::Found().insert_header((header::LOCATION, "graph")).finish()
}

fn file(content_type: &'static str, bytes: &'static [u8]) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(content_type)
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(bytes)
}
