//! Tests of histograms: layouts that differ meet in what they have in common.

use super::bounds::exponential_bound;
use super::*;
use proptest::prelude::*;

fn exponential(schema: i32, first: i32, counts: &[f64]) -> FloatHistogram {
    FloatHistogram {
        schema,
        count: counts.iter().sum(),
        positive: Buckets::contiguous(first, counts.to_vec()).unwrap(),
        ..FloatHistogram::default()
    }
}

fn custom(bounds: &[f64], counts: &[f64]) -> FloatHistogram {
    let mut histogram = exponential(CUSTOM_SCHEMA, 0, counts);
    histogram.custom_values = bounds.into();
    histogram
}

#[test]
fn spans_and_buckets_are_the_same() {
    let spans = [Span { offset: -2, length: 2 }, Span { offset: 3, length: 1 }];
    let buckets = Buckets::from_spans(&spans, vec![1.0, 2.0, 3.0]).unwrap();
    assert_eq!(buckets.indices(), [-2, -1, 3]);
    assert_eq!(buckets.spans(), spans);
    assert!(Buckets::from_spans(&spans, vec![1.0]).is_err());
    let beyond = [Span { offset: i32::MAX, length: 1 }];
    assert_eq!(Buckets::from_spans(&beyond, vec![1.0]).unwrap_err(), HistogramError::IndexOverflow);
}

#[test]
fn the_lower_resolution_wins() {
    let mut sum = exponential(1, 1, &[1.0, 2.0, 3.0, 4.0]);
    sum.add(&exponential(0, 0, &[10.0, 20.0])).unwrap();
    assert_eq!((sum.schema, sum.count), (0, 40.0));
    assert_eq!(sum.positive.iter().collect::<Vec<_>>(), [(0, 10.0), (1, 23.0), (2, 7.0)]);
}

#[test]
fn the_zero_bucket_swallows_what_it_covers() {
    let mut sum = exponential(0, 0, &[1.0, 2.0, 4.0]);
    let mut wide = exponential(0, 2, &[8.0]);
    (wide.zero_threshold, wide.zero_count) = (1.5, 16.0);
    sum.add(&wide).unwrap();
    // 1.5 lies in the populated bucket (1, 2], so that the zero bucket ends at 2.
    assert_eq!((sum.zero_threshold, sum.zero_count), (2.0, 19.0));
    assert_eq!(sum.positive.iter().collect::<Vec<_>>(), [(2, 12.0)]);
}

#[test]
fn custom_bounds_meet_in_those_that_both_have() {
    let mut sum = custom(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0, 4.0]);
    let merged = sum.add(&custom(&[2.0, 5.0], &[10.0, 20.0, 30.0])).unwrap();
    assert!(merged.bounds_reconciled);
    assert_eq!(*sum.custom_values, [2.0]);
    assert_eq!(sum.positive.counts(), [13.0, 57.0]);
    assert_eq!(sum.add(&exponential(0, 0, &[1.0])), Err(Incompatible));
}

#[test]
fn small_counts_survive_large_ones() {
    let mut sum = CompensatedHistogram::new(exponential(0, 0, &[1.0]));
    for count in [1e100, 1.0, -1e100] {
        sum.add(&exponential(0, 0, &[count])).unwrap();
    }
    let sum = sum.finish();
    assert_eq!((sum.count, sum.positive.counts()), (2.0, &[2.0][..]));
}

#[test]
fn resets_are_detected() {
    let before = exponential(1, 1, &[1.0, 2.0, 3.0]);
    assert!(!before.is_reset_after(&before));
    let moved = exponential(1, 1, &[2.0, 1.0, 9.0]);
    assert!(moved.is_reset_after(&before));
    assert!(!exponential(0, 1, &[3.0, 3.0]).is_reset_after(&before));
    assert!(exponential(2, 1, &[9.0; 9]).is_reset_after(&before));
    let mut hinted = moved.clone();
    hinted.counter_reset_hint = CounterResetHint::NotReset;
    assert!(!hinted.is_reset_after(&before));
    let fewer = custom(&[2.0], &[3.0, 9.0]);
    assert!(!fewer.is_reset_after(&custom(&[1.0, 2.0], &[1.0, 2.0, 3.0])));
    assert!(fewer.is_reset_after(&custom(&[1.0, 2.0], &[2.0, 2.0, 3.0])));
}

#[test]
fn trimming_splits_the_bucket_that_holds_the_value() {
    let mut below = custom(&[5.0, 10.0], &[1.0, 2.0, 3.0]);
    let mut above = below.clone();
    below.trim(7.5, Trim::KeepBelow);
    assert_eq!((below.count, below.positive.counts()), (2.0, &[1.0, 1.0][..]));
    above.trim(7.5, Trim::KeepAbove);
    assert_eq!((above.count, above.positive.indices()), (4.0, &[1, 2][..]));
}

#[test]
fn invalid_histograms_are_refused() {
    assert_eq!(exponential(0, 0, &[1.0]).validate(), Ok(()));
    assert_eq!(exponential(9, 0, &[1.0]).validate(), Err(HistogramError::Schema(9)));
    assert!(exponential(0, 0, &[-1.0]).validate().is_err());
    assert!(custom(&[2.0, 1.0], &[1.0]).validate().is_err());
    assert!(custom(&[1.0], &[1.0, 1.0, 1.0]).validate().is_err());
}

#[test]
fn integer_counts_are_deltas() {
    let histogram = integer::IntegerHistogram {
        count: 6,
        positive: (vec![Span { offset: 0, length: 3 }], vec![1, 1, 1]),
        ..Default::default()
    };
    assert_eq!(histogram.to_float().unwrap().positive.counts(), [1.0, 2.0, 3.0]);
}

/// Any histogram that its parts can make, valid or not.
fn any_histogram() -> impl Strategy<Value = FloatHistogram> {
    let number = prop_oneof![
        8 => -1e3..1e3f64,
        1 => Just(0.0),
        1 => any::<f64>(),
    ];
    let side = || prop::collection::vec((prop_oneof![-20..20i32, any::<i32>()], 0..4u32), 0..4);
    let schema = prop_oneof![Just(CUSTOM_SCHEMA), -4..=8i32, any::<i32>()];
    let bounds = prop::collection::vec(-8..8i32, 0..5);
    (schema, [number.clone(), number.clone(), number.clone(), number], side(), side(), bounds)
        .prop_map(
            |(schema, [zero_threshold, zero_count, count, sum], positive, negative, bounds)| {
                let side = |spans: Vec<(i32, u32)>| {
                    let spans =
                        spans.into_iter().enumerate().map(|(number, (offset, length))| Span {
                            offset: if number > 0 { offset.saturating_abs() } else { offset },
                            length,
                        });
                    let spans: Vec<Span> = spans.collect();
                    let length = spans.iter().map(|span| span.length as usize).sum();
                    Buckets::from_spans(&spans, vec![1.5; length]).unwrap_or_default()
                };
                let (positive, negative) = (side(positive), side(negative));
                let custom_values = bounds.into_iter().map(f64::from).collect();
                let counter_reset_hint = CounterResetHint::Unknown;
                FloatHistogram {
                    counter_reset_hint,
                    schema,
                    zero_threshold,
                    zero_count,
                    count,
                    sum,
                    positive,
                    negative,
                    custom_values,
                }
            },
        )
}

/// Valid exponential histograms.
fn exponential_histogram() -> impl Strategy<Value = FloatHistogram> {
    let counts = || prop::collection::vec(0..5u32, 0..8);
    (-4..=8i32, -6..6i32, counts(), counts(), 0..4u32, any::<bool>()).prop_map(
        |(schema, first, positive, negative, zero, wide)| {
            let counts = |counts: &[u32]| counts.iter().copied().map(f64::from).collect::<Vec<_>>();
            let total: u32 = positive.iter().chain(&negative).sum();
            FloatHistogram {
                schema,
                count: f64::from(total + zero),
                zero_count: f64::from(zero),
                // No bucket lies within the zero bucket.
                zero_threshold: if wide { exponential_bound(first - 1, schema) } else { 0.0 },
                positive: Buckets::contiguous(first, counts(&positive)).unwrap(),
                negative: Buckets::contiguous(first, counts(&negative)).unwrap(),
                ..FloatHistogram::default()
            }
        },
    )
}

fn observations(histogram: &FloatHistogram) -> f64 {
    let sides = histogram.positive.counts().iter().chain(histogram.negative.counts());
    histogram.zero_count + sides.sum::<f64>()
}

proptest! {
    #[test]
    fn no_histogram_makes_an_operation_panic(a in any_histogram(), b in any_histogram()) {
        let mut sum = a.clone();
        let _ = sum.add(&b).is_ok() && sum.subtract(&a).is_ok();
        let mut sum = CompensatedHistogram::new(a.clone());
        let _ = sum.add(&b).is_ok() && sum.add(&a).is_ok();
        let mut trimmed = sum.finish();
        for (value, trim) in [(1.5, Trim::KeepBelow), (-0.5, Trim::KeepAbove)] {
            trimmed.trim(value, trim);
        }
        let _ = (a.is_reset_after(&b), a.validate(), a.same(&b), a.all_buckets().count());
        let mut reduced = a;
        reduced.reduce_resolution(-4);
        prop_assert!(reduced.positive.indices().is_sorted());
    }

    #[test]
    fn sums_lose_no_observation(a in exponential_histogram(), b in exponential_histogram()) {
        let mut plain = a.clone();
        plain.add(&b).unwrap();
        let mut other = b.clone();
        other.add(&a).unwrap();
        let mut compensated = CompensatedHistogram::new(a.clone());
        compensated.add(&b).unwrap();
        let mut compensated = compensated.finish();
        for sum in [&mut plain, &mut other, &mut compensated] {
            sum.compact();
            prop_assert_eq!(observations(sum), a.count + b.count);
            prop_assert_eq!(sum.count, a.count + b.count);
        }
        prop_assert!(plain.same(&other) && plain.same(&compensated));
        prop_assert!(!plain.is_reset_after(&a) && !plain.is_reset_after(&b));
    }
}
