//! For tests and simulation: a disk in memory that forgets on a crash what a real one may forget.
//! Unsynced bytes and names in unsynced directories are lost, wholly or, with [`Crash::Torn`], in
//! part: sectors of unsynced writes survive each for itself, changes of names up to some point.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Entry, File, Files, OpenMode, parent};

mod file;
mod inode;

use file::MemoryFile;
use inode::{Inode, SplitMix};

/// What survives a crash besides what was synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// Nothing.
    Clean,
    /// A part, chosen by the seed: single sectors of 512 bytes, and the first few of the changes
    /// of names.
    Torn {
        /// Chooses the part.
        seed: u64,
    },
    /// Everything: the process died, the machine did not.
    ProcessOnly,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    Dir,
    File(u64),
}

type Tree = BTreeMap<PathBuf, Node>;

/// One change of names, atomic, durable when one of its directories is synced.
#[derive(Debug, Clone)]
struct NameChange {
    dirs: Vec<PathBuf>,
    changes: Vec<(PathBuf, Option<Node>)>,
}

#[derive(Debug, Default)]
struct Disk {
    tree: Tree,
    durable: Tree,
    /// Changes of `durable` so far, or more.
    durable_version: u64,
    pending: Vec<NameChange>,
    inodes: BTreeMap<u64, Inode>,
    next_inode: u64,
    /// Crashes so far; handles from before one are dead.
    life: u64,
    /// Changing operations so far.
    operations: u64,
    /// No operation works after this many.
    operations_max: Option<u64>,
    capacity_bytes: Option<u64>,
    fail_next_sync: bool,
}

/// A disk in memory. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct MemoryFiles {
    disk: Arc<Mutex<Disk>>,
}

impl MemoryFiles {
    /// Forgets what a crash of this kind forgets. Open files are dead, power is back.
    pub fn crash(&self, crash: Crash) {
        self.disk.lock().crash(crash);
    }

    /// Cuts the power after so many more changing operations (writes, syncs, changes of names):
    /// all later operations fail, until [`MemoryFiles::crash`].
    pub fn cut_power_after(&self, operations: u64) {
        let mut disk = self.disk.lock();
        disk.operations_max = Some(disk.operations + operations);
    }

    /// Changing operations so far.
    pub fn operations(&self) -> u64 {
        self.disk.lock().operations
    }

    /// Sets how many bytes all files together may have; `None` for any number.
    pub fn set_capacity_bytes(&self, bytes: Option<u64>) {
        self.disk.lock().capacity_bytes = bytes;
    }

    /// Another disk with what a power cut now would leave on this one.
    pub fn durable(&self) -> MemoryFiles {
        let disk = self.disk.lock();
        let inodes = disk.inodes.iter().map(|(id, inode)| (*id, inode.durable_copy())).collect();
        let mut copy = Disk {
            tree: disk.durable.clone(),
            durable: disk.durable.clone(),
            inodes,
            next_inode: disk.next_inode,
            ..Disk::default()
        };
        copy.crash(Crash::Clean);
        MemoryFiles { disk: Arc::new(Mutex::new(copy)) }
    }

    /// The same of one directory alone, with everything below it.
    pub fn durable_below(&self, dir: &Path) -> MemoryFiles {
        let disk = self.disk.lock();
        let mut copy = Disk { next_inode: disk.next_inode, ..Disk::default() };
        let above = dir.ancestors().skip(1).filter(|dir| !is_root(dir));
        copy.durable.extend(above.map(|dir| (dir.to_owned(), Node::Dir)));
        for (path, node) in below(&disk.durable, dir) {
            copy.durable.insert(path.clone(), *node);
            if let Node::File(id) = node
                && let Some(inode) = disk.inodes.get(id)
            {
                copy.inodes.insert(*id, inode.durable_copy());
            }
        }
        drop(disk);
        copy.crash(Crash::Clean);
        MemoryFiles { disk: Arc::new(Mutex::new(copy)) }
    }

    /// Names in a directory that a power cut now would leave.
    pub fn durable_names(&self, dir: &Path) -> Vec<String> {
        let disk = self.disk.lock();
        let below = below(&disk.durable, dir).filter(|(path, _)| parent(path) == dir);
        below.map(|(path, node)| disk.entry(path, *node).name).collect()
    }

    /// Another number when any of the durable names may have changed.
    pub fn durable_version(&self) -> u64 {
        self.disk.lock().durable_version
    }

    /// What a power cut now would leave of a file; `None` if it would not be there.
    pub fn durable_content(&self, path: &Path) -> Option<Vec<u8>> {
        let disk = self.disk.lock();
        match disk.durable.get(path)? {
            Node::File(id) => disk.inodes.get(id).map(Inode::durable_bytes),
            Node::Dir => None,
        }
    }

    /// Replaces everything by what is durable on another disk. Open files are dead.
    pub fn become_copy_of(&self, other: &MemoryFiles) {
        let copy = other.durable();
        let copy = std::mem::take(&mut *copy.disk.lock());
        let mut disk = self.disk.lock();
        let (life, operations) = (disk.life + 1, disk.operations);
        let durable_version = disk.durable_version + 1;
        *disk = Disk { life, operations, durable_version, ..copy };
    }

    /// Has the next sync of a file fail as it does on Linux: what was not synced is seen until the
    /// next crash, and no later sync makes it durable.
    pub fn fail_next_sync(&self) {
        self.disk.lock().fail_next_sync = true;
    }

    /// All files with their sizes, in order of their paths.
    pub fn all_files(&self) -> Vec<(PathBuf, u64)> {
        let disk = self.disk.lock();
        let files = disk.tree.iter().filter(|(_, node)| matches!(node, Node::File(_)));
        files.map(|(path, node)| (path.clone(), disk.entry(path, *node).bytes)).collect()
    }

    /// Zeroes bytes of a file, durably, as a bad disk does; at most to its end.
    pub fn zero(&self, path: &Path, offset: u64, bytes: u64) {
        self.vandalise(path, |inode| inode.zero(offset, bytes));
    }

    /// Cuts a file short, durably, as a bad file system does.
    pub fn truncate(&self, path: &Path, bytes: u64) {
        self.vandalise(path, |inode| inode.truncate(bytes));
    }

    fn vandalise(&self, path: &Path, damage: impl FnOnce(&mut Inode)) {
        let mut disk = self.disk.lock();
        let Some(Node::File(id)) = disk.tree.get(path).copied() else { return };
        if let Some(inode) = disk.inodes.get_mut(&id) {
            damage(inode);
        }
    }

    /// Turns over the bits of `mask` in one byte, durably, as a bad disk does. Answers whether
    /// the file has that byte.
    pub fn flip(&self, path: &Path, offset: u64, mask: u8) -> bool {
        let mut disk = self.disk.lock();
        let Some(Node::File(id)) = disk.tree.get(path).copied() else { return false };
        disk.inodes.get_mut(&id).is_some_and(|inode| inode.flip(offset, mask))
    }
}

impl Disk {
    fn crash(&mut self, crash: Crash) {
        self.life += 1;
        self.operations_max = None;
        self.fail_next_sync = false;
        if crash == Crash::ProcessOnly {
            // The page cache stays; what was not synced can still be lost later.
            return;
        }
        self.durable_version += 1;
        let mut random = SplitMix(match crash {
            Crash::Torn { seed } => seed,
            _ => 0,
        });
        let pending = std::mem::take(&mut self.pending);
        let kept = match crash {
            Crash::Torn { .. } => (random.next() % (pending.len() as u64 + 1)) as usize,
            _ => 0,
        };
        for change in &pending[..kept] {
            apply(&mut self.durable, change);
        }
        for inode in self.inodes.values_mut() {
            inode.crash(crash, &mut random);
        }
        self.tree = self.durable.clone();
        let orphans: Vec<_> = self.tree.keys().filter(|path| !self.rooted(path)).cloned().collect();
        for path in orphans {
            self.tree.remove(&path);
            self.durable.remove(&path);
        }
        let tree = &self.tree;
        self.inodes.retain(|id, _| tree.values().any(|node| *node == Node::File(*id)));
    }

    fn rooted(&self, path: &Path) -> bool {
        let mut dir = parent(path);
        loop {
            if is_root(dir) {
                return true;
            }
            if !matches!(self.tree.get(dir), Some(Node::Dir)) {
                return false;
            }
            dir = parent(dir);
        }
    }

    fn powered(&self) -> io::Result<()> {
        match self.operations_max {
            Some(max) if self.operations >= max => Err(io::Error::other("the power is off")),
            _ => Ok(()),
        }
    }

    fn change(&mut self) -> io::Result<()> {
        self.powered()?;
        self.operations += 1;
        Ok(())
    }

    fn name(&mut self, dirs: Vec<PathBuf>, changes: Vec<(PathBuf, Option<Node>)>) {
        let change = NameChange { dirs, changes };
        apply(&mut self.tree, &change);
        self.pending.push(change);
    }

    fn check_dir(&self, dir: &Path) -> io::Result<()> {
        if is_root(dir) || matches!(self.tree.get(dir), Some(Node::Dir)) {
            return Ok(());
        }
        Err(missing(dir))
    }

    fn file(&mut self, path: &Path, mode: OpenMode) -> io::Result<u64> {
        self.powered()?;
        match self.tree.get(path) {
            Some(Node::File(_)) if mode.create_new => {
                Err(io::Error::new(io::ErrorKind::AlreadyExists, path.display().to_string()))
            }
            Some(Node::File(id)) => Ok(*id),
            Some(Node::Dir) => Err(io::Error::from(io::ErrorKind::IsADirectory)),
            None if mode.create || mode.create_new => self.create(path),
            None => Err(missing(path)),
        }
    }

    fn create(&mut self, path: &Path) -> io::Result<u64> {
        self.check_dir(parent(path))?;
        self.change()?;
        let id = self.next_inode;
        self.next_inode += 1;
        self.inodes.insert(id, Inode::default());
        self.name(vec![parent(path).to_owned()], vec![(path.to_owned(), Some(Node::File(id)))]);
        Ok(id)
    }

    fn entry(&self, path: &Path, node: Node) -> Entry {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let bytes = match node {
            Node::Dir => 0,
            Node::File(id) => self.inodes.get(&id).map_or(0, Inode::len),
        };
        Entry { name, is_dir: node == Node::Dir, bytes }
    }

    fn grow_allowed(&self, id: u64, len: u64) -> io::Result<()> {
        let Some(capacity) = self.capacity_bytes else { return Ok(()) };
        let named = self.tree.values().filter_map(|node| match node {
            Node::File(other) if *other != id => self.inodes.get(other),
            _ => None,
        });
        let others: u64 = named.map(Inode::len).sum();
        let own = self.inodes.get(&id).map_or(0, Inode::len);
        if len > own && others + len > capacity {
            let text = format!("capacity is {capacity} bytes");
            return Err(io::Error::new(io::ErrorKind::StorageFull, text));
        }
        Ok(())
    }
}

/// A directory with everything below it, without walking the rest: paths are in order of their
/// parts. The relative root is a prefix of nothing, and has everything below it.
fn below<'a>(tree: &'a Tree, dir: &'a Path) -> impl Iterator<Item = (&'a PathBuf, &'a Node)> {
    let all = dir == Path::new(".");
    let from = if all { PathBuf::new() } else { dir.to_owned() };
    tree.range(from..).take_while(move |(path, _)| all || path.starts_with(dir))
}

fn apply(tree: &mut Tree, change: &NameChange) {
    for (path, node) in &change.changes {
        match node {
            Some(node) => tree.insert(path.clone(), *node),
            None => tree.remove(path),
        };
    }
}

fn is_root(path: &Path) -> bool {
    path.parent().is_none() || path == Path::new(".")
}

fn missing(path: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("{} does not exist", path.display()))
}

impl Files for MemoryFiles {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let mut disk = self.disk.lock();
        let id = disk.file(path, mode)?;
        Ok(Arc::new(MemoryFile::new(self.disk.clone(), id, disk.life, mode)))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        if is_root(path) {
            return Ok(());
        }
        self.create_dir_all(parent(path))?;
        let mut disk = self.disk.lock();
        match disk.tree.get(path) {
            Some(Node::Dir) => return Ok(()),
            Some(Node::File(_)) => return Err(io::Error::from(io::ErrorKind::NotADirectory)),
            None => {}
        }
        disk.change()?;
        disk.name(vec![parent(path).to_owned()], vec![(path.to_owned(), Some(Node::Dir))]);
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.check_dir(path)?;
        disk.change()?;
        let pending = std::mem::take(&mut disk.pending);
        for change in pending {
            if change.dirs.iter().any(|dir| dir == path) {
                apply(&mut disk.durable, &change);
                disk.durable_version += 1;
            } else {
                disk.pending.push(change);
            }
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.check_dir(parent(to))?;
        if !disk.tree.contains_key(from) {
            return Err(missing(from));
        }
        disk.change()?;
        let mut changes = Vec::new();
        for (path, node) in below(&disk.tree, from) {
            let rest = path.strip_prefix(from).map_err(io::Error::other)?;
            let target = if rest.as_os_str().is_empty() { to.to_owned() } else { to.join(rest) };
            changes.push((path.clone(), None));
            changes.push((target, Some(*node)));
        }
        disk.name(vec![parent(from).to_owned(), parent(to).to_owned()], changes);
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk.lock();
        match disk.tree.get(path) {
            Some(Node::File(_)) => {}
            Some(Node::Dir) => return Err(io::Error::from(io::ErrorKind::IsADirectory)),
            None => return Err(missing(path)),
        }
        disk.change()?;
        disk.name(vec![parent(path).to_owned()], vec![(path.to_owned(), None)]);
        Ok(())
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.check_dir(path)?;
        disk.change()?;
        let changes = below(&disk.tree, path).map(|(path, _)| (path.clone(), None)).collect();
        disk.name(vec![parent(path).to_owned()], changes);
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let disk = self.disk.lock();
        disk.powered()?;
        disk.check_dir(path)?;
        let inside = below(&disk.tree, path).filter(|(other, _)| parent(other) == path);
        Ok(inside.map(|(path, node)| disk.entry(path, *node)).collect())
    }

    fn metadata(&self, path: &Path) -> io::Result<Entry> {
        let disk = self.disk.lock();
        disk.powered()?;
        let root = is_root(path).then_some(Node::Dir);
        let node = disk.tree.get(path).copied().or(root).ok_or_else(|| missing(path))?;
        Ok(disk.entry(path, node))
    }

    fn free_bytes(&self, _path: &Path) -> Option<u64> {
        let disk = self.disk.lock();
        let used: u64 = disk.tree.iter().map(|(path, node)| disk.entry(path, *node).bytes).sum();
        disk.capacity_bytes.map(|capacity| capacity.saturating_sub(used))
    }
}
