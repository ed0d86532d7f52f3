//! Small known data sets, and reading them back.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use proto::Labels;

use crate::promtool::Dump;
use crate::query::{Answer, LabelMap, instant};
use crate::write;

/// Name of the metric of [`windows_of`].
pub const METRIC: &str = "window_value";
/// Samples of each series in each window.
const SAMPLES_PER_WINDOW: i64 = 5;

/// A series with its samples.
pub type Written = (Labels, Vec<(i64, f64)>);

/// `series` series of a tenant over the `windows` windows of `window_ms` that begin at `start_ms`.
/// The tenant is a label too, so that series of different tenants differ in a dump.
pub fn windows_of(
    tenant: &str,
    series: usize,
    start_ms: i64,
    window_ms: i64,
    windows: i64,
) -> Vec<Written> {
    let step = window_ms / SAMPLES_PER_WINDOW;
    let one = |n: usize| {
        let number = n.to_string();
        let pairs = [("__name__", METRIC), ("of", tenant), ("series", &number)];
        let sample = |i: i64| (start_ms + i * step + n as i64, i as f64 + 0.5 * n as f64);
        let samples = (0..windows * SAMPLES_PER_WINDOW).map(sample).collect();
        (write::labels(&pairs), samples)
    };
    (0..series).map(one).collect()
}

/// The samples as a dump of them would show them.
pub fn as_dump(written: &[Written]) -> Dump {
    let text = |value: &f64| value.to_string();
    let one = |(labels, samples): &Written| {
        (dump_key(labels.iter()), samples.iter().map(|(t, v)| (*t, text(v))).collect())
    };
    written.iter().map(one).collect()
}

/// What a node answers for [`METRIC`] up to `end_ms`, in the form of a dump without the tenant's
/// label.
pub fn answered(http: SocketAddr, end_ms: i64) -> Result<Dump, String> {
    let answer = instant(http, &format!("{METRIC}[1h]"), Some(end_ms))?;
    dump_of(&answer.complete()?)
}

fn dump_of(answer: &Answer) -> Result<Dump, String> {
    let mut dump = BTreeMap::new();
    for series in answer.series() {
        let mut labels: LabelMap = series.labels;
        if labels.remove("tenant_id") != labels.get("of").cloned() {
            return Err(format!("a series of another tenant: {labels:?}"));
        }
        let pairs = labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let key = dump_key(pairs);
        if dump.insert(key.clone(), series.points).is_some() {
            return Err(format!("{key} came twice"));
        }
    }
    Ok(dump)
}

/// Labels as promtool prints them.
fn dump_key<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let pairs: Vec<String> = labels.map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{{}}}", pairs.join(", "))
}
