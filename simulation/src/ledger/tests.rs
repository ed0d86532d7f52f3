//! The ledger notices each kind of wrong answer, and no right one.

use bytes::Bytes;
use proto::{Labels, Matcher, STALE_NAN_BITS, TenantName};

use super::*;
use crate::traffic::value::{Origin, bits_of};
use crate::traffic::{Expect, SentSample};

fn key(tenant: &str) -> SeriesKey {
    let labels = Labels::from_pairs([("__name__", "m"), ("job", "x")]).unwrap();
    SeriesKey { tenant: TenantName::new(tenant).unwrap(), labels }
}

/// The value of a sample; tenants are "a" and "b".
fn bits(tenant: &str, serial: u64) -> u64 {
    bits_of(Origin { tenant: usize::from(tenant == "b"), serial }, false)
}

fn push(number: u64, tenant: &str, samples: &[(i64, u64)]) -> Push {
    let sample = |(t, bits): &(i64, u64)| SentSample {
        series: key(tenant),
        t: *t,
        bits: *bits,
        fate: Fate::Kept,
        is_wellformed: true,
    };
    Push {
        number,
        first: number,
        client: 0,
        client_name: format!("{tenant}-prometheus-0"),
        tenant_header: Some(tenant.to_owned()),
        content_type: "application/x-protobuf",
        body: Bytes::new(),
        samples: samples.iter().map(sample).collect(),
        expect: Expect::Taken,
        has_extra: false,
        kind: "scrape",
    }
}

fn with_fate(mut push: Push, fate: Fate, expect: Expect) -> Push {
    push.samples.iter_mut().for_each(|sample| sample.fate = fate);
    push.expect = expect;
    push
}

fn answer(tenant: &str, samples: &[(i64, u64)], is_complete: bool) -> Answer {
    let series = vec![ReadSeries { key: key(tenant), samples: samples.to_vec() }];
    Answer { ended_ms: 201, is_complete, series }
}

fn question(started_ms: i64) -> Question {
    let matchers = vec![Matcher::equal("__name__", "m")];
    Question { started_ms, ..Question::range("n2", matchers, 1_000, 1_000) }
}

/// A ledger that was sent pushes at their number as time, each settled one later.
fn ledger(pushes: &[(Push, Outcome)]) -> Ledger {
    let mut ledger = Ledger::default();
    for (push, outcome) in pushes {
        ledger.sent(push, "n1", push.number as i64);
        ledger.settled(push, *outcome, push.number as i64 + 1).unwrap();
    }
    ledger
}

const ACK: Outcome = Outcome::Status(200);

fn broken(result: Result<(), Violation>) -> &'static str {
    result.expect_err("this must be noticed").invariant
}

#[test]
fn an_acked_sample_may_not_be_missing() {
    let one = push(1, "a", &[(5, bits("a", 1)), (6, bits("a", 2))]);
    let mut ledger = ledger(&[(one, ACK)]);
    let both = [(5, bits("a", 1)), (6, bits("a", 2))];
    ledger.judge(&question(100), &answer("a", &both, true)).unwrap();
    let short = answer("a", &both[..1], true);
    let violation = ledger.judge(&question(100), &short).unwrap_err();
    assert_eq!(violation.invariant, "I2");
    for word in ["a/m", "at 6", "sample 2", "a-prometheus-0", "to n1", "acked at 2", "n2"] {
        assert!(violation.evidence.contains(word), "{word}: {}", violation.evidence);
    }
    // Asked before the ack; expired; not complete.
    ledger.judge(&question(1), &short).unwrap();
    let expired = Question { expired_before_ms: 7, ..question(100) };
    ledger.judge(&expired, &short).unwrap();
    ledger.judge(&question(100), &answer("a", &both[..1], false)).unwrap();
    assert_eq!(broken(ledger.judge(&question(100), &Answer::default_complete())), "I2");
}

impl Answer {
    fn default_complete() -> Answer {
        Answer { is_complete: true, ended_ms: 201, ..Answer::default() }
    }
}

#[test]
fn what_was_not_sent_there_may_not_appear() {
    let pushes =
        [(push(1, "a", &[(5, bits("a", 1))]), ACK), (push(2, "b", &[(5, bits("b", 2))]), ACK)];
    let mut ledger = ledger(&pushes);
    let question = question(0);
    let mut judge =
        |samples: &[(i64, u64)]| broken(ledger.judge(&question, &answer("a", samples, false)));
    assert_eq!(judge(&[(5, bits("a", 9))]), "I3");
    assert_eq!(judge(&[(6, bits("a", 1))]), "I3");
    assert_eq!(judge(&[(5, bits("b", 2))]), "I4");
}

#[test]
fn what_was_rejected_for_good_may_not_appear() {
    let old = with_fate(push(1, "a", &[(5, bits("a", 1))]), Fate::Never, Expect::Partly);
    let mut ledger = ledger(&[(old, Outcome::Status(400))]);
    ledger.judge(&question(100), &answer("a", &[], true)).unwrap();
    let shown = answer("a", &[(5, bits("a", 1))], true);
    assert_eq!(broken(ledger.judge(&question(100), &shown)), "I3");
    assert_eq!(ledger.counts.samples_rejected, 1);
}

#[test]
fn what_may_be_there_comes_and_goes_unless_all_is_calm() {
    let maybe = push(1, "a", &[(5, bits("a", 1))]);
    let mut ledger = ledger(&[(maybe, Outcome::Unknown)]);
    let shown = answer("a", &[(5, bits("a", 1))], true);
    ledger.judge(&question(100), &answer("a", &[], true)).unwrap();
    ledger.judge(&question(100), &shown).unwrap();
    let calm = |since| Question { calm_since_ms: since, ..question(300) };
    let gone = Answer { ended_ms: 301, ..answer("a", &[], true) };
    ledger.judge(&calm(None), &gone).unwrap();
    ledger.judge(&calm(Some(250)), &gone).unwrap();
    assert_eq!(broken(ledger.judge(&calm(Some(150)), &gone)), "I3");
}

#[test]
fn of_acked_values_the_greater_wins_and_greater_ones_may_show() {
    let values = [bits("a", 1), bits("a", 2), bits("a", 3)];
    let outcomes = [ACK, Outcome::Status(400), Outcome::Unknown];
    let pushes = values.iter().zip(outcomes).zip(1..);
    let pushes: Vec<_> = pushes.map(|((v, o), n)| (push(n, "a", &[(5, *v)]), o)).collect();
    let mut ledger = ledger(&pushes);
    let mut judge =
        |started, bits| ledger.judge(&question(started), &answer("a", &[(5, bits)], true));
    judge(100, values[1]).unwrap();
    judge(100, values[2]).unwrap();
    assert_eq!(broken(judge(100, values[0])), "I2");
    judge(2, values[0]).unwrap();
    // By bits a negative number is greater than any positive one.
    let negative = bits_of(Origin { tenant: 0, serial: 1 }, true);
    assert_eq!(slot::greater_bits(negative, values[2]), negative);
}

#[test]
fn promql_hides_stale_markers() {
    let marker = push(1, "a", &[(5, STALE_NAN_BITS)]);
    let value = push(2, "a", &[(5, bits("a", 1))]);
    let mut ledger = ledger(&[(marker, ACK), (value, Outcome::Unknown)]);
    let (stale, shown) = ([(5, STALE_NAN_BITS)], [(5, bits("a", 1))]);
    ledger.judge(&question(100), &answer("a", &[], true)).unwrap();
    ledger.judge(&question(100), &answer("a", &shown, true)).unwrap();
    assert_eq!(broken(ledger.judge(&question(100), &answer("a", &stale, true))), "I2");
    let raw = Question { shows_stale: true, ..question(100) };
    ledger.judge(&raw, &answer("a", &stale, true)).unwrap();
    assert_eq!(broken(ledger.judge(&raw, &answer("a", &[], true))), "I2");
}

#[test]
fn series_and_times_come_once_and_only_what_was_asked_for() {
    let sample = (5, bits("a", 1));
    let mut ledger = ledger(&[(push(1, "a", &[sample]), ACK)]);
    let twice = answer("a", &[sample, sample], true);
    assert_eq!(broken(ledger.judge(&question(0), &twice)), "I6");
    let mut two_series = answer("a", &[sample], true);
    two_series.series.push(two_series.series[0].clone());
    assert_eq!(broken(ledger.judge(&question(0), &two_series)), "I6");
    let other = TenantName::new("b").unwrap();
    let of_b = Question { tenants: Some([other].into()), ..question(0) };
    assert_eq!(broken(ledger.judge(&of_b, &answer("a", &[sample], true))), "I4");
    let elsewhere = Question { matchers: vec![Matcher::equal("job", "y")], ..question(0) };
    assert_eq!(broken(ledger.judge(&elsewhere, &answer("a", &[sample], true))), "I3");
    let before = Question { to_ms: 4, ..question(0) };
    assert_eq!(broken(ledger.judge(&before, &answer("a", &[sample], true))), "I3");
}

#[test]
fn requests_get_the_status_that_they_deserve() {
    let sample = [(5, bits("a", 1))];
    let settle = |push: Push, status| {
        let mut ledger = Ledger::default();
        ledger.sent(&push, "n1", 0);
        ledger.settled(&push, Outcome::Status(status), 1)
    };
    let old = || with_fate(push(1, "a", &sample), Fate::Never, Expect::Partly);
    let edge = || with_fate(push(1, "a", &sample), Fate::Open, Expect::Taken);
    let broken_body = || with_fate(push(1, "a", &sample), Fate::Never, Expect::Refused(413));
    settle(old(), 400).unwrap();
    settle(edge(), 400).unwrap();
    settle(edge(), 200).unwrap();
    settle(broken_body(), 413).unwrap();
    settle(broken_body(), 503).unwrap();
    assert_eq!(broken(settle(old(), 200)), "I3");
    assert_eq!(broken(settle(broken_body(), 204)), "I3");
    assert_eq!(broken(settle(broken_body(), 400)), "I3");
    assert_eq!(broken(settle(push(1, "a", &sample), 400)), "I2");
    assert_eq!(broken(settle(push(1, "a", &sample), 404)), "I2");
}

#[test]
fn a_400_leaves_what_was_open_open() {
    let edge = with_fate(push(1, "a", &[(5, bits("a", 1))]), Fate::Open, Expect::Taken);
    let mut ledger = ledger(&[(edge, Outcome::Status(400))]);
    ledger.judge(&question(100), &answer("a", &[], true)).unwrap();
    ledger.judge(&question(100), &answer("a", &[(5, bits("a", 1))], true)).unwrap();
}

#[test]
fn at_rest_all_nodes_read_the_same() {
    let maybe = push(1, "a", &[(5, bits("a", 1))]);
    let mut ledger = ledger(&[(maybe, Outcome::Unknown)]);
    let ask = |node: &str| Question { node: node.to_owned(), ..question(100) };
    let (with, without) = (answer("a", &[(5, bits("a", 1))], true), answer("a", &[], true));
    let same = [(ask("n1"), with.clone()), (ask("n2"), with.clone())];
    ledger.judge_at_rest(&same).unwrap();
    let differ = [(ask("n1"), with.clone()), (ask("n2"), without.clone())];
    assert_eq!(broken(ledger.judge_at_rest(&differ)), "I3");
    let differ = [(ask("n1"), without), (ask("n2"), with.clone())];
    assert_eq!(broken(ledger.judge_at_rest(&differ)), "I3");
    let flagged = [(ask("n1"), Answer { is_complete: false, ..with })];
    assert_eq!(broken(ledger.judge_at_rest(&flagged)), "I5");
}
