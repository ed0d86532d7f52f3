//! The clients: random batches of several tenants, whose series have the same labels and whose
//! values tell from which tenant they are.

use std::collections::VecDeque;

use proto::ids::tenant_seed;
use proto::{Epoch, Labels, STALE_NAN_BITS, SampleBatch, SeriesId, TenantName};

use crate::engine::knobs::Knobs;
use crate::engine::node::CLUSTER_SEED;
use crate::random::Random;

/// Sent samples that clients remember, to send them, or others in their place, again.
const MEMORY_SAMPLES_MAX: usize = 600;
/// Series of one batch at most.
const BATCH_SERIES_MAX: u64 = 6;

/// One client.
struct Tenant {
    name: TenantName,
    series: Vec<(SeriesId, Labels)>,
    /// Series, timestamp and bits of the value.
    sent: VecDeque<(usize, i64, u64)>,
}

/// How the samples of one series in a batch look.
#[derive(Clone, Copy)]
enum Shape {
    InOrder,
    Run,
    OutOfOrder,
    Duplicates,
    Conflicts,
}

/// See the module.
pub struct Workload {
    tenants: Vec<Tenant>,
    window_ms: i64,
}

impl Workload {
    /// The clients of a life.
    pub fn new(knobs: &Knobs) -> Workload {
        let tenants = (0..knobs.tenants).map(|number| Tenant::new(number, knobs));
        Workload { tenants: tenants.collect(), window_ms: knobs.window_ms }
    }

    /// Names of the tenants.
    pub fn tenants(&self) -> Vec<TenantName> {
        self.tenants.iter().map(|tenant| tenant.name.clone()).collect()
    }

    /// The next batch of some tenant, every series with its labels.
    pub fn batch(&mut self, now_ms: i64, random: &mut Random) -> SampleBatch {
        let number = random.index(self.tenants.len());
        let (tenant, window_ms) = (&mut self.tenants[number], self.window_ms);
        let mut batch = SampleBatch::new(tenant.name.clone(), Epoch(1));
        for _ in 0..=random.below(BATCH_SERIES_MAX) {
            let series = random.index(tenant.series.len());
            let shape = random.weighted([
                (50, Shape::InOrder),
                (3, Shape::Run),
                (20, Shape::OutOfOrder),
                (15, Shape::Duplicates),
                (12, Shape::Conflicts),
            ]);
            let samples = match shape {
                Shape::InOrder => in_order(number, now_ms, 1 + random.below(8), 500, random),
                Shape::Run => in_order(number, now_ms, 60 + random.below(200), 20, random),
                Shape::OutOfOrder => out_of_order(number, now_ms, window_ms, random),
                Shape::Duplicates => tenant.again(series, random, &mut |_, bits| bits),
                Shape::Conflicts => {
                    tenant.again(series, random, &mut |random, _| value(number, random))
                }
            };
            tenant.push(series, &samples, &mut batch);
        }
        batch
    }
}

impl Tenant {
    fn new(number: usize, knobs: &Knobs) -> Tenant {
        let name = TenantName::new(&format!("tenant-{number}")).expect("letters, '-' and digits");
        let seed = tenant_seed(&name, CLUSTER_SEED);
        let labels = |series: usize| {
            let (number, group) = (series.to_string(), (series % 3).to_string());
            let pairs = [("__name__", "m"), ("group", group.as_str()), ("series", &number)];
            Labels::from_pairs(pairs).expect("the names are valid and differ")
        };
        let series = (0..knobs.series_per_tenant).map(|series| {
            let labels = labels(series);
            (SeriesId::of(labels.as_bytes(), seed), labels)
        });
        Tenant { name, series: series.collect(), sent: VecDeque::new() }
    }

    fn push(&mut self, series: usize, samples: &[(i64, u64)], batch: &mut SampleBatch) {
        let (id, labels) = self.series[series].clone();
        batch.labels.push((batch.ids.len() as u32, labels));
        batch.push_series(id);
        for (t, bits) in samples {
            batch.push_sample(*t, f64::from_bits(*bits));
            self.sent.push_back((series, *t, *bits));
        }
        let over = self.sent.len().saturating_sub(MEMORY_SAMPLES_MAX);
        self.sent.drain(..over);
    }

    /// Timestamps of a series that were sent before, with what `value` makes of their values.
    fn again(
        &self,
        series: usize,
        random: &mut Random,
        value: &mut dyn FnMut(&mut Random, u64) -> u64,
    ) -> Vec<(i64, u64)> {
        let sent = self.sent.iter().filter(|(of, ..)| *of == series);
        let sent: Vec<_> = sent.map(|(_, t, bits)| (*t, *bits)).collect();
        if sent.is_empty() {
            return Vec::new();
        }
        let count = 1 + random.below(6);
        let mut pick = || sent[random.index(sent.len())];
        let picked: Vec<_> = (0..count).map(|_| pick()).collect();
        picked.into_iter().map(|(t, bits)| (t, value(random, bits))).collect()
    }
}

fn in_order(
    tenant: usize,
    now_ms: i64,
    count: u64,
    step_ms_max: i64,
    random: &mut Random,
) -> Vec<(i64, u64)> {
    let mut t = now_ms;
    let mut next = || {
        t += random.between(1, step_ms_max);
        (t, value(tenant, random))
    };
    (0..count).map(|_| next()).collect()
}

fn out_of_order(
    tenant: usize,
    now_ms: i64,
    window_ms: i64,
    random: &mut Random,
) -> Vec<(i64, u64)> {
    let count = 1 + random.below(8);
    let mut next = || {
        let t = random.between(now_ms - 3 * window_ms, now_ms + window_ms / 4);
        (t, value(tenant, random))
    };
    (0..count).map(|_| next()).collect()
}

/// Bits of a value; most name the tenant.
fn value(tenant: usize, random: &mut Random) -> u64 {
    let tenant = tenant as u64;
    match random.below(100) {
        0..4 => STALE_NAN_BITS,
        4..6 => f64::NAN.to_bits() | (tenant << 8) | random.below(4),
        6..8 => random.pick([f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MIN_POSITIVE]).to_bits(),
        8..60 => (tenant as f64 * 1e6 + random.below(1_000) as f64).to_bits(),
        _ => (tenant as f64 * 1e6 + random.below(1 << 40) as f64 / 1e7).to_bits(),
    }
}
