//! What takes durable data away: damage at rest, disks that are lost, and old ones that come back.

use cluster::VOTERS_MAX;
use journal::files::memory::MemoryFiles;

use super::{Nemesis, RESTART_MS};
use crate::fleet::Fleet;
use crate::nemesis::CrashKind;
use crate::nemesis::copies::OldCopy;
use crate::world::disk::{Area, Damaged};

/// Which part of a path is a block's ULID: after the root, `data` and `blocks`.
const BLOCK_COMPONENT: usize = 3;
/// Of a hundred times that a disk was damaged, how often another host of the ring crashes then.
const BESIDE_PERCENT: u64 = 60;
/// How many disks a cluster with fewer hosts than voters can lose: with two lost, three of five
/// voters are left.
const REPLACEMENTS_MAX: usize = 2;

impl Nemesis {
    /// Whether one more disk can be lost. The identities of those that were replaced stay voters,
    /// since nothing removes members yet, and a majority of the voters has to live on.
    pub(super) fn may_destroy(&self) -> bool {
        self.replacements < REPLACEMENTS_MAX || self.plan.hosts.len() >= VOTERS_MAX
    }

    /// Damages one place of a disk.
    pub(super) fn damage(&mut self, host: usize, area: Area, fleet: &Fleet) {
        let damaged = fleet.hosts[host].disk.damage(area, &mut self.random);
        let Some(Damaged { path, is_checked, words }) = damaged else { return };
        self.note_damage(host, words, fleet);
        let block = path.iter().nth(BLOCK_COMPONENT).and_then(|name| name.to_str());
        if let Some(block) = block.filter(|_| is_checked) {
            self.blocks.entry(host).or_default().insert(block.to_owned());
        }
    }

    fn note_damage(&mut self, host: usize, what: String, fleet: &Fleet) {
        self.trace.event(format!("{}: {what}", fleet.hosts[host].name));
        *self.damaged.entry(host).or_default() += 1;
    }

    /// Attaches a copy of a disk that was taken a while ago, if it can be told from the disk.
    pub(super) fn attach_old(&mut self, host: usize, copy: Option<OldCopy>, fleet: &mut Fleet) {
        let Some(image) = copy.and_then(|copy| copy.distinct(fleet.now_ms())) else { return };
        self.crash(host, CrashKind::PowerCut, self.now_ms + RESTART_MS, fleet);
        fleet.hosts[host].disk.replace(&image);
        fleet.hosts[host].key_value.wipe();
        self.replaced.insert(host, true);
        self.note_damage(host, "an old disk is attached".to_owned(), fleet);
        *self.fired.entry("old disk").or_default() += 1;
    }

    /// Attaches an empty disk.
    pub(super) fn replace_disk(&mut self, index: usize, fleet: &Fleet) {
        let host = &fleet.hosts[index];
        host.disk.replace(&MemoryFiles::default());
        host.key_value.wipe();
        self.replaced.insert(index, false);
        self.replacements += 1;
        self.note_damage(index, "the disk was replaced by an empty one".to_owned(), fleet);
    }

    /// Another host of the ring crashes when one is up again whose disk was damaged: what the
    /// damaged one lacks may then be missing.
    pub(super) fn crash_beside(&mut self, host: usize) {
        let ring = &self.plan.ring_of(host).hosts;
        let others: Vec<usize> = ring.iter().copied().filter(|other| *other != host).collect();
        if others.is_empty() || !self.random.percent(BESIDE_PERCENT) {
            return;
        }
        let other = others[self.random.index(others.len())];
        let at_ms = self.now_ms + self.random.between(1_000, 3_000);
        let down_ms = self.random.between(3_000, 8_000);
        self.crashes.push_back((at_ms, other, CrashKind::ProcessKill, down_ms));
        self.crashes.make_contiguous().sort_unstable();
        *self.fired.entry("crash beside a damaged host").or_default() += 1;
    }
}
