//! A scripted run is crashed after each single file operation; what was durable must come back.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::Path;
use std::sync::Arc;

use journal::files::Files;
use journal::files::memory::{Crash, MemoryFiles};
use journal::{Journal, JournalError, Options, Position, Recovery};

const DIR: &str = "/data/journal";

fn options() -> Options {
    Options {
        segment_bytes: 16 << 10,
        group_bytes_max: 2048,
        frame_bytes_max: 4096,
        spare_segments_max: 1,
        ..Options::default()
    }
}

fn payload(position: u64, run: u64) -> Vec<u8> {
    let bytes = (position * 97 + run * 13) % 900;
    let mut payload = vec![(position % 251) as u8; bytes as usize];
    payload.extend_from_slice(&position.to_le_bytes());
    payload.extend_from_slice(&run.to_le_bytes());
    payload
}

/// What the outside world knows.
#[derive(Debug, Clone, Default)]
struct Known {
    /// Payloads by position - 1, as far as staged, of the run that staged them last.
    staged: Vec<Vec<u8>>,
    durable: u64,
    released_before: u64,
}

type Replayed = Vec<(u64, Vec<u8>)>;

fn open(files: &MemoryFiles) -> Result<(Journal, Recovery, Replayed), JournalError> {
    let mut replayed = Vec::new();
    let (journal, recovery) = Journal::open(
        Arc::new(files.clone()),
        Path::new(DIR),
        options(),
        &mut |position, frame| {
            assert_eq!((frame.stream, frame.epoch), (3, position.0 / 10));
            replayed.push((position.0, frame.payload.to_vec()));
            Ok::<(), JournalError>(())
        },
    )?;
    Ok((journal, recovery, replayed))
}

/// Stages and commits frames, releasing now and then, until done or the power is cut.
fn run(files: &MemoryFiles, known: &mut Known, run: u64) -> Result<(), JournalError> {
    let (journal, _, _) = open(files)?;
    known.durable = known.durable.max(journal.durable().0);
    for round in 0..48_u64 {
        for _ in 0..=(round % 4) {
            let next = journal.last_staged().0 + 1;
            let bytes = payload(next, run);
            known.staged.truncate(next as usize - 1);
            known.staged.push(bytes.clone());
            assert_eq!(journal.stage(3, next / 10, &bytes)?, Position(next));
        }
        while journal.durable() < journal.last_staged() {
            journal.commit()?;
            known.durable = journal.durable().0;
        }
        if round % 5 == 4 {
            let before = known.durable.saturating_sub(6);
            known.released_before = before;
            journal.release(Position(before))?;
            journal.prepare_next()?;
        }
    }
    Ok(())
}

/// Opens after a crash and compares with what was known. Answers the new knowledge.
fn check(files: &MemoryFiles, known: &Known, torn: bool, context: &str) -> Known {
    let (journal, recovery, replayed) = open(files).expect("a crashed journal opens");
    let mut last = 0;
    for (position, bytes) in &replayed {
        assert!(*position > last, "{context}: order");
        last = *position;
        let staged = known.staged.get(*position as usize - 1);
        assert_eq!(Some(bytes), staged, "{context}: position {position}");
    }
    for position in known.released_before.max(1)..=known.durable {
        assert!(
            replayed.iter().any(|(other, _)| *other == position),
            "{context}: durable {position} of {} is lost; {recovery:?}",
            known.durable
        );
    }
    assert!(torn || recovery.damaged.is_empty(), "{context}: {recovery:?}");
    assert!(recovery.damaged.iter().all(|damage| damage.first.0 > known.durable), "{context}");
    assert!(journal.durable().0 >= known.durable, "{context}");
    assert!(replayed.is_empty() || journal.last_staged().0 == last, "{context}");
    let mut after = known.clone();
    after.durable = journal.durable().0;
    // Holes of a torn group: nobody was told that these are durable.
    for damage in &recovery.damaged {
        assert!(damage.maybe_unsynced || torn, "{context}: {damage:?}");
    }
    after
}

fn operations_of(script: impl Fn(&MemoryFiles)) -> u64 {
    let files = MemoryFiles::default();
    script(&files);
    files.operations()
}

#[test]
fn a_crash_after_any_operation_loses_nothing_durable() {
    let total = operations_of(|files| run(files, &mut Known::default(), 0).unwrap());
    assert!(total > 60, "the script does something: {total}");
    let torn = (0..6).map(|seed| Crash::Torn { seed });
    for crash in [Crash::Clean, Crash::ProcessOnly].into_iter().chain(torn) {
        for operations in 0..=total {
            let files = MemoryFiles::default();
            let mut known = Known::default();
            files.cut_power_after(operations);
            let outcome = run(&files, &mut known, 0);
            assert!(operations == total || outcome.is_err());
            files.crash(crash);
            let context = format!("{crash:?} after {operations}");
            check(&files, &known, matches!(crash, Crash::Torn { .. }), &context);
        }
    }
}

#[test]
fn crashes_during_recovery_lose_nothing_durable() {
    let total = operations_of(|files| run(files, &mut Known::default(), 0).unwrap());
    for first in (1..total).step_by(5) {
        for second in 0..12 {
            let files = MemoryFiles::default();
            let mut known = Known::default();
            files.cut_power_after(first);
            assert!(run(&files, &mut known, 0).is_err());
            files.crash(Crash::ProcessOnly);
            files.cut_power_after(second);
            // What a recovery that was cut short replayed is not promised to anyone.
            if let Ok((journal, ..)) = open(&files) {
                known.durable = journal.durable().0;
            }
            files.crash(Crash::Clean);
            let context = format!("second crash after {second}, first after {first}");
            check(&files, &known, false, &context);
        }
    }
}

#[test]
fn what_was_replayed_once_stays_and_new_runs_go_on() {
    let total = operations_of(|files| run(files, &mut Known::default(), 0).unwrap());
    for operations in (0..total).step_by(3) {
        let files = MemoryFiles::default();
        let mut known = Known::default();
        for attempt in 0..4 {
            files.cut_power_after(operations + attempt);
            let _ = run(&files, &mut known, attempt);
            files.crash(Crash::Clean);
            known = check(&files, &known, false, &format!("{operations}, attempt {attempt}"));
            files.crash(Crash::Clean);
            known = check(&files, &known, false, &format!("{operations}, again {attempt}"));
        }
        let left = files.list(Path::new(DIR)).unwrap();
        assert!(left.len() < 40, "files do not pile up: {left:?}");
    }
}
