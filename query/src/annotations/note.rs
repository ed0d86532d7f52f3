//! What Prometheus says of histograms and start timestamps, in its words.

use crate::syntax::quote;

/// An operation on histograms, as annotations name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Addition,
    Subtraction,
    Aggregation,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Operation::Addition => "addition",
            Operation::Subtraction => "subtraction",
            Operation::Aggregation => "aggregation",
        }
    }
}

/// An annotation whose place and metric are known to whoever adds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// A range or group holds both kinds, so that it has no value.
    MixedKinds,
    MixedKindsInGroup,
    /// A gauge is treated as a counter.
    NotCounter,
    /// A counter is treated as a gauge.
    NotGauge,
    /// Exponential and custom buckets meet.
    MixedSchemas,
    /// A classic and a native histogram have the same labels.
    MixedClassicNative,
    ResetsConflict(Operation),
    BoundsReconciled(Operation),
    /// A function of floats passed over histograms.
    IgnoredInRange,
    /// An aggregation of floats passed over histograms.
    IgnoredInAggregation(&'static str),
    IncompatibleTypes {
        lhs: &'static str,
        op: &'static str,
        rhs: &'static str,
    },
    IncompatibleBuckets {
        op: &'static str,
    },
    QuantileOfNan,
    QuantileSkewedByNan,
    FractionWithoutNan,
}

impl Note {
    /// Whether it tells that the answer may be wrong.
    pub(crate) fn is_warning(self) -> bool {
        use Note::*;
        matches!(
            self,
            MixedKinds
                | MixedKindsInGroup
                | NotCounter
                | NotGauge
                | MixedSchemas
                | MixedClassicNative
                | ResetsConflict(_)
                | IncompatibleBuckets { .. }
        )
    }

    /// The text without place.
    pub(crate) fn text(self, metric: &str) -> String {
        let name = quote(metric.as_bytes());
        let with_name = |text: &str| match metric {
            "" => text.to_owned(),
            _ => format!("{text} for metric name {name}"),
        };
        match self {
            Note::MixedKinds => {
                format!("encountered a mix of histograms and floats for metric name {name}")
            }
            Note::MixedKindsInGroup => {
                "encountered a mix of histograms and floats for aggregation".to_owned()
            }
            Note::NotCounter => {
                format!("this native histogram metric is not a counter: {name}")
            }
            Note::NotGauge => format!("this native histogram metric is not a gauge: {name}"),
            Note::MixedSchemas => format!(
                "vector contains a mix of histograms with exponential and custom buckets schemas \
                 for metric name {name}"
            ),
            Note::MixedClassicNative => {
                with_name("vector contains a mix of classic and native histograms")
            }
            Note::ResetsConflict(operation) => {
                format!("conflicting counter resets during histogram {}", operation.name())
            }
            Note::BoundsReconciled(operation) => {
                format!("mismatched custom buckets were reconciled during {}", operation.name())
            }
            Note::IgnoredInRange => format!(
                "ignored histograms in a range containing both floats and histograms for metric \
                 name {name}"
            ),
            Note::IgnoredInAggregation(name) => format!("ignored histogram in {name} aggregation"),
            Note::IncompatibleTypes { lhs, op, rhs } => format!(
                "incompatible sample types encountered for binary operator {op:?}: {lhs} {op} {rhs}"
            ),
            Note::IncompatibleBuckets { op } => {
                format!("incompatible bucket layout encountered for binary operator {op}")
            }
            Note::QuantileOfNan => {
                with_name("input to histogram_quantile has NaN observations, result is NaN")
            }
            Note::QuantileSkewedByNan => with_name(
                "input to histogram_quantile has NaN observations, result is skewed higher",
            ),
            Note::FractionWithoutNan => with_name(
                "input to histogram_fraction has NaN observations, which are excluded from all \
                 fractions",
            ),
        }
    }
}

/// Notes of a computation that does not know its place; each once.
#[derive(Debug, Default)]
pub(crate) struct NoteSet {
    pub notes: Vec<Note>,
    /// How often the start timestamp of a sample lay before the sample before.
    pub start_overlaps: usize,
}

impl NoteSet {
    /// Whether there is nothing to tell.
    pub(crate) fn is_empty(&self) -> bool {
        self.notes.is_empty() && self.start_overlaps == 0
    }

    pub(crate) fn add(&mut self, note: Note) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// What an addition, subtraction or aggregation should tell.
    pub(crate) fn add_merged(&mut self, merged: proto::histogram::Merged, operation: Operation) {
        if merged.bounds_reconciled {
            self.add(Note::BoundsReconciled(operation));
        }
    }
}
