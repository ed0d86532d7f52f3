//! Limits on what one series or tenant may take.

use proto::record::MetadataBatch;
use proto::{MetadataEntry, MetricType};

use super::*;
use crate::head::options::*;
use crate::head::{FRAME_LABEL_BYTES_MAX, PartId};

fn entry(family: &str, help: &str) -> MetadataEntry {
    MetadataEntry {
        family: family.into(),
        metric_type: MetricType::Counter,
        help: help.into(),
        unit: String::new(),
    }
}

fn metadata(name: &str, entries: Vec<MetadataEntry>) -> MetadataBatch {
    MetadataBatch { tenant: tenant(name), epoch: Epoch(1), entries }
}

#[test]
fn metadata_survives_restarts_and_checkpoints() {
    let files = MemoryFiles::default();
    let head = open(&files);
    head.append_metadata(&metadata("a", vec![entry("m", "one"), entry("n", "x")])).unwrap();
    let twice = vec![entry("m", "x"), entry("m", "two")];
    assert_eq!(head.append_metadata(&metadata("a", twice)).unwrap().refused, 0);
    let expected = vec![entry("m", "two"), entry("n", "x")];
    commit(&head);
    let head = open(&files);
    assert_eq!(head.metadata(&tenant("a")), expected);
    checkpoint(&head);
    drop(head);
    files.crash(Crash::Clean);
    assert_eq!(open(&files).metadata(&tenant("a")), expected);
}

#[test]
fn metadata_over_a_limit_is_left_out_and_counted() {
    let head = open_large(&MemoryFiles::default());
    let append = |entries| head.append_metadata(&metadata("a", entries)).unwrap().refused;
    let long = |bytes: usize| "x".repeat(bytes);
    let mut unit = entry("u", "");
    unit.unit = long(METADATA_UNIT_BYTES_MAX + 1);
    let help = entry("h", &long(METADATA_HELP_BYTES_MAX + 1));
    let family = entry(&long(METADATA_FAMILY_BYTES_MAX + 1), "");
    assert_eq!(append(vec![unit, help, entry("good", ""), family]), 3);
    assert_eq!(head.metadata(&tenant("a")), vec![entry("good", "")]);
    let many =
        |help: &str| (0..METADATA_FAMILIES_MAX).map(|i| entry(&i.to_string(), help)).collect();
    assert_eq!(append(many("")), 1, "with the one before these are too many families");
    let refused = append(many(&long(4_000)));
    assert!(refused > 1_000, "{refused}");
    let stored: usize = head.metadata(&tenant("a")).iter().map(|entry| entry.help.len()).sum();
    assert!((METADATA_BYTES_MAX / 2..METADATA_BYTES_MAX).contains(&stored), "{stored}");
    (1..METADATA_TENANTS_MAX).for_each(|number| {
        head.append_metadata(&metadata(&number.to_string(), vec![entry("m", "")])).unwrap();
        commit(&head);
    });
    let over = head.append_metadata(&metadata("b", vec![entry("m", "")])).unwrap();
    assert_eq!((over.refused, head.metadata(&tenant("b")).len()), (1, 0));
}

/// A head with frames of the usual limit.
fn open_large(files: &MemoryFiles) -> Head {
    let journal = journal::Options { segment_bytes: 1 << 20, ..journal::Options::default() };
    open_with(files, HeadOptions { journal, ..options() })
}

#[test]
fn metadata_of_any_size_and_series_of_any_length_fit_a_checkpoint() {
    let files = MemoryFiles::default();
    let head = open_large(&files);
    let noise = |i: usize| format!("{:0>16x}", (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let help = |i: usize| (0..100).map(|n| noise(i * 100 + n)).collect::<String>();
    let entries: Vec<_> = (0..3_000).map(|i| entry(&i.to_string(), &help(i))).collect();
    assert_eq!(head.append_metadata(&metadata("a", entries)).unwrap().refused, 0);
    let value = |i: i64| f64::from_bits((i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 2);
    let mut samples: Vec<(i64, f64)> = (0..200_000).map(|i| (i, value(i))).collect();
    for some in samples.chunks(50_000) {
        head.append(0, &batch("a", &[(0, some), (4, &[(some[0].0, 1.0)])])).unwrap();
        commit(&head);
    }
    let first = PartId { window_start_ms: 0, number: 0 };
    head.close_part(first).unwrap();
    checkpoint(&head);
    let (before, parts) = (head.metadata(&tenant("a")), head.parts());
    drop(head);
    files.crash(Crash::Clean);
    let head = open_large(&files);
    assert_eq!(head.metadata(&tenant("a")), before);
    assert_eq!((read(&head, "a", 0), read(&head, "a", 4).len()), (samples.clone(), 4));
    let of = |parts: Vec<crate::head::PartInfo>| {
        parts.into_iter().map(|part| (part.id, part.closed, part.samples)).collect::<Vec<_>>()
    };
    assert_eq!(of(head.parts()), of(parts));
    samples.truncate(16_000);
    assert_eq!(head.append(0, &batch("a", &[(0, &samples)])).unwrap().duplicates, 16_000);
}

#[test]
fn a_series_whose_labels_fit_no_frame_is_refused() {
    let head = open_large(&MemoryFiles::default());
    let mut batch = batch("a", &[(0, &[(1, 1.0)])]);
    let value = "x".repeat(16 << 10);
    let names: Vec<String> = (0..70).map(|i| format!("l{i:02}")).collect();
    let labels = Labels::from_pairs(names.iter().map(|name| (name.as_str(), value.as_str())));
    batch.labels[0].1 = labels.unwrap();
    assert!(batch.labels[0].1.as_bytes().len() > FRAME_LABEL_BYTES_MAX);
    assert_eq!(head.append(0, &batch).unwrap().over_limit, vec![0]);
}

#[test]
fn a_series_with_too_many_chunks_is_refused_until_parts_are_cut() {
    let files = MemoryFiles::default();
    let head = open(&files);
    let chunks = i64::from(SERIES_CLOSED_CHUNKS_MAX);
    let sparse: Vec<(i64, f64)> = (0..=chunks).map(|i| (i * WINDOW_MS, 1.0)).collect();
    let out = head.append(0, &batch("a", &[(0, &sparse)])).unwrap();
    assert_eq!((out.stored, out.over_limit), (sparse.len() as u64, vec![]));
    let more = [(chunks * WINDOW_MS + 1, 1.0), (5, 1.0), (0, 2.0), (WINDOW_MS, 1.0)];
    let out = head.append(0, &batch("a", &[(4, &[(1, 1.0)]), (0, &more)])).unwrap();
    assert_eq!((out.stored, out.duplicates, out.over_limit), (1, 1, vec![1]));
    assert_eq!(read(&head, "a", 0), sparse);
    let first = PartId { window_start_ms: 0, number: 0 };
    head.close_part(first).unwrap();
    commit(&head);
    head.drop_part(first).unwrap();
    let out = head.append(0, &batch("a", &[(0, &[(5, 1.0)])])).unwrap();
    assert_eq!((out.stored, out.over_limit), (1, vec![]));
    commit(&head);
    assert_eq!(read(&open(&files), "a", 0).len(), sparse.len());
}

#[test]
fn the_chunks_of_a_series_stay_in_the_order_of_their_ends() {
    let head = open(&MemoryFiles::default());
    let scattered = (0..3_000i64).map(|i| (i * 7_919 % 3_000) * 25);
    let samples: Vec<(i64, f64)> = scattered.map(|t| (t, t as f64)).collect();
    for some in samples.chunks(130) {
        head.append(0, &batch("a", &[(0, some)])).unwrap();
    }
    let ends: Vec<i64> = {
        let partition = head.partition(0).lock();
        partition.closed_of(0).map(|line| line.max_ms()).collect()
    };
    assert!(ends.len() > 20 && ends.is_sorted_by(|a, b| a >= b), "{ends:?}");
    let again = head.append(0, &batch("a", &[(0, &samples)])).unwrap();
    assert_eq!((again.stored, again.duplicates), (0, 3_000));
}

#[test]
fn a_selection_holds_no_more_than_its_budget() {
    let head = open(&MemoryFiles::default());
    for id in 0..8 {
        head.append(0, &batch("a", &[(4 * id, &[(1, 1.0), (2, 2.0)])])).unwrap();
    }
    let select = |bytes: u64| {
        let budget = Some(Arc::new(crate::Budget::new(bytes)));
        head.select(&Selection { budget, ..everything() })
    };
    assert_eq!(select(1 << 20).unwrap().len(), 8);
    let error = select(300).unwrap_err();
    assert!(matches!(error, StorageError::OverBudget { limit: 300 }), "{error}");
    assert!(error.to_string().contains("--query.max-bytes"), "{error}");
}
