//! A worker sends its share of the requests, round by round, one at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::histogram::Histogram;
use super::options::WriteOptions;
use super::template::Template;
use crate::client::remote_write::{Delivery, RemoteWriter, RetryLimits};

/// Sample time begins this long before now.
const BEGIN_BEFORE_NOW_MS: i64 = 3_600_000;
/// Sample time ends this long after now: receivers accept about ten minutes.
const END_AFTER_NOW_MS: i64 = 300_000;
/// Failures in a row after which a worker gives up: the receiver takes nothing.
const FAILURES_IN_ROW_MAX: u32 = 10;

/// How often and how long one request is tried.
pub(super) fn retry_limits() -> RetryLimits {
    RetryLimits { attempts_max: 20, ..RetryLimits::default() }
}

/// When rounds are sent and which time their samples have.
#[derive(Clone)]
pub(super) struct Pace {
    /// Time of the first round's samples.
    pub(super) first_ms: i64,
    interval_ms: i64,
    real_time: bool,
    duration: Duration,
    now_ms: fn() -> i64,
}

/// Why a worker ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stop {
    /// `--duration` is over.
    #[default]
    Duration,
    /// The samples' time reached its end.
    SampleTime,
    /// Too many failures in a row.
    Failures,
}

/// What a worker counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Samples in requests that were answered with 2xx.
    pub(super) acked_samples: u64,
    /// Requests by the status of each attempt; `None` where no answer came.
    pub(super) statuses: BTreeMap<Option<u16>, u64>,
    /// Attempts beyond the first.
    pub(super) retries: u64,
    /// Requests that were never acked.
    pub(super) failed: u64,
    /// Why the first of them was not.
    pub(super) reason: Option<String>,
    /// Time from the first attempt to the ack, in microseconds.
    pub(super) latency: Histogram,
    /// Age of the last round sent.
    pub(super) age_ms: i64,
    /// Why it ended.
    pub(super) stop: Stop,
}

/// One sender.
pub(super) struct Worker {
    pub(super) number: usize,
    pub(super) templates: Vec<Template>,
    pub(super) writer: RemoteWriter,
    pub(super) urls: Arc<[String]>,
    pub(super) pace: Pace,
    pub(super) started: Instant,
}

impl Pace {
    pub(super) fn new(options: &WriteOptions, now_ms: fn() -> i64) -> Pace {
        let back = if options.real_time { 0 } else { BEGIN_BEFORE_NOW_MS };
        Pace {
            first_ms: now_ms() - back,
            interval_ms: options.interval_ms,
            real_time: options.real_time,
            duration: options.duration,
            now_ms,
        }
    }

    /// Age of a round in sample time.
    pub(super) fn age_ms(&self, round: u64) -> i64 {
        i64::try_from(round).unwrap_or(i64::MAX).saturating_mul(self.interval_ms)
    }

    /// Whether a round may be sent at all.
    pub(super) fn allows(&self, round: u64) -> bool {
        let time = self.first_ms.saturating_add(self.age_ms(round));
        time <= (self.now_ms)().saturating_add(END_AFTER_NOW_MS)
    }

    /// Waits for the time of a round; `false` when that is past the end of the run.
    async fn wait(&self, round: u64, started: Instant) -> bool {
        if !self.real_time {
            return true;
        }
        let age = Duration::from_millis(self.age_ms(round).unsigned_abs());
        if age >= self.duration {
            return false;
        }
        tokio::time::sleep_until(started + age).await;
        true
    }
}

impl Worker {
    /// Sends until the run is over.
    pub(super) async fn run(mut self) -> Tally {
        let mut tally = Tally::default();
        let mut failures_in_row = 0;
        let mut requests = self.number;
        for round in 0.. {
            if !self.pace.wait(round, self.started).await {
                return tally.stopped(Stop::Duration);
            }
            if !self.pace.allows(round) {
                return tally.stopped(Stop::SampleTime);
            }
            tally.age_ms = self.pace.age_ms(round);
            for template in 0..self.templates.len() {
                if self.started.elapsed() >= self.pace.duration {
                    return tally.stopped(Stop::Duration);
                }
                let acked = self.send(template, round, requests, &mut tally).await;
                failures_in_row = if acked { 0 } else { failures_in_row + 1 };
                if failures_in_row >= FAILURES_IN_ROW_MAX {
                    return tally.stopped(Stop::Failures);
                }
                requests = requests.wrapping_add(1);
            }
        }
        tally
    }

    /// Sends one request; whether it was acked.
    async fn send(&mut self, place: usize, round: u64, request: usize, tally: &mut Tally) -> bool {
        let age = self.pace.age_ms(round);
        let template = &mut self.templates[place];
        let Some(body) = template.body(round, self.pace.first_ms + age, age) else {
            tally.fail("the request cannot be encoded".to_owned());
            return false;
        };
        let begun = Instant::now();
        let tenant = Some(&template.tenant);
        let delivery = self.writer.send(&self.urls, request, tenant, body).await;
        tally.count(template.samples(), begun.elapsed(), delivery)
    }
}

impl Tally {
    fn stopped(mut self, stop: Stop) -> Tally {
        self.stop = stop;
        self
    }

    fn fail(&mut self, reason: String) {
        self.failed += 1;
        self.reason.get_or_insert(reason);
    }

    /// Counts one request; whether it was acked.
    pub(super) fn count(&mut self, samples: u64, took: Duration, delivery: Delivery) -> bool {
        self.retries += (delivery.statuses.len() as u64).saturating_sub(1);
        for status in delivery.statuses {
            *self.statuses.entry(status).or_default() += 1;
        }
        match delivery.verdict {
            Ok(()) => {
                self.acked_samples += samples;
                self.latency.record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
                true
            }
            Err(error) => {
                self.fail(error.to_string());
                false
            }
        }
    }

    /// Adds another worker's.
    pub(super) fn merge(&mut self, other: Tally) {
        self.acked_samples += other.acked_samples;
        self.retries += other.retries;
        self.failed += other.failed;
        self.reason = self.reason.take().or(other.reason);
        self.latency.merge(&other.latency);
        self.age_ms = self.age_ms.max(other.age_ms);
        self.stop = self.stop.max(other.stop);
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
    }
}
