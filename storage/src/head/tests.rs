//! Tests of the whole head over a disk in memory.

mod bounds;
mod closing;
mod model;

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll};

use journal::Position;
use journal::files::memory::{Crash, MemoryFiles};
use proto::{Epoch, Labels, MatchOp, Matcher, SampleBatch, SeriesId, TenantName};

use super::{Head, HeadOptions};
use crate::StorageError;
use crate::chunk::{decode_chunk_into, sample_count};
use crate::series::{Selection, SeriesChunks};

const WINDOW_MS: i64 = 10_000;

fn options() -> HeadOptions {
    let journal = journal::Options { segment_bytes: 64 << 10, ..journal::Options::default() };
    HeadOptions { partitions: 4, window_ms: WINDOW_MS, journal, ..HeadOptions::default() }
}

fn open_with(files: &MemoryFiles, options: HeadOptions) -> Head {
    Head::open(Arc::new(files.clone()), Path::new("/data"), options, Arc::default()).unwrap()
}

fn open(files: &MemoryFiles) -> Head {
    open_with(files, options())
}

fn commit(head: &Head) {
    while head.journal().durable() < head.journal().last_staged() {
        head.journal().commit().unwrap();
    }
}

/// Runs a future of the head while the journal is driven.
fn drive<T>(head: &Head, future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = Context::from_waker(futures::task::noop_waker_ref());
    loop {
        if let Poll::Ready(answer) = future.as_mut().poll(&mut context) {
            return answer;
        }
        commit(head);
    }
}

fn checkpoint(head: &Head) {
    let done = drive(head, head.checkpoint()).unwrap();
    head.finish_checkpoint(done).unwrap();
}

fn tenant(name: &str) -> TenantName {
    TenantName::new(name).unwrap()
}

fn labels(id: u128) -> Labels {
    let (id, odd) = (id.to_string(), if id % 2 == 1 { "yes" } else { "no" });
    Labels::from_pairs([("__name__", "m"), ("id", id.as_str()), ("odd", odd)]).unwrap()
}

/// A batch of whole series, with labels.
fn batch(name: &str, series: &[(u128, &[(i64, f64)])]) -> SampleBatch {
    let mut batch = SampleBatch::new(tenant(name), Epoch(3));
    for (i, (id, samples)) in series.iter().enumerate() {
        batch.push_series(SeriesId(*id));
        samples.iter().for_each(|(t, v)| batch.push_sample(*t, *v));
        batch.labels.push((i as u32, labels(*id)));
    }
    batch
}

fn without_labels(mut batch: SampleBatch) -> SampleBatch {
    batch.labels.clear();
    batch
}

fn everything() -> Selection {
    Selection { start_ms: i64::MIN, end_ms: i64::MAX, ..Selection::default() }
}

/// Samples of a series, merged as a reader does.
fn samples(series: &SeriesChunks) -> Vec<(i64, u64)> {
    let mut merged = std::collections::BTreeMap::new();
    for chunk in &series.chunks {
        let (mut timestamps, mut values) = (vec![], vec![]);
        decode_chunk_into(chunk.view(), i64::MIN, i64::MAX, &mut timestamps, &mut values).unwrap();
        assert_eq!(timestamps.first(), Some(&chunk.min_ms));
        assert_eq!(timestamps.last(), Some(&chunk.max_ms));
        for (t, v) in timestamps.into_iter().zip(values) {
            let kept = merged.entry(t).or_insert(v);
            *kept = proto::greater_value(*kept, v);
        }
    }
    merged.into_iter().map(|(t, v)| (t, v.to_bits())).collect()
}

fn read(head: &Head, name: &str, id: u128) -> Vec<(i64, f64)> {
    let tenants = vec![Matcher::equal("", name)];
    let found = head.select(&Selection { tenants, ..everything() }).unwrap();
    let series = found.iter().find(|series| series.id == SeriesId(id));
    let pairs = series.map(samples).unwrap_or_default();
    pairs.into_iter().map(|(t, bits)| (t, f64::from_bits(bits))).collect()
}

#[test]
fn a_duplicate_waits_for_the_copy_that_it_duplicates() {
    let head = open(&MemoryFiles::default());
    let first = head.append(0, &batch("a", &[(4, &[(1, 1.0), (2, 2.0)])])).unwrap();
    assert_eq!((first.stored, first.duplicates), (2, 0));
    let again = head.append(0, &batch("a", &[(4, &[(1, 1.0), (2, 2.0)])])).unwrap();
    assert_eq!((again.stored, again.duplicates), (0, 2));
    assert!(again.position >= first.position && first.position > Position::ZERO);
    assert!(head.journal().durable() < first.position);
}

#[test]
fn a_conflict_is_reported_and_the_greater_value_wins() {
    let files = MemoryFiles::default();
    let head = open(&files);
    head.append(0, &batch("a", &[(0, &[(1, 5.0), (2, 5.0), (3, 5.0)])])).unwrap();
    let out = head.append(0, &batch("a", &[(0, &[(2, 9.0), (3, 4.0), (3, 5.0)])])).unwrap();
    assert_eq!(out.conflicts, vec![(0, 2), (0, 3)]);
    assert_eq!((out.stored, out.duplicates), (1, 1));
    let expected = vec![(1, 5.0), (2, 9.0), (3, 5.0)];
    assert_eq!(read(&head, "a", 0), expected);
    commit(&head);
    drop(head);
    files.crash(Crash::Clean);
    assert_eq!(read(&open(&files), "a", 0), expected);
}

#[test]
fn a_batch_may_name_a_series_twice_and_its_samples_in_any_order() {
    let head = open(&MemoryFiles::default());
    let twice = batch("a", &[(0, &[(5, 1.0), (3, 1.0), (5, 2.0)]), (0, &[(4, 1.0), (3, 1.0)])]);
    let out = head.append(0, &twice).unwrap();
    assert_eq!((out.stored, out.duplicates), (3, 1));
    assert_eq!(out.conflicts, vec![(0, 5)]);
    assert_eq!(read(&head, "a", 0), vec![(3, 1.0), (4, 1.0), (5, 2.0)]);
}

#[test]
fn what_the_journal_refuses_is_not_applied() {
    let head = open(&MemoryFiles::default());
    head.append(0, &batch("a", &[(0, &[(1, 1.0)])])).unwrap();
    head.journal().close();
    let refused = batch("a", &[(0, &[(2, 1.0)]), (8, &[(2, 1.0)])]);
    assert!(matches!(head.append(0, &refused), Err(StorageError::Journal(_))));
    assert_eq!(head.stats().series(), 1);
    assert_eq!(read(&head, "a", 0), vec![(1, 1.0)]);
    // A second try is refused too, and not taken for a duplicate.
    assert!(head.append(0, &refused).is_err());
}

#[test]
fn unknown_series_and_series_over_the_limit_are_named() {
    let head = open_with(&MemoryFiles::default(), HeadOptions { series_max: 1, ..options() });
    let two = without_labels(batch("a", &[(0, &[(1, 1.0)]), (4, &[(1, 1.0)])]));
    assert_eq!(head.append(0, &two).unwrap().unknown, vec![0, 1]);
    let two = batch("a", &[(0, &[(1, 1.0)]), (4, &[(1, 1.0)])]);
    let out = head.append(0, &two).unwrap();
    assert_eq!((out.stored, out.over_limit), (1, vec![1]));
    let known = without_labels(batch("a", &[(0, &[(2, 1.0)])]));
    assert_eq!(head.append(0, &known).unwrap().stored, 1);
}

#[test]
fn tenants_do_not_see_each_other_even_with_the_same_id() {
    let head = open(&MemoryFiles::default());
    head.append(0, &batch("a", &[(0, &[(1, 1.0)])])).unwrap();
    let other = without_labels(batch("b", &[(0, &[(1, 2.0)])]));
    assert_eq!(head.append(0, &other).unwrap().unknown, vec![0]);
    head.append(0, &batch("b", &[(0, &[(1, 2.0)])])).unwrap();
    assert_eq!(read(&head, "a", 0), vec![(1, 1.0)]);
    assert_eq!(read(&head, "b", 0), vec![(1, 2.0)]);
    let tenants: Vec<_> = head.tenant_stats().into_iter().map(|t| (t.tenant, t.samples)).collect();
    assert_eq!(tenants, vec![(tenant("a"), 1), (tenant("b"), 1)]);
}

#[test]
fn a_batch_for_the_wrong_partition_is_refused_and_scatter_makes_right_ones() {
    let head = open(&MemoryFiles::default());
    let mixed = batch("a", &[(0, &[(1, 1.0)]), (1, &[(1, 1.0), (2, 1.0)]), (4, &[(1, 3.0)])]);
    assert!(matches!(head.append(0, &mixed), Err(StorageError::Invalid(_))));
    let pieces = head.scatter(&mixed);
    let origins: Vec<_> = pieces.iter().map(|(n, _, origins)| (*n, origins.clone())).collect();
    assert_eq!(origins, vec![(0, vec![0, 2]), (1, vec![1])]);
    for (partition, piece, _) in &pieces {
        head.append(*partition, piece).unwrap();
    }
    assert_eq!(read(&head, "a", 4), vec![(1, 3.0)]);
    assert_eq!(read(&head, "a", 1), vec![(1, 1.0), (2, 1.0)]);
}

#[test]
fn chunks_are_bounded_and_stay_within_their_window() {
    let head = open(&MemoryFiles::default());
    let long: Vec<(i64, f64)> = (0..3_000).map(|i| (i * 10, i as f64)).collect();
    head.append(0, &batch("a", &[(0, &long)])).unwrap();
    let found = head.select(&everything()).unwrap();
    for chunk in &found[0].chunks {
        assert!(sample_count(&chunk.data).unwrap() <= 120);
        assert_eq!(head.window_of(chunk.min_ms), head.window_of(chunk.max_ms));
    }
    assert_eq!(read(&head, "a", 0), long);
}

#[test]
fn a_series_with_more_samples_than_a_frame_takes_is_stored_whole() {
    let files = MemoryFiles::default();
    let journal = journal::Options::default();
    let options = HeadOptions { journal, ..options() };
    let head = open_with(&files, options.clone());
    let many: Vec<(i64, f64)> = (0..40_000).map(|i| (i, 0.1 * i as f64)).collect();
    let out = head.append(0, &batch("a", &[(0, &many)])).unwrap();
    assert_eq!(out.stored, 40_000);
    commit(&head);
    drop(head);
    files.crash(Crash::Clean);
    let head = open_with(&files, options);
    assert_eq!(read(&head, "a", 0), many);
    assert_eq!(head.append(0, &batch("a", &[(0, &many)])).unwrap().duplicates, 40_000);
}

#[test]
fn out_of_order_samples_of_any_number_are_merged() {
    let head = open(&MemoryFiles::default());
    let backwards: Vec<(i64, f64)> = (0..1_000).rev().map(|i| (i * 10, i as f64)).collect();
    for samples in backwards.chunks(7) {
        head.append(0, &batch("a", &[(0, samples)])).unwrap();
    }
    let mut expected = backwards.clone();
    expected.sort_by_key(|(t, _)| *t);
    assert_eq!(read(&head, "a", 0), expected);
    let again = head.append(0, &batch("a", &[(0, &backwards)])).unwrap();
    assert_eq!((again.stored, again.duplicates), (0, 1_000));
}

#[test]
fn labels_are_answered_by_tenant_and_matchers() {
    let head = open(&MemoryFiles::default());
    for id in 0..4 {
        head.append(id as usize, &batch("a", &[(id, &[(1, 1.0)])])).unwrap();
    }
    head.append(1, &batch("b", &[(9, &[(1, 1.0)])])).unwrap();
    let a = Selection { tenants: vec![Matcher::equal("", "a")], ..everything() };
    assert_eq!(head.label_names(&a).unwrap(), ["__name__", "id", "odd"]);
    assert_eq!(head.label_values("id", &a).unwrap(), ["0", "1", "2", "3"]);
    let odd = vec![Matcher::new("odd", MatchOp::NotEqual, "no").unwrap()];
    let odd = Selection { matchers: odd, ..a };
    assert_eq!(head.label_values("id", &odd).unwrap(), ["1", "3"]);
    let later = Selection { start_ms: 2, ..odd };
    assert!(head.label_values("id", &later).unwrap().is_empty());
}

#[test]
fn a_closed_part_is_cut_and_dropped_and_late_samples_make_the_next() {
    let files = MemoryFiles::default();
    let head = open(&files);
    head.append(0, &batch("a", &[(0, &[(1, 1.0), (10_001, 2.0)]), (4, &[(5, 1.0)])])).unwrap();
    let (part, position) = head.close(0).unwrap();
    assert!(head.cut(part, &tenant("a")).is_err());
    commit(&head);
    assert!(head.journal().durable() >= position);
    assert_eq!((part.window_start_ms, part.number), (0, 0));
    head.append(0, &batch("a", &[(0, &[(2, 7.0)])])).unwrap();
    let ids: Vec<_> = head.parts().iter().map(|p| (p.id.number, p.closed, p.samples)).collect();
    assert_eq!(ids, vec![(0, true, 2), (1, false, 1), (0, false, 1)]);
    let cut = head.cut(part, &tenant("a")).unwrap();
    assert_eq!(cut.iter().map(samples).map(|s| s.len()).collect::<Vec<_>>(), vec![1, 1]);
    assert!(head.cut(head.parts()[1].id, &tenant("a")).is_err());
    head.drop_part(part).unwrap();
    assert_eq!(head.stats().series(), 1);
    assert_eq!(read(&head, "a", 0), vec![(2, 7.0), (10_001, 2.0)]);
    commit(&head);
    drop(head);
    files.crash(Crash::Clean);
    let head = open(&files);
    assert_eq!(head.stats().series(), 1);
    assert_eq!(read(&head, "a", 0), vec![(2, 7.0), (10_001, 2.0)]);
    let ids: Vec<_> = head.parts().iter().map(|p| (p.id.number, p.closed, p.samples)).collect();
    assert_eq!(ids, vec![(1, false, 1), (0, false, 1)]);
    assert_eq!(head.close(0).unwrap().0.number, 1);
}

#[test]
fn a_checkpoint_lets_the_journal_go_and_changes_nothing() {
    let files = MemoryFiles::default();
    let head = open(&files);
    for round in 0..400i64 {
        let t = round * 50;
        let (one, two) = ([(t, 0.5 * t as f64)], [(t, 3.0)]);
        head.append(0, &batch("a", &[(0, &one), (4, &two)])).unwrap();
        commit(&head);
    }
    let before = (read(&head, "a", 0), read(&head, "a", 4), head.parts());
    let segments = head.journal().stats().segments;
    checkpoint(&head);
    assert!(head.journal().stats().segments < segments);
    assert!(
        head.finish_checkpoint(super::Checkpointed {
            first: Position(1),
            last: Position(u64::MAX)
        })
        .is_err()
    );
    drop(head);
    files.crash(Crash::Clean);
    let head = open(&files);
    assert!(head.replay_stats().skipped_frames < 400);
    let with_first = |parts: Vec<super::PartInfo>| {
        parts.into_iter().map(|p| (p.id, p.closed, p.samples)).collect::<Vec<_>>()
    };
    assert_eq!((read(&head, "a", 0), read(&head, "a", 4)), (before.0, before.1));
    assert_eq!(with_first(head.parts()), with_first(before.2));
    let more = head.append(0, &without_labels(batch("a", &[(0, &[(20_000, 1.0)])]))).unwrap();
    assert_eq!(more.stored, 1);
}
