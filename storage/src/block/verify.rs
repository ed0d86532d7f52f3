//! Verifies a whole block on the disk: sizes, every checksum, and that nothing is missing.

use std::path::Path;
use std::task::Poll;

use journal::files::Files;
use proto::varint::take_uvarint;

use super::format::{CHUNKS_DIR, INDEX_FILE, Origin, SEGMENT_HEADER_BYTES, checked};
use super::index::Index;
use super::source::{FileSource, ReadAt};
use super::{BlockMeta, check_segment};
use crate::StorageError;

/// Bytes of a segment that are read at once, and longest chunk entry.
const STEP_BYTES: u64 = 4 << 20;

/// Reads the block in `dir`, whose meta was read, by blocking calls of at most [`STEP_BYTES`], and
/// gives way to other tasks between them. Answers the block's files below its directory, chunks
/// first, without `meta.json`.
pub(crate) async fn verify_block(
    files: &dyn Files,
    dir: &Path,
    meta: &BlockMeta,
) -> Result<Vec<String>, StorageError> {
    let names = block_files(files, dir)?;
    let mut chunks = 0;
    for name in &names {
        let source = FileSource::open(files, &dir.join(name))?;
        check_size(&source, name, meta)?;
        if name == INDEX_FILE {
            Index::open(Box::new(source))?.verify(&meta.stats).await?;
        } else {
            chunks += verify_segment(&source).await?;
        }
    }
    let what = || dir.display().to_string();
    if let Some((name, _)) = meta.file_bytes().iter().find(|(name, _)| !has(&names, name)) {
        return Err(StorageError::corrupt(what(), format!("{name} is missing")));
    }
    if chunks != meta.stats.num_chunks {
        let reason = format!("it has {chunks} chunks, the meta says {}", meta.stats.num_chunks);
        return Err(StorageError::corrupt(what(), reason));
    }
    Ok(names)
}

fn has(names: &[String], name: &str) -> bool {
    names.iter().any(|known| known == name)
}

/// Names of a block's files below its directory, without `meta.json`, chunks first.
fn block_files(files: &dyn Files, dir: &Path) -> Result<Vec<String>, StorageError> {
    let chunks = files
        .list(&dir.join(CHUNKS_DIR))
        .map_err(|e| StorageError::io(format!("list {}/{CHUNKS_DIR}", dir.display()), e))?;
    let segments = chunks.into_iter().filter(|entry| !entry.is_dir);
    let mut names: Vec<String> =
        segments.map(|entry| format!("{CHUNKS_DIR}/{}", entry.name)).collect();
    names.push(INDEX_FILE.to_owned());
    Ok(names)
}

fn check_size(source: &FileSource, name: &str, meta: &BlockMeta) -> Result<(), StorageError> {
    let named = meta.file_bytes().get(name).copied();
    if named == Some(source.size()) {
        return Ok(());
    }
    let reason = format!("it has {} bytes, the meta says {named:?}", source.size());
    Err(StorageError::corrupt(source.name(), reason))
}

/// Checks every chunk of a segment; answers how many there are.
async fn verify_segment(source: &FileSource) -> Result<u64, StorageError> {
    check_segment(source)?;
    let (mut offset, mut chunks) = (SEGMENT_HEADER_BYTES, 0);
    while offset < source.size() {
        let (bytes, more) = verify_step(source, offset)?;
        offset += bytes;
        chunks += more;
        give_way().await;
    }
    Ok(chunks)
}

/// Checks the chunks that lie whole in one step; answers their bytes and how many they are.
fn verify_step(source: &FileSource, offset: u64) -> Result<(u64, u64), StorageError> {
    let bytes = source.read_checked(offset, STEP_BYTES.min(source.size() - offset))?;
    let (mut rest, mut chunks) = (bytes.as_ref(), 0);
    while let Some((framed, after)) = take_entry(rest) {
        let offset = offset + (bytes.len() - rest.len()) as u64;
        checked(framed, Origin { file: source.name(), offset })?;
        rest = after;
        chunks += 1;
    }
    if chunks == 0 {
        let origin = Origin { file: source.name(), offset };
        return Err(origin.damaged("a chunk has no valid length"));
    }
    Ok(((bytes.len() - rest.len()) as u64, chunks))
}

/// Encoding, data and checksum of the first chunk, and what follows it.
fn take_entry(mut bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = usize::try_from(take_uvarint(&mut bytes)?).ok()?;
    bytes.split_at_checked(length.checked_add(1 + 4)?)
}

/// Lets other tasks of the thread run.
pub(crate) async fn give_way() {
    let mut given = false;
    std::future::poll_fn(|context| {
        if given {
            return Poll::Ready(());
        }
        given = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
