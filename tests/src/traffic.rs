//! A steady writer that remembers what was acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use proto::Labels;

use crate::clock::{beside, now_ms, pause, wait_for};
use crate::{query, write};

/// Name of the metric that the writer writes.
pub const METRIC: &str = "traffic_total";
/// Pause between two requests.
const PAUSE: Duration = Duration::from_millis(20);
/// Longest wait for writes to be acknowledged.
const PROGRESS_LIMIT: Duration = Duration::from_secs(60);

/// What the writer saw.
#[derive(Debug, Default, Clone)]
pub struct Ledger {
    /// Timestamps of acknowledged samples by tenant and series.
    pub acked: BTreeMap<(String, String), Vec<i64>>,
    /// Requests that were not answered with 2xx, in words.
    pub refused: Vec<String>,
    /// Requests that were.
    pub accepted: usize,
}

impl Ledger {
    /// Number of acknowledged samples.
    pub fn samples(&self) -> usize {
        self.acked.values().map(Vec::len).sum()
    }
}

/// A writer at work.
pub struct Traffic {
    stop: Arc<AtomicBool>,
    accepted: Arc<AtomicUsize>,
    thread: JoinHandle<Ledger>,
}

impl Traffic {
    /// Writes `series` series of each tenant, in turn to each of `addresses`, one sample a series
    /// and request, until it is stopped.
    pub fn start(addresses: Vec<SocketAddr>, tenants: &[&str], series: usize) -> Traffic {
        let stop = Arc::new(AtomicBool::new(false));
        let accepted = Arc::new(AtomicUsize::new(0));
        let (stopped, counter) = (stop.clone(), accepted.clone());
        let tenants: Vec<String> = tenants.iter().map(|tenant| (*tenant).to_owned()).collect();
        let thread = beside(move || {
            let mut ledger = Ledger::default();
            let mut last = 0;
            for round in 0.. {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                // Two rounds in one millisecond would be two values for one timestamp.
                last = now_ms().max(last + 1);
                let tenant = &tenants[round % tenants.len()];
                let address = addresses[round / tenants.len() % addresses.len()];
                send(address, tenant, series, last, &mut ledger);
                counter.store(ledger.accepted, Ordering::SeqCst);
                pause(PAUSE);
            }
            ledger
        });
        Traffic { stop, accepted, thread }
    }

    /// Requests acknowledged so far.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Waits until so many more requests were acknowledged.
    pub fn wait_more(&self, requests: usize) {
        let goal = self.accepted() + requests;
        let what = format!("{requests} more acknowledged writes");
        wait_for(&what, PROGRESS_LIMIT, || match self.accepted() {
            now if now >= goal => Ok(()),
            now => Err(format!("{now} of {goal}")),
        });
    }

    /// Stops it and says what it saw.
    pub fn finish(self) -> Ledger {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().expect("the writer does not fail")
    }
}

fn send(address: SocketAddr, tenant: &str, series: usize, time: i64, ledger: &mut Ledger) {
    let names: Vec<String> = (0..series).map(|n| format!("series-{n}")).collect();
    let list: Vec<(Labels, Vec<(i64, f64)>)> = names
        .iter()
        .map(|name| {
            let labels = write::labels(&[("__name__", METRIC), ("series", name)]);
            (labels, vec![(time, value_at(time))])
        })
        .collect();
    match write::write(address, Some(tenant), &list) {
        Ok(response) if response.is_success() => {
            ledger.accepted += 1;
            for name in names {
                ledger.acked.entry((tenant.to_owned(), name)).or_default().push(time);
            }
        }
        Ok(response) => {
            ledger.refused.push(format!("{address}: {}: {}", response.status, response.body));
        }
        Err(error) => ledger.refused.push(error),
    }
}

/// The value that is written at a time: told by the timestamp, so that a reader can check it.
pub fn value_at(time_ms: i64) -> f64 {
    (time_ms % 1_000_000) as f64
}

/// Every sample of the writer that a node reads back, by tenant and series.
pub fn read_back(http: SocketAddr, tenant: &str) -> Result<BTreeMap<String, Vec<i64>>, String> {
    let query = format!("{METRIC}{{tenant_id=\"{tenant}\"}}[1h]");
    let answer = query::instant(http, &query, Some(now_ms() + 1000))?.complete()?;
    let mut found = BTreeMap::new();
    for series in answer.series() {
        let name = series.labels.get("series").cloned().unwrap_or_default();
        let mut times = Vec::with_capacity(series.points.len());
        for (time, value) in series.points {
            if value.parse() != Ok(value_at(time)) {
                return Err(format!("{tenant}/{name} has {value} at {time}"));
            }
            times.push(time);
        }
        if found.insert(name.clone(), times).is_some() {
            return Err(format!("{tenant}/{name} came twice"));
        }
    }
    Ok(found)
}

impl Ledger {
    /// `Ok` when a node's complete answers hold every acknowledged sample, each once.
    pub fn is_read_by(&self, http: SocketAddr) -> Result<(), String> {
        let tenants: BTreeSet<&String> = self.acked.keys().map(|(tenant, _)| tenant).collect();
        for tenant in tenants {
            let found = read_back(http, tenant)?;
            let acked = self.acked.iter().filter(|((of, _), _)| of == tenant);
            for ((_, series), times) in acked {
                let read = found.get(series).map(Vec::as_slice).unwrap_or_default();
                if read.windows(2).any(|two| two[0] >= two[1]) {
                    return Err(format!("{tenant}/{series} is not in order, each time once"));
                }
                let missing = times.iter().filter(|time| read.binary_search(time).is_err()).count();
                if missing > 0 {
                    let all = times.len();
                    return Err(format!("{tenant}/{series}: {missing} of {all} acked are missing"));
                }
            }
        }
        Ok(())
    }
}
