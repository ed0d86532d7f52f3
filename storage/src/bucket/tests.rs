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
use crate::StorageError;
use crate::block::tests::{options, sample_series, spec};
use crate::block::{LocalBlocks, META_FILE, everything, write_block};
use crate::objstore::{Bucket, ObjstoreConfig};
use crate::series::Selection;

const CACHE_BYTES: usize = 1 << 20;

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

async fn ship(bucket: &Bucket, files: &dyn Files, blocks: &LocalBlocks) {
    for meta in blocks.list() {
        let store = bucket.store().as_ref();
        upload(store, files, &blocks.path(meta.ulid)).await.unwrap();
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
            assert_eq!(index.select(&selection).await.unwrap(), expected);
            let names = index.label_names(&selection).await.unwrap();
            assert_eq!(names, blocks.label_names(&selection).unwrap());
            let values = index.label_values("instance", &selection).await.unwrap();
            assert_eq!(values, blocks.label_values("instance", &selection).unwrap());
        }
        let other = Selection {
            tenants: vec![proto::Matcher::equal("tenant_id", "other")],
            ..everything(vec![])
        };
        assert!(index.select(&other).await.unwrap().is_empty());
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
        let first = upload(store, files.as_ref(), &dir).await.unwrap();
        assert_eq!((first.objects, first.objects_there), (3, 0));
        assert!(is_shipped(store, ulid(1)).await.unwrap());
        let meta = ObjectPath::from(format!("{}/{META_FILE}", ulid(1)));
        store.delete(&meta).await.unwrap();
        assert!(!is_shipped(store, ulid(1)).await.unwrap());
        let second = upload(store, files.as_ref(), &dir).await.unwrap();
        assert_eq!((second.objects, second.objects_there), (1, 2));
        let index = ObjectPath::from(format!("{}/index", ulid(1)));
        store.put(&index, "short".into()).await.unwrap();
        assert!(!is_shipped(store, ulid(1)).await.unwrap());
        let third = upload(store, files.as_ref(), &dir).await.unwrap();
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
async fn damage_in_the_bucket_is_an_error() {
    on_each(async |bucket| {
        let store = bucket.store().as_ref();
        let (files, blocks) = local(1);
        ship(&bucket, files.as_ref(), &blocks).await;
        let path = ObjectPath::from(format!("{}/chunks/000001", ulid(1)));
        let mut bytes = store.get(&path).await.unwrap().bytes().await.unwrap().to_vec();
        bytes[200] ^= 1;
        store.put(&path, bytes.clone().into()).await.unwrap();
        let index = BucketIndex::new(bucket.clone(), options(), CACHE_BYTES);
        index.refresh().await.unwrap();
        let error = index.select(&everything(vec![])).await.unwrap_err();
        assert!(matches!(error, StorageError::Corrupt { .. }), "{error}");
        assert!(error.to_string().contains("chunks/000001"), "{error}");
        bytes.truncate(300);
        store.put(&path, bytes.into()).await.unwrap();
        let index = BucketIndex::new(bucket.clone(), options(), CACHE_BYTES);
        assert_eq!(index.refresh().await.unwrap().damaged, 1);
        assert!(index.select(&everything(vec![])).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn large_files_go_up_in_parts() {
    on_each(async |bucket| {
        let (files, blocks) = local(1);
        let dir = blocks.path(ulid(1));
        let mode = journal::files::OpenMode::CREATE;
        let large = files.open(&dir.join("chunks/000002"), mode).unwrap();
        large.write_all_at(&vec![7; (33 << 20) + 5], 0).unwrap();
        upload(bucket.store().as_ref(), files.as_ref(), Path::new(&dir)).await.unwrap();
        let path = ObjectPath::from(format!("{}/chunks/000002", ulid(1)));
        let bytes = bucket.store().get(&path).await.unwrap().bytes().await.unwrap();
        assert!(bytes.len() == (33 << 20) + 5 && bytes.iter().all(|b| *b == 7));
    })
    .await;
}
