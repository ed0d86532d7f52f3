//! What a request may see and how long it may take.

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use proto::TenantName;
use tokio::time::Instant;

use super::QueryApi;
use super::params::{Params, invalid};
use super::reply::ApiError;
use crate::read::{Budget, Fanout, TenantScope};

/// Most extra replica labels of a request.
const REPLICA_LABELS_MAX: usize = 64;

impl QueryApi {
    /// Access to the data for one request.
    pub(super) fn fanout(
        &self,
        request: &HttpRequest,
        params: &Params,
    ) -> Result<Fanout, ApiError> {
        if params.all("storeMatch[]").next().is_some() {
            return Err(invalid("storeMatch[]", "granary always asks all holders"));
        }
        let parts = &self.parts;
        Ok(Fanout {
            sources: parts.sources.clone(),
            scope: self.scope(request, params)?,
            tenant_label: parts.tenant_label.clone(),
            replica_labels: self.replica_labels(params)?,
            partial_response: params.flag("partial_response", parts.partial_response)?,
            deadline: Instant::now() + self.timeout(params)?,
            budget: Arc::new(Budget::new(parts.bytes_max)),
            place: None,
        })
    }

    /// The configured header decides where tenancy is enforced; `tenant` can only narrow.
    fn scope(&self, request: &HttpRequest, params: &Params) -> Result<TenantScope, ApiError> {
        let asked = params.get("tenant").map(TenantName::new).transpose();
        let asked = asked.map_err(|error| invalid("tenant", &error.to_string()))?;
        if !self.parts.enforce_tenancy {
            return Ok(asked.map_or(TenantScope::All, TenantScope::Only));
        }
        let own = self.tenant_of(request)?;
        if asked.is_some_and(|asked| asked != own) {
            return Err(invalid("tenant", "the request may only see its own tenant"));
        }
        Ok(TenantScope::Only(own))
    }

    fn tenant_of(&self, request: &HttpRequest) -> Result<TenantName, ApiError> {
        let header = self.parts.tenant_header.as_str();
        let mut values = request.headers().get_all(header);
        let (first, second) = (values.next(), values.next());
        let Some(value) = first.filter(|value| !value.is_empty()) else {
            let text =
                format!("the header {header} must name the tenant (--query.enforce-tenancy)");
            return Err(ApiError::unauthorized(text));
        };
        if second.is_some() {
            return Err(ApiError::bad_data(format!("the header {header} is there twice")));
        }
        let name = value.to_str().map_err(|_| ApiError::bad_data("the tenant name is no text"))?;
        TenantName::new(name).map_err(|error| ApiError::bad_data(error.to_string()))
    }

    fn replica_labels(&self, params: &Params) -> Result<Vec<String>, ApiError> {
        if !params.flag("dedup", true)? {
            return Ok(Vec::new());
        }
        let given: Vec<String> =
            params.all("replicaLabels[]").filter(|l| !l.is_empty()).map(str::to_owned).collect();
        if given.len() > REPLICA_LABELS_MAX {
            let why = format!("at most {REPLICA_LABELS_MAX} are taken");
            return Err(invalid("replicaLabels[]", &why));
        }
        Ok(if given.is_empty() { self.parts.replica_labels.clone() } else { given })
    }

    fn timeout(&self, params: &Params) -> Result<Duration, ApiError> {
        let asked = params.duration("timeout")?.map(|ms| u64::try_from(ms).unwrap_or(0));
        let asked = asked.map_or(self.parts.timeout, Duration::from_millis);
        Ok(asked.min(self.parts.timeout))
    }
}
