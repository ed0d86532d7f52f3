//! The walk against what the writer writes, against odd but valid encodings, and against damage.

use super::*;
use proptest::prelude::*;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).unwrap()
}

fn samples(series: &RawSeries<'_>) -> Vec<(i64, f64)> {
    let values = series.values().map(|v| v.unwrap());
    values
        .map(|v| match v {
            Value::Sample(t, v) => (t, v),
            other => panic!("{other:?} where a sample was written"),
        })
        .collect()
}

#[test]
fn a_conforming_span_is_the_canonical_encoding() {
    let mut writer = RequestWriter::default();
    let up = labels(&[("__name__", "up"), ("job", "x")]);
    writer.series(&up, &[(1_000, 1.0), (-5, 0.0)]);
    let parts: Vec<_> = walk(writer.as_bytes()).collect::<Result<_, _>>().unwrap();
    let [Part::Series(series)] = parts.as_slice() else { panic!("one series was written") };
    assert_eq!(&*series.labels, up.as_bytes());
    assert_eq!(samples(series), [(1_000, 1.0), (-5, 0.0)]);
    assert_eq!(series.parse_labels(), Ok(up));
}

#[test]
fn scattered_and_unsorted_labels_are_gathered() {
    let (b, a) = (labels(&[("b", "2")]), labels(&[("a", "1")]));
    let mut series = b.as_bytes().to_vec();
    put_entry(&mut series, 0x12, &[0x10, 0x07]);
    series.extend_from_slice(a.as_bytes());
    let mut body = Vec::new();
    put_entry(&mut body, 0x0a, &series);
    let Some(Ok(Part::Series(series))) = walk(&body).next() else { panic!("a series") };
    assert_eq!(series.parse_labels(), Ok(labels(&[("a", "1"), ("b", "2")])));
    assert_eq!(samples(&series), [(7, 0.0)]);
}

#[test]
fn exemplars_and_histograms_are_seen_and_unknown_fields_passed_over() {
    let mut series = labels(&[("a", "1")]).as_bytes().to_vec();
    put_entry(&mut series, 0x1a, &[]);
    put_entry(&mut series, 0x22, &[]);
    put_entry(&mut series, 0x7a, b"later version");
    let mut body = Vec::new();
    put_entry(&mut body, 0x0a, &series);
    let Some(Ok(Part::Series(series))) = walk(&body).next() else { panic!("a series") };
    let values: Vec<_> = series.values().collect();
    assert_eq!(values, [Ok(Value::Exemplar), Ok(Value::Histogram)]);
}

#[test]
fn metadata_is_read() {
    let entry = MetadataEntry {
        family: "up".into(),
        metric_type: MetricType::Gauge,
        help: "Whether.".into(),
        unit: "s".into(),
    };
    let mut writer = RequestWriter::default();
    writer.metadata(&entry);
    assert_eq!(walk(writer.as_bytes()).next(), Some(Ok(Part::Metadata(entry))));
}

#[test]
fn an_error_names_the_place() {
    let mut writer = RequestWriter::default();
    writer.series(&labels(&[("a", "1")]), &[(1, 1.0)]);
    let good = writer.as_bytes().len();
    let mut body = writer.as_bytes().to_vec();
    body.extend_from_slice(&[0x0a, 0x7f, 0x00]);
    let error = walk(&body).find_map(Result::err).unwrap();
    assert_eq!(error.offset, good);
}

proptest! {
    #[test]
    fn any_bytes_are_walked_without_a_panic(body: Vec<u8>) {
        for part in walk(&body).flatten() {
            if let Part::Series(series) = part {
                let _ = series.parse_labels();
                let _ = series.values().count();
            }
        }
    }

    #[test]
    fn damaged_requests_are_walked_without_a_panic(at in 0usize..60, flip in 1u8..) {
        let mut writer = RequestWriter::default();
        writer.series(&labels(&[("__name__", "up"), ("job", "x")]), &[(1_000, 1.0), (2_000, 2.0)]);
        let mut body = writer.as_bytes().to_vec();
        let length = body.len();
        body[at % length] ^= flip;
        for part in walk(&body).flatten() {
            if let Part::Series(series) = part {
                let _ = series.parse_labels();
                let _ = series.values().count();
            }
        }
    }
}
