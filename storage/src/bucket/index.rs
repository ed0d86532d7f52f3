//! Which blocks the bucket holds, and what they answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::ObjectStore;
use parking_lot::Mutex;
use ulid::Ulid;

use super::read::BucketBlock;
use super::ship::{DELETION_MARK_FILE, fetch_meta};
use crate::StorageError;
use crate::block::cache::BlockCache;
use crate::block::format::{INDEX_FILE, segment_path};
use crate::block::{BlockMeta, META_FILE, ReadOptions, SEGMENTS_MAX, merge_series};
use crate::objstore::Bucket;
use crate::series::{Selection, SeriesChunks};

/// Most objects that a refresh lists.
const OBJECTS_MAX: usize = 10_000_000;
/// `meta.json` files that are fetched at once.
const META_READS_MAX: usize = 16;
/// Blocks that one selection reads at once.
const BLOCK_READS_MAX: usize = 4;

/// A block that can be read.
struct Listed {
    meta: BlockMeta,
    index_bytes: u64,
    segments: Vec<u64>,
}

#[derive(Default)]
struct State {
    blocks: BTreeMap<Ulid, Arc<Listed>>,
    damaged: BTreeMap<Ulid, String>,
}

/// What a refresh found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refreshed {
    /// Blocks that can be read.
    pub blocks: usize,
    /// Of these, new ones.
    pub added: usize,
    /// Blocks that are there no more.
    pub removed: usize,
    /// Uploads without a `meta.json`.
    pub partial: usize,
    /// Blocks that are marked for deletion.
    pub marked: usize,
    /// Blocks of others: without the external label that names the tenant.
    pub foreign: usize,
    /// Blocks that cannot be read; while there is one, selections fail.
    pub damaged: usize,
}

/// The blocks of a bucket, as of the last [`BucketIndex::refresh`].
pub struct BucketIndex {
    bucket: Bucket,
    options: ReadOptions,
    state: Mutex<State>,
    open: BlockCache<BucketBlock>,
}

impl BucketIndex {
    /// An empty list; `cache_bytes_max` bounds the memory of indexes that are kept.
    pub fn new(bucket: Bucket, options: ReadOptions, cache_bytes_max: usize) -> BucketIndex {
        let state = Mutex::new(State::default());
        BucketIndex { bucket, options, state, open: BlockCache::new(cache_bytes_max) }
    }

    /// The bucket.
    pub fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// All blocks that can be read, ordered by ULID.
    pub fn list(&self) -> Vec<BlockMeta> {
        self.state.lock().blocks.values().map(|listed| listed.meta.clone()).collect()
    }

    /// Whether the last refresh found the block, whole.
    pub fn contains(&self, ulid: Ulid) -> bool {
        self.state.lock().blocks.contains_key(&ulid)
    }

    /// Blocks that cannot be read, and why.
    pub fn damaged(&self) -> Vec<(Ulid, String)> {
        self.state.lock().damaged.iter().map(|(ulid, why)| (*ulid, why.clone())).collect()
    }

    /// Lists the bucket anew. On an error the last list stays.
    pub async fn refresh(&self) -> Result<Refreshed, StorageError> {
        let found = self.list_objects().await?;
        let mut report = Refreshed::default();
        let known: BTreeSet<Ulid> = self.state.lock().blocks.keys().copied().collect();
        let mut next = State::default();
        let mut fetch = Vec::new();
        for (ulid, sizes) in found {
            if sizes.contains_key(DELETION_MARK_FILE) {
                report.marked += 1;
            } else if !sizes.contains_key(META_FILE) {
                report.partial += 1;
            } else if let Some(listed) = self.state.lock().blocks.get(&ulid) {
                next.blocks.insert(ulid, listed.clone());
            } else {
                fetch.push((ulid, sizes));
            }
        }
        let store = self.bucket.store();
        let metas = fetch.into_iter().map(|(ulid, sizes)| async move {
            (ulid, fetch_meta(store.as_ref(), ulid).await, sizes)
        });
        let mut metas = stream::iter(metas).buffer_unordered(META_READS_MAX);
        while let Some((ulid, meta, sizes)) = metas.next().await {
            self.take(ulid, meta, &sizes, &mut next, &mut report)?;
        }
        report.blocks = next.blocks.len();
        report.damaged = next.damaged.len();
        report.added = next.blocks.keys().filter(|ulid| !known.contains(ulid)).count();
        let gone: Vec<&Ulid> = known.iter().filter(|u| !next.blocks.contains_key(u)).collect();
        report.removed = gone.len();
        gone.into_iter().for_each(|ulid| self.open.remove(*ulid));
        *self.state.lock() = next;
        Ok(report)
    }

    /// Files and sizes of everything that is named by a ULID.
    async fn list_objects(&self) -> Result<BTreeMap<Ulid, BTreeMap<String, u64>>, StorageError> {
        let mut found: BTreeMap<Ulid, BTreeMap<String, u64>> = BTreeMap::new();
        let mut objects = self.bucket.store().list(None);
        let failed = |e| StorageError::bucket(format!("list {}", self.bucket.name()), e);
        let mut count = 0;
        while let Some(object) = objects.try_next().await.map_err(failed)? {
            count += 1;
            if count > OBJECTS_MAX {
                let (what, limit) = ("objects in the bucket", OBJECTS_MAX as u64);
                return Err(StorageError::Limit { what, limit, flag: "fixed" });
            }
            let Some((dir, name)) = object.location.as_ref().split_once('/') else { continue };
            if let Ok(ulid) = Ulid::from_string(dir) {
                found.entry(ulid).or_default().insert(name.to_owned(), object.size);
            }
        }
        Ok(found)
    }

    /// Sorts in a block whose meta was fetched. Only an error that may pass stops the refresh.
    fn take(
        &self,
        ulid: Ulid,
        meta: Result<BlockMeta, StorageError>,
        sizes: &BTreeMap<String, u64>,
        next: &mut State,
        report: &mut Refreshed,
    ) -> Result<(), StorageError> {
        let without_label = self.options.tenant_without_label.as_ref();
        let listed = match meta {
            Ok(meta)
                if meta.label(&self.options.tenant_label).is_none() && without_label.is_none() =>
            {
                tracing::warn!(%ulid, "a block in the bucket names no tenant and is left out");
                report.foreign += 1;
                return Ok(());
            }
            Ok(meta) => listed_block(meta, sizes),
            Err(error) => Err(error),
        };
        match listed {
            Ok(listed) => {
                next.blocks.insert(ulid, Arc::new(listed));
            }
            // Deleted since it was listed.
            Err(StorageError::Bucket { source: object_store::Error::NotFound { .. }, .. }) => {
                report.partial += 1;
            }
            Err(error) if error.is_retryable() => return Err(error),
            Err(error) => {
                tracing::error!(%ulid, %error, "a block in the bucket cannot be read");
                next.damaged.insert(ulid, error.to_string());
            }
        }
        Ok(())
    }

    /// The selected series of all blocks, ordered by tenant and labels.
    pub async fn select(&self, selection: &Selection) -> Result<Vec<SeriesChunks>, StorageError> {
        let answers = self.blocks_for(selection)?.into_iter().map(|listed| async move {
            self.block(&listed).await?.select(self.bucket.store(), selection).await
        });
        let mut answers = stream::iter(answers).buffer_unordered(BLOCK_READS_MAX);
        let mut all = Vec::new();
        while let Some(mut answer) = answers.try_next().await? {
            all.append(&mut answer);
        }
        Ok(merge_series(all))
    }

    /// Label names of the selected series of all blocks.
    pub async fn label_names(
        &self,
        selection: &Selection,
    ) -> Result<BTreeSet<String>, StorageError> {
        let mut names = BTreeSet::new();
        for listed in self.blocks_for(selection)? {
            names.append(&mut self.block(&listed).await?.index.label_names(selection)?);
        }
        Ok(names)
    }

    /// Values of a label of the selected series of all blocks.
    pub async fn label_values(
        &self,
        name: &str,
        selection: &Selection,
    ) -> Result<BTreeSet<String>, StorageError> {
        let mut values = BTreeSet::new();
        for listed in self.blocks_for(selection)? {
            values.append(&mut self.block(&listed).await?.index.label_values(name, selection)?);
        }
        Ok(values)
    }

    fn blocks_for(&self, selection: &Selection) -> Result<Vec<Arc<Listed>>, StorageError> {
        let state = self.state.lock();
        if let Some((ulid, why)) = state.damaged.first_key_value() {
            let what = format!("the block {ulid} in {}", self.bucket.name());
            return Err(StorageError::corrupt(what, why));
        }
        let mut blocks = Vec::new();
        for listed in state.blocks.values() {
            let without_label = self.options.tenant_without_label.as_ref();
            let tenant = listed.meta.tenant(&self.options.tenant_label, without_label)?;
            let in_time = listed.meta.overlaps(selection.start_ms, selection.end_ms);
            if in_time && selection.takes_tenant(&tenant) {
                blocks.push(listed.clone());
            }
        }
        Ok(blocks)
    }

    async fn block(&self, listed: &Listed) -> Result<Arc<BucketBlock>, StorageError> {
        let ulid = listed.meta.ulid;
        if let Some(block) = self.open.get(ulid) {
            return Ok(block);
        }
        let (meta, segments) = (listed.meta.clone(), listed.segments.clone());
        let store = self.bucket.store().as_ref();
        let opened =
            BucketBlock::open(store, meta, segments, listed.index_bytes, &self.options).await?;
        let block = Arc::new(opened);
        self.open.put(ulid, block.clone(), block.memory_bytes());
        Ok(block)
    }
}

/// Checks the listed files of a block against its meta.
fn listed_block(meta: BlockMeta, sizes: &BTreeMap<String, u64>) -> Result<Listed, StorageError> {
    for (name, bytes) in meta.file_bytes() {
        let found = sizes.get(name);
        if found != Some(&bytes) {
            let reason = format!("the bucket has {found:?} bytes of it, the meta says {bytes}");
            return Err(StorageError::corrupt(format!("{}/{name}", meta.ulid), reason));
        }
    }
    let Some(index_bytes) = sizes.get(INDEX_FILE).copied() else {
        return Err(StorageError::corrupt(format!("{}/{INDEX_FILE}", meta.ulid), "it is missing"));
    };
    let segments = (0..SEGMENTS_MAX as u32).map_while(|n| sizes.get(&segment_path(n)).copied());
    Ok(Listed { segments: segments.collect(), meta, index_bytes })
}
