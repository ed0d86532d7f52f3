//! Reads a block in the bucket: its index whole, its chunks by ranges.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::{ObjectStore, ObjectStoreExt};
use ulid::Ulid;

use super::ship::{failed, object_path};
use crate::block::format::{INDEX_FILE, segment_path};
use crate::block::plan::{ChunkRead, ReadShape, bytes_of};
use crate::block::{BlockIndex, BlockMeta, MemorySource, ReadOptions};
use crate::series::Selection;
use crate::{PackedSeries, StorageError};

/// Largest index that is fetched. Indexes are fetched whole in this version.
pub const BUCKET_INDEX_BYTES_MAX: u64 = 64 << 20;
/// Range reads of one block that are under way at once.
pub const BUCKET_READS_MAX: usize = 8;
/// How reads are joined: half a megabyte costs less than a request.
const BUCKET_READS: ReadShape = ReadShape { gap_bytes_max: 512 << 10, read_bytes_max: 16 << 20 };

/// A block whose index is in memory.
pub(super) struct BucketBlock {
    pub(super) index: BlockIndex,
    index_bytes: usize,
    segments: Vec<u64>,
}

impl BucketBlock {
    /// Fetches the index of a block whose files were listed; the caller has checked its size.
    pub(super) async fn open(
        store: &dyn ObjectStore,
        meta: BlockMeta,
        segments: Vec<u64>,
        index_bytes: u64,
        options: &ReadOptions,
    ) -> Result<BucketBlock, StorageError> {
        let path = object_path(meta.ulid, INDEX_FILE);
        let object = store.get(&path).await.map_err(|e| failed("read", &path, e))?;
        if object.meta.size != index_bytes {
            let reason = format!("it has {} bytes, {index_bytes} were listed", object.meta.size);
            return Err(StorageError::corrupt(path.as_ref(), reason));
        }
        let bytes = object.bytes().await.map_err(|e| failed("read", &path, e))?;
        let index_bytes = bytes.len();
        let source = MemorySource::new(path.as_ref(), bytes);
        let index = BlockIndex::open(meta, options, Box::new(source))?;
        Ok(BucketBlock { index, index_bytes, segments })
    }

    /// Bytes of memory that the open block keeps. The tables share the index's bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.index_bytes + self.index.tables_bytes()
    }

    /// The selected series with their chunks, as [`crate::block::Block::select`].
    pub(super) async fn select(
        &self,
        store: &Arc<dyn ObjectStore>,
        selection: &Selection,
    ) -> Result<PackedSeries, StorageError> {
        let Some(mut plan) = self.index.plan(selection)? else {
            return Ok(PackedSeries::default());
        };
        let mut reads = plan.reads(&self.segments, BUCKET_READS)?;
        selection.charge(bytes_of(&reads))?;
        while !reads.is_empty() {
            let ulid = self.index.meta.ulid;
            let fetches = reads.drain(..).map(|read| fetch(store.clone(), ulid, read));
            let mut fetched = stream::iter(fetches).buffer_unordered(BUCKET_READS_MAX);
            let mut longer = Vec::new();
            while let Some((read, bytes)) = fetched.try_next().await? {
                let name = object_path(ulid, &segment_path(read.segment as u32));
                longer.append(&mut plan.take(&read, &bytes, name.as_ref())?);
            }
            drop(fetched);
            reads = longer;
            self.check_ranges(&reads)?;
        }
        plan.finish()
    }

    /// Chunks that claim to reach behind their segment are damaged.
    fn check_ranges(&self, reads: &[ChunkRead]) -> Result<(), StorageError> {
        let behind =
            |read: &&ChunkRead| self.segments.get(read.segment).is_none_or(|size| read.end > *size);
        match reads.iter().find(behind) {
            None => Ok(()),
            Some(read) => {
                let path = object_path(self.index.meta.ulid, &segment_path(read.segment as u32));
                let reason = format!("a chunk reaches behind its end at offset {}", read.start);
                Err(StorageError::corrupt(path.as_ref(), reason))
            }
        }
    }
}

async fn fetch(
    store: Arc<dyn ObjectStore>,
    ulid: Ulid,
    read: ChunkRead,
) -> Result<(ChunkRead, Bytes), StorageError> {
    let path = object_path(ulid, &segment_path(read.segment as u32));
    let bytes = store.get_range(&path, read.start..read.end).await;
    let bytes = bytes.map_err(|e| failed("read", &path, e))?;
    if bytes.len() as u64 != read.end - read.start {
        let reason = format!("{} bytes came instead of {}", bytes.len(), read.end - read.start);
        return Err(StorageError::corrupt(path.as_ref(), reason));
    }
    Ok((read, bytes))
}
