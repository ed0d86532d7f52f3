//! Cuts over a disk in memory.

use std::path::Path;

use journal::files::faulty::{FaultyFiles, Operation};
use journal::files::memory::{Crash, MemoryFiles};
use proto::{Labels, SampleBatch, SeriesId};

use super::*;
use crate::block::ReadOptions;
use crate::head::HeadOptions;
use crate::series::Selection;

fn open(files: &MemoryFiles, incarnation: u64) -> (Head, LocalBlocks) {
    let journal = journal::Options { segment_bytes: 64 << 10, ..journal::Options::default() };
    let options = HeadOptions {
        partitions: 2,
        window_ms: 10_000,
        incarnation,
        journal,
        ..HeadOptions::default()
    };
    let disk: Arc<dyn Files> = Arc::new(files.clone());
    let dir = Path::new("/data/head");
    let head = Head::open(disk.clone(), dir, options, Arc::default()).unwrap();
    let read = ReadOptions {
        tenant_label: "tenant_id".into(),
        tenant_without_label: None,
        cluster_seed: 0,
    };
    (head, LocalBlocks::open(disk, Path::new("/data/blocks"), read).unwrap())
}

fn append(head: &Head, tenant: &str, samples: &[(i64, f64)]) {
    for id in 0..4u128 {
        let name = TenantName::new(tenant).unwrap();
        let mut batch = SampleBatch::new(name, Epoch(1));
        batch.push_series(SeriesId(id));
        samples.iter().for_each(|(t, v)| batch.push_sample(*t, *v));
        let labels = Labels::from_pairs([("__name__", "m"), ("id", &id.to_string())]).unwrap();
        batch.labels.push((0, labels));
        head.append(SeriesId(id).partition(head.partitions()), &batch).unwrap();
    }
}

fn commit(head: &Head) {
    while head.journal().durable() < head.journal().last_staged() {
        head.journal().commit().unwrap();
    }
}

fn cut(
    files: &MemoryFiles,
    head: &Head,
    blocks: &LocalBlocks,
    id: PartId,
    ulids: &mut u128,
) -> Vec<Arc<BlockMeta>> {
    head.close_part(id).unwrap();
    commit(head);
    let mut target = CutTarget {
        files: Arc::new(files.clone()),
        blocks,
        node: NodeId(7),
        epoch: Epoch(2),
        labels: BTreeMap::from([("replica".to_owned(), "r1".to_owned())]),
        tenant_label: "tenant_id",
        draw_ulid: &mut || {
            *ulids += 1;
            Ulid::from(*ulids)
        },
    };
    cut_part(head, id, &mut target).unwrap()
}

#[test]
fn a_tenant_that_fails_keeps_no_other_from_being_cut() {
    let (files, mut ulids) = (MemoryFiles::default(), 0u128);
    let (head, blocks) = open(&files, 1);
    ["a", "b", "c"].iter().for_each(|tenant| append(&head, tenant, &[(1, 1.0)]));
    let id = head.parts()[0].id;
    head.close_part(id).unwrap();
    commit(&head);
    let faulty = FaultyFiles::new(Arc::new(files.clone()));
    faulty.faults().fail_nth(Operation::Write, 1, std::io::ErrorKind::StorageFull, |_| true);
    let mut target = CutTarget {
        files: Arc::new(faulty),
        blocks: &blocks,
        node: NodeId(7),
        epoch: Epoch(2),
        labels: BTreeMap::new(),
        tenant_label: "tenant_id",
        draw_ulid: &mut || {
            ulids += 1;
            Ulid::from(ulids)
        },
    };
    assert!(matches!(cut_part(&head, id, &mut target), Err(StorageError::Io { .. })));
    let tenants: Vec<_> =
        blocks.list().iter().map(|m| m.label("tenant_id").map(str::to_owned)).collect();
    assert_eq!(tenants, [Some("b".to_owned()), Some("c".to_owned())]);
    let disk: &dyn Files = &files;
    assert_eq!(disk.list(blocks.dir()).unwrap().len(), 2, "nothing unfinished is left");
    assert_eq!(cut_part(&head, id, &mut target).unwrap().len(), 3);
    assert_eq!((blocks.list().len(), samples(&blocks)), (3, 12));
}

fn samples(blocks: &LocalBlocks) -> u64 {
    blocks.list().iter().map(|meta| meta.stats.num_samples).sum()
}

#[test]
fn a_cut_that_is_repeated_writes_each_block_once() {
    let (files, mut ulids) = (MemoryFiles::default(), 0);
    let (head, blocks) = open(&files, 1);
    append(&head, "a", &[(1, 1.0), (2, 2.0), (10_001, 1.0)]);
    append(&head, "b", &[(5, 1.0), (3, 3.0), (5, 2.0)]);
    let id = head.parts()[0].id;
    let first = cut(&files, &head, &blocks, id, &mut ulids);
    assert_eq!((first.len(), samples(&blocks)), (2, 16));
    drop((head, blocks));
    files.crash(Crash::Clean);
    let (head, blocks) = open(&files, 1);
    assert!(head.parts()[0].closed, "a crash does not open a part that was cut");
    let again = cut(&files, &head, &blocks, id, &mut ulids);
    assert_eq!(again, first);
    assert_eq!((blocks.list().len(), ulids), (2, 2));
    head.drop_part(id).unwrap();
    let left: Vec<_> = head.parts().iter().map(|part| part.id.window_start_ms).collect();
    assert_eq!(left, vec![10_000]);
}

#[test]
fn a_part_that_a_crash_would_open_again_is_not_cut() {
    let (files, mut ulids) = (MemoryFiles::default(), 0u128);
    let (head, blocks) = open(&files, 1);
    append(&head, "a", &[(1, 1.0)]);
    let (id, position) = head.close(0).unwrap();
    assert!(position > head.journal().durable());
    let mut target = CutTarget {
        files: Arc::new(files.clone()),
        blocks: &blocks,
        node: NodeId(7),
        epoch: Epoch(2),
        labels: BTreeMap::new(),
        tenant_label: "tenant_id",
        draw_ulid: &mut || {
            ulids += 1;
            Ulid::from(ulids)
        },
    };
    assert!(matches!(cut_part(&head, id, &mut target), Err(StorageError::Invalid(_))));
    assert!(head.drop_part(id).is_err());
    commit(&head);
    assert_eq!(cut_part(&head, id, &mut target).unwrap().len(), 1);
}

#[test]
fn late_samples_and_another_incarnation_make_blocks_of_their_own() {
    let (files, mut ulids) = (MemoryFiles::default(), 0);
    let (head, blocks) = open(&files, 1);
    append(&head, "a", &[(1, 1.0)]);
    let id = head.parts()[0].id;
    cut(&files, &head, &blocks, id, &mut ulids);
    head.drop_part(id).unwrap();
    append(&head, "a", &[(2, 1.0)]);
    let late = head.parts()[0].id;
    assert_eq!(late.number, 1);
    cut(&files, &head, &blocks, late, &mut ulids);
    assert_eq!(blocks.list().len(), 2);
    drop(head);
    let disk: &dyn Files = &files;
    disk.remove_dir_all(Path::new("/data/head")).unwrap();
    let (head, blocks) = open(&files, 2);
    append(&head, "a", &[(1, 1.0)]);
    cut(&files, &head, &blocks, id, &mut ulids);
    assert_eq!(blocks.list().len(), 3);
}

#[test]
fn what_was_cut_is_read_back_from_the_blocks() {
    let (files, mut ulids) = (MemoryFiles::default(), 0);
    let (head, blocks) = open(&files, 1);
    let many: Vec<(i64, f64)> = (0..900).map(|i| ((i * 7 % 900) * 11, i as f64)).collect();
    append(&head, "a", &many);
    let selection = Selection { end_ms: 9_999, ..Selection::default() };
    let read = |found: Vec<crate::series::SeriesChunks>| {
        let mut series: Vec<_> = found
            .into_iter()
            .map(|series| {
                let (mut timestamps, mut values) = (vec![], vec![]);
                for chunk in &series.chunks {
                    let (t, v) = (&mut timestamps, &mut values);
                    crate::chunk::decode_chunk_into(chunk.view(), 0, 9_999, t, v).unwrap();
                }
                let mut pairs: Vec<_> = timestamps.into_iter().zip(values).collect();
                pairs.sort_by_key(|(t, _)| *t);
                (series.tenant, series.labels, pairs)
            })
            .collect();
        series.sort_by(|a, b| a.1.cmp(&b.1));
        series
    };
    let before = read(head.select(&selection).unwrap());
    assert_eq!(before[0].2.len(), 900);
    let id = head.parts()[0].id;
    cut(&files, &head, &blocks, id, &mut ulids);
    head.drop_part(id).unwrap();
    assert!(head.select(&selection).unwrap().is_empty());
    assert_eq!(read(blocks.select(&selection).unwrap()), before);
}
