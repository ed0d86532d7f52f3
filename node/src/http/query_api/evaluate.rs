//! `query` and `query_range`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::http::Version;
use actix_web::{HttpRequest, HttpResponse, web};
use query::{EngineOptions, Plan, QueryError, QueryTimes};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

use super::QueryApi;
use super::answer::Answer;
use super::params::{Params, invalid};
use super::reply::{ApiError, respond};
use super::shown::{Shown, Spent};
use crate::read::{Fanout, NodeQueryable, run_on};

/// Most points of a series in the answer to a range query.
const POINTS_MAX: u64 = 11_000;

/// `query`: at one time.
pub async fn instant(
    request: HttpRequest,
    body: web::Bytes,
    api: web::Data<QueryApi>,
) -> HttpResponse {
    respond(api.answer(&request, &body, instant_times).await)
}

/// `query_range`: over a range of times.
pub async fn range(
    request: HttpRequest,
    body: web::Bytes,
    api: web::Data<QueryApi>,
) -> HttpResponse {
    respond(api.answer(&request, &body, range_times).await)
}

fn instant_times(api: &QueryApi, params: &Params) -> Result<QueryTimes, ApiError> {
    let now_ms = || api.parts.clock.now_ms();
    Ok(QueryTimes::Instant(params.time("time")?.unwrap_or_else(now_ms)))
}

fn range_times(_: &QueryApi, params: &Params) -> Result<QueryTimes, ApiError> {
    let (start_ms, end_ms) = (params.required_time("start")?, params.required_time("end")?);
    if end_ms < start_ms {
        return Err(invalid("end", "end timestamp must not be before start time"));
    }
    let step_ms = params.required_duration("step")?;
    if step_ms <= 0 {
        let why = "zero or negative query resolution step widths are not accepted. Try a positive \
                   integer";
        return Err(invalid("step", why));
    }
    if end_ms.abs_diff(start_ms) / step_ms.unsigned_abs() > POINTS_MAX {
        return Err(ApiError::bad_data(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query \
             resolution (?step=XX)",
        ));
    }
    Ok(QueryTimes::Range { start_ms, end_ms, step_ms })
}

/// A query that cannot be prepared is a wrong parameter.
pub(super) fn about_query(error: QueryError) -> ApiError {
    match error {
        QueryError::Parse(_) | QueryError::BadData(_) => invalid("query", &error.to_string()),
        _ => ApiError::from(error),
    }
}

/// Raises the flag when the request goes away.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

type TimesOf = fn(&QueryApi, &Params) -> Result<QueryTimes, ApiError>;

impl QueryApi {
    async fn answer(
        &self,
        request: &HttpRequest,
        body: &[u8],
        times_of: TimesOf,
    ) -> Result<HttpResponse, ApiError> {
        let params = Params::of(request, body)?;
        let shown = Shown::of(&params)?;
        let mut fanout = self.fanout(request, &params)?;
        let times = times_of(self, &params)?;
        let (deadline, began) = (fanout.deadline, Instant::now());
        let asked = (params.query().to_owned(), times, self.options(&params)?);
        let permit = self.admit(deadline).await?;
        let queue = began.elapsed();
        let (plan, permit) = self.plan(deadline, permit, asked).await?;
        let permit = Arc::new(permit);
        fanout.place = Some(permit.clone());
        let knows_chunks = request.version() >= Version::HTTP_11;
        let spent = Spent { parsing: began.elapsed() - queue, queue };
        let answer =
            timeout_at(deadline, self.run(plan, fanout, permit, (shown, spent, knows_chunks)))
                .await;
        let late = |_| ApiError::timeout("query timed out in expression evaluation");
        Ok(answer.map_err(late)??.response(self.parts.blocking.clone()))
    }

    fn options(&self, params: &Params) -> Result<EngineOptions, ApiError> {
        let default_ms = i64::try_from(self.parts.lookback.as_millis()).unwrap_or(i64::MAX);
        let asked = params.parsed_duration("lookback_delta");
        let asked = asked.map_err(|why| {
            ApiError::bad_data(format!("error parsing lookback delta duration: {why}"))
        })?;
        let lookback_ms = asked.filter(|ms| *ms > 0).unwrap_or(default_ms);
        let (samples_max, count_samples) = (self.parts.samples_max, params.get("stats").is_some());
        let (workers, default) = (self.parts.workers, EngineOptions::default());
        Ok(EngineOptions { lookback_ms, samples_max, count_samples, workers, ..default })
    }

    /// The answer. Dropping this stops the evaluation; the place is given back when it has
    /// stopped, or with the answer.
    async fn run(
        &self,
        plan: Plan,
        fanout: Fanout,
        permit: Arc<OwnedSemaphorePermit>,
        (shown, spent, knows_chunks): (Shown, Spent, bool),
    ) -> Result<Answer, ApiError> {
        let cancel = CancelOnDrop(Arc::default());
        let flag = cancel.0.clone();
        let began = Instant::now();
        let selected = query::select(&plan, &NodeQueryable::new(fanout)).await?;
        let selecting = began.elapsed();
        let work = move || {
            let began = Instant::now();
            let mut result = query::evaluate(&plan, selected, &flag)?;
            shown.apply(&mut result, &spent, selecting, began.elapsed());
            Ok::<Answer, QueryError>(Answer::of(result, permit, knows_chunks))
        };
        let evaluated = run_on(&self.parts.blocking, work).await;
        evaluated
            .ok_or_else(|| ApiError::internal("the evaluation ended without an answer"))?
            .map_err(ApiError::from)
    }
}
