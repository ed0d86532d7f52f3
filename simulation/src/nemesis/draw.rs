//! Draws the faults of a life: which kinds it has at all, and then when, where and how long.

use super::{BucketFault, CrashKind, DiskFault, Fault, Planned};
use crate::arguments::Profile;
use crate::plan::{Plan, SKEW_MS_MAX};
use crate::random::Random;
use crate::world::disk::{Area, Barrier};

/// Kinds of faults, as far as drawing goes; each with how often it is drawn where a life has it.
const KINDS: [(u64, Kind); 12] = [
    (5, Kind::Partition),
    (3, Kind::Hold),
    (4, Kind::Links),
    (6, Kind::Crash),
    (2, Kind::CrashMany),
    (5, Kind::CrashAt),
    (2, Kind::Restart),
    (3, Kind::Clock),
    (5, Kind::Disk),
    (5, Kind::Destruction),
    (5, Kind::Bucket),
    (1, Kind::Join),
];

/// Least age of an old disk, milliseconds: a node advances its life number every ten seconds, and
/// the others have to hear of it.
const OLD_DISK_MS_MIN: i64 = 14_000;
/// How long a full disk stays full at least, milliseconds: until the segments that were made
/// before are used up, and a window is due to be cut.
const FULL_DISK_MS_MIN: i64 = 35_000;
/// How long nobody reaches the bucket at least, milliseconds: longer than some lives keep blocks.
const UNREACHABLE_MS_MIN: i64 = 30_000;
/// How long a crash waits at least for a node to come to a place that nodes seldom come to.
const SELDOM_MS_MIN: i64 = 30_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Partition,
    Hold,
    Links,
    Crash,
    CrashMany,
    CrashAt,
    Restart,
    Clock,
    Disk,
    Destruction,
    Bucket,
    Join,
}

/// The faults of a life in order of time.
pub fn draw_faults(random: &mut Random, plan: &Plan) -> Vec<Planned> {
    // A life has about two in three of the kinds, so that lives differ in what goes together.
    let kinds: Vec<(u64, Kind)> = KINDS.into_iter().filter(|_| random.percent(66)).collect();
    if kinds.is_empty() {
        return draw_faults(random, plan);
    }
    let victims: Vec<usize> =
        plan.rings.iter().map(|ring| ring.hosts[random.index(ring.hosts.len())]).collect();
    let per_minute = random.pick([4, 7, 10]);
    let minutes = plan.faults_ms.unsigned_abs() / 60_000;
    let number = match plan.profile {
        Profile::LongHaul => minutes / 60,
        Profile::Race => minutes * per_minute * 2,
        _ => minutes * per_minute,
    };
    let mut drawing = Drawing { random, plan, victims };
    let mut faults: Vec<Planned> = (0..number).map(|_| drawing.planned(&kinds)).collect();
    faults.sort_by_key(|planned| planned.at_ms);
    faults
}

/// How much longer than others a fault lasts.
fn least_ms(fault: &Fault) -> i64 {
    match fault {
        Fault::OldDisk { .. } => OLD_DISK_MS_MIN,
        Fault::FullDisk { .. } => FULL_DISK_MS_MIN,
        Fault::Bucket { how: BucketFault::Unreachable } => UNREACHABLE_MS_MIN,
        Fault::CrashAt { barrier, .. } if barrier.is_seldom() => SELDOM_MS_MIN,
        _ => 0,
    }
}

struct Drawing<'a> {
    random: &'a mut Random,
    plan: &'a Plan,
    /// The host of each ring that may lose what is durable.
    victims: Vec<usize>,
}

impl Drawing<'_> {
    fn planned(&mut self, kinds: &[(u64, Kind)]) -> Planned {
        let total: u64 = kinds.iter().map(|(weight, _)| weight).sum();
        let mut left = self.random.below(total);
        let mut kind = kinds[0].1;
        for (weight, candidate) in kinds {
            if left < *weight {
                kind = *candidate;
                break;
            }
            left -= weight;
        }
        let at_ms = self.random.between(0, self.plan.faults_ms * 9 / 10);
        let lasts_ms = self.random.pick([300, 1_500, 4_000, 9_000, 14_000]);
        let lasts_ms = self.random.between(lasts_ms / 2, lasts_ms);
        let fault = self.fault(kind);
        Planned { at_ms, lasts_ms: lasts_ms + least_ms(&fault), fault }
    }

    fn fault(&mut self, kind: Kind) -> Fault {
        match kind {
            Kind::Partition => self.partition(),
            Kind::Hold => Fault::Hold { host: self.host() },
            Kind::Links => self.links(),
            Kind::Crash => Fault::Crash { host: self.host(), kind: self.crash_kind() },
            Kind::CrashMany => self.crash_many(),
            Kind::CrashAt => {
                let (host, barrier) = (self.host(), self.barrier());
                let nth = self.random.pick([1, 1, 2, 5, 20]);
                Fault::CrashAt { host, barrier, nth: if barrier.is_seldom() { 1 } else { nth } }
            }
            Kind::Restart if self.random.percent(25) => Fault::RollingRestart,
            Kind::Restart => Fault::Restart { host: self.host() },
            Kind::Clock => self.clock(),
            Kind::Disk => self.disk(),
            Kind::Destruction => self.destruction(),
            Kind::Bucket => self.bucket(),
            Kind::Join => Fault::Join { ring: self.random.index(self.plan.rings.len()) },
        }
    }

    fn host(&mut self) -> usize {
        self.random.index(self.plan.hosts.len())
    }

    fn pair(&mut self) -> (usize, usize) {
        let a = self.host();
        let other = self.random.index(self.plan.hosts.len() - 1);
        (a, if other >= a { other + 1 } else { other })
    }

    /// Any place; often that between writing and syncing what is to be acknowledged.
    fn barrier(&mut self) -> Barrier {
        match self.random.percent(25) {
            true => Barrier::BeforeJournalSync,
            false => self.random.pick(Barrier::ALL),
        }
    }

    fn crash_kind(&mut self) -> CrashKind {
        self.random.pick(CrashKind::ALL)
    }

    fn partition(&mut self) -> Fault {
        let (from, to) = self.pair();
        match self.random.below(4) {
            0 => Fault::PartitionOneWay { from, to },
            1 => Fault::CutClients { host: from },
            2 => Fault::Partition { side: vec![from] },
            _ => {
                let hosts = 0..self.plan.hosts.len();
                let side = hosts.filter(|_| self.random.percent(50)).collect();
                Fault::Partition { side }
            }
        }
    }

    fn links(&mut self) -> Fault {
        let (a, b) = self.pair();
        match self.random.below(3) {
            0 => Fault::Duplicate { host: a, percent: self.random.pick([5, 20]) },
            1 => Fault::Latency { a, b, ms: self.random.pick([50, 300, 1_500]) },
            _ => Fault::Loss { a, b, percent: self.random.pick([1, 5]) },
        }
    }

    fn crash_many(&mut self) -> Fault {
        let ring = self.random.index(self.plan.rings.len());
        match self.random.below(4) {
            0 | 1 => Fault::CrashRing { ring, kind: self.crash_kind() },
            2 => {
                let hosts = &self.plan.rings[ring].hosts;
                let first = self.random.index(hosts.len());
                let pair = [hosts[first], hosts[(first + 1) % hosts.len()]];
                Fault::CrashTwo { pair, kind: self.crash_kind() }
            }
            _ => Fault::CrashLoop { host: self.host(), times: self.random.pick([2, 3, 5]) },
        }
    }

    /// Off by up to minutes, or over the edge of a window.
    fn clock(&mut self) -> Fault {
        let window_ms = i64::try_from(self.plan.window.as_millis()).unwrap_or(i64::MAX);
        let ms = self.random.pick([5_000, window_ms.min(SKEW_MS_MAX), SKEW_MS_MAX]);
        let ms = if self.random.percent(50) { ms } else { -ms };
        Fault::Skew { host: self.host(), ms }
    }

    fn disk(&mut self) -> Fault {
        let host = self.host();
        match self.random.below(10) {
            0 => Fault::SlowDisk { host, ms: self.random.pick([20, 300, 2_000]) },
            1 | 6 => Fault::FailingSync { host },
            2 | 7..=9 => {
                let free_bytes = self.random.pick([0, 0, 3_000]);
                Fault::FullDisk { host: self.spared(host), free_bytes }
            }
            _ => {
                let what = [DiskFault::Reads, DiskFault::Writes, DiskFault::Metadata];
                let what = self.random.pick(what);
                Fault::FailingDisk { host, what, permille: self.random.pick([5, 50]) }
            }
        }
    }

    /// This host or, if its ring cannot do without one for long, one of a ring that can: a ring of
    /// two acknowledges nothing while the disk of one is full.
    fn spared(&self, host: usize) -> usize {
        let largest = self.plan.rings.iter().max_by_key(|ring| ring.hosts.len());
        match largest {
            Some(ring) if self.plan.ring_of(host).hosts.len() < 3 => {
                ring.hosts[host % ring.hosts.len()]
            }
            _ => host,
        }
    }

    fn destruction(&mut self) -> Fault {
        let host = match self.plan.profile {
            Profile::BeyondBudget => self.host(),
            _ => self.victims[self.random.index(self.victims.len())],
        };
        match self.random.below(6) {
            0 => Fault::LoseDisk { host },
            1 => Fault::OldDisk { host },
            _ => {
                let area = self.random.weighted([
                    (5, Area::Journal),
                    (2, Area::Chunks),
                    (1, Area::Index),
                    (1, Area::Meta),
                    (1, Area::RaftLog),
                ]);
                Fault::Damage { host, area }
            }
        }
    }

    fn bucket(&mut self) -> Fault {
        let how = self.random.pick([
            BucketFault::Errors,
            BucketFault::Timeouts,
            BucketFault::ShortReads,
            BucketFault::Multipart,
            BucketFault::LaggingLists,
            BucketFault::Forbidden,
            BucketFault::Unreachable,
            BucketFault::Unreachable,
            BucketFault::Slow,
        ]);
        Fault::Bucket { how }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::nemesis::KINDS;

    #[test]
    fn every_kind_of_fault_is_drawn_and_counted() {
        let plans = (0..400).map(|seed| Plan::draw(&mut Random::new(seed), Profile::Default, 2));
        let faults = plans.flat_map(|plan| plan.faults);
        let drawn: BTreeSet<&str> = faults.map(|planned| planned.fault.kind()).collect();
        assert_eq!(drawn, BTreeSet::from(KINDS));
    }
}
