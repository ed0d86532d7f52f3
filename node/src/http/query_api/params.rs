//! Parameters of a request and their formats.

use actix_web::http::{Method, header};
use actix_web::{HttpRequest, web};
use query::syntax::{ExprKind, parse, parse_duration_ms};

use super::reply::ApiError;
use crate::read::names::Selectors;

mod times;

/// Most selectors (`match[]`) in a request.
const SELECTORS_MAX: usize = 256;

/// Parameters of the address and, with POST, of the form; the form comes first.
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Reads the parameters of a request.
    pub fn of(request: &HttpRequest, body: &[u8]) -> Result<Params, ApiError> {
        let mut all = Vec::new();
        if request.method() == Method::POST && is_form(request) {
            let body = std::str::from_utf8(body)
                .map_err(|_| ApiError::bad_data("the form is not valid UTF-8"))?;
            all = pairs(body)?;
        }
        all.append(&mut pairs(request.query_string())?);
        Ok(Params(all))
    }

    /// The first value of a parameter; an empty one counts as absent.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// All values of a parameter.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// A parameter that must be there.
    pub fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.get(name).ok_or_else(|| invalid(name, "it is missing"))
    }

    /// A time as milliseconds since 1970.
    pub fn time(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let parsed = self.get(name).map(times::parse_time_ms).transpose();
        parsed.map_err(|why| invalid(name, &why))
    }

    /// A duration in milliseconds: `5m` or seconds.
    pub fn duration(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let parse =
            |text: &str| times::seconds_to_ms(text).map_or_else(|| parse_duration_ms(text), Ok);
        self.get(name).map(parse).transpose().map_err(|why| invalid(name, &why))
    }

    /// A truth value.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool, ApiError> {
        match self.get(name) {
            None => Ok(default),
            Some("true" | "1" | "t" | "T" | "TRUE" | "True") => Ok(true),
            Some("false" | "0" | "f" | "F" | "FALSE" | "False") => Ok(false),
            Some(other) => Err(invalid(name, &format!("{other:?} is neither true nor false"))),
        }
    }

    /// A number; 0 stands for no limit.
    pub fn limit(&self, name: &str) -> Result<Option<usize>, ApiError> {
        let parsed = self.get(name).map(str::parse::<usize>).transpose();
        let limit = parsed.map_err(|_| invalid(name, "it must be a number of at least 0"))?;
        Ok(limit.filter(|limit| *limit > 0))
    }

    /// All `match[]`.
    pub fn selectors(&self) -> Result<Selectors, ApiError> {
        let texts: Vec<&str> = self.all("match[]").collect();
        if texts.len() > SELECTORS_MAX {
            let why = format!("there are {}; at most {SELECTORS_MAX} are taken", texts.len());
            return Err(invalid("match[]", &why));
        }
        texts.into_iter().map(selector).collect()
    }
}

fn selector(text: &str) -> Result<Vec<proto::Matcher>, ApiError> {
    let expr = parse(text).map_err(|error| invalid("match[]", &error.to_string()))?;
    match expr.kind {
        ExprKind::Selector(selector) => Ok(selector.matchers),
        _ => Err(invalid("match[]", &format!("{text:?} is not a selector of series"))),
    }
}

fn is_form(request: &HttpRequest) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let text = content_type.and_then(|value| value.to_str().ok()).unwrap_or("");
    text.trim_start().to_ascii_lowercase().starts_with("application/x-www-form-urlencoded")
}

fn pairs(encoded: &str) -> Result<Vec<(String, String)>, ApiError> {
    let parsed = web::Query::<Vec<(String, String)>>::from_query(encoded);
    let parsed = parsed.map_err(|error| ApiError::bad_data(error.to_string()))?;
    Ok(parsed.into_inner())
}

/// As Prometheus words it.
pub fn invalid(name: &str, why: &str) -> ApiError {
    ApiError::bad_data(format!("invalid parameter {name:?}: {why}"))
}
