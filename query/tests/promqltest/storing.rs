//! What a load stores: samples with start timestamps, histograms with the hints that Prometheus'
//! storage gives them, and histograms made of classic ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use proto::histogram::{Buckets, CUSTOM_SCHEMA, CounterResetHint};
use proto::{FloatHistogram, Labels, STALE_NAN_BITS};
use query::memory::MemoryStore;

use crate::values::{SeriesLine, Value};

/// Adds a series line.
pub fn series(store: &mut MemoryStore, interval_ms: i64, line: &SeriesLine) -> Result<(), String> {
    let labels = labels(&line.labels)?;
    let mut last: Option<Arc<FloatHistogram>> = None;
    for (position, value) in line.values.iter().enumerate() {
        let time = position as i64 * interval_ms;
        match value {
            Value::Missing => continue,
            Value::Number(value) => store.push(&labels, time, *value),
            Value::Stale => store.push(&labels, time, f64::from_bits(STALE_NAN_BITS)),
            Value::Histogram(literal) => {
                let stored = Arc::new(stored(&literal.histogram, last.as_deref())?);
                store.push_histogram(&labels, time, Arc::clone(&stored));
                last = Some(stored);
            }
        }
        if !matches!(value, Value::Histogram(_)) {
            last = None;
        }
        if let Some(Some(offset_ms)) = line.start_offsets.get(position) {
            store.set_start(&labels, time, time + offset_ms);
        }
    }
    Ok(())
}

fn labels(pairs: &[(String, String)]) -> Result<Labels, String> {
    let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Labels::from_pairs(pairs).map_err(|error| error.to_string())
}

/// A histogram as it is read again: within a chunk there is no counter reset, and a chunk ends
/// where the layout changes in a way that cannot be appended, or a count falls.
fn stored(
    histogram: &FloatHistogram,
    last: Option<&FloatHistogram>,
) -> Result<FloatHistogram, String> {
    histogram.validate().map_err(|error| error.to_string())?;
    let hint = histogram.counter_reset_hint;
    let mut stored = histogram.clone();
    if hint == CounterResetHint::Gauge {
        return Ok(stored);
    }
    stored.counter_reset_hint = CounterResetHint::Unknown;
    let appended = last.is_some_and(|last| {
        last.counter_reset_hint != CounterResetHint::Gauge
            && hint != CounterResetHint::Reset
            && last.schema == stored.schema
            && last.zero_threshold == stored.zero_threshold
            && last.custom_values == stored.custom_values
            && !stored.is_reset_after(last)
    });
    if appended {
        stored.counter_reset_hint = CounterResetHint::NotReset;
    }
    Ok(stored)
}

/// A classic histogram at one time.
#[derive(Default)]
struct Classic {
    /// Upper bound and cumulative count, by bound.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
}

/// Histograms by labels and time.
type Classics = BTreeMap<Vec<(String, String)>, BTreeMap<i64, Classic>>;

/// Adds histograms with custom buckets, made of the classic ones among these lines.
pub fn converted(
    store: &mut MemoryStore,
    interval_ms: i64,
    lines: &[SeriesLine],
) -> Result<(), String> {
    let mut classics = Classics::new();
    lines.iter().for_each(|line| collect(line, interval_ms, &mut classics));
    for (pairs, by_time) in classics {
        let labels = labels(&pairs)?;
        let mut last: Option<Arc<FloatHistogram>> = None;
        for (time, classic) in by_time {
            let histogram = Arc::new(stored(&classic.convert()?, last.as_deref())?);
            store.push_histogram(&labels, time, Arc::clone(&histogram));
            last = Some(histogram);
        }
    }
    Ok(())
}

fn collect(line: &SeriesLine, interval_ms: i64, classics: &mut Classics) {
    let label = |name: &str| line.labels.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    let name = label("__name__").unwrap_or("");
    let Some((base, kind)) = name.rsplit_once('_') else { return };
    let bound = label("le").and_then(|le| le.parse::<f64>().ok()).filter(|le| !le.is_nan());
    if !matches!(kind, "bucket" | "count" | "sum") || (kind == "bucket" && bound.is_none()) {
        return;
    }
    let pairs = line.labels.iter().filter(|(name, _)| name != "le").cloned();
    let renamed = pairs.map(|(n, v)| if n == "__name__" { (n, base.to_owned()) } else { (n, v) });
    let by_time = classics.entry(renamed.collect()).or_default();
    for (position, value) in line.values.iter().enumerate() {
        let Value::Number(value) = value else { continue };
        let classic = by_time.entry(position as i64 * interval_ms).or_default();
        match (kind, bound) {
            ("bucket", Some(bound)) => classic.buckets.push((bound, *value)),
            ("count", _) => classic.count = Some(*value),
            _ => classic.sum = *value,
        }
    }
}

impl Classic {
    fn convert(mut self) -> Result<FloatHistogram, String> {
        self.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        self.buckets.dedup_by(|next, kept| next.0 == kept.0);
        let highest = self.buckets.last().copied();
        let count = self.count.or(highest.map(|(_, count)| count)).unwrap_or(0.0);
        if highest.is_none_or(|(bound, _)| bound != f64::INFINITY) {
            self.buckets.push((f64::INFINITY, count));
        }
        let mut below = 0.0;
        let counts = self.buckets.iter().map(|(_, cumulative)| {
            let count = cumulative - below;
            below = *cumulative;
            count
        });
        let counts: Vec<f64> = counts.collect();
        if counts.iter().any(|count| *count < 0.0) || count != below {
            return Err(format!("buckets {:?} do not make {count}", self.buckets));
        }
        let bounds = self.buckets.iter().map(|(bound, _)| *bound).filter(|b| b.is_finite());
        let mut histogram = FloatHistogram {
            schema: CUSTOM_SCHEMA,
            count,
            sum: self.sum,
            custom_values: bounds.collect(),
            positive: Buckets::contiguous(0, counts).map_err(|error| error.to_string())?,
            ..FloatHistogram::default()
        };
        histogram.compact();
        Ok(histogram)
    }
}
