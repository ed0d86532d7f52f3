//! Failing disks: nobody is told that something is durable which is not.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use futures::FutureExt;
use futures::executor::block_on;
use journal::files::faulty::{Faults, FaultyFiles, Operation};
use journal::files::memory::{Crash, MemoryFiles};
use journal::files::{Files, OsFiles};
use journal::{Journal, JournalError, Options, Position};

const DIR: &str = "/j";

fn options() -> Options {
    Options { segment_bytes: 16 << 10, frame_bytes_max: 4096, ..Options::default() }
}

fn open_with(files: Arc<dyn Files>, dir: &Path, options: Options) -> (Journal, u64) {
    let opened = Journal::open(files, dir, options, &mut |_, _| Ok::<(), JournalError>(()));
    let (journal, recovery) = opened.unwrap();
    (journal, recovery.frames)
}

fn faulty() -> (MemoryFiles, Arc<Faults>, Journal) {
    let memory = MemoryFiles::default();
    let files = FaultyFiles::new(Arc::new(memory.clone()));
    let faults = files.faults();
    (memory, faults, open_with(Arc::new(files), Path::new(DIR), options()).0)
}

#[test]
fn a_failed_sync_fails_waiters_and_the_journal() {
    let (memory, faults, journal) = faulty();
    journal.stage(0, 0, b"fine").unwrap();
    assert_eq!(journal.commit().unwrap(), Position(1));
    let lost = journal.stage(0, 0, b"lost").unwrap();
    let waiter = journal.wait_durable(lost);
    faults.fail_nth(Operation::Sync, 1, ErrorKind::Other, |_| true);
    let syncs = faults.count(Operation::Sync);
    assert!(matches!(journal.commit(), Err(JournalError::Failed(_))));
    assert!(matches!(block_on(waiter), Err(JournalError::Failed(_))));
    assert!(matches!(journal.stage(0, 0, b"more"), Err(JournalError::Failed(_))));
    assert!(matches!(journal.commit(), Err(JournalError::Failed(_))));
    assert_eq!(faults.count(Operation::Sync), syncs + 1, "a sync is never tried again");
    assert_eq!(journal.durable(), Position(1));
    assert!(!block_on(journal.wait_staged()));
    block_on(journal.wait_durable(Position(1))).unwrap();
    drop(journal);
    memory.crash(Crash::Clean);
    assert_eq!(open_with(Arc::new(memory), Path::new(DIR), options()).1, 1);
}

#[test]
fn each_failing_operation_is_no_ack() {
    for operation in [Operation::Write, Operation::Sync, Operation::SyncDir, Operation::Rename] {
        for nth in 1..=30 {
            let (memory, faults, journal) = faulty();
            faults.fail_nth(operation, nth, ErrorKind::Other, |_| true);
            let mut failed = false;
            for _ in 0..60 {
                let staged = journal.stage(0, 0, &[7; 500]);
                failed |= staged.is_err() || journal.commit().is_err();
            }
            let durable = journal.durable().0;
            assert!(!failed || matches!(journal.stage(0, 0, b""), Err(JournalError::Failed(_))));
            drop(journal);
            memory.crash(Crash::Clean);
            let replayed = open_with(Arc::new(memory), Path::new(DIR), options()).1;
            assert_eq!(replayed, durable, "{operation:?} {nth}");
        }
    }
}

#[test]
fn a_full_disk_is_told_and_passes() {
    let (memory, _, journal) = faulty();
    memory.set_capacity_bytes(Some(20 << 10));
    let (staged, error) = loop {
        let staged = journal.stage(0, 0, &[1; 2000]).unwrap();
        if let Err(error) = journal.commit() {
            break (staged, error);
        }
    };
    assert!(matches!(error, JournalError::NoSpace(_)), "{error}");
    let waited = journal.wait_durable(staged).now_or_never();
    assert!(matches!(waited, Some(Err(JournalError::NoSpace(_)))));
    assert!(matches!(journal.stage(0, 0, b"more"), Err(JournalError::NoSpace(_))));
    assert!(matches!(journal.commit(), Err(JournalError::NoSpace(_))));
    memory.set_capacity_bytes(None);
    assert_eq!(journal.commit().unwrap(), staged);
    block_on(journal.wait_durable(staged)).unwrap();
    assert_eq!(journal.stage(0, 0, b"more").unwrap(), staged.next());
    journal.commit().unwrap();
    drop(journal);
    let frames = open_with(Arc::new(memory), Path::new(DIR), options()).1;
    assert_eq!(frames, staged.0 + 1);
}

#[test]
fn the_ballast_makes_room_for_a_segment() {
    let memory = MemoryFiles::default();
    let ballast = Options { ballast_bytes: 16 << 10, ..options() };
    let (journal, _) = open_with(Arc::new(memory.clone()), Path::new(DIR), ballast);
    memory.set_capacity_bytes(Some(32 << 10));
    let path = Path::new(DIR).join("ballast");
    assert!(memory.exists(&path).unwrap());
    for _ in 0..6 {
        journal.stage(0, 0, &[1; 2000]).unwrap();
        journal.commit().unwrap();
    }
    assert!(!memory.exists(&path).unwrap());
    assert_eq!(journal.stats().segments, 2);
}

#[test]
fn limits_are_named() {
    let small = Options { staged_bytes_max: 5000, ..options() };
    let (journal, _) = open_with(Arc::new(MemoryFiles::default()), Path::new(DIR), small);
    let large = journal.stage(0, 0, &[0; 4097]).unwrap_err();
    assert!(large.to_string().contains("frame_bytes_max is 4096"), "{large}");
    journal.stage(0, 0, &[0; 4096]).unwrap();
    let full = journal.stage(0, 0, &[0; 4096]).unwrap_err();
    assert!(full.to_string().contains("staged_bytes_max is 5000"), "{full}");
    journal.commit().unwrap();
    journal.stage(0, 0, &[0; 4096]).unwrap();
    journal.close();
    assert!(matches!(journal.stage(0, 0, b""), Err(JournalError::Closed)));
    assert!(block_on(journal.wait_staged()));
    assert_eq!(journal.commit().unwrap(), Position(2));
    assert!(!block_on(journal.wait_staged()));
}

#[test]
fn a_held_sync_holds_acks_and_not_staging() {
    let (_, faults, journal) = faulty();
    journal.stage(0, 0, b"first").unwrap();
    journal.commit().unwrap();
    let hold = faults.hold_syncs(|path| path.starts_with(DIR));
    let second = journal.stage(0, 0, b"second").unwrap();
    std::thread::scope(|scope| {
        let driver = scope.spawn(|| journal.commit().unwrap());
        faults.wait_held();
        let third = journal.stage(0, 0, b"third").unwrap();
        assert_eq!(journal.durable(), Position(1));
        assert!(journal.wait_durable(second).now_or_never().is_none());
        faults.release(hold);
        assert_eq!(driver.join().unwrap(), second);
        assert_eq!(third, Position(3));
    });
    block_on(journal.wait_durable(second)).unwrap();
    assert_eq!(faults.held(), 0);
}

#[test]
fn many_threads_share_commits() {
    const THREADS: u64 = 8;
    const FRAMES: u64 = 200;
    let dir = tempfile::tempdir().unwrap();
    let files = FaultyFiles::new(Arc::new(OsFiles));
    let faults = files.faults();
    let options = Options { segment_bytes: 64 << 10, ..options() };
    let (journal, _) = open_with(Arc::new(files), dir.path(), options.clone());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while block_on(journal.wait_staged()) {
                journal.commit().unwrap();
                journal.prepare_next().unwrap();
            }
        });
        let journal = &journal;
        let stagers: Vec<_> =
            (0..THREADS).map(|t| scope.spawn(move || stage_all(journal, t, FRAMES))).collect();
        for stager in stagers {
            stager.join().unwrap();
        }
        journal.close();
    });
    assert_eq!(journal.durable(), Position(THREADS * FRAMES));
    assert!(faults.count(Operation::Sync) >= 1);
    drop(journal);
    let mut next = [0_u64; THREADS as usize];
    let mut last = 0;
    let replayed = Journal::open(Arc::new(OsFiles), dir.path(), options, &mut |position, frame| {
        last += 1;
        assert_eq!(position.0, last);
        let expected = next[frame.stream as usize].to_le_bytes();
        assert_eq!(frame.payload, expected, "order within a stream");
        next[frame.stream as usize] += 1;
        Ok::<(), JournalError>(())
    });
    assert_eq!(replayed.unwrap().1.frames, THREADS * FRAMES);
}

fn stage_all(journal: &Journal, stream: u64, frames: u64) {
    for number in 0..frames {
        let position = journal.stage(stream as u32, 0, &number.to_le_bytes()).unwrap();
        if number % 10 == 0 {
            block_on(journal.wait_durable(position)).unwrap();
            assert!(journal.durable() >= position);
        }
    }
}

#[test]
fn a_replay_error_stops_opening() {
    let (memory, _, journal) = faulty();
    journal.stage(0, 0, b"x").unwrap();
    journal.commit().unwrap();
    let opened =
        Journal::open(Arc::new(memory), Path::new(DIR), options(), &mut |_, _| Err("stop here"));
    assert_eq!(opened.unwrap_err().to_string(), "replay stopped: stop here");
}
