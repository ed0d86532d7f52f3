//! What PromQL must answer, computed from the ledger for a fixed set of queries (I6, and I4 for
//! the count by tenant).
//!
//! Where the ledger leaves one possible value for every sample, one answer is right. Where it does
//! not (samples that only may be there, conflicting values, an answer that says that it may lack
//! something) the model gives bounds. Windows and lookback are open to the left; stale markers end
//! a series for an instant selector and are not seen by ranges.

mod expected;
mod rate;
mod window;

use proto::{Labels, LabelsBuilder, Matcher};

use crate::ledger::{Answer, Ledger, Question};
use crate::random::Random;
use crate::traffic::SeriesKey;
use window::Window;

pub use expected::{Bound, Expected};

/// What a query does with the samples of its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// `metric`: the newest sample.
    Newest,
    /// `count_over_time(metric[range])`
    CountOverTime,
    /// `max_over_time(metric[range])`
    MaxOverTime,
    /// `rate(metric[range])`
    Rate,
    /// `increase(metric[range])`
    Increase,
}

/// How series are brought together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregation {
    /// Each series stays.
    None,
    /// `count by (tenant) (...)`
    Count,
    /// `sum by (tenant) (...)`
    Sum,
}

/// A query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Name of the metric.
    pub metric: &'static str,
    /// What is done with samples.
    pub function: Function,
    /// How far the function sees: its range, or the lookback of [`Function::Newest`].
    pub window_ms: i64,
    /// What is done with series.
    pub aggregation: Aggregation,
    /// Label by which the tenant shows.
    pub tenant_label: &'static str,
}

impl Shape {
    /// Some query over the metrics that clients send; `count (up) by (tenant_id)` often.
    pub fn draw(random: &mut Random, lookback_ms: i64, range_ms_max: i64) -> Shape {
        use Aggregation::{Count, None, Sum};
        use Function::{CountOverTime, Increase, MaxOverTime, Newest, Rate};
        let (metric, function, aggregation) = random.weighted([
            (6, ("up", Newest, Count)),
            (2, ("temperature", Newest, None)),
            (3, ("temperature", Newest, Sum)),
            (3, ("requests_total", CountOverTime, None)),
            (3, ("requests_total", CountOverTime, Sum)),
            (3, ("temperature", MaxOverTime, None)),
            (3, ("requests_total", Rate, Sum)),
            (3, ("requests_total", Increase, Sum)),
        ]);
        let window_ms = match function {
            Newest => lookback_ms,
            _ => random.between(1, (range_ms_max / 1_000).max(1)) * 1_000,
        };
        Shape { metric, function, window_ms, aggregation, tenant_label: "tenant_id" }
    }

    /// The query's text.
    pub fn promql(&self) -> String {
        let Shape { metric, window_ms, tenant_label, .. } = self;
        let inner = match self.function {
            Function::Newest => (*metric).to_owned(),
            Function::CountOverTime => format!("count_over_time({metric}[{window_ms}ms])"),
            Function::MaxOverTime => format!("max_over_time({metric}[{window_ms}ms])"),
            Function::Rate => format!("rate({metric}[{window_ms}ms])"),
            Function::Increase => format!("increase({metric}[{window_ms}ms])"),
        };
        match self.aggregation {
            Aggregation::None => inner,
            Aggregation::Count => format!("count ({inner}) by ({tenant_label})"),
            Aggregation::Sum => format!("sum ({inner}) by ({tenant_label})"),
        }
    }

    /// The data that the query sees when it is evaluated at a time; see [`Question::range`].
    pub fn question(&self, node: &str, at_ms: i64) -> Question {
        let metric = Matcher::equal("__name__", self.metric);
        Question::range(node, vec![metric], at_ms, self.window_ms)
    }

    /// What must be answered to `question`, which [`Shape::question`] made; of the answer only its
    /// time and whether it is complete are looked at.
    pub fn expected(&self, ledger: &Ledger, question: &Question, answer: &Answer) -> Expected {
        let is_count = self.aggregation == Aggregation::Count;
        let invariant = if is_count { "I4" } else { "I6" };
        let about = format!("{} at {} by {}", self.promql(), question.to_ms, question.node);
        let mut expected = Expected::new(invariant, about);
        for (key, slots) in ledger.series() {
            if !question.takes(key) {
                continue;
            }
            let slots = slots.range(question.from_ms..=question.to_ms);
            let allowed = slots.map(|(t, slot)| {
                (*t, question.allowed(*t, slot, answer.is_complete, answer.ended_ms))
            });
            let window = Window::new(question, allowed.collect());
            if let Some(bound) = window.bound(self.function) {
                expected.add(self.row_of(key), self.aggregated(bound), self.aggregation);
            }
        }
        expected
    }

    /// What one series adds to its row.
    fn aggregated(&self, bound: Bound) -> Bound {
        match self.aggregation {
            Aggregation::Count => Bound { low: 1.0, high: 1.0, ..bound },
            Aggregation::None | Aggregation::Sum => bound,
        }
    }

    /// Labels of the row that a series belongs to.
    fn row_of(&self, key: &SeriesKey) -> Labels {
        let mut builder = match self.aggregation {
            Aggregation::None => LabelsBuilder::from_labels(&key.labels),
            Aggregation::Count | Aggregation::Sum => LabelsBuilder::default(),
        };
        if self.function != Function::Newest {
            builder.remove("__name__");
        }
        builder.set(self.tenant_label, key.tenant.as_str());
        builder.build().expect("a label of a valid set was replaced")
    }
}

#[cfg(test)]
mod tests;
