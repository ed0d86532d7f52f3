//! Carries the faults of a plan out, ends them, and starts again what ended.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::copies::OldCopy;
use super::links::{Link, Links};
use super::{BucketFault, CrashKind, Fault, Planned, Reach};
use crate::fleet::Fleet;
use crate::host::{Host, NOT_STARTED};
use crate::life::CLIENTS;
use crate::plan::Plan;
use crate::random::Random;
use crate::trace::SharedTrace;
use crate::world::disk::Barrier;
use crate::world::store::Store;

mod destruction;

/// How long a supervisor waits before it starts a process again that ended, milliseconds.
const RESTART_MS: i64 = 1_000;
/// How long a host that crashed at a barrier stays down at most, milliseconds.
const BARRIER_DOWN_MS_MAX: i64 = 6_000;
/// Between two restarts of a rolling restart, milliseconds.
const ROLLING_MS: i64 = 4_000;
/// What a node says that will never work on its disk again.
const GIVEN_UP: &str = "replace this node by an empty one";
/// A node that refuses its disk so often in a row is given another.
const REFUSALS_MAX: u32 = 3;
/// How long everything must have been quiet until it counts as calm, milliseconds: connections
/// that broke are noticed and made again by then.
const CALM_AFTER_MS: i64 = 20_000;
/// Of a hundred requests to the bucket, how many a fault of it strikes.
const BUCKET_PERCENT: [u64; 3] = [10, 40, 100];

/// A fault that is on.
struct Active {
    until_ms: i64,
    fault: Fault,
    /// The disk as it was when the fault began.
    copy: Option<OldCopy>,
}

/// Makes hosts that join.
pub type MakeHost = Box<dyn Fn(usize, usize) -> Arc<Host>>;

/// See the module.
pub struct Nemesis {
    plan: Rc<Plan>,
    waiting: VecDeque<Planned>,
    active: Vec<Active>,
    /// Hosts without a process, and when each gets one again.
    down: BTreeMap<usize, i64>,
    /// Crashes that are still to come: when, whom, how, how long it stays down.
    crashes: VecDeque<(i64, usize, CrashKind, i64)>,
    /// How often durable data of each host was taken away or damaged.
    damaged: BTreeMap<usize, usize>,
    /// Blocks of each host whose chunks were damaged.
    blocks: BTreeMap<usize, BTreeSet<String>>,
    /// Hosts whose disk is another one than they began with, and whether it is an old one.
    replaced: BTreeMap<usize, bool>,
    /// How many disks were replaced.
    replacements: usize,
    /// How often in a row each host's node refused to start.
    refusals: BTreeMap<usize, u32>,
    /// What nodes said when they gave up their disk for good, by host.
    given_up: BTreeMap<usize, String>,
    fired: BTreeMap<&'static str, u64>,
    links: Links,
    random: Random,
    store: Store,
    make_host: MakeHost,
    now_ms: i64,
    disturbed_ms: i64,
    trace: SharedTrace,
}

impl Nemesis {
    /// A nemesis that has done nothing yet.
    pub fn new(
        plan: Rc<Plan>,
        random: Random,
        store: Store,
        make_host: MakeHost,
        trace: SharedTrace,
    ) -> Nemesis {
        Nemesis {
            waiting: plan.faults.iter().cloned().collect(),
            plan,
            active: Vec::new(),
            down: BTreeMap::new(),
            crashes: VecDeque::new(),
            damaged: BTreeMap::new(),
            blocks: BTreeMap::new(),
            replaced: BTreeMap::new(),
            replacements: 0,
            refusals: BTreeMap::new(),
            given_up: BTreeMap::new(),
            fired: BTreeMap::new(),
            links: Links::default(),
            random,
            store,
            make_host,
            now_ms: 0,
            disturbed_ms: 0,
            trace,
        }
    }

    /// How often each kind of fault was carried out; what fired of it on disks and in the bucket
    /// is counted there.
    pub fn fired(&self) -> &BTreeMap<&'static str, u64> {
        &self.fired
    }

    /// How often durable data of a host was taken away or damaged.
    pub fn damages_of(&self, host: usize) -> usize {
        self.damaged.get(&host).copied().unwrap_or(0)
    }

    /// Blocks of a host whose chunks were damaged.
    pub fn damaged_blocks(&self, host: usize) -> impl Iterator<Item = &String> {
        self.blocks.get(&host).into_iter().flatten()
    }

    /// What a host's node said when it gave up its disk for good.
    pub fn given_up(&self, host: usize) -> Option<&str> {
        self.given_up.get(&host).map(String::as_str)
    }

    /// Whether a host has another disk than it began with.
    pub fn is_replaced(&self, host: usize) -> bool {
        self.replaced.contains_key(&host)
    }

    /// Whether a host has an old copy of its disk.
    pub fn has_old_disk(&self, host: usize) -> bool {
        self.replaced.get(&host).copied().unwrap_or(false)
    }

    /// Whether a host's disk is full now.
    pub fn is_full(&self, host: usize) -> bool {
        let is_full =
            |fault: &Fault| matches!(fault, Fault::FullDisk { host: of, .. } if *of == host);
        self.active.iter().any(|active| is_full(&active.fault))
    }

    /// Whether operations on a host's disk fail now.
    pub fn has_failing_disk(&self, host: usize) -> bool {
        let fails = |active: &Active| match active.fault {
            Fault::FailingDisk { host: of, .. }
            | Fault::FailingSync { host: of }
            | Fault::FullDisk { host: of, .. } => of == host,
            _ => false,
        };
        self.active.iter().any(fails)
    }

    /// Whether no fault is on and every host has a process.
    pub fn is_over(&self) -> bool {
        self.active.is_empty() && self.down.is_empty() && self.crashes.is_empty()
    }

    /// Whether that has been so for a while.
    pub fn is_calm(&self) -> bool {
        self.is_over() && self.now_ms >= self.disturbed_ms + CALM_AFTER_MS
    }

    /// How many times durable data of a ring was taken away or damaged.
    pub fn damages_of_ring(&self, hosts: &[usize]) -> usize {
        hosts.iter().map(|host| self.damages_of(*host)).sum()
    }

    /// What is touched by what is on now.
    pub fn reach(&self) -> Reach {
        let hosts = self.down.keys().chain(self.crashes.iter().map(|(_, host, _, _)| host));
        let mut reach = Reach { hosts: hosts.copied().collect(), bucket: false };
        // Hosts that joined later have the next numbers.
        let hosts = self.plan.hosts.len() + self.plan.faults.len();
        self.active.iter().for_each(|active| reach.add(&active.fault, &self.plan, hosts));
        reach
    }

    /// The faults' phase begins: from here on times count.
    pub fn start(&mut self) {
        self.down.values_mut().for_each(|at| *at -= self.now_ms);
        self.disturbed_ms -= self.now_ms;
        self.now_ms = 0;
    }

    /// Ends and begins what is due.
    pub fn act(&mut self, fleet: &mut Fleet) {
        let now_ms = self.now_ms;
        self.look_at_copied(fleet);
        let (over, on): (Vec<Active>, Vec<Active>) =
            std::mem::take(&mut self.active).into_iter().partition(|a| a.until_ms <= now_ms);
        self.active = on;
        let mut changed = !over.is_empty();
        for active in over {
            self.end(active, fleet);
        }
        while self.waiting.front().is_some_and(|planned| planned.at_ms <= now_ms) {
            if let Some(planned) = self.waiting.pop_front() {
                self.begin(planned, fleet);
                changed = true;
            }
        }
        while self.crashes.front().is_some_and(|(at_ms, ..)| *at_ms <= now_ms) {
            if let Some((_, host, kind, down_ms)) = self.crashes.pop_front() {
                self.crash(host, kind, now_ms + down_ms, fleet);
            }
        }
        if changed {
            self.links.make(self.wanted_links(fleet), &fleet.sim);
        }
    }

    fn look_at_copied(&mut self, fleet: &Fleet) {
        for Active { fault, copy, .. } in &mut self.active {
            if let (Fault::OldDisk { host }, Some(copy)) = (fault, copy)
                && let Some(running) = fleet.hosts[*host].running()
            {
                copy.look(&running, fleet.now_ms());
            }
        }
    }

    /// Crashes hosts whose power failed at a barrier, and starts processes again that are due.
    pub fn attend(&mut self, fleet: &mut Fleet) {
        for index in 0..fleet.hosts.len() {
            let host = fleet.hosts[index].clone();
            if let Some(barrier) = host.disk.down_at() {
                let kind = self.kind_at(barrier);
                let down_ms = self.random.between(200, BARRIER_DOWN_MS_MAX);
                self.crash(index, kind, self.now_ms + down_ms, fleet);
                if kind == CrashKind::ProcessKill && self.random.percent(75) {
                    self.cut_power_after(index, down_ms);
                }
            } else if host.has_ended() && !self.down.contains_key(&index) {
                self.operate(index, fleet);
                self.crash(index, CrashKind::ProcessKill, self.now_ms + RESTART_MS, fleet);
            }
        }
        let due: Vec<usize> =
            self.down.iter().filter(|(_, at)| **at <= self.now_ms).map(|(h, _)| *h).collect();
        for index in due {
            self.down.remove(&index);
            fleet.sim.bounce(fleet.hosts[index].name.as_str());
        }
    }

    /// Ends everything; hosts that are down are started within a moment.
    pub fn heal(&mut self, fleet: &mut Fleet) {
        self.waiting.clear();
        self.crashes.clear();
        for active in std::mem::take(&mut self.active) {
            self.end(active, fleet);
        }
        self.links.make(BTreeMap::new(), &fleet.sim);
        self.store.heal();
        for host in &fleet.hosts {
            host.disk.heal();
            host.slowness.set(Duration::ZERO);
            host.duplication.set(0);
            host.clock.set_offset_ms(0);
        }
        let soon_ms = self.now_ms + RESTART_MS;
        self.down.values_mut().for_each(|at| *at = (*at).min(soon_ms));
    }

    /// Time goes on.
    pub fn pass(&mut self, ms: i64) {
        self.now_ms += ms;
        if !self.is_over() {
            self.disturbed_ms = self.now_ms;
        }
    }

    /// What an operator does with a node that ended by itself: a host whose disk is known to be
    /// bad, and whose node says so at each start, gets an empty one.
    fn operate(&mut self, index: usize, fleet: &Fleet) {
        let host = &fleet.hosts[index];
        let exits = host.take_exits();
        let refusal = exits.iter().find(|reason| is_final(reason));
        if let Some(refusal) = refusal.filter(|reason| reason.contains(GIVEN_UP)) {
            self.given_up.insert(index, refusal.clone());
        }
        let Some(refusal) = refusal.filter(|_| !self.has_failing_disk(index)) else {
            self.refusals.remove(&index);
            return;
        };
        let refusals = self.refusals.entry(index).or_default();
        *refusals += 1;
        let is_for_good = *refusals >= REFUSALS_MAX;
        if is_for_good {
            self.given_up.insert(index, refusal.clone());
        }
        if is_for_good && self.damaged.contains_key(&index) {
            self.refusals.remove(&index);
            self.replace_disk(index, fleet);
            *self.fired.entry("replaced by an operator").or_default() += 1;
        }
    }

    fn crash(&mut self, index: usize, kind: CrashKind, back_ms: i64, fleet: &mut Fleet) {
        let host = &fleet.hosts[index];
        let name = &host.name;
        self.trace.event(format!("{name} goes down: {kind:?}"));
        fleet.sim.crash(name.as_str());
        host.crashed(kind);
        let back = self.down.entry(index).or_insert(back_ms);
        *back = (*back).max(back_ms);
    }

    fn begin(&mut self, planned: Planned, fleet: &mut Fleet) {
        self.trace.event(format!("fault: {planned}"));
        let until_ms = self.now_ms + planned.lasts_ms;
        let mut copy = None;
        match &planned.fault {
            Fault::Crash { host, kind } => self.crash(*host, *kind, until_ms, fleet),
            Fault::CrashRing { ring, kind } => {
                for host in self.plan.rings[*ring].hosts.clone() {
                    self.crash(host, *kind, until_ms, fleet);
                }
            }
            Fault::CrashTwo { pair, kind } => {
                pair.iter().for_each(|host| self.crash(*host, *kind, until_ms, fleet));
            }
            Fault::CrashLoop { host, times } => self.crash_again(*host, *times),
            Fault::CrashAt { host, barrier, nth } => {
                fleet.hosts[*host].disk.crash_at(*barrier, *nth);
            }
            Fault::Restart { host } => fleet.hosts[*host].ask_to_stop(),
            Fault::RollingRestart => self.roll(fleet),
            Fault::Skew { host, ms } => fleet.hosts[*host].clock.set_offset_ms(*ms),
            Fault::SlowDisk { host, ms } => {
                fleet.hosts[*host].slowness.set(Duration::from_millis(*ms));
            }
            Fault::FailingDisk { host, what, permille } => {
                fleet.hosts[*host].disk.fail(*what, *permille);
            }
            Fault::FailingSync { host } => fleet.hosts[*host].disk.fail_syncs(2),
            Fault::FullDisk { host, free_bytes } => fleet.hosts[*host].disk.fill(*free_bytes),
            Fault::Damage { host, .. } | Fault::LoseDisk { host } => {
                self.crash(*host, CrashKind::PowerCut, until_ms, fleet);
            }
            Fault::OldDisk { host } => {
                copy = Some(OldCopy::of(fleet.hosts[*host].disk.durable()));
            }
            Fault::Duplicate { host, percent } => fleet.hosts[*host].duplication.set(*percent),
            Fault::Bucket { how: how @ BucketFault::Unreachable } => self.store.fail(*how, 100),
            Fault::Bucket { how } => self.store.fail(*how, self.random.pick(BUCKET_PERCENT)),
            Fault::Join { ring } => fleet.add((self.make_host)(fleet.hosts.len(), *ring)),
            Fault::Latency { a, b, ms } => self.latency(*a, *b, Some(*ms), fleet),
            Fault::Loss { a, b, percent } => self.loss(*a, *b, *percent, fleet),
            Fault::Partition { .. }
            | Fault::PartitionOneWay { .. }
            | Fault::CutClients { .. }
            | Fault::Hold { .. } => {}
        }
        if !matches!(planned.fault, Fault::Bucket { .. } | Fault::OldDisk { .. }) {
            *self.fired.entry(planned.fault.kind()).or_default() += 1;
        }
        self.active.push(Active { until_ms, fault: planned.fault, copy });
    }

    fn end(&mut self, active: Active, fleet: &mut Fleet) {
        match &active.fault {
            fault if fault.is_destructive() && !self.may_destroy() => {}
            Fault::Skew { host, .. } => fleet.hosts[*host].clock.set_offset_ms(0),
            Fault::SlowDisk { host, .. } => fleet.hosts[*host].slowness.set(Duration::ZERO),
            Fault::FailingDisk { host, .. }
            | Fault::FailingSync { host }
            | Fault::FullDisk { host, .. }
            | Fault::CrashAt { host, .. } => fleet.hosts[*host].disk.heal(),
            Fault::Damage { host, area } => {
                self.damage(*host, *area, fleet);
                self.crash_beside(*host);
            }
            Fault::LoseDisk { host } => {
                self.replace_disk(*host, fleet);
            }
            Fault::OldDisk { host } => self.attach_old(*host, active.copy, fleet),
            Fault::Duplicate { host, .. } => fleet.hosts[*host].duplication.set(0),
            Fault::Bucket { how } => self.store.end(*how),
            Fault::Latency { a, b, .. } => self.latency(*a, *b, None, fleet),
            Fault::Loss { a, b, .. } => self.loss(*a, *b, 0, fleet),
            _ => {}
        }
    }

    /// How a host goes down at a place. What is written and not synced is most telling when the
    /// process is killed: the next one finds it, and it is not durable.
    fn kind_at(&mut self, barrier: Barrier) -> CrashKind {
        match barrier == Barrier::BeforeJournalSync && self.random.percent(50) {
            true => CrashKind::ProcessKill,
            false => self.random.pick(CrashKind::ALL),
        }
    }

    /// The power fails shortly after a process was started again that had been killed.
    fn cut_power_after(&mut self, host: usize, down_ms: i64) {
        let at_ms = self.now_ms + down_ms + self.random.between(500, 3_000);
        self.crashes.push_back((at_ms, host, CrashKind::PowerCut, 300));
        self.crashes.make_contiguous().sort_unstable();
    }

    fn crash_again(&mut self, host: usize, times: u32) {
        let mut at_ms = self.now_ms;
        for _ in 0..times {
            let kind = self.random.pick(CrashKind::ALL);
            self.crashes.push_back((at_ms, host, kind, 300));
            at_ms += self.random.between(500, 3_000);
        }
        self.crashes.make_contiguous().sort_unstable();
    }

    /// The nodes stop one after the other; each is started again when it has ended.
    fn roll(&mut self, fleet: &Fleet) {
        for index in 0..fleet.hosts.len() {
            let at_ms = self.now_ms + ROLLING_MS * i64::try_from(index).unwrap_or(0);
            let planned = Planned { at_ms, lasts_ms: 1, fault: Fault::Restart { host: index } };
            let later = |p: &Planned| p.at_ms <= at_ms;
            let place = self.waiting.iter().position(|p| !later(p)).unwrap_or(self.waiting.len());
            self.waiting.insert(place, planned);
        }
    }

    fn latency(&mut self, a: usize, b: usize, ms: Option<u64>, fleet: &Fleet) {
        let (a, b) = (fleet.hosts[a].name.as_str(), fleet.hosts[b].name.as_str());
        let max = ms.map_or(self.plan.network.latency_max, Duration::from_millis);
        fleet.sim.set_link_max_message_latency(a, b, max);
    }

    fn loss(&mut self, a: usize, b: usize, percent: u64, fleet: &mut Fleet) {
        let (a, b) = (fleet.hosts[a].name.clone(), fleet.hosts[b].name.clone());
        fleet.sim.set_link_fail_rate(a.as_str(), b.as_str(), percent as f64 / 100.0);
    }

    /// What all faults that are on make of the network.
    fn wanted_links(&self, fleet: &Fleet) -> BTreeMap<(String, String), Link> {
        let mut wanted = BTreeMap::new();
        let name = |index: usize| fleet.hosts[index].name.clone();
        let mut add = |a: String, b: String, link: Link| {
            let (pair, link) = ordered(a, b, link);
            let now: &mut Link = wanted.entry(pair).or_default();
            *now = now.and(link);
        };
        for active in &self.active {
            match &active.fault {
                Fault::Partition { side } => {
                    for a in side {
                        for b in (0..fleet.hosts.len()).filter(|b| !side.contains(b)) {
                            add(name(*a), name(b), Link::Cut);
                        }
                    }
                }
                Fault::PartitionOneWay { from, to } => {
                    add(name(*from), name(*to), Link::CutForth);
                }
                Fault::CutClients { host } => add(CLIENTS.to_owned(), name(*host), Link::Cut),
                Fault::Hold { host } => {
                    for b in (0..fleet.hosts.len()).filter(|b| b != host) {
                        add(name(*host), name(b), Link::Held);
                    }
                    add(CLIENTS.to_owned(), name(*host), Link::Held);
                }
                _ => {}
            }
        }
        wanted
    }
}

/// Whether a node says that it will never work on its disk again.
fn is_final(reason: &str) -> bool {
    reason.starts_with(NOT_STARTED) || reason.contains(GIVEN_UP)
}

/// The pair in order of its names.
fn ordered(a: String, b: String, link: Link) -> ((String, String), Link) {
    if a <= b {
        return ((a, b), link);
    }
    let turned = match link {
        Link::CutForth => Link::CutBack,
        Link::CutBack => Link::CutForth,
        other => other,
    };
    ((b, a), turned)
}
