//! The oracle notices each kind of wrong answer, and no right one.

use proto::{Epoch, SeriesId, TenantName};

use super::*;
use crate::engine::reading::everything;

fn key(tenant: &str) -> SeriesKey {
    (TenantName::new(tenant).unwrap(), Labels::from_pairs([("__name__", "m")]).unwrap())
}

fn answer(tenant: &str, samples: &[(i64, f64)]) -> Answer {
    if samples.is_empty() {
        return Answer::new();
    }
    let samples = samples.iter().map(|(t, v)| (*t, v.to_bits()));
    Answer::from([(key(tenant), samples.collect())])
}

fn send(oracle: &mut Oracle, position: u64, samples: &[(i64, f64)]) {
    let (tenant, labels) = key("a");
    let mut batch = SampleBatch::new(tenant, Epoch(1));
    batch.push_series(SeriesId(0));
    samples.iter().for_each(|(t, v)| batch.push_sample(*t, *v));
    let taken = Appended { position: Position(position), ..Appended::default() };
    oracle.sent(&batch, &[labels], Some(&taken));
}

/// An oracle of two samples: 1 is acknowledged, 2 is not.
fn oracle() -> Oracle {
    let mut oracle = Oracle::default();
    send(&mut oracle, 1, &[(1, 5.0)]);
    send(&mut oracle, 2, &[(2, 6.0)]);
    oracle.settle(|position| (position == Position(1)).then_some(true));
    oracle
}

fn invariant(result: Result<(), SimulationError>) -> &'static str {
    match result {
        Err(SimulationError::Violation { invariant, .. }) => invariant,
        other => panic!("{other:?}"),
    }
}

#[test]
fn between_crashes_the_answer_is_exact() {
    let mut oracle = oracle();
    oracle.check(&answer("a", &[(1, 5.0), (2, 6.0)]), &everything()).unwrap();
    for wrong in [
        answer("a", &[(1, 5.0)]),
        answer("a", &[(1, 5.0), (2, 7.0)]),
        answer("a", &[(1, 5.0), (2, 6.0), (3, 6.0)]),
        answer("b", &[(1, 5.0), (2, 6.0)]),
    ] {
        let found = oracle.check(&wrong, &everything());
        assert_eq!(invariant(found), "a reader sees exactly what was taken");
    }
    let early = Selection { end_ms: 1, ..everything() };
    oracle.check(&answer("a", &[(1, 5.0)]), &early).unwrap();
}

#[test]
fn after_a_crash_unacknowledged_samples_may_be_there_or_not() {
    oracle().recovered(answer("a", &[(1, 5.0)])).unwrap();
    oracle().recovered(answer("a", &[(1, 5.0), (2, 6.0)])).unwrap();
}

#[test]
fn a_lost_an_invented_and_a_lesser_sample_are_noticed() {
    let lost = oracle().recovered(answer("a", &[(2, 6.0)]));
    assert_eq!(invariant(lost), "an acknowledged sample is never lost");
    let never_sent = "nothing is read that was not sent, or was found lost before";
    let invented = oracle().recovered(answer("a", &[(1, 5.0), (3, 6.0)]));
    assert_eq!(invariant(invented), never_sent);
    let mut other = answer("a", &[(1, 5.0)]);
    other.extend(answer("b", &[(1, 5.0)]));
    assert_eq!(invariant(oracle().recovered(other)), never_sent);
    let mut twice = oracle();
    send(&mut twice, 3, &[(2, 1.0)]);
    twice.settle(|_| Some(true));
    let lesser = twice.recovered(answer("a", &[(1, 5.0), (2, 1.0)]));
    assert_eq!(invariant(lesser), "an acknowledged value is never replaced by a lesser one");
}

#[test]
fn what_a_recovery_found_lost_never_comes_back_and_what_it_found_stays() {
    let mut lost = oracle();
    lost.recovered(answer("a", &[(1, 5.0)])).unwrap();
    assert!(lost.recovered(answer("a", &[(1, 5.0), (2, 6.0)])).is_err());
    let mut kept = oracle();
    kept.recovered(answer("a", &[(1, 5.0), (2, 6.0)])).unwrap();
    assert!(kept.recovered(answer("a", &[(1, 5.0)])).is_err());
}

#[test]
fn a_batch_that_still_waits_is_not_acknowledged() {
    let mut oracle = oracle();
    assert_eq!((oracle.samples_attempted, oracle.samples_acked), (2, 1));
    assert!(oracle.check_all_acked().is_err());
    oracle.settle(|_| Some(true));
    oracle.check_all_acked().unwrap();
}
