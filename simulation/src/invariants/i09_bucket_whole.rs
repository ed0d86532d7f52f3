//! I9: every block of the bucket is whole.
//!
//! Wherever there is a `meta.json` (it is written last and deleted first), all files that it names
//! are there with their sizes, the index opens, every label finds its series, every chunk that is
//! referred to resolves, and every checksum on the way is right. Samples are within the block's
//! times, each series' in order, as many as the meta says.

use std::collections::BTreeMap;

use bytes::Bytes;
use proto::Matcher;
use storage::StorageError;
use storage::block::{Block, BlockMeta, META_FILE, MemorySource, ReadAt, ReadOptions};
use storage::chunk::decode_chunk_into;
use storage::series::{Selection, SeriesChunks};

use super::{Contents, Violation, add_sample};
use crate::traffic::SeriesKey;

/// What the bucket holds.
#[derive(Clone, Debug, Default)]
pub struct Bucket {
    /// The meta of each block, by its ULID.
    pub blocks: BTreeMap<String, BlockMeta>,
    /// Samples of all blocks.
    pub contents: Contents,
}

/// Reads every block of the bucket. `objects` are all its objects by path; a change of the bucket
/// in the middle of a walk looks like damage, so take them at one time.
pub fn read_bucket(
    objects: &BTreeMap<String, Bytes>,
    options: &ReadOptions,
) -> Result<Bucket, Violation> {
    let mut bucket = Bucket::default();
    for (path, bytes) in objects {
        let Some((ulid, META_FILE)) = path.split_once('/') else { continue };
        let meta = read_block(objects, ulid, bytes, options, &mut bucket.contents)
            .map_err(|why| Violation::new("I9", format!("block {ulid} of the bucket: {why}")))?;
        bucket.blocks.insert(ulid.to_owned(), meta);
    }
    Ok(bucket)
}

fn read_block(
    objects: &BTreeMap<String, Bytes>,
    ulid: &str,
    meta: &Bytes,
    options: &ReadOptions,
    contents: &mut Contents,
) -> Result<BlockMeta, String> {
    let meta = BlockMeta::parse(META_FILE, meta).map_err(text)?;
    if meta.ulid.to_string() != ulid {
        return Err(format!("its meta.json is of {}", meta.ulid));
    }
    check_files(objects, ulid, &meta)?;
    let file = |name: &str| objects.get(&format!("{ulid}/{name}")).cloned();
    let index = file("index").ok_or("it has no index")?;
    let segments = (1..).map_while(|number| {
        let name = format!("chunks/{number:06}");
        let source = MemorySource::new(name.clone(), file(&name)?);
        Some(Box::new(source) as Box<dyn ReadAt>)
    });
    let index = MemorySource::new("index", index);
    let block = Block::open(meta.clone(), options, index, segments.collect()).map_err(text)?;
    let all = block.select(&everything()).map_err(text)?;
    check_postings(&block, &all)?;
    let mut samples = 0;
    for series in &all {
        samples += read_series(series, &meta, contents)?;
    }
    if samples != meta.stats.num_samples {
        return Err(format!("it has {samples} samples, not {}", meta.stats.num_samples));
    }
    Ok(meta)
}

fn check_files(
    objects: &BTreeMap<String, Bytes>,
    ulid: &str,
    meta: &BlockMeta,
) -> Result<(), String> {
    for (name, size) in meta.file_bytes() {
        match objects.get(&format!("{ulid}/{name}")) {
            Some(bytes) if bytes.len() as u64 == size => {}
            Some(bytes) => return Err(format!("{name} has {} bytes, not {size}", bytes.len())),
            None => return Err(format!("{name} is missing")),
        }
    }
    Ok(())
}

/// By each of its labels a block gives just the series that have it.
fn check_postings(block: &Block, all: &[SeriesChunks]) -> Result<(), String> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for pair in all.iter().flat_map(|series| &series.labels) {
        *counts.entry(pair).or_default() += 1;
    }
    for ((name, value), count) in counts {
        let matchers = vec![Matcher::equal(name, value)];
        let labels_only = true;
        let selection = Selection { matchers, labels_only, ..everything() };
        let found = block.select(&selection).map_err(text)?.len();
        if found != count {
            return Err(format!("it finds {found} series by {name}={value:?}, not {count}"));
        }
    }
    Ok(())
}

fn everything() -> Selection {
    Selection { start_ms: i64::MIN, end_ms: i64::MAX, ..Selection::default() }
}

/// Adds the samples of a series; answers how many.
fn read_series(
    series: &SeriesChunks,
    meta: &BlockMeta,
    contents: &mut Contents,
) -> Result<u64, String> {
    let key = SeriesKey { tenant: series.tenant.clone(), labels: series.labels.clone() };
    let (mut timestamps, mut values) = (Vec::new(), Vec::new());
    for chunk in &series.chunks {
        decode_chunk_into(chunk.view(), i64::MIN, i64::MAX, &mut timestamps, &mut values)
            .map_err(|error| format!("{key}: {error}"))?;
    }
    if !timestamps.is_sorted_by(|a, b| a < b) {
        return Err(format!("{key} has times twice or out of order"));
    }
    let is_outside = |t: &&i64| !(meta.min_time..meta.max_time).contains(*t);
    if let Some(t) = timestamps.iter().find(is_outside) {
        return Err(format!("{key} at {t} is outside of {}..{}", meta.min_time, meta.max_time));
    }
    for (t, value) in timestamps.iter().zip(&values) {
        add_sample(contents, &key, *t, value.to_bits());
    }
    Ok(timestamps.len() as u64)
}

fn text(error: StorageError) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use journal::files::Files;
    use journal::files::memory::MemoryFiles;
    use storage::block::{BlockSpec, write_block};
    use storage::chunk::encode;
    use ulid::Ulid;

    use super::super::fakes::{bits, contents, key};
    use super::*;

    fn options() -> ReadOptions {
        let tenant_label = "tenant_id".to_owned();
        ReadOptions { tenant_label, tenant_without_label: None, cluster_seed: 7 }
    }

    /// A bucket with one block of tenant "a".
    fn objects() -> (String, BTreeMap<String, Bytes>) {
        let files: Arc<dyn Files> = Arc::new(MemoryFiles::default());
        let dir = Path::new("/blocks");
        files.create_dir_durable(dir).unwrap();
        let spec = BlockSpec {
            ulid: Ulid::from_parts(1, 1),
            labels: [("tenant_id".to_owned(), "a".to_owned())].into(),
            extension: serde_json::Value::Null,
        };
        let samples = [(5, f64::from_bits(bits(1))), (6, f64::from_bits(bits(2)))];
        let chunk = encode(samples).unwrap().unwrap();
        let series = [(key("a").labels, vec![chunk])];
        let meta = write_block(files.clone(), dir, spec, series).unwrap().unwrap();
        let ulid = meta.ulid.to_string();
        let read = |name: &str| {
            let bytes = files.read(&dir.join(&ulid).join(name)).unwrap();
            (format!("{ulid}/{name}"), Bytes::from(bytes))
        };
        (ulid.clone(), ["meta.json", "index", "chunks/000001"].map(read).into())
    }

    #[test]
    fn a_whole_block_is_read() {
        let (ulid, objects) = objects();
        let bucket = read_bucket(&objects, &options()).unwrap();
        assert_eq!(bucket.contents, contents(&[(5, bits(1)), (6, bits(2))]));
        assert_eq!(bucket.blocks.keys().collect::<Vec<_>>(), [&ulid]);
    }

    #[test]
    fn without_a_meta_it_is_no_block_yet() {
        let (ulid, mut objects) = objects();
        objects.remove(&format!("{ulid}/meta.json"));
        objects.remove(&format!("{ulid}/index"));
        assert!(read_bucket(&objects, &options()).unwrap().blocks.is_empty());
    }

    #[test]
    fn whatever_is_missing_short_or_flipped_is_noticed() {
        let (ulid, whole) = objects();
        for name in ["index", "chunks/000001"] {
            let path = format!("{ulid}/{name}");
            let mut objects = whole.clone();
            objects.remove(&path);
            assert!(read_bucket(&objects, &options()).is_err(), "{name} is missing");
            objects.insert(path.clone(), whole[&path].slice(1..));
            assert!(read_bucket(&objects, &options()).is_err(), "{name} is short");
            let mut unnoticed: Vec<usize> = Vec::new();
            for at in 0..whole[&path].len() {
                let mut flipped = whole[&path].to_vec();
                flipped[at] ^= 1;
                objects.insert(path.clone(), flipped.into());
                if read_bucket(&objects, &options()).is_ok() {
                    unnoticed.push(at);
                }
            }
            // A segment's header ends in padding; an index has that too, and sections that only
            // old readers look at.
            let length = whole[&path].len();
            let limit = if name == "index" { length / 4 } else { 3 };
            assert!(unnoticed.len() <= limit, "{name} of {length} bytes: {unnoticed:?}");
        }
    }
}
