//! Staging and committing frames of about 2,000 samples, with and without the sync.

use std::path::Path;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use journal::files::OsFiles;
use journal::{Journal, JournalError, Options};

const FRAME_BYTES: usize = 20_000;

fn open(dir: &Path, sync: bool) -> Journal {
    let options = Options { sync, ..Options::default() };
    let opened =
        Journal::open(Arc::new(OsFiles), dir, options, &mut |_, _| Ok::<(), JournalError>(()));
    opened.expect("a new directory opens").0
}

fn append(c: &mut Criterion) {
    let payload: Vec<u8> = (0..FRAME_BYTES).map(|i| (i * 31 % 251) as u8).collect();
    let mut group = c.benchmark_group("append");
    for (name, sync) in [("synced", true), ("unsynced", false)] {
        for frames in [1_u64, 16] {
            let dir = tempfile::tempdir().expect("a temporary directory can be made");
            let journal = open(dir.path(), sync);
            group.throughput(Throughput::Bytes(frames * FRAME_BYTES as u64));
            group.bench_function(BenchmarkId::new(name, frames), |b| {
                b.iter(|| commit_group(&journal, frames, &payload));
            });
        }
    }
    group.finish();
}

fn commit_group(journal: &Journal, frames: u64, payload: &[u8]) {
    for _ in 0..frames {
        journal.stage(0, 1, payload).expect("the journal takes frames");
    }
    let durable = journal.commit().expect("the disk works");
    journal.release(durable).expect("old segments can be recycled");
}

criterion_group!(benches, append);
criterion_main!(benches);
