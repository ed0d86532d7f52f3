//! The info of buckets that had to be raised, over all steps and histograms of a metric.

use crate::eval::histogram::Raised;
use crate::functions::rfc3339;
use crate::numbers::{go_general, go_two_digits};
use crate::syntax::quote;

/// Where and how much buckets of a metric were raised.
#[derive(Clone, Debug)]
pub(super) struct RaisedBuckets {
    pub metric: String,
    place: String,
    /// Extremes over all samples.
    raised: Raised,
    samples: usize,
    first_ms: i64,
    last_ms: i64,
}

impl RaisedBuckets {
    pub(super) fn new(
        metric: String,
        place: String,
        time_ms: i64,
        raised: Raised,
    ) -> RaisedBuckets {
        let (first_ms, last_ms) = (time_ms, time_ms);
        RaisedBuckets { metric, place, raised, samples: 1, first_ms, last_ms }
    }

    pub(super) fn add(&mut self, time_ms: i64, raised: Raised) {
        self.samples += 1;
        self.first_ms = self.first_ms.min(time_ms);
        self.last_ms = self.last_ms.max(time_ms);
        self.raised.least = self.raised.least.min(raised.least);
        self.raised.greatest = self.raised.greatest.max(raised.greatest);
        self.raised.by = self.raised.by.max(raised.by);
    }

    /// The text that tells it from others.
    pub(super) fn text(&self) -> String {
        let name = match self.metric.as_str() {
            "" => String::new(),
            name => format!(" for metric name {}", quote(name.as_bytes())),
        };
        format!(
            "input to histogram_quantile needed to be fixed for monotonicity (see \
             https://prometheus.io/docs/prometheus/latest/querying/functions/\
             #histogram_quantile){name}"
        )
    }

    /// The whole text.
    pub(super) fn shown(&self) -> String {
        let Raised { least, greatest, by } = self.raised;
        format!(
            "PromQL info: {}, from buckets {} to {}, with a max diff of {}, over {} samples \
             from {} to {} ({})",
            self.text(),
            go_general(least),
            go_general(greatest),
            go_two_digits(by),
            self.samples,
            rfc3339(self.first_ms.div_euclid(1000)),
            rfc3339(self.last_ms.div_euclid(1000)),
            self.place
        )
    }
}
