//! Closing of parts, and what a crash in the middle of it leaves.

use super::*;
use crate::head::PartId;
use crate::head::frame::Frame;
use crate::head::stage::stage_frame;

const FIRST: PartId = PartId { window_start_ms: 0, number: 0 };

/// A head whose first part is closed in partition 0 only, which alone has samples in it.
fn half_closed(files: &MemoryFiles) -> Head {
    let head = open(files);
    head.append(0, &batch("a", &[(0, &[(1, 1.0)])])).unwrap();
    stage_frame(head.journal(), 0, Epoch::default(), &Frame::Close(FIRST)).unwrap();
    commit(&head);
    drop(head);
    files.crash(Crash::Clean);
    open(files)
}

#[test]
fn a_part_that_is_open_in_a_partition_without_samples_is_open() {
    let head = half_closed(&MemoryFiles::default());
    assert!(!head.parts()[0].closed);
    assert!(head.check_part(FIRST).is_err());
    assert!(head.cut(FIRST, &tenant("a")).is_ok(), "partition 0 has closed it for good");
    assert!(head.drop_part(FIRST).is_err());
}

#[test]
fn no_number_is_used_again_after_a_crash_in_a_closing() {
    let files = MemoryFiles::default();
    let head = half_closed(&files);
    let position = head.close_part(FIRST).unwrap();
    assert!(position > head.journal().durable());
    assert!(head.check_part(FIRST).is_err(), "the closing is not durable yet");
    commit(&head);
    head.check_part(FIRST).unwrap();
    head.drop_part(FIRST).unwrap();
    commit(&head);
    for head in [head, open(&files)] {
        head.append(1, &batch("a", &[(1, &[(2, 1.0)])])).unwrap();
        assert_eq!(head.parts()[0].id.number, 1);
    }
}

#[test]
fn closing_a_part_again_changes_nothing_and_later_parts_stay_open() {
    let head = open(&MemoryFiles::default());
    head.append(0, &batch("a", &[(0, &[(1, 1.0)])])).unwrap();
    let first = head.close_part(FIRST).unwrap();
    assert_eq!(head.close_part(FIRST).unwrap(), first);
    head.append(0, &batch("a", &[(0, &[(2, 1.0)])])).unwrap();
    let staged = head.journal().last_staged();
    assert_eq!(head.close_part(FIRST).unwrap(), staged, "nothing is staged for it");
    let closed: Vec<_> = head.parts().iter().map(|part| (part.id.number, part.closed)).collect();
    assert_eq!(closed, vec![(0, true), (1, false)]);
}
