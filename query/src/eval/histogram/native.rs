//! Quantiles, fractions and moments of one native histogram.

use proto::FloatHistogram;
use proto::histogram::Bucket;
use proto::kahan::Sum;

use crate::annotations::{Note, NoteSet};

/// The `q`-quantile: interpolated linearly in custom and zero buckets, on a logarithmic scale in
/// exponential ones. NaN observations, which are in no bucket, count as the greatest.
pub(super) fn quantile(q: f64, histogram: &FloatHistogram, notes: &mut NoteSet) -> f64 {
    match q {
        _ if q < 0.0 => return f64::NEG_INFINITY,
        _ if q > 1.0 => return f64::INFINITY,
        _ if q.is_nan() || histogram.count == 0.0 => return f64::NAN,
        _ => {}
    }
    // From above, unless NaN observations lie there.
    let has_nan = histogram.sum.is_nan();
    let forward = has_nan || q < 0.5;
    let rank = if forward { q * histogram.count } else { (1.0 - q) * histogram.count };
    let found = match forward {
        true => find(histogram.all_buckets(), rank),
        false => find(histogram.all_buckets().rev(), rank),
    };
    let mut found = found.unwrap_or(Found { bucket: NO_BUCKET, count: 0.0, beyond: 0.0 });
    if let Some(value) = settle(histogram, &mut found.bucket) {
        return value;
    }
    let count = found.count.min(histogram.count);
    if count < rank {
        if !has_nan {
            return found.bucket.upper;
        }
        notes.add(Note::QuantileOfNan);
        return f64::NAN;
    }
    if has_nan && count + found.beyond < histogram.count {
        notes.add(Note::QuantileSkewedByNan);
    }
    let within = if forward { rank - (count - found.bucket.count) } else { count - rank };
    interpolate(&found.bucket, within / found.bucket.count, histogram.is_custom())
}

/// Stands in for the bucket of a histogram that has none: all observations are NaN.
const NO_BUCKET: Bucket =
    Bucket { lower: 0.0, upper: 0.0, lower_inclusive: true, upper_inclusive: true, count: 0.0 };

/// The bucket where a rank is reached, or the last populated one.
struct Found {
    bucket: Bucket,
    /// Observations up to its end.
    count: f64,
    /// Observations after it.
    beyond: f64,
}

fn find(mut buckets: impl Iterator<Item = Bucket>, rank: f64) -> Option<Found> {
    let mut count = 0.0;
    let mut last = None;
    for bucket in buckets.by_ref() {
        last = last.or(Some(bucket));
        if bucket.count == 0.0 {
            continue;
        }
        last = Some(bucket);
        count += bucket.count;
        if count >= rank {
            break;
        }
    }
    let beyond = buckets.map(|bucket| bucket.count).sum();
    last.map(|bucket| Found { bucket, count, beyond })
}

/// Takes zero as the bound of a zero bucket or first custom bucket that reaches beyond it without
/// need; the quantile itself where a bucket has only one bound.
fn settle(histogram: &FloatHistogram, bucket: &mut Bucket) -> Option<f64> {
    if histogram.is_custom() {
        if bucket.lower == f64::NEG_INFINITY {
            if bucket.upper <= 0.0 {
                return Some(bucket.upper);
            }
            bucket.lower = 0.0;
        } else if bucket.upper == f64::INFINITY {
            return Some(bucket.lower);
        }
    } else if bucket.lower < 0.0 && bucket.upper > 0.0 {
        cut_at_zero(histogram, bucket);
    }
    None
}

/// The zero bucket reaches only to zero where there are no buckets on the other side.
fn cut_at_zero(histogram: &FloatHistogram, bucket: &mut Bucket) {
    match (histogram.negative.is_empty(), histogram.positive.is_empty()) {
        (true, false) => bucket.lower = 0.0,
        (false, true) => bucket.upper = 0.0,
        _ => {}
    }
}

fn interpolate(bucket: &Bucket, fraction: f64, custom: bool) -> f64 {
    if custom || (bucket.lower <= 0.0 && bucket.upper >= 0.0) {
        return bucket.lower + (bucket.upper - bucket.lower) * fraction;
    }
    let (lower, upper) = (bucket.lower.abs().log2(), bucket.upper.abs().log2());
    if bucket.lower > 0.0 {
        (lower + (upper - lower) * fraction).exp2()
    } else {
        -(upper + (lower - upper) * (1.0 - fraction)).exp2()
    }
}

/// Share of the observations between two values; NaN observations lie nowhere.
pub(super) fn fraction(
    lower: f64,
    upper: f64,
    histogram: &FloatHistogram,
    notes: &mut NoteSet,
) -> f64 {
    if histogram.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let mut count = histogram.count;
    if histogram.sum.is_nan() {
        count = histogram.all_buckets().map(|bucket| bucket.count).sum();
        if count < histogram.count {
            notes.add(Note::FractionWithoutNan);
        }
    }
    let below = |value| rank_of(value, histogram).map_or(count, |rank| rank.min(count));
    (below(upper) - below(lower)) / histogram.count
}

/// How many observations lie below a value; `None` if all do.
fn rank_of(value: f64, histogram: &FloatHistogram) -> Option<f64> {
    let mut rank = 0.0;
    for mut bucket in histogram.all_buckets() {
        let is_zero = bucket.lower <= 0.0 && bucket.upper >= 0.0;
        if is_zero {
            cut_at_zero(histogram, &mut bucket);
        }
        if bucket.lower >= value {
            return Some(rank);
        }
        if bucket.upper > value {
            let linear = histogram.is_custom() || is_zero;
            // Nothing is known of how observations spread down to minus infinity.
            return Some(match bucket.lower == f64::NEG_INFINITY && linear {
                true => bucket.count,
                false => rank + bucket.count * bucket.fraction_below(value, linear),
            });
        }
        rank += bucket.count;
    }
    None
}

/// Mean of the observations.
pub(crate) fn average(histogram: &FloatHistogram) -> f64 {
    histogram.sum / histogram.count
}

/// Estimated standard deviation of the observations.
pub(crate) fn deviation(histogram: &FloatHistogram) -> f64 {
    variance(histogram).sqrt()
}

/// Estimated variance of the observations.
pub(crate) fn variance(histogram: &FloatHistogram) -> f64 {
    let mean = histogram.sum / histogram.count;
    let mut squares = Sum::default();
    for bucket in histogram.all_buckets().filter(|bucket| bucket.count != 0.0) {
        let value = if histogram.is_custom() {
            (bucket.upper + bucket.lower) / 2.0
        } else if bucket.lower <= 0.0 && bucket.upper >= 0.0 {
            0.0
        } else {
            (bucket.upper * bucket.lower).sqrt().copysign(bucket.upper)
        };
        let delta = value - mean;
        squares.add(bucket.count * delta * delta);
    }
    (squares.sum + squares.compensation) / histogram.count
}

/// A histogram as `count_values` spells it.
pub(in crate::eval) fn spelled(histogram: &FloatHistogram) -> String {
    use crate::numbers::go_general as go;
    let mut text = format!("{{count:{}, sum:{}", go(histogram.count), go(histogram.sum));
    let zero = (histogram.zero_count != 0.0).then(|| histogram.zero_bucket());
    let negative = histogram.negative_buckets().rev().collect::<Vec<_>>();
    let all = negative.into_iter().chain(zero).chain(histogram.positive_buckets());
    for bucket in all.filter(|bucket| bucket.count != 0.0) {
        let open = if bucket.lower_inclusive { '[' } else { '(' };
        let close = if bucket.upper_inclusive { ']' } else { ')' };
        let (lower, upper, count) = (go(bucket.lower), go(bucket.upper), go(bucket.count));
        text.push_str(&format!(", {open}{lower},{upper}{close}:{count}"));
    }
    text.push('}');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::histogram::{Buckets, CUSTOM_SCHEMA};

    fn histogram(counts: &[f64]) -> FloatHistogram {
        FloatHistogram {
            count: counts.iter().sum(),
            positive: Buckets::contiguous(1, counts.to_vec()).unwrap(),
            ..FloatHistogram::default()
        }
    }

    #[test]
    fn quantiles_and_fractions_are_inverse() {
        let mut of = histogram(&[2.0, 4.0, 2.0]);
        let mut notes = NoteSet::default();
        for q in [0.1, 0.4, 0.5, 0.9] {
            let value = quantile(q, &of, &mut notes);
            let share = fraction(f64::NEG_INFINITY, value, &of, &mut notes);
            assert!((share - q).abs() < 1e-12, "{q}: {value}, {share}");
        }
        assert!((quantile(0.5, &of, &mut notes) - 8f64.sqrt()).abs() < 1e-12);
        assert!(notes.notes.is_empty());
        of.sum = f64::NAN;
        of.count += 8.0;
        assert!(quantile(0.9, &of, &mut notes).is_nan());
        assert_eq!(notes.notes, [Note::QuantileOfNan]);
    }

    #[test]
    fn custom_buckets_interpolate_linearly() {
        let mut of = histogram(&[]);
        of.schema = CUSTOM_SCHEMA;
        of.custom_values = [10.0, 20.0].into();
        of.positive = Buckets::contiguous(0, vec![1.0, 2.0, 1.0]).unwrap();
        of.count = 4.0;
        let mut notes = NoteSet::default();
        assert_eq!(quantile(0.5, &of, &mut notes), 15.0);
        assert_eq!(quantile(1.0, &of, &mut notes), 20.0);
        assert_eq!(fraction(5.0, 15.0, &of, &mut notes), 0.375);
    }

    #[test]
    fn spelling_names_populated_buckets() {
        assert_eq!(spelled(&histogram(&[2.0, 0.0, 1.5])), "{count:3.5, sum:0, (1,2]:2, (4,8]:1.5}");
    }
}
