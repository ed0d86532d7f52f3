//! Which parts are due, as a pure function.

use crate::head::{PartId, PartInfo};

/// When parts are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutPolicy {
    /// Length of a window, as the head has it.
    pub window_ms: i64,
    /// How long a window stays open past its end.
    pub grace_ms: i64,
    /// How long a part of a window that is already past collects samples.
    pub late_every_ms: i64,
    /// Samples that make such a part due at once.
    pub late_samples_max: u64,
}

/// Parts to close (those that are open; wait until that is durable) and to cut, oldest first.
///
/// The first part of a window is due when cluster time is past the window's end by the grace. A
/// part that begins after that (a late part, or samples of a window nobody had written to) is due
/// when it is old or large enough. Closed parts are due: their cut was interrupted.
pub fn plan(parts: &[PartInfo], cluster_time_ms: i64, policy: &CutPolicy) -> Vec<PartId> {
    let due = parts.iter().filter(|part| is_due(part, cluster_time_ms, policy));
    due.map(|part| part.id).collect()
}

fn is_due(part: &PartInfo, cluster_time_ms: i64, policy: &CutPolicy) -> bool {
    let end_ms = part.id.window_start_ms.saturating_add(policy.window_ms);
    let first_due_ms = end_ms.saturating_add(policy.grace_ms);
    let began_late = part.opened_ms >= first_due_ms || part.id.number > 0;
    let due_ms = if began_late {
        part.opened_ms.saturating_add(policy.late_every_ms).max(first_due_ms)
    } else {
        first_due_ms
    };
    let large = began_late && part.samples >= policy.late_samples_max;
    part.closed || cluster_time_ms >= due_ms || (large && cluster_time_ms >= first_due_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use journal::Position;

    fn part() -> PartInfo {
        PartInfo {
            id: PartId { window_start_ms: 0, number: 0 },
            closed: false,
            closed_position: Position(2),
            samples: 0,
            first_position: Position(1),
            opened_ms: 0,
        }
    }

    #[test]
    fn parts_are_due_by_the_table() {
        let policy =
            CutPolicy { window_ms: 100, grace_ms: 30, late_every_ms: 15, late_samples_max: 1_000 };
        // number, closed, samples, opened_ms, cluster time, due
        let table = [
            (0, false, 1, 5, 129, false),
            (0, false, 1, 5, 130, true),
            (0, false, 9_999, 5, 129, false),
            (0, true, 1, 5, 0, true),
            (0, false, 1, i64::MIN, 130, true),
            (0, false, 1, 200, 214, false),
            (0, false, 1, 200, 215, true),
            (0, false, 1_000, 200, 201, true),
            (1, false, 1, 140, 154, false),
            (1, false, 1, 140, 155, true),
            (1, false, 1_000, 140, 141, true),
            (1, false, 1, i64::MIN, 140, true),
            (1, false, 1, 20, 60, false),
            (1, false, 5_000, 20, 60, false),
        ];
        for (number, closed, samples, opened_ms, now, due) in table {
            let id = PartId { window_start_ms: 0, number };
            let part = PartInfo { id, closed, samples, opened_ms, ..part() };
            let planned = plan(&[part], now, &policy);
            assert_eq!(!planned.is_empty(), due, "{part:?} at {now}");
        }
    }

    #[test]
    fn times_at_the_ends_of_the_range_do_not_overflow() {
        let policy = CutPolicy {
            window_ms: i64::MAX,
            grace_ms: i64::MAX,
            late_every_ms: i64::MAX,
            late_samples_max: 0,
        };
        let id = PartId { window_start_ms: i64::MAX, number: u32::MAX };
        let part = PartInfo { id, opened_ms: i64::MAX, ..part() };
        assert_eq!(plan(&[part], i64::MAX, &policy), vec![id]);
    }
}
