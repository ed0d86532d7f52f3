//! The blocks of a data directory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use journal::files::Files;
use parking_lot::Mutex;
use ulid::Ulid;

use super::cache::BlockCache;
use super::damage::{Damage, DamagedBlocks, is_damage};
use super::{Block, BlockMeta, CREATION_SUFFIX, ReadOptions, merge_series, read_meta};
use crate::series::{Selection, SeriesChunks};
use crate::{PackedSeries, StorageError};

/// Ending of a directory that is being deleted.
pub const DELETION_SUFFIX: &str = ".tmp-for-deletion";
/// Most bytes of index tables that are kept in memory for blocks of the data directory.
pub const LOCAL_TABLES_BYTES_MAX: usize = 128 << 20;

/// What the directory holds.
#[derive(Default)]
struct State {
    metas: BTreeMap<Ulid, Arc<BlockMeta>>,
    damaged: DamagedBlocks,
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
    /// where it is and lacks in answers; see [`LocalBlocks::damaged`].
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
                state.take(ulid, read_meta(files.as_ref(), &dir.join(&entry.name)), &options);
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

    /// Blocks that cannot be read, or not whole, and why. Selections answer without them.
    pub fn damaged(&self) -> Vec<(Ulid, String)> {
        self.state.lock().damaged.list()
    }

    /// Those of [`LocalBlocks::damaged`] that may hold something of a selection. Ask after the
    /// selection was answered: when there are any, the answer may lack what they hold.
    pub fn damaged_for(&self, selection: &Selection) -> Vec<(Ulid, String)> {
        self.state.lock().damaged.list_for(selection)
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
        self.state.lock().damaged.remove(ulid);
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
    /// Blocks that cannot be read are left out; see [`LocalBlocks::damaged_for`].
    pub fn select(&self, selection: &Selection) -> Result<Vec<SeriesChunks>, StorageError> {
        let answers = self.select_packed(selection)?.into_iter();
        Ok(merge_series(answers.flat_map(|(_, packed)| packed.into_series()).collect()))
    }

    /// The selected series of each block that could be read, packed.
    pub fn select_packed(
        &self,
        selection: &Selection,
    ) -> Result<Vec<(Ulid, PackedSeries)>, StorageError> {
        self.ask_each(selection, |block| Ok((block.meta().ulid, block.select_packed(selection)?)))
    }

    /// The blocks of a selection's time and tenants, readable or not.
    pub fn blocks_for(&self, selection: &Selection) -> BTreeSet<Ulid> {
        self.metas_for(selection).iter().map(|meta| meta.ulid).collect()
    }

    /// Label names of the selected series of all blocks, without those that cannot be read.
    pub fn label_names(&self, selection: &Selection) -> Result<BTreeSet<String>, StorageError> {
        let answers = self.ask_each(selection, |block| block.label_names(selection))?;
        Ok(answers.into_iter().flatten().collect())
    }

    /// Values of a label of the selected series of all blocks, without those that cannot be read.
    pub fn label_values(
        &self,
        name: &str,
        selection: &Selection,
    ) -> Result<BTreeSet<String>, StorageError> {
        let answers = self.ask_each(selection, |block| block.label_values(name, selection))?;
        Ok(answers.into_iter().flatten().collect())
    }

    /// Asks each block of the selection's time and tenants.
    fn ask_each<T>(
        &self,
        selection: &Selection,
        ask: impl Fn(&Block) -> Result<T, StorageError>,
    ) -> Result<Vec<T>, StorageError> {
        let mut answers = Vec::new();
        for meta in self.metas_for(selection) {
            match self.block(meta.ulid).and_then(|block| ask(&block)) {
                Ok(answer) => answers.push(answer),
                // Deleted meanwhile: whoever deleted it knew that its samples are elsewhere.
                Err(_) if !self.state.lock().metas.contains_key(&meta.ulid) => {}
                Err(error) if is_damage(&error) => self.note_damage(&meta, &error),
                Err(error) => return Err(error),
            }
        }
        Ok(answers)
    }

    fn note_damage(&self, meta: &BlockMeta, error: &StorageError) {
        let damage = Damage::of(meta, &self.options, error);
        let mut state = self.state.lock();
        if state.metas.contains_key(&meta.ulid) {
            state.damaged.add(meta.ulid, damage);
        }
    }

    fn metas_for(&self, selection: &Selection) -> Vec<Arc<BlockMeta>> {
        let without_label = self.options.tenant_without_label.as_ref();
        let wanted = |meta: &&Arc<BlockMeta>| {
            let tenant = meta.tenant(&self.options.tenant_label, without_label);
            let in_time = meta.overlaps(selection.start_ms, selection.end_ms);
            in_time && tenant.is_ok_and(|tenant| selection.takes_tenant(&tenant))
        };
        self.state.lock().metas.values().filter(wanted).cloned().collect()
    }
}

impl State {
    fn take(&mut self, ulid: Ulid, meta: Result<BlockMeta, StorageError>, options: &ReadOptions) {
        let meta = match meta {
            Ok(meta) => meta,
            Err(error) => return self.damaged.add(ulid, Damage::unknown(&error)),
        };
        let without_label = options.tenant_without_label.as_ref();
        if let Err(error) = meta.tenant(&options.tenant_label, without_label) {
            self.damaged.add(ulid, Damage::of(&meta, options, &error));
        }
        self.metas.insert(ulid, Arc::new(meta));
    }
}

fn is_leftover(name: &str) -> bool {
    let stem = name.strip_suffix(CREATION_SUFFIX).or_else(|| name.strip_suffix(DELETION_SUFFIX));
    stem.is_some_and(|stem| Ulid::from_string(stem).is_ok())
}
