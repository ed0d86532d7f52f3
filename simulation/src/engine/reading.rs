//! Reading as a querier does: head first, blocks after it, all chunks merged.

use std::collections::{BTreeMap, BTreeSet};

use proto::ids::tenant_seed;
use proto::{Labels, SeriesId, TenantName, greater_value};
use storage::StorageError;
use storage::chunk::decode_chunk_into;
use storage::series::{Chunk, Selection, SeriesChunks};
use ulid::Ulid;

use crate::engine::node::{CLUSTER_SEED, Node};
use crate::error::SimulationError;
use crate::trace::Trace;

/// A series: whose it is, and its labels.
pub type SeriesKey = (TenantName, Labels);
/// Samples of a series: bits of values by timestamp.
pub type Samples = BTreeMap<i64, u64>;
/// What was read, or should be.
pub type Answer = BTreeMap<SeriesKey, Samples>;

/// Of two values (as bits) the one that readers see.
pub fn greater_bits(a: u64, b: u64) -> u64 {
    greater_value(f64::from_bits(a), f64::from_bits(b)).to_bits()
}

/// A selection of everything.
pub fn everything() -> Selection {
    Selection { start_ms: i64::MIN, end_ms: i64::MAX, ..Selection::default() }
}

/// Selects from the head, and then from the blocks. Reading the blocks needs the disk.
pub fn select(node: &Node, selection: &Selection) -> Result<[Vec<SeriesChunks>; 2], StorageError> {
    let head = node.head.select(selection)?;
    Ok([head, node.blocks.select(selection)?])
}

/// Checks and merges what head and blocks gave.
/// A series comes once from each of them.
pub fn merge(
    [head, blocks]: [Vec<SeriesChunks>; 2],
    selection: &Selection,
) -> Result<Answer, SimulationError> {
    let mut answer = Answer::new();
    for (series, is_head) in [(head, true), (blocks, false)] {
        let mut seen = BTreeSet::new();
        for series in series {
            check_identity(&series, selection)?;
            let key = (series.tenant.clone(), series.labels.clone());
            if !seen.insert(key.clone()) {
                let evidence = format!("{key:?}, head: {is_head}");
                return Err(SimulationError::violation("a series is given once", evidence));
            }
            merge_series(&series, selection, answer.entry(key).or_default())?;
        }
    }
    answer.retain(|_, samples| !samples.is_empty());
    Ok(answer)
}

/// Nothing but what was selected is given, under its right id.
fn check_identity(series: &SeriesChunks, selection: &Selection) -> Result<(), SimulationError> {
    let id = SeriesId::of(series.labels.as_bytes(), tenant_seed(&series.tenant, CLUSTER_SEED));
    if id != series.id {
        let evidence = format!("{} {} has the id {:?}", series.tenant, series.labels, series.id);
        return Err(SimulationError::violation("ids are those of the labels", evidence));
    }
    if !selection.takes_tenant(&series.tenant) || !selection.takes_labels(&series.labels) {
        let evidence = format!("{} {} for {selection:?}", series.tenant, series.labels);
        return Err(SimulationError::violation("only what is selected is given", evidence));
    }
    Ok(())
}

fn merge_series(
    series: &SeriesChunks,
    selection: &Selection,
    samples: &mut Samples,
) -> Result<(), SimulationError> {
    for chunk in &series.chunks {
        for (t, bits) in decode(chunk, series)? {
            if (selection.start_ms..=selection.end_ms).contains(&t) {
                let kept = samples.entry(t).or_insert(bits);
                *kept = greater_bits(*kept, bits);
            }
        }
    }
    Ok(())
}

/// Samples of a chunk, which are in order and within its bounds.
fn decode(chunk: &Chunk, series: &SeriesChunks) -> Result<Vec<(i64, u64)>, SimulationError> {
    let (mut timestamps, mut values) = (Vec::new(), Vec::new());
    decode_chunk_into(chunk.view(), i64::MIN, i64::MAX, &mut timestamps, &mut values).map_err(
        |error| SimulationError::violation("chunks decode", format!("{}: {error}", name(series))),
    )?;
    let bounds = (timestamps.first(), timestamps.last());
    let in_order = timestamps.is_sorted_by(|a, b| a < b);
    if !in_order || bounds != (Some(&chunk.min_ms), Some(&chunk.max_ms)) {
        let evidence = format!("{}: {bounds:?}", name(series));
        return Err(SimulationError::violation("chunks are in order and bounded", evidence));
    }
    Ok(timestamps.into_iter().zip(values.into_iter().map(f64::to_bits)).collect())
}

fn name(series: &SeriesChunks) -> String {
    format!("{} {}", series.tenant, series.labels)
}

/// Blocks are whole, each part of a tenant is in one block, and each block holds each of its
/// samples once; blocks of `known` were looked into before.
pub fn check_blocks(node: &Node, known: &mut BTreeSet<Ulid>) -> Result<(), SimulationError> {
    if let Some((ulid, why)) = node.blocks.damaged().first() {
        return Err(SimulationError::violation("blocks are whole", format!("{ulid}: {why}")));
    }
    let mut parts = BTreeSet::new();
    for meta in node.blocks.list() {
        let labels = meta.thanos.as_ref().map(|thanos| &thanos.labels);
        let key = format!("{labels:?} {:?}", meta.extension());
        if !parts.insert(key.clone()) {
            return Err(SimulationError::violation("a part is in one block", key));
        }
        if known.insert(meta.ulid) {
            check_block(node, meta.ulid)?;
        }
    }
    Ok(())
}

fn check_block(node: &Node, ulid: Ulid) -> Result<(), SimulationError> {
    let refused = |source| SimulationError::Refused { operation: "reading a block", source };
    let block = node.blocks.block(ulid).map_err(refused)?;
    for series in block.select(&everything()).map_err(refused)? {
        let pairs = series.chunks.iter().zip(series.chunks.iter().skip(1));
        if let Some((first, second)) = pairs.into_iter().find(|(a, b)| a.max_ms >= b.min_ms) {
            let times = format!("{}..={} and {}", first.min_ms, first.max_ms, second.min_ms);
            let evidence = format!("{ulid} {} {}: {times}", series.tenant, series.labels);
            return Err(SimulationError::violation("chunks of a block do not overlap", evidence));
        }
    }
    Ok(())
}

/// Takes an answer into the trace.
pub fn trace(answer: &Answer, trace: &mut Trace) {
    trace.number(answer.len() as u64);
    for ((tenant, labels), samples) in answer {
        trace.bytes(tenant.as_str().as_bytes());
        trace.bytes(labels.as_bytes());
        trace.number(samples.len() as u64);
        for (t, bits) in samples {
            trace.number(t.cast_unsigned());
            trace.number(*bits);
        }
    }
}
