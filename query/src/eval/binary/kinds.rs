//! Operators on values of which at least one may be a histogram.

use std::sync::Arc;

use proto::FloatHistogram;
use proto::histogram::{CounterResetHint, Trim};

use super::Operation;
use crate::annotations::{self, Note, NoteSet};
use crate::eval::{Value, ValueRef, is_present};
use crate::syntax::BinaryOp;

impl Operation {
    /// The value of two operands; none where the operator has none for their kinds, which is
    /// noted, or a filter lets nothing through. `kept` is what a filter lets through.
    pub(in crate::eval) fn apply_to_kinds(
        self,
        a: ValueRef<'_>,
        b: ValueRef<'_>,
        kept: ValueRef<'_>,
        notes: &mut NoteSet,
    ) -> Option<Value> {
        use BinaryOp::*;
        use ValueRef::{Float, Histogram};
        match (a, self.op, b) {
            (Float(a), op, Float(b)) if !op.is_trim() => {
                let value = match kept {
                    Float(kept) => self.apply(a, b, kept),
                    Histogram(_) => return None,
                };
                is_present(value).then_some(Value::Float(value))
            }
            (Float(factor), Mul, Histogram(histogram))
            | (Histogram(histogram), Mul, Float(factor)) => {
                changed(histogram, |histogram| histogram.scale(factor))
            }
            (Histogram(histogram), Div, Float(divisor)) => {
                changed(histogram, |histogram| histogram.divide(divisor))
            }
            (Histogram(histogram), TrimUpper, Float(limit)) => {
                changed(histogram, |histogram| histogram.trim(limit, Trim::KeepBelow))
            }
            (Histogram(histogram), TrimLower, Float(limit)) => {
                changed(histogram, |histogram| histogram.trim(limit, Trim::KeepAbove))
            }
            (Histogram(a), Add | Sub, Histogram(b)) => self.sum(a, b, notes),
            (Histogram(a), Equal, Histogram(b)) => self.filtered(a.same(b), a),
            (Histogram(a), NotEqual, Histogram(b)) => self.filtered(!a.same(b), a),
            (a, op, b) => {
                let (lhs, rhs) = (kind(a), kind(b));
                notes.add(Note::IncompatibleTypes { lhs, op: op.name(), rhs });
                None
            }
        }
    }

    fn filtered(self, holds: bool, kept: &Arc<FloatHistogram>) -> Option<Value> {
        if self.returns_bool {
            return Some(Value::Float(f64::from(u8::from(holds))));
        }
        holds.then(|| Value::Histogram(Arc::clone(kept)))
    }

    /// Sum or difference; none where the bucket layouts or what is known of counter resets
    /// cannot be brought together.
    fn sum(
        self,
        a: &Arc<FloatHistogram>,
        b: &FloatHistogram,
        notes: &mut NoteSet,
    ) -> Option<Value> {
        let mut sum = a.as_ref().clone();
        let (merged, operation) = match self.op {
            BinaryOp::Sub => (sum.subtract(b), annotations::Operation::Subtraction),
            _ => (sum.add(b), annotations::Operation::Addition),
        };
        let Ok(merged) = merged else {
            notes.add(Note::IncompatibleBuckets { op: self.op.name() });
            return None;
        };
        if merged.resets_conflict {
            notes.add(Note::ResetsConflict(operation));
            return None;
        }
        notes.add_merged(merged, operation);
        if self.op == BinaryOp::Sub {
            sum.counter_reset_hint = CounterResetHint::Gauge;
        }
        sum.compact();
        Some(sum.into())
    }
}

fn kind(value: ValueRef<'_>) -> &'static str {
    match value {
        ValueRef::Float(_) => "float",
        ValueRef::Histogram(_) => "histogram",
    }
}

fn changed(
    histogram: &Arc<FloatHistogram>,
    change: impl FnOnce(&mut FloatHistogram),
) -> Option<Value> {
    let mut histogram = histogram.as_ref().clone();
    change(&mut histogram);
    histogram.compact();
    Some(histogram.into())
}
