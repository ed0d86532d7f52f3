//! The data that random queries are asked about: one tenant, an hour, a sample every 15 seconds.

use proto::{Labels, STALE_NAN_BITS};

use super::random::Random;
use crate::samples::Written;
use crate::write;

/// The tenant whose data it is. Its label is on every series, as a node's answers show it.
pub const TENANT: &str = "differential";
/// Label that names the tenant.
pub const TENANT_LABEL: &str = "tenant_id";
/// Milliseconds from the first sample to the last.
pub const SPAN_MS: i64 = 3_600_000;

const STEP_MS: i64 = 15_000;
const STEPS: i64 = SPAN_MS / STEP_MS;
/// Upper bounds of the classic histogram.
const BOUNDS: [&str; 6] = ["0.1", "0.5", "1", "2.5", "5", "+Inf"];

/// All series, with the tenant among their labels. The seed decides everything but the time.
pub fn series(seed: u64, base_ms: i64) -> Vec<Written> {
    let mut data = Data { random: Random::new(seed), base_ms, series: Vec::new() };
    for job in ["api", "web"] {
        for instance in ["a", "b", "c"] {
            for code in ["200", "500"] {
                data.counter(&[("job", job), ("instance", instance), ("code", code)]);
            }
            data.young_counter(&[("job", job), ("instance", instance)]);
        }
        for instance in ["a", "b"] {
            data.histogram(&[("job", job), ("instance", instance)]);
        }
    }
    for job in ["api", "web", "db"] {
        for instance in ["a", "b", "c"] {
            data.gauge(&[("job", job), ("instance", instance)]);
            data.up(&[("job", job), ("instance", instance)]);
        }
        data.build_info(job);
    }
    for instance in ["a", "b", "c", "d"] {
        data.temperature(instance);
    }
    data.odd();
    data.series
}

struct Data {
    random: Random,
    base_ms: i64,
    series: Vec<Written>,
}

impl Data {
    fn add(&mut self, name: &str, labels: &[(&str, &str)], samples: Vec<(i64, f64)>) {
        let mut pairs = vec![("__name__", name), (TENANT_LABEL, TENANT)];
        pairs.extend_from_slice(labels);
        let labels: Labels = write::labels(&pairs);
        self.series.push((labels, samples));
    }

    /// The time of a sample: regular, on the half second.
    fn at(&self, step: i64) -> i64 {
        self.base_ms + step * STEP_MS + 500
    }

    /// The time of a sample that comes a little early or late.
    fn jittered(&mut self, step: i64) -> i64 {
        let ms = i64::try_from(self.random.below(401)).expect("small") - 200;
        let seconds = i64::try_from(self.random.below(3)).expect("small") - 1;
        self.at(step) + ms + 1000 * seconds
    }

    fn number(&mut self, limit: usize) -> f64 {
        self.random.below(limit) as f64
    }

    /// Counts from far above what it gains, also over resets, which halve it: 2.42 extrapolates to
    /// zero in another way. Samples are missing now and then; the series ends and comes again.
    fn counter(&mut self, labels: &[(&str, &str)]) {
        let mut value = 1e9 + self.number(1000);
        let mut samples = Vec::new();
        for step in 0..STEPS {
            value += self.number(100);
            if self.random.one_in(60) {
                value = (value / 2.0).floor();
            }
            if !self.random.one_in(12) {
                samples.push((self.jittered(step), value));
            }
        }
        let samples = self.interrupted(samples);
        self.add("requests_total", labels, samples);
    }

    /// Counts from exactly zero, without gaps, and starts within the data.
    fn young_counter(&mut self, labels: &[(&str, &str)]) {
        let begin = i64::try_from(self.random.below(120)).expect("small");
        let mut value = 0.0;
        let mut samples = Vec::new();
        for step in begin..STEPS {
            samples.push((self.at(step), value));
            value = if self.random.one_in(50) { 0.0 } else { value + self.number(9) };
        }
        self.add("young_total", labels, samples);
    }

    /// A gauge no value of which any other series has, so that ranks are clear.
    fn gauge(&mut self, labels: &[(&str, &str)]) {
        let own = self.series.len() as f64 / 1024.0;
        let mut samples = Vec::new();
        for step in 0..STEPS {
            let value = self.number(400) - 100.0 + own;
            if !self.random.one_in(10) {
                samples.push((self.jittered(step), value));
            }
        }
        let samples = self.interrupted(samples);
        self.add("queue_length", labels, samples);
    }

    fn up(&mut self, labels: &[(&str, &str)]) {
        let mut samples = Vec::new();
        for step in 0..STEPS {
            samples.push((self.jittered(step), f64::from(u8::from(!self.random.one_in(8)))));
        }
        let samples = self.interrupted(samples);
        self.add("up", labels, samples);
    }

    fn build_info(&mut self, job: &str) {
        let version = format!("1.{}", self.random.below(3));
        let samples = (0..STEPS).map(|step| (self.at(step), 1.0)).collect();
        self.add("build_info", &[("job", job), ("version", &version)], samples);
    }

    /// Values with all their bits.
    fn temperature(&mut self, instance: &str) {
        let mut value = self.number(40) - 10.0;
        let mut samples = Vec::new();
        for step in 0..STEPS {
            value += (self.number(2001) - 1000.0) / 997.0;
            samples.push((self.jittered(step), value));
        }
        self.add("temperature", &[("instance", instance)], samples);
    }

    fn histogram(&mut self, labels: &[(&str, &str)]) {
        let mut buckets = [0.0; BOUNDS.len()];
        let mut sum = 0.0;
        let mut all: Vec<Vec<(i64, f64)>> = vec![Vec::new(); BOUNDS.len() + 1];
        for step in 0..STEPS {
            let time = self.at(step);
            for (samples, value) in all.iter_mut().zip(buckets.iter().chain([&sum])) {
                samples.push((time, *value));
            }
            for _ in 0..self.random.below(20) {
                let first = self.random.below(BOUNDS.len());
                buckets[first..].iter_mut().for_each(|count| *count += 1.0);
                sum += self.number(64) / 8.0;
            }
        }
        let mut all = all.into_iter();
        let mut count = Vec::new();
        for (bound, samples) in BOUNDS.iter().zip(all.by_ref()) {
            let mut with_bound = labels.to_vec();
            with_bound.push(("le", bound));
            count = samples.clone();
            self.add("latency_bucket", &with_bound, samples);
        }
        self.add("latency_count", labels, count);
        self.add("latency_sum", labels, all.next().expect("one more than bounds"));
    }

    /// Values at the ends of what a float can be.
    fn odd(&mut self) {
        let kinds = [
            ("nan", f64::NAN),
            ("infinite", f64::INFINITY),
            ("below", f64::NEG_INFINITY),
            ("huge", 1e300),
            ("tiny", 1e-300),
            ("zero", 0.0),
        ];
        for (kind, value) in kinds {
            let samples = (0..STEPS).map(|step| (self.at(step), value)).collect();
            self.add("odd", &[("kind", kind)], samples);
        }
        let one = |data: &mut Data, step| (data.at(step), kinds[data.random.below(kinds.len())].1);
        let mixed = (0..STEPS).map(|step| one(self, step)).collect();
        self.add("odd", &[("kind", "mixed")], mixed);
    }

    /// The samples with a stale marker and a silence after it somewhere, for some series.
    fn interrupted(&mut self, mut samples: Vec<(i64, f64)>) -> Vec<(i64, f64)> {
        if self.random.one_in(2) {
            return samples;
        }
        let from = self.random.below(samples.len());
        let to = (from + 1 + self.random.below(60)).min(samples.len());
        samples[from].1 = f64::from_bits(STALE_NAN_BITS);
        samples.drain(from + 1..to);
        samples
    }
}
