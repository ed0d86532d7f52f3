//! Merging against a model, and in particular cases.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use journal::files::memory::MemoryFiles;
use proptest::prelude::*;
use proto::ids::tenant_seed;
use proto::{Epoch, Labels, SampleBatch, SeriesId, TenantName};
use storage::head::{Head, HeadOptions};
use storage::{Chunk, Selection, SeriesChunks};

use super::*;

fn chunk(min_ms: i64, data: &'static [u8]) -> Chunk {
    Chunk { min_ms, max_ms: min_ms + 1, encoding: 1, data: Bytes::from_static(data) }
}

fn series(tenant: &str, labels: &[(&str, &str)], chunks: Vec<Chunk>) -> SeriesChunks {
    SeriesChunks {
        tenant: TenantName::new(tenant).unwrap(),
        id: SeriesId(0),
        labels: Labels::from_pairs(labels.iter().copied()).unwrap(),
        chunks,
    }
}

fn merge_all(parts: Vec<PackedSeries>, replica_labels: &[&str]) -> (Merged, Interner) {
    let replica_labels: Vec<String> = replica_labels.iter().map(|l| (*l).to_owned()).collect();
    let rules = LabelRules { tenant_label: "tenant_id".to_owned(), replica_labels };
    let mut names = Interner::default();
    (merge(parts, &rules, &mut names, Workers::one()), names)
}

/// So many threads.
fn threads(count: usize) -> Workers {
    let spread: query::Spread = |helpers, help, lead| {
        std::thread::scope(|scope| {
            (0..helpers).for_each(|_| drop(scope.spawn(help)));
            lead();
        });
    };
    Workers { count, spread }
}

#[test]
fn threads_make_no_difference() {
    let part = |from: usize| {
        let one = |number: usize| {
            let (number, replica) = (number.to_string(), (number % 3).to_string());
            let labels = [("__name__", "m"), ("number", &number), ("replica", &replica)];
            series("a", &labels, vec![chunk(1, b"x")])
        };
        PackedSeries::pack((from..from + 5000).map(one))
    };
    let merged = |workers: Workers| {
        let replica_labels = vec!["replica".to_owned()];
        let rules = LabelRules { tenant_label: "tenant_id".to_owned(), replica_labels };
        let mut names = Interner::default();
        let merged = merge(vec![part(0), part(2500)], &rules, &mut names, workers);
        let sets = (0..merged.len()).map(|index| {
            let labels = names.labels(merged.pairs(index)).unwrap().to_string();
            (labels, merged.series[index].further.len())
        });
        sets.collect::<Vec<_>>()
    };
    let one = merged(Workers::one());
    assert_eq!((one.len(), one.iter().map(|(_, further)| further).sum()), (7500, 2500));
    assert!(merged(threads(3)) == one);
}

/// Labels and copies of the merged series.
fn merged(all: Vec<SeriesChunks>, replica_labels: &[&str]) -> Vec<(String, usize)> {
    let (merged, names) = merge_all(vec![PackedSeries::pack(all)], replica_labels);
    let shown = |index: usize| {
        let pairs = merged.pairs(index);
        let in_order = pairs.iter().map(|p| names.pair(*p).0).is_sorted_by(|a, b| a < b);
        let labels = names.labels(pairs).unwrap().to_string();
        assert!(in_order, "{labels}");
        (labels, 1 + merged.series[index].further.len())
    };
    let mut found: Vec<_> = (0..merged.len()).map(shown).collect();
    found.sort();
    found
}

#[test]
fn equal_chunks_of_two_sources_are_kept_once() {
    let (x, y, z) = (chunk(1, b"x"), chunk(5, b"y"), chunk(9, b"z"));
    let mut all = vec![x.view(), y.view(), y.view(), z.view(), x.view()];
    in_order(&mut all);
    assert_eq!(all, [x.view(), y.view(), z.view()]);
}

#[test]
fn copies_of_two_sources_are_one_series() {
    let labels = [("__name__", "up"), ("z", "1")];
    let here = series("a", &labels, vec![chunk(1, b"x"), chunk(5, b"y")]);
    let there = series("a", &labels, vec![chunk(5, b"y"), chunk(9, b"z")]);
    let found = merged(vec![here, there], &[]);
    assert_eq!(found, [("up{tenant_id=\"a\", z=\"1\"}".to_owned(), 2)]);
}

#[test]
fn tenants_stay_apart_and_the_tenant_label_wins() {
    let a = series("a", &[("__name__", "up"), ("tenant_id", "b")], vec![]);
    let b = series("b", &[("__name__", "up")], vec![]);
    let found = merged(vec![a, b], &["tenant_id"]);
    let labels: Vec<&str> = found.iter().map(|(labels, _)| labels.as_str()).collect();
    assert_eq!(labels, ["up{tenant_id=\"a\"}", "up{tenant_id=\"b\"}"]);
}

#[test]
fn replicas_fall_together_only_without_their_label() {
    let one = series("a", &[("prometheus_replica", "0")], vec![chunk(1, b"x")]);
    let two = series("a", &[("prometheus_replica", "1")], vec![chunk(1, b"x")]);
    let both = vec![one, two];
    assert_eq!(merged(both.clone(), &[]).len(), 2);
    let found = merged(both, &["prometheus_replica"]);
    assert_eq!(found, [("{tenant_id=\"a\"}".to_owned(), 2)]);
}

/// A head with these series: tenant, job, kind of labels, timestamps.
fn head(all: &[(bool, u8, u8, BTreeSet<i64>)]) -> Head {
    let options = HeadOptions { partitions: 1, window_ms: 10_000, ..HeadOptions::default() };
    let files = Arc::new(MemoryFiles::default());
    let head = Head::open(files, Path::new("/data"), options, Arc::default()).unwrap();
    for (is_b, job, kind, times) in all {
        let tenant = TenantName::new(if *is_b { "b" } else { "a" }).unwrap();
        let labels = labels_of(*job, *kind);
        let id = SeriesId::of(labels.as_bytes(), tenant_seed(&tenant, 1));
        let mut batch = SampleBatch::new(tenant, Epoch(1));
        batch.push_series(id);
        times.iter().for_each(|time| batch.push_sample(*time, value(*kind, *time)));
        batch.labels.push((0, labels));
        head.append(0, &batch).unwrap();
    }
    head
}

fn labels_of(job: u8, kind: u8) -> Labels {
    let mut pairs = vec![("__name__", "up".to_owned()), ("zone", format!("z{job}"))];
    match kind {
        0 => {}
        1 => pairs.push(("tenant_id", "mine".to_owned())),
        n => pairs.push(("replica", format!("r{n}"))),
    }
    Labels::from_pairs(pairs).unwrap()
}

type Shown = BTreeMap<String, Vec<(i64, u64)>>;

fn shown(parts: Vec<PackedSeries>, replica_labels: &[&str], times: (i64, i64)) -> Shown {
    let (merged, names) = merge_all(parts, replica_labels);
    let mut all = Shown::new();
    for index in 0..merged.len() {
        let mut columns = Columns::default();
        merged.read(index, times, &mut columns).unwrap();
        let labels = names.labels(merged.pairs(index)).unwrap().to_string();
        let values = columns.values.iter().map(|value| value.to_bits());
        let samples = columns.timestamps.iter().copied().zip(values).collect();
        assert!(all.insert(labels, samples).is_none(), "a series came twice");
    }
    all
}

fn packed(head: &Head, selection: &Selection) -> Vec<PackedSeries> {
    let part = |number: usize| head.select_partition(number, selection).unwrap();
    (0..head.partitions()).map(part).collect()
}

/// The answer by the definition: of each final label set the replicas in order of the labels that
/// they lost, of each of these all samples of all copies.
fn model(all: &[(bool, u8, u8, BTreeSet<i64>)], replica: bool, times: (i64, i64)) -> Shown {
    let mut answer: BTreeMap<String, BTreeMap<i64, u64>> = BTreeMap::new();
    let mut sorted: Vec<_> = all.iter().collect();
    // What lost nothing goes first, then by what was lost: replica r2, r3, the tenant's label.
    sorted.sort_by_key(|(_, _, kind, _)| (*kind == 1, *kind));
    for (is_b, job, kind, samples) in sorted {
        let mut pairs = vec![("__name__", "up".to_owned()), ("zone", format!("z{job}"))];
        pairs.push(("tenant_id", if *is_b { "b" } else { "a" }.to_owned()));
        if *kind > 1 && !replica {
            pairs.push(("replica", format!("r{kind}")));
        }
        let labels = Labels::from_pairs(pairs).unwrap().to_string();
        let in_time = samples.iter().filter(|time| (times.0..=times.1).contains(*time));
        for time in in_time {
            let row = answer.entry(labels.clone()).or_default();
            row.entry(*time).or_insert(value(*kind, *time).to_bits());
        }
    }
    answer.into_iter().map(|(labels, row)| (labels, row.into_iter().collect())).collect()
}

/// Tells replicas of one time apart.
fn value(kind: u8, time: i64) -> f64 {
    (time * 10 + i64::from(kind)) as f64
}

proptest! {
    /// Two nodes' heads, packed as they lie or series by series.
    #[test]
    fn any_sources_give_the_model(
        here in series_of_a_head(),
        there in series_of_a_head(),
        replica in any::<bool>(),
        start in 0i64..40,
        length in 0i64..40,
    ) {
        let times = (start * 1_000, (start + length) * 1_000);
        let selection = Selection { start_ms: times.0, end_ms: times.1, ..Selection::default() };
        let heads = [head(&here), head(&there)];
        let replica_labels: &[&str] = if replica { &["replica"] } else { &[] };
        let all: Vec<_> = here.iter().chain(&there).cloned().collect();
        let expected = model(&all, replica, times);
        let single = |head: &Head| vec![PackedSeries::pack(head.select(&selection).unwrap())];
        let packed = |head: &Head| packed(head, &selection);
        for [one, two] in [[true, true], [true, false], [false, true], [false, false]] {
            let of = |as_is: bool, head: &Head| if as_is { packed(head) } else { single(head) };
            let parts = [of(one, &heads[0]), of(two, &heads[1])].concat();
            let mut shown = shown(parts, replica_labels, times);
            shown.retain(|_, samples| !samples.is_empty());
            prop_assert_eq!(&shown, &expected);
        }
    }

    /// Whatever a source leaves out, the latest sample of each series is there.
    #[test]
    fn the_latest_samples_are_those_of_whole_series(
        all in series_of_a_head(),
        start in 0i64..40,
        length in 0i64..40,
    ) {
        let times = (start * 1_000, (start + length) * 1_000);
        let head = head(&all);
        let whole = Selection { start_ms: times.0, end_ms: times.1, ..Selection::default() };
        let latest = Selection { latest_only: true, ..whole.clone() };
        let last = |shown: Shown| -> BTreeMap<String, (i64, u64)> {
            let last =
                |(labels, samples): (String, Vec<(i64, u64)>)| Some((labels, *samples.last()?));
            shown.into_iter().filter_map(last).collect()
        };
        let expected = last(shown(packed(&head, &whole), &[], times));
        prop_assert_eq!(last(shown(packed(&head, &latest), &[], times)), expected);
    }
}

/// Tenant, job, kind of labels and timestamps of some series, some of them written twice.
fn series_of_a_head() -> impl Strategy<Value = Vec<(bool, u8, u8, BTreeSet<i64>)>> {
    let times = prop::collection::btree_set((0i64..40).prop_map(|t| t * 1_000), 1..12);
    prop::collection::vec((any::<bool>(), 0u8..4, 0u8..4, times), 0..12)
}
