//! Memory of a series, counted by the allocator: lines, table, labels, symbols, postings and an
//! open chunk stay within the budget of the design.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use journal::files::OsFiles;
use proto::{Epoch, Labels, SampleBatch, SeriesId, TenantName};
use storage::head::{Head, HeadOptions};

struct Counting;

static LIVE_BYTES: AtomicI64 = AtomicI64::new(0);

// SAFETY: every call is handed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE_BYTES.fetch_add(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE_BYTES.fetch_sub(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        LIVE_BYTES.fetch_add(bytes as i64 - layout.size() as i64, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, bytes) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// 365 bytes and a tenth, as design budgets; reserved and untouched pages included.
const PER_SERIES_MAX: i64 = 401;
const SERIES: usize = 100_000;
const BATCH: usize = 10_000;

fn labels(series: usize) -> Labels {
    let pairs = [
        ("__name__", format!("http_requests_{}_total", series % 100)),
        ("code", format!("{}", 200 + series / 100 % 10)),
        ("instance", format!("10.0.{}.1:9100", series / 1_000)),
        ("job", "api".to_owned()),
        ("namespace", format!("team-{}", series / 10_000)),
    ];
    Labels::from_pairs(pairs).expect("it works in this test")
}

fn append(head: &Head, ids: &[SeriesId], round: i64) {
    for (number, chunk) in ids.chunks(BATCH).enumerate() {
        let mut batch =
            SampleBatch::new(TenantName::new("a").expect("it works in this test"), Epoch(1));
        for (i, id) in chunk.iter().enumerate() {
            batch.push_series(*id);
            batch.push_sample(round * 15_000, (round * (i as i64 % 50)) as f64);
            if round == 0 {
                batch.labels.push((i as u32, labels(number * BATCH + i)));
            }
        }
        head.append(0, &batch).expect("it works in this test");
        while head.journal().durable() < head.journal().last_staged() {
            head.journal().commit().expect("it works in this test");
        }
        head.journal().release(head.journal().durable()).expect("it works in this test");
    }
}

#[test]
fn a_series_stays_within_its_budget() {
    let dir = tempfile::tempdir().expect("it works in this test");
    let journal = journal::Options {
        segment_bytes: 4 << 20,
        staged_bytes_max: 16 << 20,
        sync: false,
        ..Default::default()
    };
    let options = HeadOptions { partitions: 1, journal, ..HeadOptions::default() };
    let ids: Vec<SeriesId> =
        (0..SERIES).map(|series| SeriesId::of(labels(series).as_bytes(), 1)).collect();
    let before = LIVE_BYTES.load(Ordering::Relaxed);
    let head = Head::open(Arc::new(OsFiles), dir.path(), options, Arc::default())
        .expect("it works in this test");
    (0..50).for_each(|round| append(&head, &ids, round));
    let held = LIVE_BYTES.load(Ordering::Relaxed) - before;
    let per_series = held / SERIES as i64;
    println!("{per_series} bytes a series");
    assert!(per_series <= PER_SERIES_MAX, "{per_series} bytes a series, budget {PER_SERIES_MAX}");
}
