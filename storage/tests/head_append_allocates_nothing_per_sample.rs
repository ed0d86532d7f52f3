//! A steady append of known series allocates nothing per sample: as many allocations for 64 series
//! as for 4,096.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use journal::files::memory::MemoryFiles;
use proto::{Epoch, Labels, SampleBatch, SeriesId, TenantName};
use storage::head::{Head, HeadOptions};

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call is handed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, bytes) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Most allocations in one append, whatever its size: encoding of the record, a new page of the
/// slab, growth of the staging buffer.
const PER_BATCH_MAX: u64 = 24;

fn batch(series: usize, timestamp_ms: i64, declare: bool) -> SampleBatch {
    let mut batch =
        SampleBatch::new(TenantName::new("a").expect("it works in this test"), Epoch(1));
    for i in 0..series {
        batch.push_series(SeriesId(i as u128 * 0x9e37_79b9_7f4a_7c15_0000_0001));
        batch.push_sample(timestamp_ms, 0.1 * i as f64 + timestamp_ms as f64);
        if declare {
            let labels = Labels::from_pairs([("i", i.to_string())]).expect("it works in this test");
            batch.labels.push((i as u32, labels));
        }
    }
    batch
}

#[test]
fn a_steady_append_allocates_nothing_per_sample() {
    for series in [64, 4_096] {
        let options = HeadOptions { partitions: 1, ..HeadOptions::default() };
        let files = Arc::new(MemoryFiles::default());
        let head = Head::open(files, Path::new("/data"), options, Arc::default())
            .expect("it works in this test");
        head.append(0, &batch(series, 0, true)).expect("it works in this test");
        for round in 1..150i64 {
            let next = batch(series, round * 15_000, false);
            let before = ALLOCATIONS.load(Ordering::Relaxed);
            let out = head.append(0, &next).expect("it works in this test");
            let spent = ALLOCATIONS.load(Ordering::Relaxed) - before;
            assert_eq!(out.stored, series as u64);
            assert!(spent <= PER_BATCH_MAX, "{spent} allocations for {series} series");
            while head.journal().durable() < head.journal().last_staged() {
                head.journal().commit().expect("it works in this test");
            }
        }
    }
}
