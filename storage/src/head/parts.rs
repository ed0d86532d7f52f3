//! Windows and their parts, as one partition sees them.
//!
//! A window is `[k * window_ms, (k + 1) * window_ms)`. Its samples go into its open part; closing
//! makes that part immutable and starts the next number, the *late part*. A part number of a
//! window is never used twice, because blocks are recognised by it: what is forgotten of old
//! windows is the floor below which no number starts.

use std::collections::BTreeMap;

use journal::Position;

/// Windows that a partition remembers; the oldest without data are forgotten first.
pub const WINDOWS_MAX: usize = 4096;

/// A part of a window, over all partitions and tenants.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PartId {
    /// Start of the window, milliseconds since the Unix epoch.
    pub window_start_ms: i64,
    /// 0 for the first part, larger for late parts.
    pub number: u32,
}

/// A part of one partition that has, or had, samples.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Which part.
    pub id: PartId,
    /// Whether samples may still be added.
    pub open: bool,
    /// Journal position of the frame that closed it.
    pub closed_position: Position,
    /// Whether its data is gone for readers and only waits to be swept.
    pub dropped: bool,
    /// Samples in it.
    pub samples: u64,
    /// Journal position of its first samples.
    pub first_position: Position,
    /// Cluster time when it began, as far as the head knew; `i64::MIN` after a replay.
    pub opened_ms: i64,
}

/// Index of a part in its partition.
pub type PartIndex = u32;
/// No part.
pub const NO_PART: PartIndex = u32::MAX;

/// What closings have made of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Closing {
    /// Number of the part that takes samples.
    next: u32,
    /// Journal position that made that so.
    position: Position,
}

/// All windows and parts of a partition.
#[derive(Debug)]
pub struct Parts {
    window_ms: i64,
    list: Vec<Option<Part>>,
    free: Vec<PartIndex>,
    by_id: BTreeMap<PartId, PartIndex>,
    /// Per window that was ever closed.
    next: BTreeMap<i64, Closing>,
    /// What forgotten windows (before the time) start at.
    floor: (i64, u32),
    /// Newest journal position that closed a forgotten window.
    floor_position: Position,
    /// The open part found last.
    recent: PartIndex,
}

impl Parts {
    /// No windows yet.
    pub fn new(window_ms: i64) -> Parts {
        Parts {
            window_ms,
            list: Vec::new(),
            free: Vec::new(),
            by_id: BTreeMap::new(),
            next: BTreeMap::new(),
            floor: (i64::MIN, 0),
            floor_position: Position::ZERO,
            recent: NO_PART,
        }
    }

    /// Start of the window that holds a timestamp.
    #[inline]
    pub fn window_of(&self, timestamp_ms: i64) -> i64 {
        window_start(timestamp_ms, self.window_ms)
    }

    /// Part `index`, which exists.
    #[inline]
    pub fn at(&self, index: PartIndex) -> &Part {
        self.list[index as usize].as_ref().expect("lines and lists refer to parts that exist")
    }

    /// Part `index` to write.
    #[inline]
    pub fn at_mut(&mut self, index: PartIndex) -> &mut Part {
        self.list[index as usize].as_mut().expect("lines and lists refer to parts that exist")
    }

    /// Whether part `index` is open and holds this timestamp.
    #[inline]
    pub fn takes(&self, index: PartIndex, timestamp_ms: i64) -> bool {
        let Some(Some(part)) = self.list.get(index as usize) else { return false };
        let start = part.id.window_start_ms;
        part.open && timestamp_ms >= start && timestamp_ms.abs_diff(start) < self.window_ms as u64
    }

    /// The open part for a timestamp, made if it is not there.
    #[inline]
    pub fn open_for(&mut self, timestamp_ms: i64, now_ms: i64, position: Position) -> PartIndex {
        if !self.takes(self.recent, timestamp_ms) {
            let window_start_ms = self.window_of(timestamp_ms);
            let open = self.open_number(window_start_ms);
            let number = if journal::planted!("G9") { 0 } else { open };
            let id = PartId { window_start_ms, number };
            self.recent = self.ensure(id, true, now_ms, position);
        }
        self.recent
    }

    /// Part `id`, made if it is not there.
    pub fn ensure(
        &mut self,
        id: PartId,
        open: bool,
        opened_ms: i64,
        first_position: Position,
    ) -> PartIndex {
        if let Some(index) = self.by_id.get(&id) {
            return *index;
        }
        let part = Part {
            id,
            open,
            closed_position: first_position,
            dropped: false,
            samples: 0,
            first_position,
            opened_ms,
        };
        let index = self.free.pop().unwrap_or_else(|| {
            self.list.push(None);
            self.list.len() as PartIndex - 1
        });
        self.list[index as usize] = Some(part);
        self.by_id.insert(id, index);
        index
    }

    /// Number of the part of a window that takes samples now.
    pub fn open_number(&self, window_start_ms: i64) -> u32 {
        self.closing_of(window_start_ms).next
    }

    /// Journal position that closed part `id` here, with samples in it or without; `None` when it
    /// would still take some.
    pub fn closed_at(&self, id: PartId) -> Option<Position> {
        let closing = self.closing_of(id.window_start_ms);
        let part = self.index_of(id).map(|index| self.at(index).closed_position);
        (closing.next > id.number).then(|| part.unwrap_or(closing.position))
    }

    fn closing_of(&self, window_start_ms: i64) -> Closing {
        let forgotten = window_start_ms < self.floor.0;
        let floor = if forgotten { self.floor.1 } else { 0 };
        let unnamed = Closing { next: floor, position: self.floor_position };
        self.next.get(&window_start_ms).copied().unwrap_or(unnamed)
    }

    /// Closes parts of the window up to `id.number`; later samples go to the next number.
    pub fn close(&mut self, id: PartId, position: Position) {
        let closing = Closing { next: id.number.saturating_add(1), position };
        let before = self.closing_of(id.window_start_ms);
        if closing.next > before.next {
            self.next.insert(id.window_start_ms, closing);
        }
        let from = PartId { number: 0, ..id };
        for index in self.by_id.range(from..=id).map(|(_, index)| *index) {
            if let Some(part) = self.list[index as usize].as_mut().filter(|part| part.open) {
                (part.open, part.closed_position) = (false, position);
            }
        }
        self.forget_old_windows();
    }

    fn forget_old_windows(&mut self) {
        while self.next.len() > WINDOWS_MAX
            && let Some((start, closing)) = self.next.pop_first()
        {
            self.floor = (start.saturating_add(1), self.floor.1.max(closing.next));
            self.floor_position = self.floor_position.max(closing.position);
        }
    }

    /// Hides a closed part from readers; answers its index if it is there.
    pub fn hide(&mut self, id: PartId) -> Option<PartIndex> {
        let index = *self.by_id.get(&id)?;
        self.at_mut(index).dropped = true;
        Some(index)
    }

    /// Forgets a part that nothing refers to any more.
    pub fn remove(&mut self, index: PartIndex) {
        if let Some(part) = self.list[index as usize].take() {
            self.by_id.remove(&part.id);
            self.free.push(index);
        }
    }

    /// All parts that are not dropped, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Part> {
        self.by_id.values().map(|index| self.at(*index)).filter(|part| !part.dropped)
    }

    /// Index of a part that is there and not dropped.
    pub fn index_of(&self, id: PartId) -> Option<PartIndex> {
        self.by_id.get(&id).copied().filter(|index| !self.at(*index).dropped)
    }

    /// Indexes of dropped parts that wait for the sweep.
    pub fn dropped(&self) -> Vec<PartIndex> {
        self.by_id.values().copied().filter(|index| self.at(*index).dropped).collect()
    }

    /// What a checkpoint has to carry: the floor and each closed window's next number.
    pub fn closed_windows(&self) -> ((i64, u32), impl ExactSizeIterator<Item = (i64, u32)>) {
        (self.floor, self.next.iter().map(|(start, closing)| (*start, closing.next)))
    }

    /// Takes over what a checkpoint carried; the higher number wins.
    pub fn restore_closed(
        &mut self,
        floor: (i64, u32),
        windows: impl IntoIterator<Item = (i64, u32)>,
        position: Position,
    ) {
        self.floor = (self.floor.0.max(floor.0), self.floor.1.max(floor.1));
        for (window_start_ms, next) in windows {
            if let Some(number) = next.checked_sub(1) {
                self.close(PartId { window_start_ms, number }, position);
            }
        }
    }
}

/// Start of the window of `window_ms` that holds a timestamp.
pub fn window_start(timestamp_ms: i64, window_ms: i64) -> i64 {
    timestamp_ms.saturating_sub(timestamp_ms.rem_euclid(window_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_hold_their_timestamps_at_both_ends_of_time() {
        for t in [i64::MIN, i64::MIN + 1, -10_001, -1, 0, 9_999, 10_000, i64::MAX] {
            let mut parts = Parts::new(10_000);
            let index = parts.open_for(t, 0, Position(1));
            assert!(parts.takes(index, t), "{t}");
            assert!(parts.at(index).id.window_start_ms <= t);
        }
        assert_eq!(window_start(-1, 10_000), -10_000);
    }

    #[test]
    fn a_forgotten_window_never_uses_a_part_number_again() {
        let mut parts = Parts::new(10);
        let id = |window: i64, number| PartId { window_start_ms: window * 10, number };
        parts.close(id(0, 0), Position(1));
        parts.close(id(0, 1), Position(2));
        assert_eq!(parts.open_number(0), 2);
        (1..=WINDOWS_MAX as i64).for_each(|window| parts.close(id(window, 0), Position(3)));
        assert_eq!(parts.open_number(0), 2);
        assert_eq!(parts.open_number(-10), 2);
        assert_eq!(parts.open_number((WINDOWS_MAX as i64 + 1) * 10), 0);
        let (floor, windows) = parts.closed_windows();
        let mut restored = Parts::new(10);
        restored.restore_closed(floor, windows, Position(4));
        assert_eq!(restored.open_number(0), 2);
        assert_eq!(restored.open_number(10), 1);
    }

    #[test]
    fn a_closed_part_takes_nothing_and_the_next_does() {
        let mut parts = Parts::new(10);
        let first = parts.open_for(3, 0, Position(1));
        parts.close(parts.at(first).id, Position(2));
        assert!(!parts.takes(first, 3));
        let second = parts.open_for(3, 0, Position(2));
        assert_eq!(parts.at(second).id.number, 1);
    }
}
