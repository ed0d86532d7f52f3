//! Blocks written, read back, and read after damage.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use journal::files::memory::MemoryFiles;
use journal::files::{Files, OpenMode};
use proptest::prelude::*;
use proto::{Labels, MatchOp, Matcher, TenantName};
use ulid::Ulid;

use super::*;
use crate::chunk::{self, ChunkIter};
use crate::series::Chunk;

const DIR: &str = "/data/blocks";

pub(crate) fn options() -> ReadOptions {
    ReadOptions { tenant_label: "tenant_id".into(), tenant_without_label: None, cluster_seed: 7 }
}

pub(crate) fn spec(number: u128) -> BlockSpec {
    let labels = [("tenant_id", "team-a"), ("receive_replica", "r1")];
    BlockSpec {
        ulid: Ulid::from_parts(1_700_000_000_000, number),
        labels: labels.map(|(n, v)| (n.to_owned(), v.to_owned())).into(),
        extension: serde_json::json!({ "epoch": 3 }),
    }
}

fn chunk_of(start_ms: i64, samples: i64) -> Chunk {
    let sample = |i| (start_ms + i * 15_000, (start_ms / 1000 + i * i) as f64 * 0.5);
    chunk::encode((0..samples).map(sample)).unwrap().unwrap()
}

/// Series `metric_{m}{instance, job, le?}` with chunks of two hours.
pub(crate) fn sample_series(count: usize) -> Vec<(Labels, Vec<Chunk>)> {
    let one = |i: usize| {
        let metric = format!("metric_{}", i % 7);
        let instance = format!("host-{:03}:9100", i);
        let le = if i.is_multiple_of(3) { "+Inf" } else { "" };
        let pairs =
            [("__name__", metric.as_str()), ("instance", &instance), ("job", "node"), ("le", le)];
        let start = 1_700_000_000_000 + (i as i64 % 5) * 1000;
        let chunks = (0..3).map(|c| chunk_of(start + c * 1_800_000, 100 + i as i64 % 20));
        (Labels::from_pairs(pairs).unwrap(), chunks.collect())
    };
    let mut series: Vec<_> = (0..count).map(one).collect();
    series.sort_by(|a, b| a.0.cmp(&b.0));
    series
}

fn written(series: Vec<(Labels, Vec<Chunk>)>) -> (Arc<dyn Files>, PathBuf, BlockMeta) {
    let files: Arc<dyn Files> = Arc::new(MemoryFiles::default());
    files.create_dir_durable(Path::new(DIR)).unwrap();
    let meta = write_block(files.clone(), Path::new(DIR), spec(1), series).unwrap().unwrap();
    let dir = Path::new(DIR).join(meta.ulid.to_string());
    (files, dir, meta)
}

fn read_all(files: &dyn Files, dir: &Path) -> Result<Vec<SeriesChunks>, StorageError> {
    Block::open_dir(files, dir, &options())?.select(&everything(vec![]))
}

fn pairs(all: &[SeriesChunks]) -> Vec<(Labels, Vec<Chunk>)> {
    all.iter().map(|s| (s.labels.clone(), s.chunks.clone())).collect()
}

#[test]
fn a_block_gives_back_what_was_written() {
    let series = sample_series(200);
    let (files, dir, meta) = written(series.clone());
    let got = read_all(files.as_ref(), &dir).unwrap();
    assert_eq!(pairs(&got), series);
    assert!(got.iter().all(|s| s.tenant.as_str() == "team-a"));
    let seed = proto::ids::tenant_seed(&TenantName::new("team-a").unwrap(), 7);
    assert_eq!(got[5].id, proto::SeriesId::of(series[5].0.as_bytes(), seed));
    let counted: u64 = series.iter().flat_map(|s| &s.1).map(samples_of).sum();
    assert_eq!((meta.stats.num_series, meta.stats.num_chunks), (200, 600));
    assert_eq!((meta.stats.num_samples, meta.stats.num_float_samples), (counted, counted));
    let max = series.iter().flat_map(|s| &s.1).map(|c| c.max_ms).max().unwrap();
    assert_eq!((meta.min_time, meta.max_time), (1_700_000_000_000, max + 1));
    assert_eq!(meta.extension(), Some(&serde_json::json!({ "epoch": 3 })));
}

fn samples_of(chunk: &Chunk) -> u64 {
    ChunkIter::new(chunk.encoding, &chunk.data).unwrap().count() as u64
}

#[test]
fn nothing_is_left_under_another_name() {
    let (files, dir, meta) = written(sample_series(3));
    let names: Vec<String> =
        files.list(Path::new(DIR)).unwrap().into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, [meta.ulid.to_string()]);
    let names: Vec<String> = files.list(&dir).unwrap().into_iter().map(|e| e.name).collect();
    assert_eq!(names, ["chunks", "index", "meta.json"]);
    let listed = meta.file_bytes();
    assert_eq!(listed["index"], files.len(&dir.join("index")).unwrap());
    assert_eq!(listed["chunks/000001"], files.len(&dir.join("chunks/000001")).unwrap());
}

#[test]
fn no_series_is_no_block() {
    let files: Arc<dyn Files> = Arc::new(MemoryFiles::default());
    files.create_dir_durable(Path::new(DIR)).unwrap();
    assert_eq!(write_block(files.clone(), Path::new(DIR), spec(1), []).unwrap(), None);
    assert!(files.list(Path::new(DIR)).unwrap().is_empty());
}

#[test]
fn series_out_of_order_are_refused() {
    let mut series = sample_series(3);
    series.swap(0, 2);
    let files: Arc<dyn Files> = Arc::new(MemoryFiles::default());
    files.create_dir_durable(Path::new(DIR)).unwrap();
    let error = write_block(files, Path::new(DIR), spec(1), series).unwrap_err();
    assert!(matches!(error, StorageError::Invalid(_)), "{error}");
}

#[test]
fn selections_agree_with_a_scan() {
    let series = sample_series(100);
    let (files, dir, _) = written(series.clone());
    let block = Block::open_dir(files.as_ref(), &dir, &options()).unwrap();
    let matcher = |(name, op, value)| Matcher::new(name, op, value).unwrap();
    use MatchOp::*;
    let cases: &[&[(&str, MatchOp, &str)]] = &[
        &[],
        &[("__name__", Equal, "metric_1")],
        &[("__name__", Equal, "metric_1"), ("le", NotEqual, "")],
        &[("__name__", Equal, "metric_1"), ("le", Equal, "")],
        &[("__name__", Regex, "metric_(1|2)"), ("instance", Regex, "host-0[12].*")],
        &[("__name__", Regex, "metric_1|metric_4"), ("le", NotRegex, ".+")],
        &[("instance", Regex, "host-05.*")],
        &[("instance", NotRegex, "host-05.*"), ("job", NotEqual, "x")],
        &[("absent", Equal, ""), ("job", Regex, ".*")],
        &[("absent", NotEqual, "")],
        &[("le", Regex, "|\\+Inf"), ("__name__", NotEqual, "metric_0")],
        &[("job", Equal, "other")],
    ];
    for case in cases {
        let selection = everything(case.iter().copied().map(matcher).collect());
        let expected: Vec<_> =
            series.iter().filter(|(l, _)| selection.takes_labels(l)).cloned().collect();
        assert_eq!(pairs(&block.select(&selection).unwrap()), expected, "{case:?}");
    }
}

#[test]
fn time_and_tenant_narrow_the_answer() {
    let (files, dir, meta) = written(sample_series(10));
    let block = Block::open_dir(files.as_ref(), &dir, &options()).unwrap();
    let start_ms = meta.min_time;
    let first = Selection { start_ms, end_ms: start_ms, ..Selection::default() };
    let got = block.select(&first).unwrap();
    assert!(!got.is_empty() && got.len() < 10);
    assert!(got.iter().all(|s| s.chunks.len() == 1));
    let labels_only = Selection { labels_only: true, ..first.clone() };
    let only = block.select(&labels_only).unwrap();
    assert_eq!(only.len(), got.len());
    assert!(only.iter().all(|s| s.chunks.is_empty()));
    let other = Selection { tenants: vec![Matcher::equal("tenant_id", "b")], ..first.clone() };
    assert!(block.select(&other).unwrap().is_empty());
    let behind = Selection { start_ms: meta.max_time, end_ms: i64::MAX, ..Selection::default() };
    assert!(block.select(&behind).unwrap().is_empty());
}

#[test]
fn label_names_and_values() {
    let (files, dir, meta) = written(sample_series(10));
    let block = Block::open_dir(files.as_ref(), &dir, &options()).unwrap();
    let all = everything(vec![]);
    let names: Vec<_> = block.label_names(&all).unwrap().into_iter().collect();
    assert_eq!(names, ["__name__", "instance", "job", "le"]);
    assert_eq!(block.label_values("__name__", &all).unwrap().len(), 7);
    assert!(block.label_values("absent", &all).unwrap().is_empty());
    let no_le = everything(vec![Matcher::equal("le", "")]);
    let names: Vec<_> = block.label_names(&no_le).unwrap().into_iter().collect();
    assert_eq!(names, ["__name__", "instance", "job"]);
    let narrow = Selection { end_ms: meta.min_time, ..all };
    assert!(block.label_values("instance", &narrow).unwrap().len() < 10);
}

#[test]
fn chunks_longer_than_guessed_are_read_whole() {
    let noise = |i: i64| f64::from_bits((i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let long = chunk::encode((0..2_000).map(|i| (i * 100, noise(i)))).unwrap().unwrap();
    assert!(long.data.len() > 8 << 10);
    let series = vec![(Labels::from_pairs([("a", "b")]).unwrap(), vec![long])];
    let (files, dir, mut meta) = written(series.clone());
    let source = |name: &str| FileSource::open(files.as_ref(), &dir.join(name)).unwrap();
    for known in [0, 9] {
        meta.thanos.as_mut().unwrap().index_stats.chunk_max_size = known;
        let segments: Vec<Box<dyn ReadAt>> = vec![Box::new(source("chunks/000001"))];
        let block = Block::open(meta.clone(), &options(), source("index"), segments).unwrap();
        assert_eq!(pairs(&block.select(&everything(vec![])).unwrap()), series);
    }
}

fn flip(files: &dyn Files, path: &Path, at: usize, bits: u8) {
    let mut bytes = files.read(path).unwrap();
    let at = at % bytes.len();
    bytes[at] ^= bits;
    let file = files.open(path, OpenMode::READ_WRITE).unwrap();
    file.write_all_at(&bytes[at..=at], at as u64).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_flipped_bit_is_an_error_or_changes_nothing(at: usize, bit in 0u32..8, which in 0usize..3) {
        let series = sample_series(12);
        let (files, dir, _) = written(series.clone());
        let path = dir.join(["index", "chunks/000001", "meta.json"][which]);
        flip(files.as_ref(), &path, at, 1 << bit);
        if let Ok(got) = read_all(files.as_ref(), &dir) {
            prop_assert_eq!(pairs(&got), series);
            prop_assert!(got.iter().all(|s| s.tenant.as_str() == "team-a"));
        }
    }

    #[test]
    fn any_index_is_read_without_a_panic(
        mut bytes: Vec<u8>,
        keep in 0usize..2000,
        at: usize,
        flips in prop::collection::vec(any::<u8>(), 0..4),
    ) {
        let (files, dir, meta) = written(sample_series(4));
        let mut index = files.read(&dir.join("index")).unwrap();
        for (i, flip) in flips.iter().enumerate() {
            let place = (at.wrapping_add(i * 97)) % index.len();
            index[place] ^= flip;
        }
        let keep = keep.min(index.len());
        bytes.extend_from_slice(&index[keep..]);
        for candidate in [bytes, index] {
            let source = MemorySource::new("index", Bytes::from(candidate));
            if let Ok(block) = Block::open(meta.clone(), &options(), source, vec![]) {
                let _ = block.select(&everything(vec![]));
            }
        }
    }
}

#[test]
fn damage_names_file_and_offset() {
    let (files, dir, _) = written(sample_series(12));
    flip(files.as_ref(), &dir.join("chunks/000001"), 100, 1);
    let error = read_all(files.as_ref(), &dir).unwrap_err().to_string();
    assert!(error.contains("chunks/000001") && error.contains("offset 8"), "{error}");
}

#[test]
fn the_set_of_local_blocks() {
    let (files, dir, meta) = written(sample_series(5));
    let path = Path::new(DIR);
    for leftover in [CREATION_SUFFIX, DELETION_SUFFIX] {
        files.create_dir_durable(&path.join(format!("{}{leftover}", meta.ulid))).unwrap();
    }
    let blocks = LocalBlocks::open(files.clone(), path, options()).unwrap();
    assert_eq!(files.list(path).unwrap().len(), 1);
    let second = write_block(files.clone(), path, spec(2), sample_series(8)).unwrap().unwrap();
    blocks.add(second.ulid).unwrap();
    assert_eq!(blocks.list().iter().map(|m| m.ulid).collect::<Vec<_>>(), [meta.ulid, second.ulid]);
    let all = everything(vec![]);
    let got = blocks.select(&all).unwrap();
    let chunks: usize = got.iter().map(|s| s.chunks.len()).sum();
    assert_eq!((got.len(), chunks), (8, 3 * (5 + 8)));
    assert_eq!(blocks.label_values("instance", &all).unwrap().len(), 8);
    blocks.delete(second.ulid).unwrap();
    blocks.delete(second.ulid).unwrap();
    assert_eq!(blocks.select(&all).unwrap().len(), 5);
    assert_eq!(files.list(path).unwrap().len(), 1);
    flip(files.as_ref(), &dir.join("meta.json"), 0, 1);
    let blocks = LocalBlocks::open(files, path, options()).unwrap();
    assert_eq!((blocks.damaged().len(), blocks.damaged_for(&all).len()), (1, 1));
    assert!(blocks.select(&all).unwrap().is_empty());
}

#[test]
fn a_damaged_block_lacks_only_where_it_belongs() {
    let (files, dir, meta) = written(sample_series(5));
    let path = Path::new(DIR);
    write_block(files.clone(), path, spec(2), sample_series(8)).unwrap().unwrap();
    let blocks = LocalBlocks::open(files.clone(), path, options()).unwrap();
    let all = everything(vec![]);
    flip(files.as_ref(), &dir.join("chunks/000001"), 100, 1);
    assert!(blocks.damaged_for(&all).is_empty());
    let got = blocks.select(&all).unwrap();
    assert_eq!((got.len(), got.iter().map(|s| s.chunks.len()).sum::<usize>()), (8, 24));
    let damaged = blocks.damaged_for(&all);
    assert!(damaged.len() == 1 && damaged[0].0 == meta.ulid, "{damaged:?}");
    assert!(damaged[0].1.contains("chunks/000001"), "{damaged:?}");
    let other = Selection { tenants: vec![Matcher::equal("tenant_id", "b")], ..all.clone() };
    assert!(blocks.damaged_for(&other).is_empty());
    let before = Selection { end_ms: meta.min_time - 1, ..all.clone() };
    assert!(blocks.damaged_for(&before).is_empty());
    let behind = Selection { start_ms: meta.max_time, ..all.clone() };
    assert!(blocks.damaged_for(&behind).is_empty());
    files.remove_file(&dir.join("index")).unwrap();
    let blocks = LocalBlocks::open(files.clone(), path, options()).unwrap();
    assert_eq!(blocks.label_values("instance", &all).unwrap().len(), 8);
    assert_eq!(blocks.damaged_for(&all).len(), 1, "a file that is gone is damage too");
    blocks.delete(meta.ulid).unwrap();
    assert!(blocks.damaged().is_empty());
}

#[test]
fn metas_of_other_blocks_are_refused() {
    let (files, dir, meta) = written(sample_series(2));
    let other = Path::new(DIR).join(Ulid::from_parts(1, 1).to_string());
    files.rename(&dir, &other).unwrap();
    let error = read_all(files.as_ref(), &other).unwrap_err().to_string();
    assert!(error.contains(&meta.ulid.to_string()), "{error}");
}
