//! The series that are queried, and how they come into a server: block of time by block of time,
//! as scrapes would bring them, so that no receiver sees old samples.

use std::io::Write;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use proto::labels::METRIC_NAME;
use proto::remote_write::RequestWriter;
use proto::{Labels, TenantName};

use super::options::QueryOptions;
use crate::bench::{BenchError, worker};
use crate::client::encode::compress;
use crate::client::remote_write::RemoteWriter;
use crate::client::{self, ClientError};

/// Data begins this long before the first time that is asked for, so that every window is full.
const LEAD_MS: i64 = 600_000;
/// Rounds of samples in one request.
const ROUNDS_PER_REQUEST: usize = 10;
/// Series in one request.
const SERIES_PER_REQUEST: u32 = 500;
/// Requests in flight.
const IN_FLIGHT: usize = 4;
/// Upper bounds of the histogram.
const BOUNDS: [&str; 12] =
    ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"];
const CODES: [&str; 3] = ["200", "404", "500"];
/// Series of one pod among the wide ones.
const PATHS: u32 = 100;
/// A counter in so many starts anew now and then.
const RESETS_EVERY: u64 = 16;

/// A metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Metric {
    Requests,
    Limit,
    Buckets,
    Wide,
}

/// A metric's series and times.
#[derive(Clone, Debug)]
struct Family {
    metric: Metric,
    series: u32,
    /// Time of the first round.
    first_ms: i64,
    rounds: usize,
}

/// All of it.
#[derive(Clone, Debug)]
pub(super) struct Data {
    families: Vec<Family>,
    interval_ms: i64,
    /// Last time of the data.
    pub end_ms: i64,
    /// Range of the queries over the pods' series.
    pub range_ms: i64,
    /// Range of the queries over the wide series.
    pub wide_range_ms: i64,
}

/// Samples of one request.
#[derive(Clone, Debug)]
struct Batch {
    family: usize,
    series: std::ops::Range<u32>,
    rounds: std::ops::Range<usize>,
}

impl Data {
    pub(super) fn new(options: &QueryOptions, end_ms: i64) -> Data {
        let interval_ms = options.interval_seconds * 1000;
        let end_ms = end_ms - end_ms.rem_euclid(interval_ms);
        let (range_ms, wide_range_ms) = (options.minutes * 60_000, options.wide_minutes * 60_000);
        let family = |metric, series, range_ms: i64| {
            let rounds = (range_ms + LEAD_MS) / interval_ms;
            let first_ms = end_ms - (rounds - 1) * interval_ms;
            Family { metric, series, first_ms, rounds: usize::try_from(rounds).unwrap_or(0) }
        };
        let pods = options.pods;
        let families = vec![
            family(Metric::Requests, pods * CODES.len() as u32, range_ms),
            family(Metric::Limit, pods, range_ms),
            family(Metric::Buckets, pods * BOUNDS.len() as u32, range_ms),
            family(Metric::Wide, options.wide_series, wide_range_ms),
        ];
        Data { families, interval_ms, end_ms, range_ms, wide_range_ms }
    }

    /// Number of series.
    pub(super) fn series(&self) -> u64 {
        self.families.iter().map(|family| u64::from(family.series)).sum()
    }

    /// Number of samples.
    pub(super) fn samples(&self) -> u64 {
        self.families.iter().map(|f| u64::from(f.series) * f.rounds as u64).sum()
    }

    /// How far back the data goes, in ms.
    pub(super) fn reach_ms(&self) -> i64 {
        let first = self.families.iter().map(|family| family.first_ms).min();
        self.end_ms - first.unwrap_or(self.end_ms)
    }

    /// Whether there are wide series.
    pub(super) fn is_wide(&self) -> bool {
        self.families.iter().any(|family| family.metric == Metric::Wide && family.series > 0)
    }

    /// Writes everything.
    pub(super) async fn load(&self, url: &str, options: &QueryOptions) -> Result<(), BenchError> {
        let http = client::http(crate::bench::REQUEST_TIMEOUT)?;
        let writer = RemoteWriter::new(http, &options.tenant_header, worker::retry_limits())?;
        let tenant =
            TenantName::new("bench-query").map_err(|e| BenchError::Series(e.to_string()))?;
        let urls = [url.to_owned()];
        for block in self.blocks() {
            let sends = block.iter().map(|batch| {
                let (writer, urls, tenant) = (&writer, &urls, &tenant);
                async move {
                    let body = self.body(batch)?;
                    let delivery = writer.send(urls, 0, Some(tenant), body).await;
                    delivery.verdict.map_err(BenchError::from)
                }
            });
            let sent = stream::iter(sends).buffer_unordered(IN_FLIGHT);
            sent.try_collect::<Vec<()>>().await?;
        }
        let _ = writeln!(std::io::stderr(), "{} samples written", self.samples());
        Ok(())
    }

    /// Batches of each block of time, oldest first.
    fn blocks(&self) -> Vec<Vec<Batch>> {
        let all = self.families.iter().map(|family| family.rounds).max().unwrap_or(0);
        (0..all)
            .step_by(ROUNDS_PER_REQUEST)
            .map(|start| {
                let end = (start + ROUNDS_PER_REQUEST).min(all);
                self.families
                    .iter()
                    .enumerate()
                    .flat_map(|(number, family)| {
                        // All families end together.
                        let late = all - family.rounds;
                        let rounds = start.saturating_sub(late)..end.saturating_sub(late);
                        family.batches(number, rounds)
                    })
                    .collect()
            })
            .collect()
    }

    fn body(&self, batch: &Batch) -> Result<Bytes, BenchError> {
        let family = &self.families[batch.family];
        let mut request = RequestWriter::default();
        for series in batch.series.clone() {
            let labels = family.labels(series);
            let labels = labels.map_err(|error| BenchError::Series(error.to_string()))?;
            let samples = batch.rounds.clone().map(|round| {
                let time = family.first_ms + round as i64 * self.interval_ms;
                (time, family.value(series, round as u64))
            });
            request.series(&labels, &samples.collect::<Vec<_>>());
        }
        let long = || ClientError::Setup("a request is longer than snappy can frame".to_owned());
        Ok(Bytes::from(compress(&request).ok_or_else(long)?))
    }
}

impl Family {
    fn batches(&self, family: usize, rounds: std::ops::Range<usize>) -> Vec<Batch> {
        if rounds.is_empty() {
            return Vec::new();
        }
        let firsts = (0..self.series).step_by(SERIES_PER_REQUEST as usize);
        let batch = |first: u32| {
            let series = first..self.series.min(first + SERIES_PER_REQUEST);
            Batch { family, series, rounds: rounds.clone() }
        };
        firsts.map(batch).collect()
    }

    fn labels(&self, series: u32) -> Result<Labels, proto::LabelsError> {
        let (name, per_pod) = match self.metric {
            Metric::Requests => ("bench_requests_total", CODES.len() as u32),
            Metric::Limit => ("bench_limit", 1),
            Metric::Buckets => ("bench_duration_seconds_bucket", BOUNDS.len() as u32),
            Metric::Wide => ("bench_wide_total", PATHS),
        };
        let (pod, place) = (series / per_pod, series % per_pod);
        let mut pairs = vec![
            (METRIC_NAME.to_owned(), name.to_owned()),
            ("pod".to_owned(), format!("pod-{pod:05}")),
            ("namespace".to_owned(), format!("team-{}", pod % 20)),
            ("zone".to_owned(), format!("zone-{}", pod % 10)),
            ("job".to_owned(), "bench".to_owned()),
        ];
        match self.metric {
            Metric::Requests => pairs.push(("code".to_owned(), CODES[place as usize].to_owned())),
            Metric::Buckets => pairs.push(("le".to_owned(), BOUNDS[place as usize].to_owned())),
            Metric::Wide => pairs.push(("path".to_owned(), format!("/api/v1/{place}"))),
            Metric::Limit => {}
        }
        Labels::from_pairs(pairs)
    }

    fn value(&self, series: u32, round: u64) -> f64 {
        let own = mixed(u64::from(series) << 3 | self.metric as u64);
        match self.metric {
            Metric::Limit => (1000 + mixed(own ^ round) % 4096) as f64 / 4.0,
            Metric::Buckets => {
                // Cumulative in the bound, and all bounds of a pod grow together.
                let (pod, place) = (series / BOUNDS.len() as u32, series % BOUNDS.len() as u32);
                let pace = 1 + mixed(u64::from(pod)) % 7;
                (round * pace * u64::from(place + 1).pow(2)) as f64
            }
            Metric::Requests | Metric::Wide => {
                let round = if own.is_multiple_of(RESETS_EVERY) { round % 97 } else { round };
                let noise = mixed(own ^ round) % 8;
                (own % 65_536 * u64::from(!own.is_multiple_of(RESETS_EVERY))
                    + round * (8 + own % 23)
                    + noise) as f64
            }
        }
    }
}

/// splitmix64's finisher.
fn mixed(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::query::options::{Parsed, parse};

    fn data() -> Data {
        let args = ["--pods=10", "--wide-series=700", "--minutes=30", "--wide-minutes=5"];
        let Parsed::Run(options) = parse(args.map(str::to_owned)) else { panic!("valid flags") };
        Data::new(&options, 1_700_000_012_345)
    }

    #[test]
    fn blocks_hold_every_sample_once_and_in_order() {
        let data = data();
        let blocks = data.blocks();
        let samples = |batch: &Batch| batch.series.len() as u64 * batch.rounds.len() as u64;
        assert_eq!(blocks.iter().flatten().map(samples).sum::<u64>(), data.samples());
        let first_of = |block: &Vec<Batch>| {
            let times = block.iter().map(|b| {
                data.families[b.family].first_ms + b.rounds.start as i64 * data.interval_ms
            });
            times.min().unwrap()
        };
        assert!(blocks.iter().map(first_of).is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn buckets_are_cumulative_and_counters_grow() {
        let data = data();
        let buckets = &data.families[2];
        assert!((0..12).map(|le| buckets.value(le, 5)).is_sorted());
        let requests = &data.families[0];
        let grows = |series| (0..40).map(|r| requests.value(series, r)).is_sorted();
        assert!((0..30).filter(|series| grows(*series)).count() > 20);
    }
}
