//! The blocks of a data directory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use journal::files::Files;
use parking_lot::Mutex;
use ulid::Ulid;

use super::cache::BlockCache;
use super::{Block, BlockMeta, CREATION_SUFFIX, ReadOptions, merge_series, read_meta};
use crate::StorageError;
use crate::series::{Selection, SeriesChunks};

/// Ending of a directory that is being deleted.
pub const DELETION_SUFFIX: &str = ".tmp-for-deletion";
/// Most bytes of index tables that are kept in memory for blocks of the data directory.
pub const LOCAL_TABLES_BYTES_MAX: usize = 128 << 20;

/// What the directory holds.
#[derive(Default)]
struct State {
    metas: BTreeMap<Ulid, Arc<BlockMeta>>,
    /// Blocks that cannot be read, and why.
    damaged: BTreeMap<Ulid, String>,
}

/// The set of blocks in a directory. All calls block on the disk; they may be made from several
/// threads.
pub struct LocalBlocks {
    files: Arc<dyn Files>,
    dir: PathBuf,
    options: ReadOptions,
    state: Mutex<State>,
    open: BlockCache<Block>,
}

impl LocalBlocks {
    /// Takes stock of a directory, which is created if missing. Directories that an earlier run
    /// left half-written or half-deleted are removed. A block whose meta cannot be read stays
    /// where it is and makes selections fail; see [`LocalBlocks::damaged`].
    pub fn open(
        files: Arc<dyn Files>,
        dir: &Path,
        options: ReadOptions,
    ) -> Result<LocalBlocks, StorageError> {
        let failed = |e| StorageError::io(format!("open the blocks in {}", dir.display()), e);
        files.create_dir_durable(dir).map_err(failed)?;
        let mut state = State::default();
        for entry in files.list(dir).map_err(failed)? {
            if is_leftover(&entry.name) {
                tracing::info!(directory = entry.name, "removing what an earlier run left");
                files.remove_dir_all(&dir.join(&entry.name)).map_err(failed)?;
            } else if let Ok(ulid) = Ulid::from_string(&entry.name) {
                state.take(ulid, read_meta(files.as_ref(), &dir.join(&entry.name)));
            }
        }
        files.sync_dir(dir).map_err(failed)?;
        let (state, open) = (Mutex::new(state), BlockCache::new(LOCAL_TABLES_BYTES_MAX));
        Ok(LocalBlocks { files, dir: dir.to_owned(), options, state, open })
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Path of a block's directory.
    pub fn path(&self, ulid: Ulid) -> PathBuf {
        self.dir.join(ulid.to_string())
    }

    /// All blocks, ordered by ULID.
    pub fn list(&self) -> Vec<Arc<BlockMeta>> {
        self.state.lock().metas.values().cloned().collect()
    }

    /// Blocks whose meta cannot be read, and why. While there is one, selections fail.
    pub fn damaged(&self) -> Vec<(Ulid, String)> {
        self.state.lock().damaged.iter().map(|(ulid, why)| (*ulid, why.clone())).collect()
    }

    /// Takes in a block that was written into the directory.
    pub fn add(&self, ulid: Ulid) -> Result<Arc<BlockMeta>, StorageError> {
        let meta = Arc::new(read_meta(self.files.as_ref(), &self.path(ulid))?);
        self.state.lock().metas.insert(ulid, meta.clone());
        Ok(meta)
    }

    /// Deletes a block, durably. Whoever reads it already may finish. Without such a block nothing
    /// happens.
    pub fn delete(&self, ulid: Ulid) -> Result<(), StorageError> {
        let known = self.state.lock().metas.remove(&ulid);
        let Some(meta) = known else { return Ok(()) };
        self.open.remove(ulid);
        let doomed = self.dir.join(format!("{ulid}{DELETION_SUFFIX}"));
        let failed = |e| StorageError::io(format!("delete the block {ulid}"), e);
        if let Err(error) = self.files.rename(&self.path(ulid), &doomed) {
            self.state.lock().metas.insert(ulid, meta);
            return Err(failed(error));
        }
        self.files.sync_dir(&self.dir).map_err(failed)?;
        self.files.remove_dir_all(&doomed).map_err(failed)?;
        self.files.sync_dir(&self.dir).map_err(failed)
    }

    /// Opens a block, or finds it open.
    pub fn block(&self, ulid: Ulid) -> Result<Arc<Block>, StorageError> {
        if let Some(block) = self.open.get(ulid) {
            return Ok(block);
        }
        let dir = self.path(ulid);
        let block = Arc::new(Block::open_dir(self.files.as_ref(), &dir, &self.options)?);
        self.open.put(ulid, block.clone(), block.tables_bytes());
        Ok(block)
    }

    /// The selected series of all blocks, ordered by tenant and labels; see [`Block::select`].
    pub fn select(&self, selection: &Selection) -> Result<Vec<SeriesChunks>, StorageError> {
        let mut all = Vec::new();
        for block in self.blocks_for(selection)? {
            all.append(&mut block.select(selection)?);
        }
        Ok(merge_series(all))
    }

    /// Label names of the selected series of all blocks.
    pub fn label_names(&self, selection: &Selection) -> Result<BTreeSet<String>, StorageError> {
        let mut names = BTreeSet::new();
        for block in self.blocks_for(selection)? {
            names.append(&mut block.label_names(selection)?);
        }
        Ok(names)
    }

    /// Values of a label of the selected series of all blocks.
    pub fn label_values(
        &self,
        name: &str,
        selection: &Selection,
    ) -> Result<BTreeSet<String>, StorageError> {
        let mut values = BTreeSet::new();
        for block in self.blocks_for(selection)? {
            values.append(&mut block.label_values(name, selection)?);
        }
        Ok(values)
    }

    /// The blocks of the selection's time and tenants.
    fn blocks_for(&self, selection: &Selection) -> Result<Vec<Arc<Block>>, StorageError> {
        let mut blocks = Vec::new();
        for meta in self.metas_for(selection)? {
            match self.block(meta.ulid) {
                Ok(block) => blocks.push(block),
                // Deleted meanwhile: whoever deleted it knew that its samples are elsewhere.
                Err(_) if !self.state.lock().metas.contains_key(&meta.ulid) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(blocks)
    }

    fn metas_for(&self, selection: &Selection) -> Result<Vec<Arc<BlockMeta>>, StorageError> {
        let state = self.state.lock();
        if let Some((ulid, why)) = state.damaged.first_key_value() {
            let what = format!("the block {}", self.path(*ulid).display());
            return Err(StorageError::corrupt(what, why));
        }
        let mut metas = Vec::new();
        for meta in state.metas.values() {
            let without_label = self.options.tenant_without_label.as_ref();
            let tenant = meta.tenant(&self.options.tenant_label, without_label)?;
            let in_time = meta.overlaps(selection.start_ms, selection.end_ms);
            if in_time && selection.takes_tenant(&tenant) {
                metas.push(meta.clone());
            }
        }
        Ok(metas)
    }
}

impl State {
    fn take(&mut self, ulid: Ulid, meta: Result<BlockMeta, StorageError>) {
        match meta {
            Ok(meta) => {
                self.metas.insert(ulid, Arc::new(meta));
            }
            Err(error) => {
                tracing::error!(%ulid, %error, "a block cannot be read");
                self.damaged.insert(ulid, error.to_string());
            }
        }
    }
}

fn is_leftover(name: &str) -> bool {
    let stem = name.strip_suffix(CREATION_SUFFIX).or_else(|| name.strip_suffix(DELETION_SUFFIX));
    stem.is_some_and(|stem| Ulid::from_string(stem).is_ok())
}
