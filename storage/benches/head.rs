//! Head append: 2,000 samples a batch, 100,000 series, in scrape order and in random order.
//!
//! Prints the bytes held per series once. Compare runs by their ratio, not by absolute times.

use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use journal::files::memory::MemoryFiles;
use proto::{Epoch, Labels, SampleBatch, SeriesId, TenantName};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use storage::head::{Head, HeadOptions};

const SERIES: usize = 100_000;
const BATCH: usize = 2_000;

fn open() -> Head {
    let files = Arc::new(MemoryFiles::default());
    let journal = journal::Options { staged_bytes_max: 256 << 20, ..Default::default() };
    let options = HeadOptions { partitions: 1, journal, ..HeadOptions::default() };
    Head::open(files, Path::new("/data"), options, Arc::default()).expect("an empty disk opens")
}

fn labels(series: usize) -> Labels {
    let (instance, path) =
        (format!("10.0.{}.1:9100", series / 500), format!("/v1/{}", series % 50));
    let pairs = [
        ("__name__", format!("http_requests_{}_total", series % 500 / 50)),
        ("instance", instance),
        ("job", "api".to_owned()),
        ("method", "GET".to_owned()),
        ("path", path),
    ];
    Labels::from_pairs(pairs).expect("the pairs are valid")
}

fn ids() -> Vec<SeriesId> {
    (0..SERIES).map(|series| SeriesId::of(labels(series).as_bytes(), 42)).collect()
}

fn commit(head: &Head) {
    while head.journal().durable() < head.journal().last_staged() {
        head.journal().commit().expect("memory takes everything");
    }
    head.journal().release(head.journal().durable()).expect("memory releases");
}

fn fill(batch: &mut SampleBatch, ids: &[SeriesId], timestamp_ms: i64) {
    batch.clear();
    for id in ids {
        batch.push_series(*id);
        batch.push_sample(timestamp_ms, (timestamp_ms / 1_000) as f64 + id.0 as u8 as f64);
    }
}

fn declare(head: &Head, ids: &[SeriesId]) {
    let tenant = TenantName::new("bench").expect("the name is valid");
    for (part, chunk) in ids.chunks(BATCH).enumerate() {
        let mut batch = SampleBatch::new(tenant.clone(), Epoch(1));
        fill(&mut batch, chunk, 0);
        let declared = (0..chunk.len()).map(|i| (i as u32, labels(part * BATCH + i)));
        batch.labels = declared.collect();
        head.append(0, &batch).expect("the journal takes it");
        commit(head);
    }
}

fn append(c: &mut Criterion) {
    let scrape = ids();
    let mut random = scrape.clone();
    random.shuffle(&mut StdRng::seed_from_u64(1));
    let mut group = c.benchmark_group("head_append");
    group.throughput(Throughput::Elements(BATCH as u64));
    for (name, order) in [("scrape", &scrape), ("random", &random)] {
        let head = open();
        declare(&head, &scrape);
        let (mut at, mut now) = (0, 15_000);
        let mut batch = SampleBatch::new(TenantName::new("bench").expect("valid"), Epoch(1));
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|rounds| {
                let mut spent = std::time::Duration::ZERO;
                for _ in 0..rounds {
                    fill(&mut batch, &order[at..at + BATCH], now);
                    at += BATCH;
                    if at + BATCH > order.len() {
                        (at, now) = (0, now + 15_000);
                    }
                    let start = tokio::time::Instant::now();
                    head.append(0, &batch).expect("the journal takes it");
                    spent += start.elapsed();
                    commit(&head);
                }
                spent
            });
        });
        let stats = head.stats();
        let held = stats.partitions[0].held_bytes + stats.symbol_bytes;
        println!("{name}: {} bytes held a series, postings apart", held / stats.series());
    }
    group.finish();
}

criterion_group!(benches, append);
criterion_main!(benches);
