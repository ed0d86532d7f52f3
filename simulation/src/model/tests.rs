//! The model is exact where the ledger is, and gives room where it gives room.

use proto::{STALE_NAN_BITS, TenantName};

use super::*;
use crate::traffic::value::{Origin, bits_of};
use crate::traffic::{Expect, Fate, Outcome, Push, SentSample};

const ACK: Outcome = Outcome::Status(200);
const MAYBE: Outcome = Outcome::Unknown;

fn key(tenant: &str, job: &str) -> SeriesKey {
    let labels = Labels::from_pairs([("__name__", "m"), ("job", job)]).unwrap();
    SeriesKey { tenant: TenantName::new(tenant).unwrap(), labels }
}

/// Each of: tenant, job, timestamp, value (0 for a stale marker), what came of it.
fn ledger(samples: &[(&str, &str, i64, u64, Outcome)]) -> Ledger {
    let mut ledger = Ledger::default();
    for ((tenant, job, t, value, outcome), number) in samples.iter().zip(1..) {
        let origin = Origin { tenant: 0, serial: *value };
        let bits = if *value == 0 { STALE_NAN_BITS } else { bits_of(origin, false) };
        let series = key(tenant, job);
        let sample = SentSample { series, t: *t, bits, fate: Fate::Kept, is_wellformed: true };
        let push = Push {
            number,
            first: number,
            client: 0,
            client_name: "c".to_owned(),
            tenant_header: None,
            content_type: "",
            body: bytes::Bytes::new(),
            samples: vec![sample],
            expect: Expect::Taken,
            has_extra: false,
            kind: "scrape",
        };
        ledger.sent(&push, "n1", 0);
        ledger.settled(&push, *outcome, 0).unwrap();
    }
    ledger
}

fn expect(ledger: &Ledger, function: Function, aggregation: Aggregation) -> Expected {
    let is_complete = true;
    expect_of(ledger, function, aggregation, is_complete)
}

fn expect_of(
    ledger: &Ledger,
    function: Function,
    aggregation: Aggregation,
    is_complete: bool,
) -> Expected {
    let tenant_label = "tenant_id";
    let shape = Shape { metric: "m", function, window_ms: 50_000, aggregation, tenant_label };
    let answer = Answer { ended_ms: 60_000, is_complete, ..Answer::default() };
    shape.expected(ledger, &shape.question("n1", 50_000), &answer)
}

fn tenant(name: &str) -> Labels {
    Labels::from_pairs([("tenant_id", name)]).unwrap()
}

#[test]
fn counts_by_tenant_are_exact() {
    let ledger = ledger(&[
        ("a", "x", 10_000, 5, ACK),
        ("a", "y", 20_000, 6, ACK),
        ("b", "x", 30_000, 7, ACK),
        // Ended, not in the window, and after it.
        ("a", "z", 30_000, 8, ACK),
        ("a", "z", 40_000, 0, ACK),
        ("b", "y", 0, 9, ACK),
        ("b", "z", 50_001, 9, ACK),
    ]);
    let expected = expect(&ledger, Function::Newest, Aggregation::Count);
    assert!(expected.is_exact());
    let right = [(tenant("a"), 2.0), (tenant("b"), 1.0)];
    expected.check(&right).unwrap();
    for wrong in [
        vec![(tenant("a"), 3.0), (tenant("b"), 1.0)],
        vec![(tenant("a"), 2.0)],
        vec![(tenant("a"), 2.0), (tenant("b"), 1.0), (tenant("c"), 1.0)],
        vec![(tenant("a"), 2.0), (tenant("b"), 1.0), (tenant("b"), 1.0)],
    ] {
        assert_eq!(expected.check(&wrong).unwrap_err().invariant, "I4", "{wrong:?}");
    }
}

#[test]
fn sums_of_newest_samples_leave_room_for_what_may_be_there() {
    let samples = [
        ("a", "x", 10_000, 5, ACK),
        ("a", "y", 10_000, 100, ACK),
        ("a", "y", 20_000, 3, MAYBE),
        ("a", "z", 10_000, 1_000, MAYBE),
    ];
    let ledger = ledger(&samples);
    let expected = expect(&ledger, Function::Newest, Aggregation::Sum);
    assert!(!expected.is_exact());
    for sum in [8.0, 105.0, 1_008.0, 1_105.0] {
        expected.check(&[(tenant("a"), sum)]).unwrap();
    }
    assert_eq!(expected.check(&[(tenant("a"), 1_106.0)]).unwrap_err().invariant, "I6");
    assert!(expected.check(&[(tenant("a"), 7.0)]).is_err());
    assert!(expected.check(&[]).is_err());
    expect_of(&ledger, Function::Newest, Aggregation::Sum, false).check(&[]).unwrap();
}

#[test]
fn series_are_counted_and_their_maximum_is_known() {
    let ledger = ledger(&[
        ("a", "x", 10_000, 5, ACK),
        ("a", "x", 20_000, 9, ACK),
        ("a", "x", 30_000, 0, ACK),
        ("a", "x", 40_000, 12, MAYBE),
    ]);
    let row = Labels::from_pairs([("job", "x"), ("tenant_id", "a")]).unwrap();
    let count = expect(&ledger, Function::CountOverTime, Aggregation::None);
    let max = expect(&ledger, Function::MaxOverTime, Aggregation::None);
    for (expected, right, wrong) in
        [(count, [2.0, 3.0], [1.0, 4.0]), (max, [9.0, 12.0], [5.0, 13.0])]
    {
        for value in right {
            expected.check(&[(row.clone(), value)]).unwrap();
        }
        for value in wrong {
            assert!(expected.check(&[(row.clone(), value)]).is_err(), "{value}");
        }
    }
}

#[test]
fn of_conflicting_values_either_may_show_until_one_is_beaten() {
    let first = ("a", "x", 10_000, 5, ACK);
    let row = Labels::from_pairs([("__name__", "m"), ("job", "x"), ("tenant_id", "a")]).unwrap();
    let open = ledger(&[first, ("a", "x", 10_000, 9, MAYBE)]);
    let expected = expect(&open, Function::Newest, Aggregation::None);
    expected.check(&[(row.clone(), 5.0)]).unwrap();
    expected.check(&[(row.clone(), 9.0)]).unwrap();
    let beaten = ledger(&[first, ("a", "x", 10_000, 9, ACK)]);
    let expected = expect(&beaten, Function::Newest, Aggregation::None);
    assert!(expected.is_exact());
    assert!(expected.check(&[(row, 5.0)]).is_err());
}

#[test]
fn rates_are_exact_up_to_rounding_or_try_all_worlds() {
    let steady = |third| {
        ledger(&[
            ("a", "x", 10_000, 1_010, ACK),
            ("a", "x", 20_000, 1_020, ACK),
            ("a", "x", 30_000, 1_030, third),
            ("a", "x", 40_000, 1_040, ACK),
            ("a", "x", 50_000, 1_050, ACK),
        ])
    };
    let sure = expect(&steady(ACK), Function::Rate, Aggregation::Sum);
    assert!(sure.is_exact());
    sure.check(&[(tenant("a"), 1.0 + 1e-12)]).unwrap();
    assert!(sure.check(&[(tenant("a"), 1.001)]).is_err());
    // A hole in the middle changes nothing for a steady counter.
    let open = expect(&steady(MAYBE), Function::Increase, Aggregation::Sum);
    open.check(&[(tenant("a"), 50.0)]).unwrap();
    assert!(open.check(&[(tenant("a"), 60.0)]).is_err());
}

#[test]
fn too_many_worlds_bound_nothing_but_the_row() {
    let samples: Vec<_> = (1..=20).map(|i| ("a", "x", i * 1_000, i as u64, MAYBE)).collect();
    let expected = expect(&ledger(&samples), Function::Rate, Aggregation::Sum);
    expected.check(&[(tenant("a"), 1e9)]).unwrap();
    expected.check(&[]).unwrap();
    assert!(expected.check(&[(tenant("b"), 1.0)]).is_err());
}

#[test]
fn texts_are_promql() {
    let tenant_label = "tenant_id";
    let (function, aggregation) = (Function::Rate, Aggregation::Sum);
    let shape = Shape { metric: "m", function, window_ms: 5_000, aggregation, tenant_label };
    assert_eq!(shape.promql(), "sum (rate(m[5000ms])) by (tenant_id)");
    let mut random = Random::new(1);
    let texts: std::collections::BTreeSet<_> =
        (0..200).map(|_| Shape::draw(&mut random, 5, 1_000).promql()).collect();
    assert!(texts.contains("count (up) by (tenant_id)"));
    assert_eq!(texts.len(), 8, "{texts:?}");
}
