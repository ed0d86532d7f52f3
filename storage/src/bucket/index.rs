//! Which blocks the bucket holds, and what they answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::ObjectStore;
use parking_lot::Mutex;
use ulid::Ulid;

use super::read::{BUCKET_INDEX_BYTES_MAX, BucketBlock};
use super::ship::{DELETION_MARK_FILE, fetch_meta};
use crate::block::cache::BlockCache;
use crate::block::damage::{Damage, DamagedBlocks, is_damage};
use crate::block::format::{INDEX_FILE, segment_path};
use crate::block::{BlockMeta, META_FILE, ReadOptions, SEGMENTS_MAX};
use crate::objstore::Bucket;
use crate::series::Selection;
use crate::{PackedSeries, StorageError};

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
    damaged: DamagedBlocks,
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
    /// Blocks that cannot be read; selections answer without them.
    pub damaged: usize,
}

/// The blocks of a bucket, as of the last [`BucketIndex::refresh`].
pub struct BucketIndex {
    bucket: Bucket,
    options: ReadOptions,
    state: Mutex<State>,
    open: BlockCache<BucketBlock>,
    /// Largest index that is fetched.
    pub(super) index_bytes_max: u64,
}

impl BucketIndex {
    /// An empty list; `cache_bytes_max` bounds the memory of indexes that are kept.
    pub fn new(bucket: Bucket, options: ReadOptions, cache_bytes_max: usize) -> BucketIndex {
        let (state, open) = (Mutex::new(State::default()), BlockCache::new(cache_bytes_max));
        BucketIndex { bucket, options, state, open, index_bytes_max: BUCKET_INDEX_BYTES_MAX }
    }

    /// The bucket.
    pub fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// All blocks that can be read, ordered by ULID.
    pub fn list(&self) -> Vec<BlockMeta> {
        self.state.lock().blocks.values().map(|listed| listed.meta.clone()).collect()
    }

    /// Whether the block can be read here: the last refresh found it, whole and with an index that
    /// is not too large, and no selection found it damaged since.
    pub fn contains(&self, ulid: Ulid) -> bool {
        let state = self.state.lock();
        let fits = |listed: &Arc<Listed>| self.check_size(listed).is_ok();
        state.blocks.get(&ulid).is_some_and(fits) && !state.damaged.has(ulid)
    }

    /// Why a block that the bucket holds cannot be read here, if that is so.
    pub fn why_unreadable(&self, ulid: Ulid) -> Option<String> {
        let state = self.state.lock();
        let too_large = || self.check_size(state.blocks.get(&ulid)?).err();
        state.damaged.why(ulid).or_else(|| too_large().map(|error| error.to_string()))
    }

    fn check_size(&self, listed: &Listed) -> Result<(), StorageError> {
        let limit = self.index_bytes_max;
        match listed.index_bytes <= limit {
            true => Ok(()),
            false => Err(StorageError::Limit {
                what: "bytes of the index of a block in the bucket",
                limit,
                flag: "fixed",
            }),
        }
    }

    /// Blocks that cannot be read, or not whole, and why. Selections answer without them.
    pub fn damaged(&self) -> Vec<(Ulid, String)> {
        self.state.lock().damaged.list()
    }

    /// Those of [`BucketIndex::damaged`] that may hold something of a selection. Ask after the
    /// selection was answered: when there are any, the answer may lack what they hold.
    pub fn damaged_for(&self, selection: &Selection) -> Vec<(Ulid, String)> {
        self.state.lock().damaged.list_for(selection)
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
        report.added = next.blocks.keys().filter(|ulid| !known.contains(ulid)).count();
        let gone: Vec<&Ulid> = known.iter().filter(|u| !next.blocks.contains_key(u)).collect();
        report.removed = gone.len();
        gone.into_iter().for_each(|ulid| self.open.remove(*ulid));
        let mut state = self.state.lock();
        next.damaged.take_over(&state.damaged, |ulid| next.blocks.contains_key(&ulid));
        report.damaged = next.damaged.len();
        *state = next;
        drop(state);
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
        let meta = match meta {
            Ok(meta) => meta,
            // Deleted since it was listed.
            Err(StorageError::Bucket { source: object_store::Error::NotFound { .. }, .. }) => {
                report.partial += 1;
                return Ok(());
            }
            Err(error) if error.is_retryable() => return Err(error),
            Err(error) => {
                next.damaged.add(ulid, Damage::unknown(&error));
                return Ok(());
            }
        };
        let without_label = self.options.tenant_without_label.as_ref();
        if meta.label(&self.options.tenant_label).is_none() && without_label.is_none() {
            tracing::warn!(%ulid, "a block in the bucket names no tenant and is left out");
            report.foreign += 1;
            return Ok(());
        }
        let tenant = meta.tenant(&self.options.tenant_label, without_label);
        match tenant.and_then(|_| listed_block(&meta, sizes)) {
            Ok(listed) => {
                next.blocks.insert(ulid, Arc::new(listed));
            }
            Err(error) => next.damaged.add(ulid, Damage::of(&meta, &self.options, &error)),
        }
        Ok(())
    }

    /// The selected series of each block that is `wanted`, packed. Blocks that cannot be read are
    /// left out; see [`BucketIndex::damaged_for`].
    pub async fn select(
        &self,
        selection: &Selection,
        wanted: impl Fn(Ulid) -> bool,
    ) -> Result<Vec<PackedSeries>, StorageError> {
        let mut blocks = self.blocks_for(selection);
        blocks.retain(|listed| wanted(listed.meta.ulid));
        let answers = blocks.into_iter().map(|listed| async move {
            let Some(block) = self.block(&listed).await? else {
                return Ok(PackedSeries::default());
            };
            let answer = block.select(self.bucket.store(), selection).await;
            self.unless_damaged(&listed, answer)
        });
        stream::iter(answers).buffer_unordered(BLOCK_READS_MAX).try_collect().await
    }

    /// Label names of the selected series of all blocks, without those that cannot be read.
    pub async fn label_names(
        &self,
        selection: &Selection,
    ) -> Result<BTreeSet<String>, StorageError> {
        let mut names = BTreeSet::new();
        for listed in self.blocks_for(selection) {
            let Some(block) = self.block(&listed).await? else { continue };
            let answer = block.index.label_names(selection);
            names.append(&mut self.unless_damaged(&listed, answer)?);
        }
        Ok(names)
    }

    /// Values of a label of the selected series of all blocks, without those that cannot be read.
    pub async fn label_values(
        &self,
        name: &str,
        selection: &Selection,
    ) -> Result<BTreeSet<String>, StorageError> {
        let mut values = BTreeSet::new();
        for listed in self.blocks_for(selection) {
            let Some(block) = self.block(&listed).await? else { continue };
            let answer = block.index.label_values(name, selection);
            values.append(&mut self.unless_damaged(&listed, answer)?);
        }
        Ok(values)
    }

    fn blocks_for(&self, selection: &Selection) -> Vec<Arc<Listed>> {
        let without_label = self.options.tenant_without_label.as_ref();
        let wanted = |listed: &&Arc<Listed>| {
            let tenant = listed.meta.tenant(&self.options.tenant_label, without_label);
            let in_time = listed.meta.overlaps(selection.start_ms, selection.end_ms);
            in_time && tenant.is_ok_and(|tenant| selection.takes_tenant(&tenant))
        };
        self.state.lock().blocks.values().filter(wanted).cloned().collect()
    }

    /// A block's answer; nothing, and a note, when the block cannot be read.
    fn unless_damaged<T: Default>(
        &self,
        listed: &Listed,
        answer: Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        answer.or_else(|error| match is_damage(&error) {
            true => {
                self.note_damage(listed, &error);
                Ok(T::default())
            }
            false => Err(error),
        })
    }

    fn note_damage(&self, listed: &Listed, error: &StorageError) {
        let damage = Damage::of(&listed.meta, &self.options, error);
        self.state.lock().damaged.add(listed.meta.ulid, damage);
    }

    /// Opens a block, or finds it open; `None`, and a note, when it cannot be read.
    async fn block(&self, listed: &Listed) -> Result<Option<Arc<BucketBlock>>, StorageError> {
        match self.open_block(listed).await {
            // The limit is on the block, not on the selection.
            Err(error @ StorageError::Limit { .. }) => {
                self.note_damage(listed, &error);
                Ok(None)
            }
            opened => self.unless_damaged(listed, opened.map(Some)),
        }
    }

    async fn open_block(&self, listed: &Listed) -> Result<Arc<BucketBlock>, StorageError> {
        let ulid = listed.meta.ulid;
        if let Some(block) = self.open.get(ulid) {
            return Ok(block);
        }
        self.check_size(listed)?;
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
fn listed_block(meta: &BlockMeta, sizes: &BTreeMap<String, u64>) -> Result<Listed, StorageError> {
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
    Ok(Listed { segments: segments.collect(), meta: meta.clone(), index_bytes })
}
