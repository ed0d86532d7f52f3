//! Nanoseconds per sample to encode and decode XOR chunks of 120 samples.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use storage::chunk::{XOR_SAMPLE_BYTES_MAX, XorState, decode_into, encode};

const SAMPLES: usize = 120;
const CHUNKS: u64 = 64;

/// Scrapes every 15 s with a little jitter of a counter (whole numbers) or a gauge (any number).
fn series(seed: u64, gauge: bool) -> Vec<(i64, f64)> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut value = 1e4;
    let sample = |i| {
        let jitter = if random.random_bool(0.2) { random.random_range(-4..5) } else { 0 };
        value += if gauge {
            random.random_range(-1.0..1.0)
        } else {
            f64::from(random.random_range(0..50))
        };
        (1_700_000_000_000 + i as i64 * 15_000 + jitter, value)
    };
    (0..SAMPLES).map(sample).collect()
}

fn append_all(samples: &[(i64, f64)], out: &mut [u8]) -> usize {
    let mut state = XorState::default();
    for (timestamp_ms, value) in samples {
        state.append(out, *timestamp_ms, *value).expect("the buffer has room for all samples");
    }
    state.len_bytes()
}

fn chunks(c: &mut Criterion) {
    for (name, gauge) in [("counter", false), ("gauge", true)] {
        let all: Vec<_> = (0..CHUNKS).map(|seed| series(seed, gauge)).collect();
        let encoded: Vec<_> = all
            .iter()
            .map(|s| encode(s.iter().copied()).expect("few samples").expect("not empty").data)
            .collect();
        let mut group = c.benchmark_group(format!("chunk/{name}"));
        group.throughput(Throughput::Elements(CHUNKS * SAMPLES as u64));
        let mut out = vec![0; 2 + SAMPLES * XOR_SAMPLE_BYTES_MAX];
        group.bench_function("encode", |b| {
            b.iter(|| all.iter().map(|s| append_all(black_box(s), &mut out)).sum::<usize>());
        });
        let (mut timestamps, mut values) = (Vec::new(), Vec::new());
        group.bench_function("decode", |b| {
            b.iter(|| {
                for data in &encoded {
                    timestamps.clear();
                    values.clear();
                    decode_into(black_box(data), i64::MIN, i64::MAX, &mut timestamps, &mut values)
                        .expect("the chunk was just encoded");
                }
                black_box(values.len())
            });
        });
        group.finish();
    }
}

criterion_group!(benches, chunks);
criterion_main!(benches);
