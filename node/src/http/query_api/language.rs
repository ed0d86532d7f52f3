//! Queries as texts: formatted, or as trees. No data is looked at.

use std::collections::BTreeSet;

use actix_web::{HttpRequest, HttpResponse, web};
use query::syntax::{Expr, ExprKind, parse, pretty, tree_json};
use serde_json::json;

use super::QueryApi;
use super::params::{Params, invalid};
use super::reply::{ApiError, SUCCESS, end_success, found, json_body, respond};

/// Longest query that is looked at as a text.
const QUERY_BYTES_MAX: usize = 64 << 10;
/// Longest answer to that: what is deeply nested grows.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// `format_query`.
pub async fn format(
    request: HttpRequest,
    body: web::Bytes,
    api: web::Data<QueryApi>,
) -> HttpResponse {
    respond(api.language(&request, &body, formatted).await)
}

/// `parse_query`.
pub async fn tree(
    request: HttpRequest,
    body: web::Bytes,
    api: web::Data<QueryApi>,
) -> HttpResponse {
    respond(api.language(&request, &body, |expr| tree_json(expr, ANSWER_BYTES_MAX)).await)
}

/// `query_exemplars`: exemplars are not stored yet.
pub async fn exemplars(
    request: HttpRequest,
    body: web::Bytes,
    api: web::Data<QueryApi>,
) -> HttpResponse {
    respond(api.exemplars(&request, &body).await)
}

/// The query over several lines, as JSON.
fn formatted(expr: &Expr) -> Option<Vec<u8>> {
    serde_json::to_vec(&pretty(expr, ANSWER_BYTES_MAX)?).ok()
}

impl QueryApi {
    /// Answers with what `show` makes of the query; `None` stands for too much.
    async fn language(
        &self,
        request: &HttpRequest,
        body: &[u8],
        show: fn(&Expr) -> Option<Vec<u8>>,
    ) -> Result<HttpResponse, ApiError> {
        let params = Params::of(request, body)?;
        let wrong = |why: &str| invalid("query", why);
        let shown = self.looked_at(request, &params, wrong, move |expr| {
            let shown = show(expr).ok_or_else(|| {
                let why = format!("the answer would have more than {ANSWER_BYTES_MAX} bytes");
                invalid("query", &why)
            })?;
            let mut body = [SUCCESS, &shown].concat();
            end_success(&[], &[], &mut body);
            Ok(body)
        });
        shown.await.map(json_body)
    }

    async fn exemplars(
        &self,
        request: &HttpRequest,
        body: &[u8],
    ) -> Result<HttpResponse, ApiError> {
        let params = Params::of(request, body)?;
        let (start, end) = (params.time("start")?, params.time("end")?);
        if start.zip(end).is_some_and(|(start, end)| end < start) {
            let text = "end timestamp must not be before start timestamp";
            return Err(ApiError::bad_data(text));
        }
        let wrong = |why: &str| ApiError::bad_data(why);
        match self.looked_at(request, &params, wrong, |expr| Ok(has_selector(expr))).await? {
            true => found(&json!([]), BTreeSet::new()),
            false => Ok(HttpResponse::NoContent().finish()),
        }
    }

    /// Parses the query and looks at it, in a place among the queries and where it may take long.
    async fn looked_at<T: Send + 'static>(
        &self,
        request: &HttpRequest,
        params: &Params,
        wrong: fn(&str) -> ApiError,
        look: impl FnOnce(&Expr) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        // The same check as for data, so that enforced tenancy closes this too.
        let deadline = self.fanout(request, params)?.deadline;
        let query = params.query().to_owned();
        let bytes = query.len();
        if bytes > QUERY_BYTES_MAX {
            let why = format!("the query has {bytes} bytes; at most {QUERY_BYTES_MAX} are taken");
            return Err(wrong(&why));
        }
        let place = self.admit(deadline).await?;
        let work = move || {
            let expr = parse(&query).map_err(|error| wrong(&error.to_string()))?;
            look(&expr)
        };
        let (seen, _place) = self.compute(deadline, place, work).await?;
        Ok(seen)
    }
}

fn has_selector(expr: &Expr) -> bool {
    let is_one = matches!(expr.kind, ExprKind::Selector(_) | ExprKind::Range { .. });
    is_one || expr.children().any(has_selector)
}
