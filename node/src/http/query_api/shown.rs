//! What the answer to a query shows beside the data, or leaves out of it.

use std::time::Duration;

use query::{QueryResult, Timings};

use super::params::Params;
use super::reply::{ApiError, TRUNCATED};

/// The parameters `limit` and `stats`.
pub struct Shown {
    limit: Option<usize>,
    stats: Option<String>,
}

/// Where the time went before a query ran.
pub struct Spent {
    /// Understanding the query.
    pub parsing: Duration,
    /// Waiting for a place.
    pub queue: Duration,
}

impl Shown {
    /// What a request asks for.
    pub fn of(params: &Params) -> Result<Shown, ApiError> {
        Ok(Shown { limit: params.limit()?, stats: params.get("stats").map(str::to_owned) })
    }

    /// Cuts the result and adds the statistics.
    pub fn apply(
        &self,
        result: &mut QueryResult,
        spent: &Spent,
        selecting: Duration,
        evaluation: Duration,
    ) {
        if self.limit.is_some_and(|limit| result.truncate(limit)) {
            result.warnings.push(TRUNCATED.to_owned());
        }
        let Some(stats) = &self.stats else { return };
        if !["true", "all"].contains(&stats.as_str()) {
            result.warnings.push(format!(
                "value {stats:?} for parameter \"stats\" is deprecated and will be rejected in the \
                 next major release, use \"true\" or \"all\""
            ));
        }
        result.timings = Some(Timings {
            queue: spent.queue.as_secs_f64(),
            preparation: (spent.parsing + selecting).as_secs_f64(),
            evaluation: evaluation.as_secs_f64(),
        });
    }
}
