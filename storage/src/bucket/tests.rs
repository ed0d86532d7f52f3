//! One behaviour on every kind of bucket.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use journal::files::Files;
use journal::files::memory::MemoryFiles;
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use ulid::Ulid;

use super::*;
use crate::block::tests::{options, sample_series, spec};
use crate::block::{LocalBlocks, META_FILE, everything, merge_series, write_block};
use crate::objstore::{Bucket, ObjstoreConfig};
use crate::series::{Selection, SeriesChunks};
use crate::{PackedSeries, StorageError};

const CACHE_BYTES: usize = 1 << 20;
const PART_BYTES: u64 = 16 << 20;

fn local(count: u128) -> (Arc<dyn Files>, LocalBlocks) {
    let files: Arc<dyn Files> = Arc::new(MemoryFiles::default());
    let dir = PathBuf::from("/data/blocks");
    files.create_dir_durable(&dir).unwrap();
    for number in 1..=count {
        let series = sample_series(20 + 10 * number as usize);
        write_block(files.clone(), &dir, spec(number), series).unwrap().unwrap();
    }
    let blocks = LocalBlocks::open(files.clone(), &dir, options()).unwrap();
    (files, blocks)
}

fn ulid(number: u128) -> Ulid {
    spec(number).ulid
}

/// Runs a behaviour on each kind of bucket.
async fn on_each<F: AsyncFn(Bucket)>(behaviour: F) {
    behaviour(Bucket::from_store(Arc::new(InMemory::new()), "memory")).await;
    let dir = tempfile::tempdir().unwrap();
    let yaml = format!(
        "type: FILESYSTEM\nconfig: {{directory: {:?}}}\nprefix: some/where\n",
        dir.path().join("bucket")
    );
    behaviour(ObjstoreConfig::parse(&yaml).unwrap().open().unwrap()).await;
}

/// The selected series of all blocks, as [`LocalBlocks::select`] orders them.
async fn selected(index: &BucketIndex, selection: &Selection) -> Vec<SeriesChunks> {
    let found = index.select(selection, |_| true).await.unwrap();
    merge_series(found.into_iter().flat_map(PackedSeries::into_series).collect())
}

async fn ship(bucket: &Bucket, files: &dyn Files, blocks: &LocalBlocks) {
    for meta in blocks.list() {
        let store = bucket.store().as_ref();
        upload(store, files, &blocks.path(meta.ulid), PART_BYTES).await.unwrap();
    }
}

#[tokio::test]
async fn the_bucket_answers_as_the_local_blocks() {
    on_each(async |bucket| {
        bucket.check().await.unwrap();
        let (files, blocks) = local(3);
        ship(&bucket, files.as_ref(), &blocks).await;
        let index = BucketIndex::new(bucket.clone(), options(), CACHE_BYTES);
        let report = index.refresh().await.unwrap();
        assert_eq!((report.blocks, report.added, report.damaged), (3, 3, 0));
        for matchers in [vec![], vec![proto::Matcher::equal("__name__", "metric_1")]] {
            let selection = everything(matchers);
            let expected = blocks.select(&selection).unwrap();
            assert!(!expected.is_empty());
            assert_eq!(selected(&index, &selection).await, expected);
            let other = index.select(&selection, |id| id != ulid(2)).await.unwrap();
            let only = index.select(&selection, |id| id == ulid(2)).await.unwrap();
            let all: Vec<_> = other.into_iter().chain(only).collect();
            let all = merge_series(all.into_iter().flat_map(PackedSeries::into_series).collect());
            assert_eq!(all, expected);
            let names = index.label_names(&selection).await.unwrap();
            assert_eq!(names, blocks.label_names(&selection).unwrap());
            let values = index.label_values("instance", &selection).await.unwrap();
            assert_eq!(values, blocks.label_values("instance", &selection).unwrap());
        }
        let other = Selection {
            tenants: vec![proto::Matcher::equal("tenant_id", "other")],
            ..everything(vec![])
        };
        assert!(selected(&index, &other).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn an_upload_is_resumed_and_verified() {
    on_each(async |bucket| {
        let store = bucket.store().as_ref();
        let (files, blocks) = local(1);
        let dir = blocks.path(ulid(1));
        assert!(!is_shipped(store, ulid(1)).await.unwrap());
        let first = upload(store, files.as_ref(), &dir, PART_BYTES).await.unwrap();
        assert_eq!((first.objects, first.objects_there), (3, 0));
        assert!(is_shipped(store, ulid(1)).await.unwrap());
        let meta = ObjectPath::from(format!("{}/{META_FILE}", ulid(1)));
        store.delete(&meta).await.unwrap();
        assert!(!is_shipped(store, ulid(1)).await.unwrap());
        let second = upload(store, files.as_ref(), &dir, PART_BYTES).await.unwrap();
        assert_eq!((second.objects, second.objects_there), (1, 2));
        let index = ObjectPath::from(format!("{}/index", ulid(1)));
        store.put(&index, "short".into()).await.unwrap();
        assert!(!is_shipped(store, ulid(1)).await.unwrap());
        let third = upload(store, files.as_ref(), &dir, PART_BYTES).await.unwrap();
        assert_eq!((third.objects, third.objects_there), (2, 1));
        assert!(is_shipped(store, ulid(1)).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn partial_marked_and_deleted_blocks_are_left_out() {
    on_each(async |bucket| {
        let store = bucket.store().as_ref();
        let (files, blocks) = local(3);
        ship(&bucket, files.as_ref(), &blocks).await;
        let index = BucketIndex::new(bucket.clone(), options(), CACHE_BYTES);
        index.refresh().await.unwrap();
        mark_for_deletion(store, ulid(1), "compacted", 1_700_000_000).await.unwrap();
        assert!(!is_shipped(store, ulid(1)).await.unwrap());
        store.delete(&ObjectPath::from(format!("{}/{META_FILE}", ulid(2)))).await.unwrap();
        let report = index.refresh().await.unwrap();
        let counts = (report.blocks, report.removed, report.marked, report.partial);
        assert_eq!(counts, (1, 2, 1, 1));
        assert!(index.contains(ulid(3)) && !index.contains(ulid(1)));
        delete_block(store, ulid(1)).await.unwrap();
        delete_block(store, ulid(2)).await.unwrap();
        let report = index.refresh().await.unwrap();
        assert_eq!((report.blocks, report.marked, report.partial), (1, 0, 0));
    })
    .await;
}

#[tokio::test]
async fn a_block_with_too_large_an_index_does_not_count_as_held() {
    on_each(async |bucket| {
        let (files, blocks) = local(2);
        ship(&bucket, files.as_ref(), &blocks).await;
        let bytes = |number| {
            let path = blocks.path(ulid(number)).join("index");
            files.read(&path).unwrap().len() as u64
        };
        let mut index = BucketIndex::new(bucket.clone(), options(), CACHE_BYTES);
        index.index_bytes_max = bytes(1);
        assert!(bytes(2) > bytes(1));
        index.refresh().await.unwrap();
        assert!(index.contains(ulid(1)) && !index.contains(ulid(2)), "before anybody selects");
        assert_eq!(index.why_unreadable(ulid(1)), None);
        let why = index.why_unreadable(ulid(2)).unwrap();
        assert!(why.contains(&bytes(1).to_string()), "{why}");
        // The other one is still whole in the bucket, and the answer says what it lacks.
        assert!(is_shipped(bucket.store().as_ref(), ulid(2)).await.unwrap());
        let found = selected(&index, &everything(vec![])).await;
        assert!(!found.is_empty());
        let damaged = index.damaged_for(&everything(vec![]));
        assert_eq!(damaged, [(ulid(2), why)]);
        index.index_bytes_max = bytes(2);
        assert!(!index.contains(ulid(2)), "an answer that lacks it may be on its way");
    })
    .await;
}

#[tokio::test]
async fn damage_in_the_bucket_lacks_only_where_it_belongs() {
    on_each(async |bucket| {
        let store = bucket.store().as_ref();
        let (files, blocks) = local(2);
        ship(&bucket, files.as_ref(), &blocks).await;
        let path = ObjectPath::from(format!("{}/chunks/000001", ulid(1)));
        let mut bytes = store.get(&path).await.unwrap().bytes().await.unwrap().to_vec();
        bytes[200] ^= 1;
        store.put(&path, bytes.clone().into()).await.unwrap();
        let index = BucketIndex::new(bucket.clone(), options(), CACHE_BYTES);
        index.refresh().await.unwrap();
        let all = everything(vec![]);
        let expected = blocks.block(ulid(2)).unwrap().select(&all).unwrap();
        for _ in 0..2 {
            assert_eq!(selected(&index, &all).await, expected);
            assert!(index.damaged_for(&all)[0].1.contains("chunks/000001"));
            assert!(!index.contains(ulid(1)) && index.contains(ulid(2)));
            index.refresh().await.unwrap();
        }
        let other = vec![proto::Matcher::equal("tenant_id", "other")];
        let other = Selection { tenants: other, ..all.clone() };
        assert!(index.damaged_for(&other).is_empty());
        bytes.truncate(300);
        store.put(&path, bytes.into()).await.unwrap();
        let index = BucketIndex::new(bucket.clone(), options(), CACHE_BYTES);
        assert_eq!(index.refresh().await.unwrap().damaged, 1);
        assert_eq!(selected(&index, &all).await, expected);
        assert_eq!((index.damaged_for(&all).len(), index.damaged_for(&other).len()), (1, 0));
    })
    .await;
}

#[tokio::test]
async fn a_block_whose_index_is_gone_or_whose_meta_is_damaged_stops_no_other() {
    on_each(async |bucket| {
        let store = bucket.store().as_ref();
        let (files, blocks) = local(3);
        ship(&bucket, files.as_ref(), &blocks).await;
        let meta = ObjectPath::from(format!("{}/{META_FILE}", ulid(3)));
        store.put(&meta, "{".into()).await.unwrap();
        let index = BucketIndex::new(bucket.clone(), options(), CACHE_BYTES);
        assert_eq!(index.refresh().await.unwrap().damaged, 1);
        store.delete(&ObjectPath::from(format!("{}/index", ulid(1)))).await.unwrap();
        let all = everything(vec![]);
        let expected = blocks.block(ulid(2)).unwrap();
        assert_eq!(selected(&index, &all).await, expected.select(&all).unwrap());
        let values = index.label_values("instance", &all).await.unwrap();
        assert_eq!(values, expected.label_values("instance", &all).unwrap());
        assert_eq!(index.damaged_for(&all).len(), 2);
        let other = vec![proto::Matcher::equal("tenant_id", "other")];
        let damaged = index.damaged_for(&Selection { tenants: other, ..all });
        assert!(damaged.len() == 1 && damaged[0].0 == ulid(3), "nobody knows whose it is");
    })
    .await;
}

#[tokio::test]
async fn a_damaged_block_is_not_uploaded() {
    let (files, blocks) = local(1);
    let dir = blocks.path(ulid(1));
    let flip = |path: &Path, at: u64| {
        let file = files.open(path, journal::files::OpenMode::READ_WRITE).unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 4], at).unwrap();
    };
    let store = InMemory::new();
    for name in ["chunks/000001", "index"] {
        let path = dir.join(name);
        let bytes = files.read(&path).unwrap().len() as u64;
        for at in [0, 5, 100, bytes / 2, bytes - 1] {
            if (name, at) == ("chunks/000001", 5) {
                continue; // padding
            }
            flip(&path, at);
            let error = upload(&store, files.as_ref(), &dir, PART_BYTES).await.unwrap_err();
            assert!(matches!(error, StorageError::Corrupt { .. }), "{name} at {at}: {error}");
            flip(&path, at);
        }
    }
    let listed = files.open(&dir.join("chunks/000002"), journal::files::OpenMode::CREATE).unwrap();
    let error = upload(&store, files.as_ref(), &dir, PART_BYTES).await.unwrap_err().to_string();
    assert!(error.contains("chunks/000002"), "{error}");
    drop(listed);
    files.remove_file(&dir.join("chunks/000002")).unwrap();
    assert!(!is_shipped(&store, ulid(1)).await.unwrap());
    assert_eq!(upload(&store, files.as_ref(), &dir, PART_BYTES).await.unwrap().objects, 3);
    files.remove_file(&dir.join("chunks/000001")).unwrap();
    assert!(upload(&store, files.as_ref(), &dir, PART_BYTES).await.is_err());
}

#[test]
fn calls_may_be_awaited_on_any_thread() {
    fn assert_send<T: Send>(_: &T) {}
    let (files, blocks) = local(0);
    let bucket = Bucket::from_store(Arc::new(InMemory::new()), "memory");
    let (index, all) = (BucketIndex::new(bucket.clone(), options(), 0), everything(vec![]));
    let dir = blocks.path(ulid(1));
    assert_send(&upload(bucket.store().as_ref(), files.as_ref(), &dir, PART_BYTES));
    assert_send(&index.refresh());
    assert_send(&index.select(&all, |_| true));
    assert_send(&index.label_values("a", &all));
}

#[tokio::test]
async fn nothing_is_uploaded_over_a_deletion_mark() {
    let store = InMemory::new();
    let (files, blocks) = local(1);
    mark_for_deletion(&store, ulid(1), "compacted", 1_700_000_000).await.unwrap();
    let error =
        upload(&store, files.as_ref(), &blocks.path(ulid(1)), PART_BYTES).await.unwrap_err();
    assert!(matches!(error, StorageError::Invalid(_)), "{error}");
    let index = ObjectPath::from(format!("{}/index", ulid(1)));
    assert!(store.head(&index).await.is_err());
}

#[tokio::test]
async fn large_files_go_up_in_parts() {
    on_each(async |bucket| {
        let (files, blocks) = local(0);
        let noise = |i: i64| f64::from_bits((i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 2);
        let chunk = |n: i64| {
            let samples = (0..60_000).map(|i| (n * 60_000 + i, noise(n * 60_000 + i)));
            crate::chunk::encode(samples).unwrap().unwrap()
        };
        let labels = proto::Labels::from_pairs([("a", "b")]).unwrap();
        let series = vec![(labels, (0..75).map(chunk).collect())];
        write_block(files.clone(), blocks.dir(), spec(1), series).unwrap().unwrap();
        let dir = blocks.path(ulid(1));
        upload(bucket.store().as_ref(), files.as_ref(), Path::new(&dir), PART_BYTES).await.unwrap();
        let path = ObjectPath::from(format!("{}/chunks/000001", ulid(1)));
        let bytes = bucket.store().get(&path).await.unwrap().bytes().await.unwrap();
        assert!(bytes.len() > 32 << 20, "three parts");
        assert!(bytes == files.read(&dir.join("chunks/000001")).unwrap());
    })
    .await;
}
