//! `series`, `labels`, `label/<name>/values`, `metadata`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use proto::Labels;
use serde_json::json;

use super::QueryApi;
use super::params::Params;
use super::reply::{ApiError, TRUNCATED, found, respond};
use crate::read::names::Found;

/// `series`.
pub async fn series(
    request: HttpRequest,
    body: web::Bytes,
    api: web::Data<QueryApi>,
) -> HttpResponse {
    respond(api.series(&request, &body).await)
}

/// `labels`.
pub async fn names(
    request: HttpRequest,
    body: web::Bytes,
    api: web::Data<QueryApi>,
) -> HttpResponse {
    respond(api.label_names(&request, &body).await)
}

/// `label/<name>/values`.
pub async fn values(
    request: HttpRequest,
    name: web::Path<String>,
    api: web::Data<QueryApi>,
) -> HttpResponse {
    respond(api.label_values(&request, &name).await)
}

/// `metadata`.
pub async fn metadata(request: HttpRequest, api: web::Data<QueryApi>) -> HttpResponse {
    respond(api.metadata(&request).await)
}

impl QueryApi {
    async fn series(&self, request: &HttpRequest, body: &[u8]) -> Result<HttpResponse, ApiError> {
        let params = Params::of(request, body)?;
        let texts = params.selector_texts()?;
        if texts.is_empty() {
            return Err(ApiError::bad_data("no match[] parameter provided"));
        }
        let mut fanout = self.fanout(request, &params)?;
        let Some(times) = times(&params)? else { return nothing() };
        let (selectors, place) = self.selectors(fanout.deadline, texts).await?;
        fanout.place = Some(Arc::new(place));
        let mut sets = fanout.label_sets(&selectors, times).await?;
        cut(&mut sets.items, &mut sets.warnings, params.limit()?);
        let object = |set: &Labels| -> BTreeMap<String, String> {
            set.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
        };
        let objects: Vec<_> = sets.items.iter().map(object).collect();
        found(&objects, sets.warnings)
    }

    async fn label_names(
        &self,
        request: &HttpRequest,
        body: &[u8],
    ) -> Result<HttpResponse, ApiError> {
        let params = Params::of(request, body)?;
        let mut fanout = self.fanout(request, &params)?;
        let Some(times) = times(&params)? else { return nothing() };
        let texts = params.selector_texts()?;
        let (selectors, place) = self.selectors(fanout.deadline, texts).await?;
        fanout.place = Some(Arc::new(place));
        let names = fanout.label_names(&selectors, times).await?;
        strings(names, params.limit()?)
    }

    async fn label_values(
        &self,
        request: &HttpRequest,
        name: &str,
    ) -> Result<HttpResponse, ApiError> {
        let params = Params::of(request, &[])?;
        let name = unescape(name);
        let mut fanout = self.fanout(request, &params)?;
        let Some(times) = times(&params)? else { return nothing() };
        let texts = params.selector_texts()?;
        let (selectors, place) = self.selectors(fanout.deadline, texts).await?;
        fanout.place = Some(Arc::new(place));
        let values = fanout.label_values(&name, &selectors, times).await?;
        strings(values, params.limit()?)
    }

    async fn metadata(&self, request: &HttpRequest) -> Result<HttpResponse, ApiError> {
        let params = Params::of(request, &[])?;
        let fanout = self.fanout(request, &params)?;
        let _place = self.admit(fanout.deadline).await?;
        let families = fanout.metadata(&[], params.get("metric")).await?;
        // Prometheus: no limit is a negative one for families, for their entries none above 0.
        let limit = params.number("limit")?.and_then(|limit| usize::try_from(limit).ok());
        let limit = limit.unwrap_or(usize::MAX);
        let per_family = params.number("limit_per_metric")?.filter(|limit| *limit > 0);
        let per_family = per_family.and_then(|limit| usize::try_from(limit).ok());
        let per_family = per_family.unwrap_or(usize::MAX);
        let entry = |entry: &proto::MetadataEntry| {
            let kind = entry.metric_type.as_str();
            json!({"type": kind, "help": entry.help, "unit": entry.unit})
        };
        let data: BTreeMap<&str, Vec<_>> = families
            .items
            .iter()
            .take(limit)
            .map(|(name, all)| (name.as_str(), all.iter().take(per_family).map(entry).collect()))
            .collect();
        found(&data, families.warnings)
    }
}

/// The time of a request for labels; all time without one. `None` if it ends before it begins:
/// then there is nothing, which is no error.
fn times(params: &Params) -> Result<Option<(i64, i64)>, ApiError> {
    let start_ms = params.time("start")?.unwrap_or(i64::MIN);
    let end_ms = params.time("end")?.unwrap_or(i64::MAX);
    Ok((start_ms <= end_ms).then_some((start_ms, end_ms)))
}

fn nothing() -> Result<HttpResponse, ApiError> {
    found(&[(); 0], BTreeSet::new())
}

fn strings(
    strings: Found<BTreeSet<String>>,
    limit: Option<usize>,
) -> Result<HttpResponse, ApiError> {
    let mut warnings = strings.warnings;
    let mut items: Vec<String> = strings.items.into_iter().collect();
    cut(&mut items, &mut warnings, limit);
    found(&items, warnings)
}

fn cut<T>(items: &mut Vec<T>, warnings: &mut BTreeSet<String>, limit: Option<usize>) {
    if let Some(limit) = limit.filter(|limit| *limit < items.len()) {
        items.truncate(limit);
        warnings.insert(TRUNCATED.to_owned());
    }
}

/// The label name that an escaped one (`U__…`) stands for: `__` is `_`, `_2e_` is the character
/// with that number. What is not validly escaped is taken as it is.
fn unescape(name: &str) -> String {
    let Some(mut rest) = name.strip_prefix("U__") else { return name.to_owned() };
    let mut out = String::new();
    while let Some(at) = rest.find('_') {
        out.push_str(&rest[..at]);
        let Some((code, after)) = rest[at + 1..].split_once('_') else { return name.to_owned() };
        let number = || u32::from_str_radix(code, 16).ok().filter(|_| code.len() <= 6);
        match (code, number().and_then(char::from_u32)) {
            ("", _) => out.push('_'),
            (_, Some(character)) => out.push(character),
            _ => return name.to_owned(),
        }
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn label_names_are_unescaped_as_prometheus_does() {
        for (escaped, name) in [
            ("job", "job"),
            ("U__http_2e_status", "http.status"),
            ("U__a__b", "a_b"),
            ("U__label_20_with_20_spaces", "label with spaces"),
            ("U__bad_zz_", "U__bad_zz_"),
            ("U__open_2e", "U__open_2e"),
        ] {
            assert_eq!(unescape(escaped), name);
        }
    }
}
