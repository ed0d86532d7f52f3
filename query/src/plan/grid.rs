//! The times at which a query is evaluated.

use super::EngineOptions;
use crate::error::QueryError;
use crate::syntax::{Expr, Type};

/// Times of evaluation: `start`, then every `step`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// First time, milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// Distance of two times, milliseconds.
    pub step_ms: i64,
    /// Number of times, at least 1.
    pub count: usize,
}

impl Grid {
    /// One time only.
    pub fn instant(at_ms: i64) -> Grid {
        Grid { start_ms: at_ms, step_ms: 0, count: 1 }
    }

    /// Time of step `index`.
    #[inline]
    pub fn at(&self, index: usize) -> i64 {
        self.start_ms.saturating_add(self.step_ms.saturating_mul(index as i64))
    }

    /// The last time.
    pub fn end_ms(&self) -> i64 {
        self.at(self.count - 1)
    }
}

/// Which endpoint a query came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryKind {
    /// Evaluated at one time.
    Instant,
    /// Evaluated over a range: the answer is a matrix.
    Range,
}

/// When a query is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryTimes {
    /// At one time, milliseconds since the Unix epoch.
    Instant(i64),
    /// From `start_ms` to `end_ms`, both inclusive, every `step_ms`.
    Range {
        /// First time.
        start_ms: i64,
        /// No time after this.
        end_ms: i64,
        /// At least 1.
        step_ms: i64,
    },
}

/// Kind, times and `end()` of a query.
pub(super) fn grid_of(
    times: QueryTimes,
    expr: &Expr,
    options: &EngineOptions,
) -> Result<(QueryKind, Grid, i64), QueryError> {
    let (start_ms, end_ms, step_ms) = match times {
        QueryTimes::Instant(at) => return Ok((QueryKind::Instant, Grid::instant(at), at)),
        QueryTimes::Range { start_ms, end_ms, step_ms } => (start_ms, end_ms, step_ms),
    };
    if step_ms <= 0 {
        return Err(QueryError::BadData(
            "zero or negative query resolution step widths are not accepted. Try a positive \
             integer"
                .to_owned(),
        ));
    }
    if end_ms < start_ms {
        return Err(QueryError::BadData("end timestamp must not be before start time".to_owned()));
    }
    let found = expr.value_type();
    if !matches!(found, Type::Scalar | Type::Vector) {
        let message = format!(
            "invalid expression type {:?} for range query, must be Scalar or instant Vector",
            found.to_string()
        );
        return Err(QueryError::BadData(message));
    }
    let count = (end_ms.abs_diff(start_ms) / step_ms.unsigned_abs()).saturating_add(1);
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count > options.samples_max {
        return Err(too_many_samples(options.samples_max));
    }
    Ok((QueryKind::Range, Grid { start_ms, step_ms, count }, end_ms))
}

/// The error of a query that would hold more samples than allowed.
pub(crate) fn too_many_samples(samples_max: usize) -> QueryError {
    QueryError::Limit(format!(
        "query processing would load too many samples into memory in query execution: more than \
         {samples_max} (--query.max-samples)"
    ))
}
