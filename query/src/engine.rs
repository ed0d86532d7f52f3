//! From a plan to an answer: all selects at once, then evaluation without waiting.

use std::sync::atomic::AtomicBool;

use futures::future::try_join_all;

use crate::dictionary::Dictionary;
use crate::error::QueryError;
use crate::eval;
use crate::plan::{EngineOptions, Plan, QueryTimes, SELECTORS_MAX};
use crate::queryable::{Queryable, SeriesSet};
use crate::result::QueryResult;

/// Makes plans under one set of options.
#[derive(Clone, Copy, Debug, Default)]
pub struct Engine {
    options: EngineOptions,
}

/// What a plan asked for, ready for [`evaluate`].
#[derive(Default)]
pub struct Selected {
    /// Answers in the order of [`Plan::requests`].
    pub sets: Vec<SeriesSet>,
    /// The dictionary of their labels.
    pub dictionary: Dictionary,
}

impl Engine {
    /// An engine with these options.
    pub fn new(options: EngineOptions) -> Engine {
        Engine { options }
    }

    /// Understands a query.
    pub fn prepare(&self, query: &str, times: QueryTimes) -> Result<Plan, QueryError> {
        let plan = Plan::new(query, times, self.options)?;
        if plan.requests().len() > SELECTORS_MAX {
            return Err(QueryError::Limit(format!(
                "the query has more than {SELECTORS_MAX} different selectors"
            )));
        }
        Ok(plan)
    }
}

/// Selects all that a plan needs, concurrently.
pub async fn select(plan: &Plan, source: &dyn Queryable) -> Result<Selected, QueryError> {
    let dictionary = Dictionary::new();
    let selects = plan.requests().iter().map(|request| source.select(request, &dictionary));
    let sets = try_join_all(selects).await?;
    Ok(Selected { sets, dictionary })
}

/// Evaluates a plan over what was selected: pure computation that may take long, to be run on a
/// thread that may block. It ends soon after `cancel` is raised.
pub fn evaluate(
    plan: &Plan,
    selected: Selected,
    cancel: &AtomicBool,
) -> Result<QueryResult, QueryError> {
    if selected.sets.len() != plan.requests().len() {
        return Err(QueryError::execution("the selects do not belong to the plan"));
    }
    eval::evaluate(plan, &selected.sets, selected.dictionary.into_interner(), cancel)
}

/// [`select`], then [`evaluate`] on the spot.
pub async fn run(
    plan: &Plan,
    source: &dyn Queryable,
    cancel: &AtomicBool,
) -> Result<QueryResult, QueryError> {
    let selected = select(plan, source).await?;
    evaluate(plan, selected, cancel)
}

#[cfg(test)]
mod tests;
