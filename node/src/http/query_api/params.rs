//! Parameters of a request and their formats.

use actix_web::http::{Method, header};
use actix_web::{HttpRequest, web};
use proto::Regexes;
use query::syntax::{ExprKind, Selector, parse_duration_ms, parse_with};

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

    /// The query; an empty one is left to the parser.
    pub fn query(&self) -> &str {
        self.get("query").unwrap_or("")
    }

    /// A time as milliseconds since 1970, if there is one.
    pub fn time(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let parsed = self.get(name).map(times::parse_time_ms).transpose();
        let told = |why: String| format!("invalid time value for '{name}': {why}");
        parsed.map_err(|why| invalid(name, &told(why)))
    }

    /// A time that must be there.
    pub fn required_time(&self, name: &str) -> Result<i64, ApiError> {
        times::parse_time_ms(self.get(name).unwrap_or("")).map_err(|why| invalid(name, &why))
    }

    /// A duration in milliseconds: `5m` or seconds.
    pub fn duration(&self, name: &str) -> Result<Option<i64>, ApiError> {
        self.parsed_duration(name).map_err(|why| invalid(name, &why))
    }

    /// The same, or why it is none.
    pub fn parsed_duration(&self, name: &str) -> Result<Option<i64>, String> {
        self.get(name).map(duration_ms).transpose()
    }

    /// A duration that must be there.
    pub fn required_duration(&self, name: &str) -> Result<i64, ApiError> {
        duration_ms(self.get(name).unwrap_or("")).map_err(|why| invalid(name, &why))
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

    /// Most entries of an answer; 0 stands for no limit.
    pub fn limit(&self) -> Result<Option<usize>, ApiError> {
        let Some(text) = self.get("limit") else { return Ok(None) };
        let number: i64 = text.parse().map_err(|_| {
            invalid("limit", &format!("strconv.Atoi: parsing {text:?}: invalid syntax"))
        })?;
        let limit = usize::try_from(number);
        let limit = limit.map_err(|_| invalid("limit", "limit must be non-negative"))?;
        Ok(Some(limit).filter(|limit| *limit > 0))
    }

    /// A number that metadata is limited by.
    pub fn number(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let parsed = self.get(name).map(str::parse).transpose();
        parsed.map_err(|_| ApiError::bad_data(format!("{name} must be a number")))
    }

    /// The texts of all `match[]`.
    pub fn selector_texts(&self) -> Result<Vec<String>, ApiError> {
        let texts: Vec<String> = self.all("match[]").map(str::to_owned).collect();
        if texts.len() > SELECTORS_MAX {
            let why = format!("there are {}; at most {SELECTORS_MAX} are taken", texts.len());
            return Err(invalid("match[]", &why));
        }
        Ok(texts)
    }
}

/// What the `match[]` of one request select; they share a budget of regular expressions.
pub fn parse_selectors(texts: &[String]) -> Result<Selectors, ApiError> {
    let mut regexes = Regexes::default();
    texts.iter().map(|text| selector(text, &mut regexes)).collect()
}

fn selector(text: &str, regexes: &mut Regexes) -> Result<Vec<proto::Matcher>, ApiError> {
    let expr = parse_with(text, regexes).map_err(|error| invalid("match[]", &error.to_string()))?;
    match expr.kind {
        ExprKind::Selector(Selector { matchers, shift, extension: None, .. })
            if shift.offset_ms == 0 && shift.offset.is_none() && shift.at.is_none() =>
        {
            Ok(matchers)
        }
        _ => Err(invalid("match[]", &format!("{text:?} is not a selector of series"))),
    }
}

fn duration_ms(text: &str) -> Result<i64, String> {
    let ms = times::seconds_to_ms(text).or_else(|| parse_duration_ms(text).ok());
    ms.ok_or_else(|| format!("cannot parse {text:?} to a valid duration"))
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
