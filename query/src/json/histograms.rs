//! Native histograms in JSON: totals, and buckets as `[rule, lower, upper, count]`.

use proto::FloatHistogram;
use proto::histogram::Bucket;

use super::write_time;
use crate::numbers::write_sample;

/// Writes `[time,{"count":…,"sum":…,"buckets":[…]}]`.
pub(super) fn write_histogram(time_ms: i64, histogram: &FloatHistogram, out: &mut Vec<u8>) {
    out.push(b'[');
    write_time(time_ms, out);
    out.extend_from_slice(b",{\"count\":");
    write_quoted(histogram.count, out);
    out.extend_from_slice(b",\"sum\":");
    write_quoted(histogram.sum, out);
    let mut any = false;
    for bucket in histogram.all_buckets().filter(|bucket| bucket.count != 0.0) {
        let separator: &[u8] = if any { b"," } else { b",\"buckets\":[" };
        out.extend_from_slice(separator);
        any = true;
        write_bucket(&bucket, out);
    }
    out.extend_from_slice(if any { b"]}]" } else { b"}]" });
}

/// The rule tells which bounds belong to the bucket: 0 the upper, 1 the lower, 2 none, 3 both.
fn write_bucket(bucket: &Bucket, out: &mut Vec<u8>) {
    let rule = match (bucket.lower_inclusive, bucket.upper_inclusive) {
        (false, true) => b'0',
        (true, false) => b'1',
        (false, false) => b'2',
        (true, true) => b'3',
    };
    out.extend([b'[', rule]);
    for value in [bucket.lower, bucket.upper, bucket.count] {
        out.push(b',');
        write_quoted(value, out);
    }
    out.push(b']');
}

fn write_quoted(value: f64, out: &mut Vec<u8>) {
    out.push(b'"');
    write_sample(out, value);
    out.push(b'"');
}
