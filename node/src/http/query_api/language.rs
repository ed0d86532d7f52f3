//! Queries as texts: formatted, or as trees. No data is looked at.

use std::collections::BTreeSet;

use actix_web::{HttpRequest, HttpResponse, web};
use query::syntax::{Expr, ExprKind, parse, pretty, tree_json};
use serde_json::{Value, json};

use super::QueryApi;
use super::params::{Params, invalid};
use super::reply::{ApiError, found, respond};

/// `format_query`.
pub async fn format(
    request: HttpRequest,
    body: web::Bytes,
    api: web::Data<QueryApi>,
) -> HttpResponse {
    respond(api.language(&request, &body, |expr| Value::String(pretty(expr))))
}

/// `parse_query`.
pub async fn tree(
    request: HttpRequest,
    body: web::Bytes,
    api: web::Data<QueryApi>,
) -> HttpResponse {
    respond(api.language(&request, &body, tree_json))
}

/// `query_exemplars`: exemplars are not stored yet.
pub async fn exemplars(
    request: HttpRequest,
    body: web::Bytes,
    api: web::Data<QueryApi>,
) -> HttpResponse {
    respond(api.exemplars(&request, &body))
}

impl QueryApi {
    fn language(
        &self,
        request: &HttpRequest,
        body: &[u8],
        show: fn(&Expr) -> Value,
    ) -> Result<HttpResponse, ApiError> {
        let params = Params::of(request, body)?;
        // The same check as for data, so that enforced tenancy closes this too.
        self.fanout(request, &params)?;
        let expr = parse(params.query()).map_err(|error| invalid("query", &error.to_string()))?;
        found(&show(&expr), BTreeSet::new())
    }

    fn exemplars(&self, request: &HttpRequest, body: &[u8]) -> Result<HttpResponse, ApiError> {
        let params = Params::of(request, body)?;
        self.fanout(request, &params)?;
        let (start, end) = (params.time("start")?, params.time("end")?);
        if start.zip(end).is_some_and(|(start, end)| end < start) {
            let text = "end timestamp must not be before start timestamp";
            return Err(ApiError::bad_data(text));
        }
        let expr = parse(params.query()).map_err(|error| ApiError::bad_data(error.to_string()))?;
        match has_selector(&expr) {
            true => found(&json!([]), BTreeSet::new()),
            false => Ok(HttpResponse::NoContent().finish()),
        }
    }
}

fn has_selector(expr: &Expr) -> bool {
    let is_one = matches!(expr.kind, ExprKind::Selector(_) | ExprKind::Range { .. });
    is_one || expr.children().any(has_selector)
}
