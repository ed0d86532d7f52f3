//! Something to ask random queries about.

use std::sync::Arc;

use proto::histogram::{Buckets, CUSTOM_SCHEMA};
use proto::{FloatHistogram, Labels};
use query::memory::MemoryStore;

/// Floats of several sizes, and histograms of both kinds among them.
pub fn store() -> MemoryStore {
    let mut store = MemoryStore::default();
    for (name, value) in [("a", 1.0), ("up", f64::NAN), ("http_requests_total", f64::INFINITY)] {
        for job in ["x", "y"] {
            let samples: Vec<(i64, f64)> =
                (0..20).map(|i| (i * 15_000, value * i as f64)).collect();
            store.add(&[("__name__", name), ("job", job), ("le", "1")], &samples);
        }
        for (job, schema) in [("native", 0), ("custom", CUSTOM_SCHEMA)] {
            let pairs = [("__name__", name), ("job", job)];
            let labels = Labels::from_pairs(pairs).expect("the labels are valid");
            for i in 0..20 {
                let time = i * 15_000;
                match i % 7 {
                    6 => store.push(&labels, time, value),
                    _ => store.push_histogram(&labels, time, Arc::new(histogram(schema, i as f64))),
                }
            }
        }
    }
    store
}

fn histogram(schema: i32, count: f64) -> FloatHistogram {
    let counts = vec![count, 2.0, count];
    let bounds = if schema == CUSTOM_SCHEMA { vec![1.0, 2.0, count + 3.0] } else { vec![] };
    FloatHistogram {
        schema,
        count: 2.0 * count + 2.0,
        sum: if count > 15.0 { f64::NAN } else { count },
        custom_values: bounds.into(),
        positive: Buckets::contiguous(0, counts).expect("the counts are no negative numbers"),
        ..FloatHistogram::default()
    }
}
