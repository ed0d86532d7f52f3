//! Writes a block directory: chunk segments while series come in, then index and `meta.json`.
//!
//! Everything is written below `<ulid>.tmp-for-creation`, synced, and given its name last, so that
//! a directory named by a ULID is always whole.

mod index;
mod overlap;
mod segments;
mod sink;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use journal::files::{Files, OpenMode};
use proto::Labels;
use ulid::Ulid;

use super::format::{CHUNKS_DIR, INDEX_FILE};
use super::meta::{
    BlockFile, BlockMeta, BlockStats, Compaction, EXTENSION, IndexStats, META_FILE, ThanosMeta,
};
use crate::StorageError;
use crate::chunk::sample_count;
use crate::series::{Chunk, ENCODING_XOR};
use index::{ChunkPlace, IndexBuilder};
use segments::Segments;

/// Ending of a directory that is being written.
pub const CREATION_SUFFIX: &str = ".tmp-for-creation";

/// What a block shall be called.
#[derive(Clone, Debug)]
pub struct BlockSpec {
    /// Its identity; the caller draws it.
    pub ulid: Ulid,
    /// External labels: tenant, replica and the operator's.
    pub labels: BTreeMap<String, String>,
    /// Our section of `meta.json`: an object, or null for none.
    pub extension: serde_json::Value,
}

/// A block that is being written. Dropping it unfinished leaves a directory ending in
/// [`CREATION_SUFFIX`], which the next start removes.
pub struct BlockWriter {
    files: Arc<dyn Files>,
    dir: PathBuf,
    building: PathBuf,
    spec: BlockSpec,
    segments: Segments,
    index: IndexBuilder,
    last: Option<Labels>,
    stats: BlockStats,
    min_ms: i64,
    max_ms: i64,
    places: Vec<ChunkPlace>,
}

impl BlockWriter {
    /// Starts a block in the directory `dir`.
    pub fn create(
        files: Arc<dyn Files>,
        dir: &Path,
        spec: BlockSpec,
    ) -> Result<BlockWriter, StorageError> {
        let building = dir.join(format!("{}{CREATION_SUFFIX}", spec.ulid));
        let chunks = building.join(CHUNKS_DIR);
        files
            .create_dir_all(&chunks)
            .map_err(|e| StorageError::io(format!("create {}", chunks.display()), e))?;
        Ok(BlockWriter {
            segments: Segments::new(files.clone(), &building),
            files,
            dir: dir.to_owned(),
            building,
            spec,
            index: IndexBuilder::default(),
            last: None,
            stats: BlockStats::default(),
            min_ms: i64::MAX,
            max_ms: i64::MIN,
            places: Vec::new(),
        })
    }

    /// Adds a series. Series come in the order of their labels, each once, without external
    /// labels; one without chunks is left out. Chunks may come in any order and may overlap.
    pub fn add(&mut self, labels: &Labels, chunks: Vec<Chunk>) -> Result<(), StorageError> {
        if self.last.as_ref().is_some_and(|last| last >= labels) {
            let message = format!("series come to a block out of order: {labels}");
            return Err(StorageError::Invalid(message));
        }
        self.places.clear();
        for chunk in overlap::in_order(chunks)? {
            self.add_chunk(&chunk)?;
        }
        if !self.places.is_empty() {
            self.index.add(labels, &self.places);
        }
        self.last = Some(labels.clone());
        Ok(())
    }

    fn add_chunk(&mut self, chunk: &Chunk) -> Result<(), StorageError> {
        let samples = u64::from(sample_count(&chunk.data)?);
        if chunk.min_ms > chunk.max_ms || samples == 0 {
            return Err(StorageError::Invalid("an empty chunk comes to a block".into()));
        }
        let reference = self.segments.append(chunk)?;
        let (min_ms, max_ms) = (chunk.min_ms, chunk.max_ms);
        self.places.push(ChunkPlace { min_ms, max_ms, reference });
        self.min_ms = self.min_ms.min(min_ms);
        self.max_ms = self.max_ms.max(max_ms);
        self.stats.num_samples += samples;
        if chunk.encoding == ENCODING_XOR {
            self.stats.num_float_samples += samples;
        } else {
            self.stats.num_histogram_samples += samples;
        }
        Ok(())
    }

    /// Makes the block durable under its name. Without any series there is no block, and `None`.
    pub fn finish(self) -> Result<Option<BlockMeta>, StorageError> {
        let files = self.files.clone();
        let (building, name) = (self.building.clone(), self.dir.join(self.spec.ulid.to_string()));
        let dir = self.dir.clone();
        if self.index.series() == 0 {
            files
                .remove_dir_all(&building)
                .map_err(|e| StorageError::io(format!("remove {}", building.display()), e))?;
            return Ok(None);
        }
        let meta = self.finish_files()?;
        let named = |e| StorageError::io(format!("name the block {}", name.display()), e);
        files.sync_dir(&building.join(CHUNKS_DIR)).map_err(named)?;
        files.sync_dir(&building).map_err(named)?;
        files.rename(&building, &name).map_err(named)?;
        files.sync_dir(&dir).map_err(named)?;
        Ok(Some(meta))
    }

    fn finish_files(mut self) -> Result<BlockMeta, StorageError> {
        let chunk_max_size = self.segments.entry_bytes_max;
        let mut listed = self.segments.finish()?;
        self.stats.num_series = self.index.series();
        self.stats.num_chunks = self.index.chunks();
        let index = self.index.write(self.files.as_ref(), &self.building.join(INDEX_FILE))?;
        listed.push(BlockFile {
            rel_path: INDEX_FILE.to_owned(),
            size_bytes: Some(index.file_bytes),
        });
        let index_stats = IndexStats { series_max_size: index.series_bytes_max, chunk_max_size };
        let mut meta = BlockMeta {
            ulid: self.spec.ulid,
            min_time: self.min_ms,
            max_time: self.max_ms.saturating_add(1),
            stats: self.stats,
            compaction: Compaction { level: 1, sources: vec![self.spec.ulid.to_string()] },
            version: 1,
            thanos: Some(thanos_section(self.spec, listed, index_stats)),
        };
        meta.seal();
        write_durably(self.files.as_ref(), &self.building.join(META_FILE), &meta.to_json())?;
        Ok(meta)
    }
}

fn thanos_section(
    spec: BlockSpec,
    mut files: Vec<BlockFile>,
    index_stats: IndexStats,
) -> ThanosMeta {
    let segment =
        |f: &BlockFile| f.rel_path.strip_prefix(CHUNKS_DIR)?.strip_prefix('/').map(str::to_owned);
    let segment_files = files.iter().filter_map(segment).collect();
    files.push(BlockFile { rel_path: META_FILE.to_owned(), size_bytes: None });
    let extensions =
        (!spec.extension.is_null()).then(|| serde_json::json!({ EXTENSION: spec.extension }));
    ThanosMeta {
        version: 1,
        labels: spec.labels,
        source: "receive".to_owned(),
        segment_files,
        files,
        index_stats,
        extensions,
        ..ThanosMeta::default()
    }
}

fn write_durably(files: &dyn Files, path: &Path, bytes: &[u8]) -> Result<(), StorageError> {
    let write = || {
        let file = files.open(path, OpenMode::CREATE_NEW)?;
        file.write_all_at(bytes, 0)?;
        file.sync_all()
    };
    write().map_err(|e| StorageError::io(format!("write {}", path.display()), e))
}

/// Writes a whole block of series that come sorted by their labels; see [`BlockWriter`].
pub fn write_block(
    files: Arc<dyn Files>,
    dir: &Path,
    spec: BlockSpec,
    series: impl IntoIterator<Item = (Labels, Vec<Chunk>)>,
) -> Result<Option<BlockMeta>, StorageError> {
    let mut writer = BlockWriter::create(files, dir, spec)?;
    for (labels, chunks) in series {
        writer.add(&labels, chunks)?;
    }
    writer.finish()
}
