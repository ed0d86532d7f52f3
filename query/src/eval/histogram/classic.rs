//! Quantiles and fractions of classic histograms: cumulative buckets.

/// Relative difference below which a falling bucket count is taken for rounding.
const SMALL_DIFFERENCE: f64 = 1e-12;

/// One cumulative bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bucket {
    pub upper: f64,
    pub count: f64,
}

/// Counts that had to be raised: by bound, the least and the greatest, and by how much at most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Raised {
    pub least: f64,
    pub greatest: f64,
    pub by: f64,
}

/// The `q`-quantile of cumulative buckets, ascending by bound, interpolated within the bucket;
/// and which counts, if any, fell and had to be raised.
pub(super) fn quantile(q: f64, buckets: &mut Vec<Bucket>) -> (f64, Option<Raised>) {
    let highest = buckets.last().map_or(0.0, |bucket| bucket.upper);
    match q {
        _ if q.is_nan() => return (f64::NAN, None),
        _ if q < 0.0 => return (f64::NEG_INFINITY, None),
        _ if q > 1.0 => return (f64::INFINITY, None),
        _ if highest != f64::INFINITY => return (f64::NAN, None),
        _ => {}
    }
    merge_equal_bounds(buckets);
    let raised = make_monotonic(buckets);
    let observations = buckets[buckets.len() - 1].count;
    if buckets.len() < 2 || observations == 0.0 || observations.is_nan() {
        return (f64::NAN, raised);
    }
    (interpolate(q * observations, buckets), raised)
}

fn interpolate(rank: f64, buckets: &[Bucket]) -> f64 {
    let last = buckets.len() - 1;
    let at = buckets[..last].partition_point(|bucket| bucket.count < rank);
    if at == last {
        return buckets[last - 1].upper;
    }
    let end = buckets[at].upper;
    if at == 0 && end <= 0.0 {
        return end;
    }
    let (start, below) = match at {
        0 => (0.0, 0.0),
        _ => (buckets[at - 1].upper, buckets[at - 1].count),
    };
    start + (end - start) * ((rank - below) / (buckets[at].count - below))
}

/// Share of the observations between two values.
pub(super) fn fraction(lower: f64, upper: f64, buckets: &mut Vec<Bucket>) -> f64 {
    merge_equal_bounds(buckets);
    let last = buckets[buckets.len() - 1];
    if last.upper != f64::INFINITY || last.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if last.count.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    (rank_of(upper, buckets) - rank_of(lower, buckets)) / last.count
}

/// How many observations lie below a value. A bucket without a lower bound counts as a whole.
fn rank_of(value: f64, buckets: &[Bucket]) -> f64 {
    let first = if buckets[0].upper > 0.0 { 0.0 } else { f64::NEG_INFINITY };
    let (mut start, mut below) = (first, 0.0);
    for bucket in buckets {
        if start >= value {
            return below;
        }
        if bucket.upper > value {
            if start.is_infinite() {
                return bucket.count;
            }
            if bucket.upper.is_infinite() {
                return below;
            }
            let share = (value - start) / (bucket.upper - start);
            return below + (bucket.count - below) * share;
        }
        (start, below) = (bucket.upper, bucket.count);
    }
    below
}

/// Adds up buckets of the same bound, which different spellings of `le` make.
fn merge_equal_bounds(buckets: &mut Vec<Bucket>) {
    buckets.dedup_by(|next, kept| {
        let same = next.upper == kept.upper;
        if same {
            kept.count += next.count;
        }
        same
    });
}

/// Raises counts that fall; tells of those that fell by more than rounding explains.
fn make_monotonic(buckets: &mut [Bucket]) -> Option<Raised> {
    let mut raised: Option<Raised> = None;
    for index in 1..buckets.len() {
        let (before, Bucket { upper, count }) = (buckets[index - 1].count, buckets[index]);
        let near = (before - count).abs() < SMALL_DIFFERENCE * (before.abs() + count.abs());
        if before == count || !(near || count < before) {
            continue;
        }
        buckets[index].count = before;
        if !near {
            let so_far = raised.unwrap_or(Raised { least: upper, greatest: upper, by: 0.0 });
            let by = so_far.by.max(before - count);
            raised = Some(Raised { greatest: upper, by, ..so_far });
        }
    }
    raised
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(of: &[(f64, f64)]) -> Vec<Bucket> {
        of.iter().map(|(upper, count)| Bucket { upper: *upper, count: *count }).collect()
    }

    #[test]
    fn quantiles_interpolate_within_the_bucket() {
        let inf = f64::INFINITY;
        let of = [(0.0, 0.0), (2.0, 1.0), (4.0, 2.0), (6.0, 3.0), (inf, 3.0)];
        assert_eq!(quantile(0.5, &mut buckets(&of)), (3.0, None));
        assert_eq!(quantile(1.0, &mut buckets(&of)), (6.0, None));
        assert!(quantile(0.5, &mut buckets(&of[..4])).0.is_nan());
        let falling = [(1.0, 3.0), (2.0, 1.0), (inf, 4.0)];
        let raised = Raised { least: 2.0, greatest: 2.0, by: 2.0 };
        assert_eq!(quantile(0.9, &mut buckets(&falling)).1, Some(raised));
    }

    #[test]
    fn fractions_do_not_interpolate_open_buckets() {
        let inf = f64::INFINITY;
        let of = [(-3.0, 10.0), (-2.0, 12.0), (-1.0, 15.0), (inf, 100.0)];
        assert_eq!(fraction(-4.0, -2.0, &mut buckets(&of)), 0.02);
        assert_eq!(fraction(-inf, -1.5, &mut buckets(&of)), 0.135);
        assert_eq!(fraction(-inf, inf, &mut buckets(&of)), 1.0);
    }
}
