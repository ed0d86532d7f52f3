//! A place among the queries that run, and work that is done in it.

use query::{Engine, EngineOptions, Plan, QueryTimes};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

use super::QueryApi;
use super::params::parse_selectors;
use super::reply::ApiError;
use crate::read::names::Selectors;
use crate::read::run_on;

impl QueryApi {
    /// A place among the queries that run, as soon as there is one.
    pub(super) async fn admit(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, ApiError> {
        let place = timeout_at(deadline, self.admission.clone().acquire_owned()).await;
        let busy = || {
            let limit = self.parts.concurrent_max;
            ApiError::busy(format!(
                "query timed out in query queue: {limit} queries run already \
                 (--query.max-concurrent)"
            ))
        };
        place.map_err(|_| busy())?.map_err(|_| busy())
    }

    /// Computes something where it may take long. The place is given back when that has ended,
    /// even if nobody waits any more, else it comes back with the result.
    pub(super) async fn compute<T: Send + 'static>(
        &self,
        deadline: Instant,
        place: OwnedSemaphorePermit,
        work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
    ) -> Result<(T, OwnedSemaphorePermit), ApiError> {
        let held = move || work().map(|result| (result, place));
        let ended = timeout_at(deadline, run_on(&self.parts.blocking, held)).await;
        let late = |_| ApiError::timeout("query timed out in expression evaluation");
        let ended = ended.map_err(late)?;
        ended.ok_or_else(|| ApiError::internal("the query ended without an answer"))?
    }

    /// The selectors of a request, and the place in which their series may be looked up.
    pub(super) async fn selectors(
        &self,
        deadline: Instant,
        texts: Vec<String>,
    ) -> Result<(Selectors, OwnedSemaphorePermit), ApiError> {
        let place = self.admit(deadline).await?;
        self.compute(deadline, place, move || parse_selectors(&texts)).await
    }

    /// The plan of a query.
    pub(super) async fn plan(
        &self,
        deadline: Instant,
        place: OwnedSemaphorePermit,
        (query, times, options): (String, QueryTimes, EngineOptions),
    ) -> Result<(Plan, OwnedSemaphorePermit), ApiError> {
        let work = move || {
            let plan = Engine::new(options).prepare(&query, times);
            plan.map_err(super::evaluate::about_query)
        };
        self.compute(deadline, place, work).await
    }
}
