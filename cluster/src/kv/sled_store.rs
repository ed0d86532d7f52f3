//! The store over sled, the only place that knows sled.
//!
//! A value is `crc32c (4) | format version (1) | payload`, the checksum over version, key and
//! payload. Every batch also writes a manifest: the number of keys and the sum of a hash over each
//! key and its checksum. At open everything is read and compared with the manifest. A store that
//! does not agree with its manifest is moved aside and an empty one takes its place: the owner
//! rebuilds it. The count of such events is [`SledStore::rebuilt`].

use std::io;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use xxhash_rust::xxh3::xxh3_64;

use super::{KeyValue, Op, Pairs, check};

/// Key of the manifest; user keys are prefixed so that none can be it.
const MANIFEST_KEY: &[u8] = b"m";
/// Prefix of user keys.
const USER_PREFIX: u8 = b'u';
/// Format of the values.
const FORMAT_VERSION: u8 = 1;
/// Bytes before a payload.
const VALUE_HEADER_BYTES: usize = 5;
/// Memory sled may use for its cache.
const CACHE_BYTES_MAX: u64 = 8 << 20;
/// Folders of broken stores that are kept beside the live one.
const BROKEN_FOLDERS_MAX: usize = 3;

/// A [`KeyValue`] over sled.
pub struct SledStore {
    db: sled::Db,
    manifest: Mutex<Manifest>,
    rebuilt: bool,
}

impl std::fmt::Debug for SledStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SledStore").field("manifest", &*self.manifest.lock()).finish()
    }
}

/// What the store should contain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Manifest {
    keys: u64,
    sum: u64,
}

impl Manifest {
    fn add(&mut self, key: &[u8], value: &[u8]) {
        self.keys = self.keys.wrapping_add(1);
        self.sum = self.sum.wrapping_add(mark(key, value));
    }

    fn remove(&mut self, key: &[u8], value: &[u8]) {
        self.keys = self.keys.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(mark(key, value));
    }

    fn encode(self) -> Vec<u8> {
        let mut payload = self.keys.to_le_bytes().to_vec();
        payload.extend_from_slice(&self.sum.to_le_bytes());
        seal(MANIFEST_KEY, &payload)
    }

    fn decode(value: &[u8]) -> Option<Manifest> {
        let payload = unseal(MANIFEST_KEY, value)?;
        let (keys, sum) = payload.split_first_chunk::<8>()?;
        let sum: [u8; 8] = sum.try_into().ok()?;
        Some(Manifest { keys: u64::from_le_bytes(*keys), sum: u64::from_le_bytes(sum) })
    }
}

/// Order-free share of one pair in the manifest's sum: a hash over its key and checksum.
fn mark(key: &[u8], value: &[u8]) -> u64 {
    let mut bytes = key.to_vec();
    bytes.extend_from_slice(value.get(..4).unwrap_or_default());
    xxh3_64(&bytes)
}

fn checksum(key: &[u8], payload: &[u8]) -> u32 {
    let crc = crc32c::crc32c(&[FORMAT_VERSION]);
    crc32c::crc32c_append(crc32c::crc32c_append(crc, key), payload)
}

fn seal(key: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(VALUE_HEADER_BYTES + payload.len());
    value.extend_from_slice(&checksum(key, payload).to_le_bytes());
    value.push(FORMAT_VERSION);
    value.extend_from_slice(payload);
    value
}

/// Payload of a value, or `None` if it is not what was written under this key.
fn unseal<'a>(key: &[u8], value: &'a [u8]) -> Option<&'a [u8]> {
    let (crc, rest) = value.split_first_chunk::<4>()?;
    let (version, payload) = rest.split_first()?;
    let sound = *version == FORMAT_VERSION && u32::from_le_bytes(*crc) == checksum(key, payload);
    sound.then_some(payload)
}

fn user_key(key: &[u8]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(key.len() + 1);
    whole.push(USER_PREFIX);
    whole.extend_from_slice(key);
    whole
}

fn damaged(key: &[u8]) -> io::Error {
    let key = String::from_utf8_lossy(key).into_owned();
    io::Error::new(io::ErrorKind::InvalidData, format!("the value of key {key:?} is damaged"))
}

impl SledStore {
    /// Opens the store in `folder`, or an empty one if what is there is damaged.
    pub fn open(folder: &Path) -> io::Result<SledStore> {
        match open_checked(folder) {
            Ok((db, manifest)) => {
                Ok(SledStore { db, manifest: Mutex::new(manifest), rebuilt: false })
            }
            Err(reason) => {
                let aside = move_aside(folder)?;
                tracing::warn!(%reason, aside = %aside.display(), "metadata cache is rebuilt");
                let (db, manifest) = open_checked(folder)?;
                Ok(SledStore { db, manifest: Mutex::new(manifest), rebuilt: true })
            }
        }
    }

    /// Whether this open found damage and started empty.
    pub fn rebuilt(&self) -> bool {
        self.rebuilt
    }

    /// The batch for sled and the manifest after it. Overlapping changes are folded first.
    fn draft(&self, ops: Vec<Op>, manifest: &mut Manifest) -> io::Result<sled::Batch> {
        let mut last = std::collections::BTreeMap::new();
        for op in ops {
            match op {
                Op::Put(key, value) => last.insert(user_key(&key), Some(value)),
                Op::Delete(key) => last.insert(user_key(&key), None),
            };
        }
        let mut batch = sled::Batch::default();
        for (key, value) in last {
            if let Some(old) = self.db.get(&key)? {
                manifest.remove(&key, &old);
            }
            match value {
                Some(payload) => {
                    let value = seal(&key, &payload);
                    manifest.add(&key, &value);
                    batch.insert(key, value);
                }
                None => batch.remove(key),
            }
        }
        batch.insert(MANIFEST_KEY, manifest.encode());
        Ok(batch)
    }
}

impl KeyValue for SledStore {
    fn get(&self, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let whole = user_key(key);
        let Some(value) = self.db.get(&whole)? else { return Ok(None) };
        unseal(&whole, &value).map(|p| Some(p.to_vec())).ok_or_else(|| damaged(key))
    }

    fn scan_prefix(&self, prefix: &[u8]) -> io::Result<Pairs> {
        let open = |pair: sled::Result<(sled::IVec, sled::IVec)>| {
            let (key, value) = pair?;
            let payload = unseal(&key, &value).ok_or_else(|| damaged(&key[1..]))?;
            Ok((key[1..].to_vec(), payload.to_vec()))
        };
        self.db.scan_prefix(user_key(prefix)).map(open).collect()
    }

    fn apply_batch(&self, ops: Vec<Op>) -> io::Result<()> {
        check(&ops)?;
        let mut manifest = self.manifest.lock();
        let mut after = *manifest;
        let batch = self.draft(ops, &mut after)?;
        self.db.apply_batch(batch)?;
        *manifest = after;
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        self.db.flush()?;
        Ok(())
    }
}

/// Opens sled and compares everything in it with its manifest.
fn open_checked(folder: &Path) -> io::Result<(sled::Db, Manifest)> {
    let config = sled::Config::new().path(folder).flush_every_ms(None);
    let db = config.cache_capacity(CACHE_BYTES_MAX).open()?;
    let found = read_all(&db)?;
    let stored = match db.get(MANIFEST_KEY)? {
        Some(value) => Manifest::decode(&value).ok_or_else(|| damaged(MANIFEST_KEY))?,
        None => Manifest::default(),
    };
    if found != stored {
        let (has, should) = (found.keys, stored.keys);
        let text = format!("{has} keys in {}, its manifest says {should}", folder.display());
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok((db, found))
}

fn read_all(db: &sled::Db) -> io::Result<Manifest> {
    let mut found = Manifest::default();
    for pair in db.scan_prefix([USER_PREFIX]) {
        let (key, value) = pair?;
        unseal(&key, &value).ok_or_else(|| damaged(&key[1..]))?;
        found.add(&key, &value);
    }
    Ok(found)
}

/// Renames a broken store and removes the oldest one kept if there are too many.
fn move_aside(folder: &Path) -> io::Result<PathBuf> {
    let name = |n: usize| {
        let mut name = folder.as_os_str().to_owned();
        name.push(format!(".broken-{n}"));
        PathBuf::from(name)
    };
    let last = name(BROKEN_FOLDERS_MAX - 1);
    if last.exists() {
        std::fs::remove_dir_all(&last)?;
    }
    for n in (0..BROKEN_FOLDERS_MAX - 1).rev() {
        if name(n).exists() {
            std::fs::rename(name(n), name(n + 1))?;
        }
    }
    std::fs::rename(folder, name(0))?;
    Ok(name(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::conformance;

    #[test]
    fn conforms() {
        let folder = tempfile::tempdir().unwrap();
        conformance::check_all(&SledStore::open(&folder.path().join("kv")).unwrap());
    }

    #[test]
    fn what_was_flushed_is_there_after_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kv");
        let store = SledStore::open(&path).unwrap();
        store.put(b"k", b"v").unwrap();
        store.flush().unwrap();
        drop(store);
        let store = SledStore::open(&path).unwrap();
        assert_eq!(store.get(b"k").unwrap().as_deref(), Some(b"v".as_slice()));
        assert!(!store.rebuilt());
    }

    #[test]
    fn a_lost_or_damaged_key_moves_the_store_aside() {
        for damage in [None, Some(b"not sealed".to_vec())] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("kv");
            let store = SledStore::open(&path).unwrap();
            (0..20u8).for_each(|n| store.put(&[n], b"v").unwrap());
            match damage {
                None => store.db.remove([USER_PREFIX, 7]).unwrap(),
                Some(value) => store.db.insert([USER_PREFIX, 7], value).unwrap(),
            };
            store.flush().unwrap();
            drop(store);
            let store = SledStore::open(&path).unwrap();
            assert!(store.rebuilt());
            assert_eq!(store.scan_prefix(b"").unwrap(), []);
            assert!(folder.path().join("kv.broken-0").exists());
            store.put(b"k", b"v").unwrap();
        }
    }

    #[test]
    fn a_value_under_another_key_is_damage() {
        let value = seal(b"ua", b"payload");
        assert_eq!(unseal(b"ua", &value), Some(b"payload".as_slice()));
        assert_eq!(unseal(b"ub", &value), None);
        for byte in 0..value.len() {
            let mut other = value.clone();
            other[byte] ^= 1;
            assert_eq!(unseal(b"ua", &other), None, "byte {byte}");
        }
    }
}
