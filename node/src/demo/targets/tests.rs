//! The built-in targets and what they write.

use std::collections::BTreeMap;

use super::super::options::{Parsed, parse};
use super::*;
use crate::client::tests::decode;

fn targets_of(args: &[&str]) -> Vec<Target> {
    match parse(args.iter().map(|a| (*a).to_owned())) {
        Parsed::Run(options) => targets(&options),
        Parsed::Say(error) => panic!("{error}"),
    }
}

/// Targets by tenant, counted as the acceptance query does: series of `up`.
fn count_up(targets: &[Target]) -> BTreeMap<String, usize> {
    let mut up: BTreeMap<String, std::collections::BTreeSet<Labels>> = BTreeMap::new();
    for target in targets {
        let tenant = target.tenant.as_ref().map_or("", |tenant| tenant.as_str());
        let body = compress(&target.scrape(3, 1_700_000_000_000)).unwrap();
        for (labels, samples) in decode(&body) {
            if labels.metric_name() == "up" {
                assert_eq!(samples, [(1_700_000_000_000, 1.0)]);
                up.entry(tenant.to_owned()).or_default().insert(labels);
            }
        }
    }
    up.into_iter().map(|(tenant, series)| (tenant, series.len())).collect()
}

fn counts(cluster: usize) -> BTreeMap<String, usize> {
    [("", cluster), ("a", 1), ("b", 1)].map(|(t, n)| (t.to_owned(), n)).into_iter().collect()
}

#[test]
fn one_up_series_a_target() {
    assert_eq!(count_up(&targets_of(&[])), counts(17));
    assert_eq!(count_up(&targets_of(&["--targets=600"])), counts(600));
}

#[test]
fn a_stopped_target_is_absent() {
    assert_eq!(count_up(&targets_of(&["--stop-target=17"])), counts(16));
    assert_eq!(count_up(&targets_of(&["--stop-target=18"])), counts(17));
}

#[test]
fn counters_grow_and_constants_stay() {
    for target in targets_of(&[]) {
        let value = |course: Course, round| course.value(round, target.phase);
        for (labels, course) in &target.series {
            match course {
                Course::Counter(_) => assert!(value(*course, 5) > value(*course, 4), "{labels}"),
                Course::Constant(_) => assert_eq!(value(*course, 5), value(*course, 4)),
                Course::Gauge(..) => assert!(value(*course, 5) > 0.0, "{labels}"),
            }
        }
    }
}
