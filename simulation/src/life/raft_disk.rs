//! Reads what a host has of Raft beside its memory: the cached state, the snapshot, and how far a
//! power cut would leave its log.

use std::path::Path;
use std::sync::Arc;

use cluster::kv::KeyValue;
use journal::files::memory::MemoryFiles;
use journal::files::{Files, OpenMode};
use journal::{FrameRef, Journal, Position};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use crate::host::Host;

/// Where nodes have Raft's snapshot.
const SNAPSHOT: &str = "/data/cluster/raft/snapshot";
/// Where nodes have Raft's log.
const LOG: &str = "/data/cluster/raft/log";
/// Key of the state that was applied last.
const CACHE_KEY: &[u8] = b"raft/applied";
/// Size of segments of the copy that is read.
const SEGMENT_BYTES: u64 = 64 << 10;

/// Up to which place the cached state goes, and a hash over all of it.
pub fn cached(host: &Host) -> Option<(u64, u64)> {
    let bytes = host.key_value.get(CACHE_KEY).ok()??;
    Some((applied_by(&bytes)?, xxh3_64(&bytes)))
}

/// Up to which place the snapshot goes; 0 when there is none.
pub fn snapshot(host: &Host) -> Option<u64> {
    let Some(file) = host.disk.content(Path::new(SNAPSHOT)) else { return Some(0) };
    applied_by(&file)
}

/// The place of the last entry in what was applied: JSON behind a header.
fn applied_by(bytes: &[u8]) -> Option<u64> {
    let starts = bytes.windows(2).enumerate().filter(|(_, pair)| *pair == b"{\"");
    let image = starts.map(|(at, _)| &bytes[at..]).find_map(|json| {
        serde_json::from_slice::<Value>(json).ok().filter(|image| image.get("log_id").is_some())
    });
    Some(index_of(image?.get("log_id")?).map_or(0, |index| index + 1))
}

fn index_of(log_id: &Value) -> Option<u64> {
    log_id.get("index")?.as_u64()
}

/// Up to which place a power cut now would leave Raft's log; 0 when nothing is readable.
pub fn durable_last(host: &Host) -> u64 {
    let mut last = 0;
    let mut sink = |_: Position, frame: FrameRef<'_>| {
        last = last_after(last, frame.payload);
        Ok::<(), String>(())
    };
    let options = journal::Options {
        segment_bytes: SEGMENT_BYTES,
        spare_segments_max: 0,
        sync: false,
        ..journal::Options::default()
    };
    let Ok(copy) = durable_log(host) else { return 0 };
    let opened = Journal::open(Arc::new(copy), Path::new(LOG), options, &mut sink);
    if opened.is_ok() { last } else { 0 }
}

/// The durable segments without the zeros at their ends.
fn durable_log(host: &Host) -> std::io::Result<MemoryFiles> {
    let copy = MemoryFiles::default();
    copy.create_dir_all(Path::new(LOG))?;
    for name in host.disk.durable_names(Path::new(LOG)) {
        let path = Path::new(LOG).join(&name);
        let Some(content) = host.disk.durable_content(&path).filter(|_| name.ends_with(".seg"))
        else {
            continue;
        };
        let used = content.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
        let used = used.next_multiple_of(512).min(content.len());
        copy.open(&path, OpenMode::CREATE_NEW)?.write_all_at(&content[..used], 0)?;
    }
    Ok(copy)
}

/// Where the log ends after a frame: `version (1) | kind (1) | JSON`.
fn last_after(last: u64, payload: &[u8]) -> u64 {
    let Some((&[_, kind], json)) = payload.split_first_chunk::<2>() else { return last };
    let Ok(value) = serde_json::from_slice::<Value>(json) else { return last };
    match kind {
        // An entry, a cut behind an entry, an image of the whole log.
        3 => value.get("log_id").and_then(index_of).map_or(last, |index| index + 1),
        4 => value.as_u64().unwrap_or(last),
        5 => last_of_image(&value),
        _ => last,
    }
}

fn last_of_image(image: &Value) -> u64 {
    let entries = image.get("entries").and_then(Value::as_object);
    let indexes = entries.into_iter().flatten().filter_map(|(key, _)| key.parse::<u64>().ok());
    let purged = image.get("purged").and_then(index_of);
    indexes.chain(purged).max().map_or(0, |index| index + 1)
}
