//! Damage at rest is isolated and reported; what is readable is read.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use journal::files::memory::MemoryFiles;
use journal::files::{Files, OpenMode};
use journal::{Journal, JournalError, Options, Position, Recovery};
use proptest::prelude::*;

const DIR: &str = "/j";

fn options() -> Options {
    Options { segment_bytes: 16 << 10, frame_bytes_max: 4096, ..Options::default() }
}

fn payload(position: u64) -> Vec<u8> {
    (0..300 + position % 50).map(|i| (i * 7 + position) as u8).collect()
}

fn open(files: &MemoryFiles) -> (Journal, Recovery, Vec<u64>) {
    let mut seen = Vec::new();
    let dir = Path::new(DIR);
    let opened = Journal::open(Arc::new(files.clone()), dir, options(), &mut |position, frame| {
        assert_eq!(frame.payload, payload(position.0), "only right bytes are replayed");
        seen.push(position.0);
        Ok::<(), JournalError>(())
    });
    let (journal, recovery) = opened.unwrap();
    (journal, recovery, seen)
}

fn append(journal: &Journal, frames: u64) {
    for _ in 0..frames {
        let next = journal.last_staged().next();
        assert_eq!(journal.stage(0, 0, &payload(next.0)).unwrap(), next);
        journal.commit().unwrap();
    }
}

fn filled(frames: u64) -> MemoryFiles {
    let files = MemoryFiles::default();
    append(&open(&files).0, frames);
    files
}

fn segment(sequence: u64) -> PathBuf {
    Path::new(DIR).join(format!("{sequence:016x}.seg"))
}

#[test]
fn a_flipped_payload_bit_costs_one_frame() {
    let files = filled(40);
    // Each group takes 512 bytes here; the third frame is at 8192 + 1024.
    assert!(files.flip(&segment(1), 8192 + 1024 + 60, 4));
    let (_, recovery, seen) = open(&files);
    assert_eq!(seen, (1..=40).filter(|p| *p != 3).collect::<Vec<_>>());
    assert_eq!(recovery.damaged.len(), 1);
    let damage = &recovery.damaged[0];
    assert_eq!((damage.first, damage.last), (Position(3), Position(3)));
    assert_eq!((damage.segment, damage.maybe_unsynced), (1, false));
    assert!((8192 + 512..=8192 + 1024).contains(&damage.offset));
}

#[test]
fn one_header_copy_is_enough() {
    let files = filled(40);
    assert!(files.flip(&segment(1), 25, 1));
    let (_, recovery, seen) = open(&files);
    assert_eq!((seen.len(), recovery.damaged.len()), (40, 0));
}

#[test]
fn a_lost_header_costs_its_segment_only() {
    for lost in 1..=3 {
        let files = filled(40);
        assert!(files.flip(&segment(lost), 3, 1) && files.flip(&segment(lost), 4096 + 3, 1));
        let (journal, recovery, seen) = open(&files);
        let of_lost = (lost - 1) * 16 + 1..=(lost * 16).min(40);
        let expected: Vec<_> = (1..=40).filter(|p| !of_lost.contains(p)).collect();
        assert_eq!(seen, expected, "segment {lost}");
        assert_eq!(recovery.damaged.len(), 1, "{recovery:?}");
        let damage = &recovery.damaged[0];
        assert_eq!((damage.segment, damage.first.0), (lost, *of_lost.start()));
        assert!(damage.last.0 >= *of_lost.end());
        assert!(journal.last_staged().0 >= 40, "positions are not used twice");
        assert!(files.exists(&segment(lost)).unwrap(), "damaged files stay");
        drop(journal);
        assert_eq!(open(&files).2, expected, "and do no harm later");
    }
}

#[test]
fn a_missing_segment_is_a_gap() {
    let files = filled(40);
    files.remove_file(&segment(2)).unwrap();
    let (_, recovery, seen) = open(&files);
    assert_eq!(seen, (1..=16).chain(33..=40).collect::<Vec<_>>());
    assert_eq!((recovery.damaged[0].first.0, recovery.damaged[0].last.0), (17, 32));
}

#[test]
fn a_torn_tail_is_cut_and_not_called_damage() {
    let files = filled(20);
    // The last group is frame 20, the fourth of the second segment.
    assert!(files.flip(&segment(2), 8192 + 3 * 512 + 100, 1));
    let (journal, recovery, seen) = open(&files);
    assert_eq!(seen, (1..=19).collect::<Vec<_>>());
    assert_eq!(recovery.damaged, vec![]);
    assert!(recovery.torn_tail_bytes > 300 && recovery.torn_tail_bytes <= 512);
    append(&journal, 5);
    drop(journal);
    let (_, recovery, seen) = open(&files);
    assert_eq!(seen, (1..=24).collect::<Vec<_>>());
    assert_eq!((recovery.damaged.len(), recovery.torn_tail_bytes), (0, 0));
}

#[test]
fn stale_frames_of_recycled_segments_never_come_back() {
    let files = filled(40);
    let (journal, ..) = open(&files);
    for _ in 0..12 {
        append(&journal, 9);
        journal.release(journal.durable()).unwrap();
    }
    let last = journal.durable().0;
    let kept = journal.stats();
    assert!(kept.segments <= 2 && kept.spare_segments >= 1, "{kept:?}");
    drop(journal);
    let (_, recovery, seen) = open(&files);
    assert_eq!((seen.last().copied(), recovery.damaged), (Some(last), vec![]));
    let contiguous = seen.windows(2).all(|pair| pair[0] + 1 == pair[1]);
    assert!(contiguous && seen.len() <= 32, "{seen:?}");
}

#[test]
fn a_segment_cut_short_is_damage_not_a_torn_tail() {
    let files = filled(40);
    let file = files.open(&segment(3), OpenMode::READ_WRITE).unwrap();
    file.set_len(8192 + 3 * 512).unwrap();
    let (journal, recovery, seen) = open(&files);
    assert_eq!(seen, (1..=35).collect::<Vec<_>>());
    assert_eq!(recovery.damaged.len(), 1);
    assert_eq!(recovery.damaged[0].first, Position(36));
    assert!(recovery.damaged[0].last >= Position(40) && journal.last_staged() >= Position(40));
}

#[test]
fn garbage_files_do_not_stop_opening() {
    let files = filled(5);
    for (name, bytes) in [("00000000000000ff.seg", 7), ("x.seg", 9), ("00000000000000fe.free", 3)] {
        let file = files.open(&Path::new(DIR).join(name), OpenMode::CREATE).unwrap();
        file.write_all_at(&vec![0xa5; bytes], 0).unwrap();
    }
    let (journal, _, seen) = open(&files);
    assert_eq!(seen, (1..=5).collect::<Vec<_>>());
    append(&journal, 3);
    assert_eq!(open(&files).2.len(), 8);
}

#[test]
fn a_floor_keeps_positions_from_starting_again() {
    let files = filled(5);
    let options = Options { position_floor: Position(50), ..options() };
    let opened = Journal::open(Arc::new(files.clone()), Path::new(DIR), options, &mut |_, _| {
        Ok::<(), JournalError>(())
    });
    let journal = opened.unwrap().0;
    assert_eq!(journal.last_staged(), Position(50));
    append(&journal, 1);
    assert_eq!(open(&files).2, vec![1, 2, 3, 4, 5, 51]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Any flips in any segments: nothing wrong is replayed, and every position that is neither
    /// replayed nor at the end is reported.
    #[test]
    fn any_flips_are_accounted_for(
        flips in prop::collection::vec((1..=3_u64, 0..(16_u64 << 10), 1..=255_u8), 1..20),
    ) {
        let files = filled(40);
        for (sequence, offset, mask) in flips {
            files.flip(&segment(sequence), offset, mask);
        }
        let (_, recovery, seen) = open(&files);
        let last = seen.last().copied().unwrap_or(0);
        for position in 1..=last {
            let reported = recovery
                .damaged
                .iter()
                .any(|d| (d.first.0..=d.last.0).contains(&position));
            prop_assert_ne!(reported, seen.contains(&position), "position {}", position);
        }
        prop_assert_eq!(recovery.frames, seen.len() as u64);
    }
}
