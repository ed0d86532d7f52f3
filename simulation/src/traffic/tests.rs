//! What is promised of a push is true of its bytes.

use std::collections::{BTreeMap, BTreeSet};

use proto::Labels;
use proto::remote_write::{Part, Value, walk};

use super::*;

const NOW_MS: i64 = 1_700_000_000_000;

fn options() -> TrafficOptions {
    let tenant = |name: &str| TenantPlan { name: TenantName::new(name).unwrap(), hard_ring: None };
    TrafficOptions {
        tenants: vec![tenant("a"), tenant("b")],
        default_tenant: Some(TenantName::new("b").unwrap()),
        clients_per_tenant: 5,
        series_per_client: 6,
        replica_label: "replica",
        spans: Spans {
            window_ms: 20_000,
            accept_age_ms: 120_000,
            accept_ahead_ms: 60_000,
            cluster_behind_ms_max: 20_000,
            cluster_ahead_ms_max: 20_000,
        },
        refused_percent: 20,
        retry_percent: 80,
        decoded_bytes_max: 1 << 20,
    }
}

fn traffic(seed: u64) -> Traffic {
    Traffic::new(options(), Random::new(seed))
}

fn pushes(seed: u64, count: i64) -> Vec<Push> {
    let mut traffic = traffic(seed);
    (0..count).map(|i| traffic.next(NOW_MS + i * 100)).collect()
}

/// Tenant-less labels, timestamp and bits of the samples that a node can read in a body.
fn readable(push: &Push) -> Vec<(Labels, i64, u64)> {
    let body = snap::raw::Decoder::new().decompress_vec(&push.body).unwrap();
    let mut found = Vec::new();
    for part in walk(&body) {
        let Part::Series(series) = part.unwrap() else { panic!("only series are sent") };
        let Ok(labels) = series.parse_labels() else { continue };
        for value in series.values() {
            if let Value::Sample(t, value) = value.unwrap()
                && labels.get("__name__").is_some()
            {
                found.push((labels.clone(), t, value.to_bits()));
            }
        }
    }
    found
}

#[test]
fn the_same_seed_sends_the_same_bytes() {
    let bytes = |seed| -> Vec<_> { pushes(seed, 300).into_iter().map(|p| p.body).collect() };
    assert_eq!(bytes(3), bytes(3));
    assert_ne!(bytes(3), bytes(4));
}

#[test]
fn a_body_has_the_samples_that_are_listed() {
    for push in pushes(1, 1_000).iter().filter(|p| !matches!(p.expect, Expect::Refused(_))) {
        let listed = push.samples.iter().filter(|s| s.is_wellformed);
        let listed: Vec<_> = listed.map(|s| (s.series.labels.clone(), s.t, s.bits)).collect();
        assert_eq!(readable(push), listed, "{push:?}");
    }
}

#[test]
fn what_must_be_refused_cannot_be_read_or_is_not_allowed() {
    let mut kinds = BTreeSet::new();
    for push in pushes(2, 2_000) {
        let Expect::Refused(status) = push.expect else { continue };
        kinds.insert(push.kind);
        let length = snap::raw::decompress_len(&push.body);
        let decoded = snap::raw::Decoder::new().decompress_vec(&push.body);
        let reason = match status {
            413 => length.unwrap() as u64 > options().decoded_bytes_max,
            415 => push.content_type != "application/x-protobuf",
            _ => {
                let tenant = TenantName::new(push.tenant_header.as_deref().unwrap_or("b"));
                let broken = |body: Vec<u8>| walk(&body).any(|part| part.is_err());
                tenant.is_err() || decoded.map_or(true, broken)
            }
        };
        assert!(reason, "{push:?}");
        assert!(push.samples.iter().all(|s| s.fate == Fate::Never));
    }
    assert_eq!(kinds.len(), 5, "{kinds:?}");
}

#[test]
fn every_kind_comes_and_values_name_their_sample() {
    let (mut kinds, mut samples) = (BTreeMap::new(), BTreeMap::new());
    for push in pushes(5, 2_000) {
        *kinds.entry(push.kind).or_insert(0) += 1;
        for sample in push.samples {
            let Some(origin) = value::origin_of(sample.bits) else { continue };
            assert_eq!(["a", "b"][origin.tenant], sample.series.tenant.as_str());
            let place = (sample.series, sample.t);
            assert_eq!(*samples.entry(sample.bits).or_insert(place.clone()), place);
        }
    }
    assert_eq!(kinds.len(), 15, "{kinds:?}");
}

#[test]
fn tenants_have_the_same_label_sets() {
    let of = |tenant: &str| -> BTreeSet<Labels> {
        let traffic = traffic(1);
        let of = traffic.clients.iter().flat_map(|client| &client.series);
        of.filter(|key| key.tenant.as_str() == tenant).map(|key| key.labels.clone()).collect()
    };
    assert_eq!(of("a"), of("b"));
    let replica = |labels: &Labels| labels.get("replica").is_some();
    // One alone, a pair with a replica label, and a pair that shares its series.
    assert_eq!(of("a").len(), 4 * 6);
    assert_eq!(of("a").iter().filter(|labels| replica(labels)).count(), 2 * 6);
}

#[test]
fn what_was_not_answered_is_sent_again_and_judged_anew() {
    let mut traffic = traffic(9);
    traffic.options.retry_percent = 100;
    let push = traffic.ordinary(0, NOW_MS);
    traffic.told(&push, Outcome::Status(400));
    assert!(traffic.clients[0].again.is_empty());
    traffic.told(&push, Outcome::Unknown);
    let again = traffic.next_of(0, NOW_MS + 10 * options().spans.accept_age_ms);
    assert_eq!((again.body, again.first), (push.body, push.number));
    assert!(again.number > push.number);
    assert!(again.samples.iter().all(|sample| sample.fate == Fate::Never));
    assert_eq!(again.expect, Expect::Partly);
}

#[test]
fn ordinary_pushes_are_surely_accepted() {
    let mut traffic = traffic(11);
    for i in 0..500 {
        let push = traffic.ordinary(i % 10, NOW_MS + i as i64);
        assert_eq!(push.expect, Expect::Taken, "{push:?}");
        assert!(push.samples.iter().all(|sample| sample.fate == Fate::Kept), "{push:?}");
    }
}
