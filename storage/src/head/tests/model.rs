//! Random operations against a model of ordered maps, with crashes.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::head::PartId;
use proto::greater_value;

type SeriesKey = (TenantName, u128);

#[derive(Clone, Debug)]
enum Operation {
    Append {
        tenant: u8,
        series: Vec<(u8, Vec<(u16, u8)>)>,
        labels: bool,
    },
    Commit,
    Close(u8),
    Drop(u8),
    Checkpoint,
    /// A checkpoint with other operations between its steps; `false`: journaled and forgotten.
    BusyCheckpoint(Vec<Operation>, bool),
    Crash(bool),
}

fn operation() -> impl Strategy<Value = Operation> {
    let busy = prop::collection::vec(simple_operation(), 0..12);
    prop_oneof![
        12 => simple_operation(),
        1 => Just(Operation::Checkpoint),
        2 => (busy, any::<bool>()).prop_map(|(busy, end)| Operation::BusyCheckpoint(busy, end)),
        2 => any::<bool>().prop_map(Operation::Crash),
    ]
}

fn simple_operation() -> impl Strategy<Value = Operation> {
    let samples = prop::collection::vec((0u16..60, 0u8..4), 1..6);
    let series = prop::collection::vec((0u8..12, samples), 1..6);
    prop_oneof![
        12 => (0u8..2, series, any::<bool>())
            .prop_map(|(tenant, series, labels)| Operation::Append { tenant, series, labels }),
        3 => Just(Operation::Commit),
        2 => (0u8..6).prop_map(Operation::Close),
        2 => any::<u8>().prop_map(Operation::Drop),
    ]
}

/// What the head should hold.
#[derive(Clone, Default, Debug)]
struct Model {
    parts: BTreeMap<PartId, BTreeMap<SeriesKey, BTreeMap<i64, u64>>>,
    open: BTreeMap<i64, u32>,
}

impl Model {
    fn open_part(&self, t: i64) -> PartId {
        let window_start_ms = t.div_euclid(WINDOW_MS) * WINDOW_MS;
        let number = self.open.get(&window_start_ms).copied().unwrap_or(0);
        PartId { window_start_ms, number }
    }

    fn is_closed(&self, id: PartId) -> bool {
        id.number < self.open_part(id.window_start_ms).number
    }

    fn merged(&self) -> BTreeMap<SeriesKey, BTreeMap<i64, u64>> {
        let mut all: BTreeMap<SeriesKey, BTreeMap<i64, u64>> = BTreeMap::new();
        for (key, samples) in self.parts.values().flatten() {
            let series = all.entry(key.clone()).or_default();
            for (t, bits) in samples {
                let kept = series.entry(*t).or_insert(*bits);
                *kept = greater(*kept, *bits);
            }
        }
        all
    }

    /// Adds a sample; answers whether it conflicts.
    fn add(&mut self, key: &SeriesKey, t: i64, bits: u64) -> bool {
        let live = self.parts.values().filter_map(|series| series.get(key)?.get(&t).copied());
        let stored = live.reduce(greater);
        let conflict = stored.is_some_and(|stored| stored != bits);
        if stored.is_none_or(|stored| greater(stored, bits) != stored) {
            let part = self.parts.entry(self.open_part(t)).or_default();
            part.entry(key.clone()).or_default().insert(t, bits);
        }
        conflict
    }
}

fn greater(a: u64, b: u64) -> u64 {
    greater_value(f64::from_bits(a), f64::from_bits(b)).to_bits()
}

fn value(number: u8) -> f64 {
    [1.0, -2.5, 1e300, f64::from_bits(proto::STALE_NAN_BITS)][usize::from(number)]
}

/// The head, the model, and the model as of the last commit.
struct World {
    files: MemoryFiles,
    head: Arc<Head>,
    now: Model,
    durable: Model,
    /// Every sample that was ever sent.
    sent: BTreeSet<(SeriesKey, i64, u64)>,
}

impl World {
    fn new() -> World {
        let files = MemoryFiles::default();
        let head = Arc::new(open(&files));
        let (now, durable) = (Model::default(), Model::default());
        World { files, head, now, durable, sent: BTreeSet::new() }
    }

    /// The head holds what was durable, unless it was dropped since, and nothing that never was.
    fn check_between(&self) {
        let mut found = BTreeMap::new();
        for series in self.head.select(&everything()).unwrap() {
            let key = (series.tenant.clone(), series.id.0);
            found.insert(key, samples(&series).into_iter().collect::<BTreeMap<i64, u64>>());
        }
        for (id, series) in &self.durable.parts {
            for (key, samples) in series.iter().filter(|_| self.now.parts.contains_key(id)) {
                for t in samples.keys() {
                    let bits = found.get(key).and_then(|samples| samples.get(t));
                    assert!(bits.is_some(), "{key:?} lacks its durable sample at {t}");
                }
            }
        }
        for (key, samples) in found {
            for (t, bits) in samples {
                assert!(self.sent.contains(&(key.clone(), t, bits)), "{key:?} at {t}: {bits:x}");
            }
        }
    }

    fn run(&mut self, operation: Operation) {
        match operation {
            Operation::Append { tenant, series, labels } => self.append(tenant, series, labels),
            Operation::Commit => self.commit(),
            Operation::Close(window) => {
                let window_start_ms = i64::from(window) * WINDOW_MS;
                let (id, _) = self.head.close(window_start_ms).unwrap();
                assert_eq!(id, self.now.open_part(window_start_ms));
                self.now.open.insert(window_start_ms, id.number + 1);
            }
            Operation::Drop(choice) => self.drop_part(choice),
            Operation::Checkpoint => {
                checkpoint(&self.head);
                self.durable = self.now.clone();
            }
            Operation::BusyCheckpoint(busy, finish) => self.busy_checkpoint(busy, finish),
            Operation::Crash(clean) => self.crash(clean),
        }
        self.check();
    }

    fn busy_checkpoint(&mut self, busy: Vec<Operation>, finish: bool) {
        let head = self.head.clone();
        let mut future = std::pin::pin!(head.checkpoint());
        let mut context = Context::from_waker(futures::task::noop_waker_ref());
        let mut busy = busy.into_iter();
        let done = loop {
            if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
                break done.unwrap();
            }
            if let Some(operation) = busy.next() {
                self.run(operation);
            }
            self.commit();
        };
        if finish {
            self.head.finish_checkpoint(done).unwrap();
        }
    }

    fn append(&mut self, name: u8, series: Vec<(u8, Vec<(u16, u8)>)>, with_labels: bool) {
        let name = ["a", "b"][usize::from(name)];
        let known = self.now.merged();
        let mut whole = SampleBatch::new(tenant(name), Epoch(1));
        for (id, samples) in &series {
            if with_labels {
                whole.labels.push((whole.ids.len() as u32, labels(u128::from(*id))));
            }
            whole.push_series(SeriesId(u128::from(*id)));
            samples.iter().for_each(|(t, v)| whole.push_sample(i64::from(*t) * 1000, value(*v)));
        }
        let (mut unknown, mut conflicts) = (BTreeSet::new(), BTreeSet::new());
        for (partition, piece, origins) in self.head.scatter(&whole) {
            let out = self.head.append(partition, &piece).unwrap();
            assert!(out.position <= self.head.journal().last_staged());
            unknown.extend(out.unknown.iter().map(|index| origins[*index as usize]));
            conflicts.extend(out.conflicts.iter().map(|(i, t)| (origins[*i as usize], *t)));
        }
        self.expect(name, &series, with_labels, &known, &unknown, &conflicts);
    }

    fn expect(
        &mut self,
        name: &str,
        series: &[(u8, Vec<(u16, u8)>)],
        with_labels: bool,
        known: &BTreeMap<SeriesKey, BTreeMap<i64, u64>>,
        unknown: &BTreeSet<u32>,
        conflicts: &BTreeSet<(u32, i64)>,
    ) {
        let mut expected = BTreeSet::new();
        for (index, (id, samples)) in series.iter().enumerate() {
            let key = (tenant(name), u128::from(*id));
            let is_unknown = !with_labels && !known.contains_key(&key);
            assert_eq!(unknown.contains(&(index as u32)), is_unknown, "{key:?}");
            if is_unknown {
                continue;
            }
            let mut sorted: Vec<_> =
                samples.iter().map(|(t, v)| (i64::from(*t) * 1000, value(*v).to_bits())).collect();
            sorted.sort_unstable();
            for (t, bits) in sorted {
                self.sent.insert((key.clone(), t, bits));
                if self.now.add(&key, t, bits) {
                    expected.insert((index as u32, t));
                }
            }
        }
        assert_eq!(conflicts, &expected);
    }

    fn commit(&mut self) {
        commit(&self.head);
        self.durable = self.now.clone();
    }

    fn drop_part(&mut self, choice: u8) {
        let closed: Vec<_> =
            self.now.parts.keys().copied().filter(|id| self.now.is_closed(*id)).collect();
        if closed.is_empty() {
            return;
        }
        let id = closed[usize::from(choice) % closed.len()];
        self.commit();
        self.check_cut(id);
        self.head.drop_part(id).unwrap();
        self.now.parts.remove(&id);
    }

    fn check_cut(&self, id: PartId) {
        let mut found = BTreeMap::new();
        for tenant in self.head.tenants_of_part(id) {
            let cut = self.head.cut(id, &tenant).unwrap();
            assert!(cut.is_sorted_by(|a, b| a.labels < b.labels));
            for series in cut {
                assert!(series.chunks.is_sorted_by_key(|chunk| chunk.min_ms));
                let key = (tenant.clone(), series.id.0);
                found.insert(key, samples(&series).into_iter().collect::<BTreeMap<_, _>>());
            }
        }
        assert_eq!(found, self.now.parts[&id]);
    }

    fn crash(&mut self, clean: bool) {
        self.files.crash(if clean { Crash::Clean } else { Crash::ProcessOnly });
        self.head = Arc::new(open(&self.files));
        self.now = self.durable.clone();
        assert_eq!(self.head.replay_stats().malformed_frames, 0);
        assert_eq!(self.head.replay_stats().orphan_samples, 0);
    }

    fn check(&self) {
        let mut found = BTreeMap::new();
        for series in self.head.select(&everything()).unwrap() {
            assert_eq!(series.labels, labels(series.id.0));
            let key = (series.tenant.clone(), series.id.0);
            let merged: BTreeMap<i64, u64> = samples(&series).into_iter().collect();
            assert!(found.insert(key, merged).is_none(), "a series is given once");
        }
        assert_eq!(found, self.now.merged());
        assert_eq!(self.head.stats().series(), found.len() as u64);
        let parts: Vec<_> = self.head.parts().iter().map(|p| (p.id, p.closed)).collect();
        let expected: Vec<_> =
            self.now.parts.keys().map(|id| (*id, self.now.is_closed(*id))).collect();
        assert_eq!(parts, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases * 3 / 8))]
    #[test]
    fn the_head_agrees_with_its_model(
        operations in prop::collection::vec(operation(), 1..60)
    ) {
        let mut world = World::new();
        operations.into_iter().for_each(|operation| world.run(operation));
        world.run(Operation::Commit);
        world.run(Operation::Crash(true));
    }

    #[test]
    fn what_was_durable_survives_a_power_cut_in_a_commit(
        operations in prop::collection::vec(simple_operation(), 1..40),
        cut in 0u64..12, seed: u64
    ) {
        let mut world = World::new();
        operations.into_iter().for_each(|operation| world.run(operation));
        world.files.cut_power_after(cut);
        let whole = (0..100).try_for_each(|_| world.head.journal().commit().map(drop)).is_ok();
        if whole && world.head.journal().durable() == world.head.journal().last_staged() {
            world.durable = world.now.clone();
        }
        world.files.crash(Crash::Torn { seed });
        world.head = Arc::new(open(&world.files));
        world.check_between();
    }
}
