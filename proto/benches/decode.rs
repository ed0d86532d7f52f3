//! Decoding a realistic request: 2,000 samples of as many series with 12 labels each, from the
//! uncompressed body to series ids, and the columnar record that goes to journal and peers.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use proto::remote_write::{Part, RequestWriter, Value, walk};
use proto::{Epoch, Labels, SampleBatch, SeriesId, TenantName};

const SERIES: u64 = 2_000;

fn body() -> Vec<u8> {
    let mut writer = RequestWriter::default();
    for i in 0..SERIES {
        let mut pairs = vec![("__name__".to_owned(), format!("http_requests_total_{}", i % 50))];
        pairs.extend((0..9).map(|n| (format!("label_{n}"), format!("value_{}", i % (n + 2)))));
        pairs.push(("instance".to_owned(), format!("10.0.{}.{}:9100", i / 250, i % 250)));
        pairs.push(("job".to_owned(), "node".to_owned()));
        let labels = Labels::from_pairs(pairs).expect("the labels are valid");
        writer.series(&labels, &[(1_700_000_000_000, i as f64)]);
    }
    writer.as_bytes().to_vec()
}

fn decode(body: &[u8], batch: &mut SampleBatch) {
    batch.clear();
    for part in walk(body) {
        let Ok(Part::Series(series)) = part else { continue };
        batch.push_series(SeriesId::of(&series.labels, 7));
        for value in series.values() {
            if let Ok(Value::Sample(t, v)) = value {
                batch.push_sample(t, v);
            }
        }
    }
}

fn benches(c: &mut Criterion) {
    let body = body();
    let tenant = TenantName::new("a").expect("a valid name");
    let mut batch = SampleBatch::new(tenant, Epoch(1));
    let mut group = c.benchmark_group("request");
    group.throughput(Throughput::Elements(SERIES));
    group.bench_function("walk and id", |b| b.iter(|| decode(&body, &mut batch)));
    let packed = snap::raw::Encoder::new().compress_vec(&body).expect("it compresses");
    let mut plain = vec![0; body.len()];
    group.bench_function("snappy", |b| {
        b.iter(|| snap::raw::Decoder::new().decompress(&packed, &mut plain));
    });
    let mut record = Vec::new();
    group.bench_function("encode record", |b| {
        b.iter(|| {
            record.clear();
            batch.encode(&mut record);
        });
    });
    group.bench_function("decode record", |b| b.iter(|| SampleBatch::decode(&record)));
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
