//! Uploads and deletes blocks, so that a block with a `meta.json` is always whole.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use journal::files::{File, Files, OpenMode};
use object_store::path::Path as ObjectPath;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload};
use ulid::Ulid;

use crate::StorageError;
use crate::block::format::INDEX_FILE;
use crate::block::verify::verify_block;
use crate::block::{BlockMeta, META_BYTES_MAX, META_FILE, read_meta};

/// Name of the marker that says that a block is to be deleted.
pub const DELETION_MARK_FILE: &str = "deletion-mark.json";

/// What an upload did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uploaded {
    /// Objects that were written.
    pub objects: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Objects that an earlier attempt had written.
    pub objects_there: usize,
}

/// Uploads the block in `dir`: chunks, index, then `meta.json`, each verified by its size. What is
/// there with the right size is not sent again, so that a broken upload is resumed by calling
/// again. Before anything is sent the whole block is read and every checksum verified, so that no
/// damaged block is taken for a copy. Reads the files by blocking calls of at most `part_bytes`:
/// files up to this size are uploaded by one request, larger ones in parts of it. S3 wants parts of
/// at least 5 MiB, and takes 10,000 of them.
///
/// # Errors
/// `Corrupt`: the block on the disk is damaged, and nothing was sent; or the bucket keeps other
/// sizes than were sent. `Invalid`: the block is marked for deletion in the bucket.
pub async fn upload(
    store: &dyn ObjectStore,
    files: &dyn Files,
    dir: &Path,
    part_bytes: u64,
) -> Result<Uploaded, StorageError> {
    let meta = read_meta(files, dir)?;
    check_unmarked(store, meta.ulid).await?;
    let mut uploaded = Uploaded::default();
    if journal::planted!("M14") {
        send_file(store, files, dir, META_FILE, meta.ulid, part_bytes, &mut uploaded).await?;
    }
    for name in verify_block(files, dir, &meta).await? {
        send_file(store, files, dir, &name, meta.ulid, part_bytes, &mut uploaded).await?;
    }
    check_unmarked(store, meta.ulid).await?;
    // A meta is small: it is always sent, so that a damaged one is replaced.
    let path = object_path(meta.ulid, META_FILE);
    let bytes = files
        .read(&dir.join(META_FILE))
        .map_err(|e| StorageError::io(format!("read {}/{META_FILE}", dir.display()), e))?;
    let length = bytes.len() as u64;
    put(store, &path, Bytes::from(bytes)).await?;
    verify_size(store, &path, length).await?;
    uploaded.objects += 1;
    uploaded.bytes += length;
    Ok(uploaded)
}

/// A block that is marked is on its way out: whoever marked it deletes what is uploaded now.
async fn check_unmarked(store: &dyn ObjectStore, ulid: Ulid) -> Result<(), StorageError> {
    let path = object_path(ulid, DELETION_MARK_FILE);
    match size_of(store, &path).await? {
        None => Ok(()),
        Some(_) => {
            let text = format!("the block {ulid} is marked for deletion in the bucket");
            Err(StorageError::Invalid(text))
        }
    }
}

async fn send_file(
    store: &dyn ObjectStore,
    files: &dyn Files,
    dir: &Path,
    name: &str,
    ulid: Ulid,
    part_bytes: u64,
    uploaded: &mut Uploaded,
) -> Result<(), StorageError> {
    let path = object_path(ulid, name);
    let local = dir.join(name);
    let failed = |e| StorageError::io(format!("read {}", local.display()), e);
    let file = files.open(&local, OpenMode::READ).map_err(failed)?;
    let length = file.len().map_err(failed)?;
    if size_of(store, &path).await? == Some(length) {
        uploaded.objects_there += 1;
        return Ok(());
    }
    if length <= part_bytes {
        let bytes = read_part(file.as_ref(), 0, length).map_err(failed)?;
        put(store, &path, bytes).await?;
    } else {
        send_parts(store, &path, file.as_ref(), length, part_bytes).await?;
    }
    verify_size(store, &path, length).await?;
    uploaded.objects += 1;
    uploaded.bytes += length;
    Ok(())
}

fn read_part(file: &dyn File, offset: u64, length: u64) -> std::io::Result<Bytes> {
    let mut buffer = BytesMut::zeroed(length as usize);
    file.read_exact_at(&mut buffer, offset)?;
    Ok(buffer.freeze())
}

async fn put(store: &dyn ObjectStore, path: &ObjectPath, bytes: Bytes) -> Result<(), StorageError> {
    let payload = PutPayload::from_bytes(bytes);
    store.put(path, payload).await.map(|_| ()).map_err(|e| failed("write", path, e))
}

async fn send_parts(
    store: &dyn ObjectStore,
    path: &ObjectPath,
    file: &dyn File,
    length: u64,
    part_bytes: u64,
) -> Result<(), StorageError> {
    let mut upload = store.put_multipart(path).await.map_err(|e| failed("write", path, e))?;
    let sent = put_parts(upload.as_mut(), path, file, length, part_bytes).await;
    if sent.is_err() {
        // The store keeps parts of an upload that is not given up; its own error counts less.
        let _ = upload.abort().await;
    }
    sent
}

async fn put_parts(
    upload: &mut dyn MultipartUpload,
    path: &ObjectPath,
    file: &dyn File,
    length: u64,
    part_bytes: u64,
) -> Result<(), StorageError> {
    let mut offset = 0;
    while offset < length {
        let part = part_bytes.min(length - offset);
        let bytes = read_part(file, offset, part)
            .map_err(|e| StorageError::io(format!("read what goes to {path}"), e))?;
        let sent = upload.put_part(PutPayload::from_bytes(bytes)).await;
        sent.map_err(|e| failed("write", path, e))?;
        offset += part;
    }
    upload.complete().await.map(|_| ()).map_err(|e| failed("write", path, e))
}

async fn size_of(store: &dyn ObjectStore, path: &ObjectPath) -> Result<Option<u64>, StorageError> {
    match store.head(path).await {
        Ok(object) => Ok(Some(object.size)),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(failed("look for", path, error)),
    }
}

async fn verify_size(
    store: &dyn ObjectStore,
    path: &ObjectPath,
    length: u64,
) -> Result<(), StorageError> {
    match size_of(store, path).await? {
        Some(size) if size == length => Ok(()),
        found => {
            let reason = format!("the bucket has {found:?} bytes of it, {length} were sent");
            Err(StorageError::corrupt(path.as_ref(), reason))
        }
    }
}

/// Whether the bucket holds the block whole: its `meta.json`, every file that it names in its
/// size, and no deletion mark.
pub async fn is_shipped(store: &dyn ObjectStore, ulid: Ulid) -> Result<bool, StorageError> {
    let prefix = ObjectPath::from(ulid.to_string());
    let listed = store.list(Some(&prefix)).try_collect::<Vec<_>>().await;
    let listed = listed.map_err(|e| failed("list", &prefix, e))?;
    let sizes: BTreeMap<String, u64> =
        listed.into_iter().map(|object| (object.location.to_string(), object.size)).collect();
    let has = |name: &str| sizes.contains_key(object_path(ulid, name).as_ref());
    if !has(META_FILE) || !has(INDEX_FILE) || has(DELETION_MARK_FILE) {
        return Ok(false);
    }
    let meta = fetch_meta(store, ulid).await?;
    let whole =
        |(name, bytes): (&str, u64)| sizes.get(object_path(ulid, name).as_ref()) == Some(&bytes);
    let named = meta.file_bytes();
    Ok(named.contains_key(INDEX_FILE) && named.into_iter().all(whole))
}

/// Fetches and checks the `meta.json` of a block.
pub(super) async fn fetch_meta(
    store: &dyn ObjectStore,
    ulid: Ulid,
) -> Result<BlockMeta, StorageError> {
    let path = object_path(ulid, META_FILE);
    let object = store.get(&path).await.map_err(|e| failed("read", &path, e))?;
    if object.meta.size > META_BYTES_MAX {
        return Err(StorageError::corrupt(path.as_ref(), "it is longer than 16 MiB"));
    }
    let bytes = object.bytes().await.map_err(|e| failed("read", &path, e))?;
    let meta = BlockMeta::parse(path.as_ref(), &bytes)?;
    if meta.ulid != ulid {
        let reason = format!("it names another block {}", meta.ulid);
        return Err(StorageError::corrupt(path.as_ref(), reason));
    }
    Ok(meta)
}

/// Marks a block for deletion, as Thanos does; readers leave it out from their next refresh.
pub async fn mark_for_deletion(
    store: &dyn ObjectStore,
    ulid: Ulid,
    details: &str,
    now_s: i64,
) -> Result<(), StorageError> {
    let mark = serde_json::json!({
        "id": ulid.to_string(), "version": 1, "details": details, "deletion_time": now_s,
    });
    put(store, &object_path(ulid, DELETION_MARK_FILE), Bytes::from(mark.to_string())).await
}

/// Deletes a block: `meta.json` first, so that it is none any more, the deletion mark last.
pub async fn delete_block(store: &dyn ObjectStore, ulid: Ulid) -> Result<(), StorageError> {
    let prefix = ObjectPath::from(ulid.to_string());
    let listed = store.list(Some(&prefix)).try_collect::<Vec<_>>().await;
    let mut paths: Vec<ObjectPath> = listed
        .map_err(|e| failed("list", &prefix, e))?
        .into_iter()
        .map(|object| object.location)
        .collect();
    paths.sort_by_key(|path| match path.filename() {
        Some(META_FILE) => 0,
        Some(DELETION_MARK_FILE) => 2,
        _ => 1,
    });
    for path in paths {
        match store.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(failed("delete", &path, error)),
        }
    }
    Ok(())
}

pub(super) fn object_path(ulid: Ulid, name: &str) -> ObjectPath {
    ObjectPath::from(format!("{ulid}/{name}"))
}

pub(super) fn failed(what: &str, path: &ObjectPath, error: object_store::Error) -> StorageError {
    StorageError::bucket(format!("{what} {path} in the bucket"), error)
}
