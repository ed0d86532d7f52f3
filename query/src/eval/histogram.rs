//! histogram_quantile and histogram_fraction of classic histograms: series with a label `le`.

use super::groups::Groups;
use super::{ABSENT, LabelTable, Matrix, Row, Run, Sink, is_present};
use crate::error::QueryError;
use crate::plan::Grid;
use crate::syntax::Expr;

/// Relative difference below which a falling bucket count is taken for rounding.
const SMALL_DIFFERENCE: f64 = 1e-12;

/// One cumulative bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bucket {
    upper: f64,
    count: f64,
}

/// A histogram's series: index in the matrix and upper bound, ascending by bound.
struct Histogram {
    series: Vec<(usize, f64)>,
}

/// Bucket series by histogram.
struct Histograms {
    matrix: Matrix,
    /// Labels without `le`; the metric's name is still there.
    labels: LabelTable,
    histograms: Vec<Histogram>,
}

impl Run<'_> {
    pub(super) fn histogram_quantile(
        &mut self,
        args: &[Expr],
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let q = self.scalar(&args[0], grid)?;
        let found = self.histograms(&args[1], grid)?;
        self.warn_bad_quantiles(args[0].span.start, (0..grid.count).map(|step| q.at(step)));
        let mut forced = false;
        let result = self.per_histogram(&found, sink, &mut |step, buckets| {
            let (value, fixed) = bucket_quantile(q.at(step), buckets);
            forced |= fixed;
            value
        });
        if forced {
            let name = self.first_metric_name(&found);
            let text = format!(
                "input to histogram_quantile needed to be fixed for monotonicity (see \
                 https://prometheus.io/docs/prometheus/latest/querying/functions/\
                 #histogram_quantile) for metric name {name:?}"
            );
            self.notes.info(&self.plan.query, args[1].span.start, &text);
        }
        result
    }

    pub(super) fn histogram_fraction(
        &mut self,
        args: &[Expr],
        grid: Grid,
        sink: &mut Sink<'_>,
    ) -> Result<(), QueryError> {
        let (lower, upper) = (self.scalar(&args[0], grid)?, self.scalar(&args[1], grid)?);
        let found = self.histograms(&args[2], grid)?;
        self.per_histogram(&found, sink, &mut |step, buckets| {
            bucket_fraction(lower.at(step), upper.at(step), buckets)
        })
    }

    fn first_metric_name(&self, found: &Histograms) -> String {
        let labels = if found.matrix.len() > 0 { found.matrix.labels(0) } else { &[] };
        self.metric_name(labels).to_owned()
    }

    /// Collects the series of an expression and sorts them into histograms.
    fn histograms(&mut self, arg: &Expr, grid: Grid) -> Result<Histograms, QueryError> {
        let matrix = self.collect(arg, grid)?;
        let le = self.names.intern_name("le");
        let mut groups = Groups::default();
        let (mut labels, mut histograms) = (LabelTable::default(), Vec::<Histogram>::new());
        for index in 0..matrix.len() {
            let row = matrix.labels(index);
            let Some(bound) = self.bucket_bound(arg, row, le) else { continue };
            let kept: super::RowLabels =
                row.iter().copied().filter(|pair| self.names.name_of(*pair) != le).collect();
            let (group, new) = groups.number(kept);
            if new {
                labels.push(groups.labels.get(group));
                histograms.push(Histogram { series: Vec::new() });
            }
            histograms[group].series.push((index, bound));
        }
        for histogram in &mut histograms {
            histogram.series.sort_by(|a, b| a.1.total_cmp(&b.1));
        }
        Ok(Histograms { matrix, labels, histograms })
    }

    /// Upper bound of a bucket series; a warning if `le` is no number.
    fn bucket_bound(&mut self, arg: &Expr, labels: &[u32], le: u32) -> Option<f64> {
        let pair = labels.iter().find(|pair| self.names.name_of(**pair) == le);
        let value = pair.map_or("", |pair| self.names.value(*pair));
        let bound = value.parse().ok().filter(|bound: &f64| !value.is_empty() && !bound.is_nan());
        if bound.is_none() {
            let name = self.metric_name(labels);
            let text = format!(
                "bucket label \"le\" is missing or has a malformed value of {value:?} for metric \
                 name {name:?}"
            );
            self.notes.warn(&self.plan.query, arg.span.start, &text);
        }
        bound
    }

    fn per_histogram(
        &mut self,
        found: &Histograms,
        sink: &mut Sink<'_>,
        compute: &mut dyn FnMut(usize, &mut Vec<Bucket>) -> f64,
    ) -> Result<(), QueryError> {
        let mut values = vec![ABSENT; found.matrix.steps()];
        let mut buckets = Vec::new();
        for (index, histogram) in found.histograms.iter().enumerate() {
            self.check_cancel()?;
            for (step, value) in values.iter_mut().enumerate() {
                buckets.clear();
                let series = histogram.series.iter();
                let at = series.map(|(s, upper)| (*upper, found.matrix.at(*s, step)));
                let present = at.filter(|(_, count)| is_present(*count));
                buckets.extend(present.map(|(upper, count)| Bucket { upper, count }));
                *value = if buckets.is_empty() { ABSENT } else { compute(step, &mut buckets) };
            }
            if values.iter().any(|v| is_present(*v)) {
                let labels = found.labels.get(index);
                let row = Row::floats(labels, true, &mut values);
                self.emit_renamed(row, sink)?;
            }
        }
        self.release(&found.matrix);
        Ok(())
    }
}

/// The `q`-quantile of cumulative buckets, ascending by bound, interpolated within the bucket;
/// and whether counts that fell had to be raised.
fn bucket_quantile(q: f64, buckets: &mut Vec<Bucket>) -> (f64, bool) {
    let highest = buckets.last().map_or(0.0, |bucket| bucket.upper);
    match q {
        _ if q.is_nan() => return (f64::NAN, false),
        _ if q < 0.0 => return (f64::NEG_INFINITY, false),
        _ if q > 1.0 => return (f64::INFINITY, false),
        _ if highest != f64::INFINITY => return (f64::NAN, false),
        _ => {}
    }
    merge_equal_bounds(buckets);
    let forced = make_monotonic(buckets);
    let observations = buckets[buckets.len() - 1].count;
    if buckets.len() < 2 || observations == 0.0 || observations.is_nan() {
        return (f64::NAN, forced);
    }
    (interpolate(q * observations, buckets), forced)
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
fn bucket_fraction(lower: f64, upper: f64, buckets: &mut Vec<Bucket>) -> f64 {
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

/// Raises counts that fall; true if one fell by more than rounding explains.
fn make_monotonic(buckets: &mut [Bucket]) -> bool {
    let mut forced = false;
    for index in 1..buckets.len() {
        let (before, count) = (buckets[index - 1].count, buckets[index].count);
        let near = (before - count).abs() < SMALL_DIFFERENCE * (before.abs() + count.abs());
        if before != count && (near || count < before) {
            forced |= !near;
            buckets[index].count = before;
        }
    }
    forced
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
        assert_eq!(bucket_quantile(0.5, &mut buckets(&of)), (3.0, false));
        assert_eq!(bucket_quantile(1.0, &mut buckets(&of)), (6.0, false));
        assert!(bucket_quantile(0.5, &mut buckets(&of[..4])).0.is_nan());
        let falling = [(1.0, 3.0), (2.0, 1.0), (inf, 4.0)];
        assert!(bucket_quantile(0.9, &mut buckets(&falling)).1);
    }

    #[test]
    fn fractions_do_not_interpolate_open_buckets() {
        let inf = f64::INFINITY;
        let of = [(-3.0, 10.0), (-2.0, 12.0), (-1.0, 15.0), (inf, 100.0)];
        assert_eq!(bucket_fraction(-4.0, -2.0, &mut buckets(&of)), 0.02);
        assert_eq!(bucket_fraction(-inf, -1.5, &mut buckets(&of)), 0.135);
        assert_eq!(bucket_fraction(-inf, inf, &mut buckets(&of)), 1.0);
    }
}
