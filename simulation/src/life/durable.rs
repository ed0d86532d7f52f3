//! Reads what a node would find on a disk: its head and its local blocks.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use journal::files::Files;
use journal::files::memory::MemoryFiles;
use node::config::NodeConfig;
use storage::StorageError;
use storage::block::{Block, ReadOptions};
use storage::chunk::decode_chunk_into;
use storage::head::{Head, HeadOptions};
use storage::series::{Selection, SeriesChunks};

use crate::invariants::{Contents, add_sample};
use crate::traffic::SeriesKey;

/// Where nodes have their head.
pub const HEAD: &str = "/data/head";
/// Where nodes have their blocks.
pub const BLOCKS: &str = "/data/blocks";

/// All times.
pub const ALWAYS: (i64, i64) = (i64::MIN, i64::MAX);

/// A local block as it was when it was first seen.
#[derive(Clone, Debug, Default)]
pub struct HeldBlock {
    /// Its samples.
    pub contents: Contents,
    /// Behind its last sample.
    pub max_time_ms: i64,
    /// Whether it is of a part that was opened when its window had been cut.
    pub is_late: bool,
}

/// Replays the head of a disk. The disk is written to: hand a copy.
pub fn open_head(files: &MemoryFiles, config: &NodeConfig) -> Result<Head, StorageError> {
    let options = HeadOptions {
        partitions: config.head.partitions,
        window_ms: i64::try_from(config.tsdb.window.as_millis()).unwrap_or(i64::MAX),
        series_max: config.head.series_max,
        incarnation: 1,
        journal: journal::Options {
            segment_bytes: config.tsdb.wal_segment_bytes,
            spare_segments_max: 0,
            ballast_bytes: 0,
            ..journal::Options::default()
        },
    };
    Head::open(Arc::new(files.clone()), Path::new(HEAD), options, Arc::default())
}

/// Samples of a head, of some times.
pub fn contents_of(head: &Head, times: (i64, i64)) -> Result<Contents, StorageError> {
    let mut contents = Contents::new();
    add_all(&mut contents, &head.select(&of_times(times))?)?;
    Ok(contents)
}

/// Reads a local block of a disk.
pub fn read_block(
    files: &dyn Files,
    ulid: &str,
    options: &ReadOptions,
) -> Result<HeldBlock, StorageError> {
    let block = Block::open_dir(files, &Path::new(BLOCKS).join(ulid), options)?;
    let mut contents = Contents::new();
    add_all(&mut contents, &block.select(&of_times(ALWAYS))?)?;
    let part = block.meta().extension().and_then(|section| section.get("part")?.as_u64());
    let is_late = part.is_some_and(|number| number > 0);
    Ok(HeldBlock { contents, max_time_ms: block.meta().max_time, is_late })
}

/// Brings contents together, those of some times only.
pub fn add_contents(to: &mut Contents, from: &Contents, (start_ms, end_ms): (i64, i64)) {
    for (key, samples) in from {
        for (t, bits) in samples.range(start_ms..=end_ms) {
            add_sample(to, key, *t, *bits);
        }
    }
}

fn of_times((start_ms, end_ms): (i64, i64)) -> Selection {
    Selection { start_ms, end_ms, ..Selection::default() }
}

fn add_all(contents: &mut Contents, all: &[SeriesChunks]) -> Result<(), StorageError> {
    let (mut timestamps, mut values) = (Vec::new(), Vec::new());
    for series in all {
        let key = SeriesKey { tenant: series.tenant.clone(), labels: series.labels.clone() };
        let samples: &mut BTreeMap<i64, u64> = contents.entry(key.clone()).or_default();
        for chunk in &series.chunks {
            timestamps.clear();
            values.clear();
            decode_chunk_into(chunk.view(), i64::MIN, i64::MAX, &mut timestamps, &mut values)
                .map_err(|error| StorageError::corrupt(key.to_string(), error.to_string()))?;
            for (t, value) in timestamps.iter().zip(&values) {
                let kept = samples.entry(*t).or_insert(value.to_bits());
                *kept = crate::ledger::greater_bits(*kept, value.to_bits());
            }
        }
    }
    Ok(())
}
