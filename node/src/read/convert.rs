//! Selections and series between their types here and on the wire.

use bytes::Bytes;
use proto::rpc::{self, LabelMatcher};
use proto::{Labels, Matcher, MetadataEntry, MetricType, Regexes, SeriesId, TenantName};
use storage::chunk::CHUNK_BYTES_MAX;
use storage::{Chunk, Selection, SeriesChunks};

use super::ReadError;
use super::scope::{op_number, op_of};
use super::sources::{Authority, FamilyMetadata};

/// Most matchers in one question of a peer.
pub const MATCHERS_MAX: usize = 10_000;

pub(super) fn matchers_out(matchers: &[Matcher]) -> Vec<LabelMatcher> {
    let out = |matcher: &Matcher| LabelMatcher {
        op: op_number(matcher.op()),
        name: matcher.name().to_owned(),
        value: matcher.value().to_owned(),
    };
    matchers.iter().map(out).collect()
}

/// The matchers of a question; those of the same question share their regular expressions. This
/// compiles, so it is done where it may block.
pub(super) fn matchers_in(
    matchers: &[LabelMatcher],
    regexes: &mut Regexes,
) -> Result<Vec<Matcher>, tonic::Status> {
    if matchers.len() > MATCHERS_MAX {
        let text = format!("{} matchers; at most {MATCHERS_MAX} are taken", matchers.len());
        return Err(tonic::Status::invalid_argument(text));
    }
    matchers.iter().map(|matcher| matcher_in(matcher, regexes)).collect()
}

fn matcher_in(matcher: &LabelMatcher, regexes: &mut Regexes) -> Result<Matcher, tonic::Status> {
    let op = op_of(matcher.op).ok_or_else(|| {
        tonic::Status::invalid_argument(format!("the matcher operator {} is unknown", matcher.op))
    })?;
    let made = regexes.matcher(&matcher.name, op, &matcher.value);
    made.map_err(|error| tonic::Status::invalid_argument(error.to_string()))
}

pub(super) fn authority_out(authority: Authority) -> rpc::Authority {
    rpc::Authority { complete: authority.complete, reason: authority.reason }
}

/// A missing statement is no authority.
pub(super) fn authority_in(authority: Option<rpc::Authority>) -> Authority {
    authority.map_or_else(
        || Authority::partial("its answer ended early"),
        |a| Authority { complete: a.complete, reason: a.reason },
    )
}

/// A series without its chunks.
pub(super) fn series_out(series: &SeriesChunks) -> rpc::SeriesChunks {
    rpc::SeriesChunks {
        tenant: series.tenant.as_str().to_owned(),
        id: Bytes::copy_from_slice(&series.id.to_bytes()),
        labels: series.labels.to_bytes(),
        chunks: Vec::new(),
    }
}

pub(super) fn chunk_out(chunk: Chunk) -> rpc::Chunk {
    let Chunk { min_ms, max_ms, encoding, data } = chunk;
    rpc::Chunk { min_ms, max_ms, encoding: u32::from(encoding), data }
}

/// Checks and takes a peer's series; `last_tenant` saves an allocation a series.
pub(super) fn series_in(
    series: rpc::SeriesChunks,
    last_tenant: &mut Option<TenantName>,
) -> Result<SeriesChunks, ReadError> {
    let tenant = tenant_in(&series.tenant, last_tenant)?;
    let id: [u8; 16] = series.id.as_ref().try_into().map_err(|_| damaged("a series id"))?;
    let labels = Labels::from_canonical(series.labels);
    let labels = labels.map_err(|error| ReadError::Damaged(error.to_string()))?;
    let chunks = series.chunks.into_iter().map(chunk_in).collect::<Result<_, _>>()?;
    Ok(SeriesChunks { tenant, id: SeriesId::from_bytes(id), labels, chunks })
}

fn chunk_in(chunk: rpc::Chunk) -> Result<Chunk, ReadError> {
    let encoding = u8::try_from(chunk.encoding).map_err(|_| damaged("a chunk encoding"))?;
    if chunk.data.len() > CHUNK_BYTES_MAX {
        return Err(damaged("the length of a chunk"));
    }
    Ok(Chunk { min_ms: chunk.min_ms, max_ms: chunk.max_ms, encoding, data: chunk.data })
}

fn tenant_in(name: &str, last: &mut Option<TenantName>) -> Result<TenantName, ReadError> {
    if let Some(tenant) = last.as_ref().filter(|tenant| tenant.as_str() == name) {
        return Ok(tenant.clone());
    }
    let tenant = TenantName::new(name).map_err(|error| ReadError::Damaged(error.to_string()))?;
    Ok(last.insert(tenant).clone())
}

fn damaged(what: &str) -> ReadError {
    ReadError::Damaged(format!("{what} in the peer's answer is invalid"))
}

pub(super) fn metadata_out(family: FamilyMetadata) -> rpc::TenantMetadata {
    let FamilyMetadata { tenant, entry } = family;
    rpc::TenantMetadata {
        tenant: tenant.as_str().to_owned(),
        metric_type: entry.metric_type as u32,
        family: entry.family,
        help: entry.help,
        unit: entry.unit,
    }
}

pub(super) fn metadata_in(family: rpc::TenantMetadata) -> Result<FamilyMetadata, ReadError> {
    let tenant = tenant_in(&family.tenant, &mut None)?;
    let entry = MetadataEntry {
        metric_type: MetricType::from_number(u64::from(family.metric_type)),
        family: family.family,
        help: family.help,
        unit: family.unit,
    };
    Ok(FamilyMetadata { tenant, entry })
}

/// The question for a peer's series as the peer takes it.
pub(super) fn selection_in(
    matchers: &[LabelMatcher],
    tenants: &[LabelMatcher],
    start_ms: i64,
    end_ms: i64,
) -> Result<Selection, tonic::Status> {
    let mut regexes = Regexes::default();
    Ok(Selection {
        tenants: matchers_in(tenants, &mut regexes)?,
        matchers: matchers_in(matchers, &mut regexes)?,
        start_ms,
        end_ms,
        ..Selection::default()
    })
}
