//! Answers to the questions of peers, out of what this node holds.
//!
//! The caller has checked the header. Authority is asked before the data, so that a replay that
//! ends in between is not taken for a full answer.

use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use proto::Regexes;
use proto::rpc::{
    LabelsRequest, LabelsResponse, MetadataRequest, MetadataResponse, SelectRequest,
    SelectResponse, TenantStats, TenantsRequest, TenantsResponse,
};
use storage::{Budget, PackedSeries, Selection, StorageError};
use tonic::Status;

use super::convert::{authority_out, matchers_in, metadata_out, selection_in};
use super::run_on;
use super::sources::{Authority, LocalHolder};
use messages::Messages;

mod messages;

/// Messages of an answer to a select.
pub type SelectStream = Pin<Box<dyn Stream<Item = Result<SelectResponse, Status>> + Send>>;

/// Selected series with their chunks as stored, in messages of bounded size.
pub async fn select(
    holder: Arc<dyn LocalHolder>,
    request: SelectRequest,
) -> Result<SelectStream, Status> {
    let work = move |holder: &dyn LocalHolder| {
        let SelectRequest { matchers, tenants, start_ms, end_ms, bytes_max, .. } = &request;
        let mut selection = selection_in(matchers, tenants, *start_ms, *end_ms)?;
        selection.labels_only = request.labels_only;
        selection.latest_only = request.latest_only;
        selection.budget = (*bytes_max > 0).then(|| Arc::new(Budget::new(*bytes_max)));
        let packed = holder.select(&selection).map_err(status_of)?.series.into_iter();
        Ok(packed.flat_map(PackedSeries::into_series).collect::<Vec<_>>())
    };
    let (series, authority) = local(holder, work).await?;
    let messages = Messages::new(series, authority_out(authority));
    Ok(Box::pin(futures::stream::iter(messages.map(Ok))))
}

/// Label names, or the values of one label.
pub async fn labels(
    holder: Arc<dyn LocalHolder>,
    request: LabelsRequest,
) -> Result<LabelsResponse, Status> {
    let work = move |holder: &dyn LocalHolder| {
        let LabelsRequest { matchers, tenants, start_ms, end_ms, .. } = &request;
        let selection = selection_in(matchers, tenants, *start_ms, *end_ms)?;
        names_or_values(holder, &request.name, &selection).map_err(status_of)
    };
    let (values, authority) = local(holder, work).await?;
    let authority = Some(authority_out(authority));
    Ok(LabelsResponse { values: values.into_iter().collect(), authority })
}

/// Metadata of metric families.
pub async fn metadata(
    holder: Arc<dyn LocalHolder>,
    request: MetadataRequest,
) -> Result<MetadataResponse, Status> {
    let work = move |holder: &dyn LocalHolder| {
        let tenants = matchers_in(&request.tenants, &mut Regexes::default())?;
        holder.metadata(&tenants).map_err(status_of)
    };
    let (found, authority) = local(holder, work).await?;
    let tenants = found.into_iter().map(metadata_out).collect();
    Ok(MetadataResponse { tenants, authority: Some(authority_out(authority)) })
}

/// Series and samples of each tenant.
pub async fn tenants(
    holder: Arc<dyn LocalHolder>,
    _request: TenantsRequest,
) -> Result<TenantsResponse, Status> {
    let (stats, authority) =
        local(holder, |holder| holder.tenant_stats().map_err(status_of)).await?;
    let row = |s: storage::head::TenantStats| TenantStats {
        tenant: s.tenant.as_str().to_owned(),
        series: s.series,
        samples: s.samples,
    };
    let tenants = stats.into_iter().map(row).collect();
    Ok(TenantsResponse { tenants, authority: Some(authority_out(authority)) })
}

/// Asks a holder for its label names where `name` is "", else for the values of that label.
pub(super) fn names_or_values(
    holder: &dyn LocalHolder,
    name: &str,
    selection: &Selection,
) -> Result<std::collections::BTreeSet<String>, StorageError> {
    match name {
        "" => holder.label_names(selection),
        name => holder.label_values(name, selection),
    }
}

/// Understands a question and asks the holder where both may take long.
async fn local<T: Send + 'static>(
    holder: Arc<dyn LocalHolder>,
    work: impl FnOnce(&dyn LocalHolder) -> Result<T, Status> + Send + 'static,
) -> Result<(T, Authority), Status> {
    let blocking = holder.blocking();
    let asked = run_on(&blocking, move || {
        let before = holder.authority();
        let found = work(&*holder)?;
        Ok((found, before.and(holder.authority())))
    });
    asked.await.ok_or_else(|| Status::internal("the read ended without an answer"))?
}

fn status_of(error: StorageError) -> Status {
    match error {
        StorageError::OverBudget { .. } => Status::resource_exhausted(error.to_string()),
        _ if error.is_retryable() => Status::unavailable(error.to_string()),
        _ => Status::data_loss(error.to_string()),
    }
}
