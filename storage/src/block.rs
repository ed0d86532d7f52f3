//! Prometheus blocks: written whole, read with every checksum verified.
//!
//! A block is a directory `<ulid>/` of `meta.json`, `index` (version 2) and `chunks/000001...`;
//! `docs/formats/block.md` says what we write. [`BlockWriter`] makes one, [`Block`] reads one,
//! [`LocalBlocks`] keeps those of a data directory. Blocks in the bucket are read through the same
//! index and plan; see [`crate::bucket`].

pub(crate) mod cache;
pub(crate) mod damage;
pub(crate) mod format;
pub(crate) mod index;
mod local;
mod meta;
pub(crate) mod plan;
mod postings;
mod source;
mod tables;
pub(crate) mod verify;
mod writer;

use std::collections::BTreeSet;
use std::path::Path;

use journal::files::Files;
use proto::TenantName;
use proto::ids::tenant_seed;

use crate::series::{Selection, SeriesChunks};
use crate::{PackedSeries, StorageError};
use format::{INDEX_FILE, Origin, SEGMENT_HEADER_BYTES, SEGMENT_MAGIC, segment_path};
use index::Index;
use plan::{Plan, ReadShape};

pub use local::{DELETION_SUFFIX, LOCAL_TABLES_BYTES_MAX, LocalBlocks};
pub use meta::{
    BlockFile, BlockMeta, BlockStats, Compaction, Downsample, EXTENSION, EXTENSION_CRC, IndexStats,
    META_BYTES_MAX, META_FILE, ThanosMeta,
};
pub use plan::{SELECT_CHUNK_BYTES_MAX, SELECT_SERIES_MAX};
pub use source::{FileSource, MemorySource, READ_BYTES_MAX, ReadAt};
pub use writer::{BlockSpec, BlockWriter, CREATION_SUFFIX, write_block};

/// Most chunk segments of one block.
pub const SEGMENTS_MAX: usize = 100_000;

/// How reads of a local block are joined: a page is cheaper than a call.
const LOCAL_READS: ReadShape = ReadShape { gap_bytes_max: 4 << 10, read_bytes_max: 1 << 20 };

/// What a reader of blocks has to know.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// Name of the external label that holds the tenant.
    pub tenant_label: String,
    /// Tenant of blocks without that label; `None` refuses them.
    pub tenant_without_label: Option<TenantName>,
    /// Seed of the cluster's series ids.
    pub cluster_seed: u64,
}

/// A block's meta and index: everything but its chunks.
pub(crate) struct BlockIndex {
    pub(crate) meta: BlockMeta,
    pub(crate) tenant: TenantName,
    tenant_seed: u64,
    index: Index,
}

impl BlockIndex {
    pub(crate) fn open(
        meta: BlockMeta,
        options: &ReadOptions,
        source: Box<dyn ReadAt>,
    ) -> Result<BlockIndex, StorageError> {
        let tenant = meta.tenant(&options.tenant_label, options.tenant_without_label.as_ref())?;
        let tenant_seed = tenant_seed(&tenant, options.cluster_seed);
        Ok(BlockIndex { meta, tenant, tenant_seed, index: Index::open(source)? })
    }

    pub(crate) fn tables_bytes(&self) -> usize {
        self.index.tables_bytes()
    }

    /// What the selection needs of this block; `None` when it cannot have any of it.
    pub(crate) fn plan(&self, selection: &Selection) -> Result<Option<Plan>, StorageError> {
        let in_time = self.meta.overlaps(selection.start_ms, selection.end_ms);
        if !in_time || !selection.takes_tenant(&self.tenant) {
            return Ok(None);
        }
        let stats = self.meta.thanos.as_ref().map(|thanos| thanos.index_stats.chunk_max_size);
        let entry_bytes_max = stats.unwrap_or(0);
        let plan =
            Plan::make(&self.index, selection, &self.tenant, self.tenant_seed, entry_bytes_max)?;
        Ok(Some(plan))
    }

    /// Label names of the selected series.
    pub(crate) fn label_names(
        &self,
        selection: &Selection,
    ) -> Result<BTreeSet<String>, StorageError> {
        if selection.matchers.is_empty() && self.is_within(selection) {
            return Ok(self.index.label_names().into_iter().map(str::to_owned).collect());
        }
        let mut names = BTreeSet::new();
        for series in self.series_only(selection)? {
            for (name, _) in &series.labels {
                if !names.contains(name) {
                    names.insert(name.to_owned());
                }
            }
        }
        Ok(names)
    }

    /// Values of a label of the selected series.
    pub(crate) fn label_values(
        &self,
        name: &str,
        selection: &Selection,
    ) -> Result<BTreeSet<String>, StorageError> {
        if selection.matchers.is_empty() && self.is_within(selection) {
            return Ok(self.index.label_values(name).map(str::to_owned).collect());
        }
        let mut values = BTreeSet::new();
        for series in self.series_only(selection)? {
            if let Some(value) = series.labels.get(name)
                && !values.contains(value)
            {
                values.insert(value.to_owned());
            }
        }
        Ok(values)
    }

    /// Whether every sample of the block is in the time and tenant of the selection.
    fn is_within(&self, selection: &Selection) -> bool {
        let meta = &self.meta;
        let in_time = selection.start_ms <= meta.min_time && selection.end_ms >= meta.max_time - 1;
        in_time && selection.takes_tenant(&self.tenant)
    }

    fn series_only(&self, selection: &Selection) -> Result<Vec<SeriesChunks>, StorageError> {
        let selection = Selection { labels_only: true, ..selection.clone() };
        let packed = self.plan(&selection)?.map_or(Ok(PackedSeries::default()), Plan::finish);
        Ok(packed?.into_series().collect())
    }
}

/// A block that is read by blocking calls, from a disk or from memory.
pub struct Block {
    index: BlockIndex,
    segments: Vec<Box<dyn ReadAt>>,
}

impl Block {
    /// Opens a block whose parts are given: its `index`, and its segments in order.
    pub fn open(
        meta: BlockMeta,
        options: &ReadOptions,
        index: impl ReadAt + 'static,
        segments: Vec<Box<dyn ReadAt>>,
    ) -> Result<Block, StorageError> {
        for segment in &segments {
            check_segment(segment.as_ref())?;
        }
        Ok(Block { index: BlockIndex::open(meta, options, Box::new(index))?, segments })
    }

    /// Opens the block in a directory.
    pub fn open_dir(
        files: &dyn Files,
        dir: &Path,
        options: &ReadOptions,
    ) -> Result<Block, StorageError> {
        let meta = read_meta(files, dir)?;
        let index = FileSource::open(files, &dir.join(INDEX_FILE))?;
        let mut segments: Vec<Box<dyn ReadAt>> = Vec::new();
        while segments.len() < SEGMENTS_MAX {
            let path = dir.join(segment_path(segments.len() as u32));
            let exists = files
                .exists(&path)
                .map_err(|e| StorageError::io(format!("look for {}", path.display()), e))?;
            if !exists {
                break;
            }
            segments.push(Box::new(FileSource::open(files, &path)?));
        }
        Block::open(meta, options, index, segments)
    }

    /// The block's meta.
    pub fn meta(&self) -> &BlockMeta {
        &self.index.meta
    }

    /// The tenant whose samples the block holds.
    pub fn tenant(&self) -> &TenantName {
        &self.index.tenant
    }

    /// Bytes of memory that the open block keeps.
    pub fn tables_bytes(&self) -> usize {
        self.index.tables_bytes()
    }

    /// The selected series, sorted by labels, with their chunks that overlap the time. Chunks may
    /// hold samples outside of the time.
    pub fn select(&self, selection: &Selection) -> Result<Vec<SeriesChunks>, StorageError> {
        Ok(self.select_packed(selection)?.into_series().collect())
    }

    /// [`Block::select`], packed.
    pub fn select_packed(&self, selection: &Selection) -> Result<PackedSeries, StorageError> {
        let Some(mut plan) = self.index.plan(selection)? else {
            return Ok(PackedSeries::default());
        };
        let sizes: Vec<u64> = self.segments.iter().map(|segment| segment.size()).collect();
        let mut reads = plan.reads(&sizes, LOCAL_READS)?;
        selection.charge(plan::bytes_of(&reads))?;
        while let Some(read) = reads.pop() {
            let segment = &self.segments[read.segment];
            let bytes = segment.read_checked(read.start, read.end - read.start)?;
            reads.extend(plan.take(&read, &bytes, segment.name())?);
        }
        plan.finish()
    }

    /// Label names of the selected series, sorted; without external labels.
    pub fn label_names(&self, selection: &Selection) -> Result<BTreeSet<String>, StorageError> {
        self.index.label_names(selection)
    }

    /// Values of a label of the selected series, sorted.
    pub fn label_values(
        &self,
        name: &str,
        selection: &Selection,
    ) -> Result<BTreeSet<String>, StorageError> {
        self.index.label_values(name, selection)
    }
}

fn check_segment(segment: &dyn ReadAt) -> Result<(), StorageError> {
    let head = segment.read_checked(0, SEGMENT_HEADER_BYTES)?;
    let origin = Origin { file: segment.name(), offset: 0 };
    if head[..4] != SEGMENT_MAGIC.to_be_bytes() {
        return Err(origin.damaged("the magic number of a chunk segment is not there"));
    }
    if head[4] != 1 {
        return Err(origin.damaged(format!("chunk segment version {} is not supported", head[4])));
    }
    Ok(())
}

/// Reads the `meta.json` of a block directory; its ULID must be the directory's name.
pub(crate) fn read_meta(files: &dyn Files, dir: &Path) -> Result<BlockMeta, StorageError> {
    let path = dir.join(META_FILE);
    let name = path.display().to_string();
    let failed = |e| StorageError::io(format!("read {name}"), e);
    if files.len(&path).map_err(failed)? > META_BYTES_MAX {
        return Err(StorageError::corrupt(name, "it is longer than 16 MiB"));
    }
    let meta = BlockMeta::parse(&name, &files.read(&path).map_err(failed)?)?;
    if dir.file_name().and_then(|n| n.to_str()) != Some(meta.ulid.to_string().as_str()) {
        return Err(StorageError::corrupt(name, format!("it names another block {}", meta.ulid)));
    }
    Ok(meta)
}

/// Brings the answers of several blocks together: one entry for each series, ordered by tenant and
/// labels, its chunks by time. Copies of chunks stay; see [`crate::series`].
pub(crate) fn merge_series(mut all: Vec<SeriesChunks>) -> Vec<SeriesChunks> {
    all.sort_by(|a, b| (&a.tenant, &a.labels).cmp(&(&b.tenant, &b.labels)));
    all.dedup_by(|next, kept| {
        let same = next.tenant == kept.tenant && next.labels == kept.labels;
        if same {
            kept.chunks.append(&mut next.chunks);
            kept.chunks.sort_by_key(|chunk| (chunk.min_ms, chunk.max_ms));
        }
        same
    });
    all
}

/// A selection of all that these matchers take.
#[cfg(test)]
pub(crate) fn everything(matchers: Vec<proto::Matcher>) -> Selection {
    Selection { matchers, start_ms: i64::MIN, end_ms: i64::MAX, ..Selection::default() }
}

#[cfg(test)]
pub(crate) mod tests;
