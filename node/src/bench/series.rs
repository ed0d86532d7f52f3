//! The generated series: labels and values as a function of seed and place, nothing else.
//!
//! Series come in targets of [`SERIES_PER_TARGET`], as in life: those of one target share its
//! `instance`, `pod` and further labels and differ by name and `path`. Churn replaces a pod, and
//! with it all series of its target.

use proto::labels::METRIC_NAME;
use proto::{Labels, LabelsError};

use super::options::WriteOptions;

/// Series of one target.
pub(super) const SERIES_PER_TARGET: u32 = 500;
/// Series that share a name within a target.
const PATHS_PER_NAME: u32 = 10;
/// Hexadecimal digits of a pod's generation; its place in an encoded label is patched.
pub(super) const GENERATION_DIGITS: usize = 8;
/// Every n-th series is a gauge, the others are counters.
const GAUGE_EVERY: u64 = 4;

/// Names of the labels beside name, path, instance and pod; then `label_<n>`.
const MORE_LABELS: [&str; 8] =
    ["cluster", "namespace", "container", "job", "node", "service", "zone", "version"];

/// Makes labels and values.
#[derive(Clone, Debug)]
pub(super) struct SeriesPlan {
    seed: u64,
    labels: u32,
    /// Sample time in which every target is replaced once; `None` is never.
    lifetime_ms: Option<i64>,
}

impl SeriesPlan {
    pub(super) fn new(options: &WriteOptions) -> SeriesPlan {
        let lifetime_ms =
            (options.churn > 0.0).then(|| (60_000.0 * 100.0 / options.churn).max(1.0) as i64);
        SeriesPlan { seed: options.seed, labels: options.labels, lifetime_ms }
    }

    /// The label set of a series in its pod's generation.
    pub(super) fn labels(&self, series: u32, generation: u64) -> Result<Labels, LabelsError> {
        let (target, place) = (series / SERIES_PER_TARGET, series % SERIES_PER_TARGET);
        let name = format!("bench_metric_{:03}_total", place / PATHS_PER_NAME);
        let mut pairs = vec![
            (METRIC_NAME.to_owned(), name),
            ("path".to_owned(), format!("/api/v1/resource/{}", place % PATHS_PER_NAME)),
            ("instance".to_owned(), instance(target)),
            ("pod".to_owned(), self.pod(target, generation)),
        ];
        pairs.extend((3..self.labels).map(|n| self.label(target, n - 3)));
        Labels::from_pairs(pairs)
    }

    /// Name of a target's pod; the generation is its last [`GENERATION_DIGITS`] bytes.
    pub(super) fn pod(&self, target: u32, generation: u64) -> String {
        let part = self.hash(u64::from(target), 1) & 0xffff;
        format!("server-{part:04x}-{:08x}", generation & 0xffff_ffff)
    }

    fn label(&self, target: u32, number: u32) -> (String, String) {
        let named = MORE_LABELS.get(number as usize).map(|name| (*name).to_owned());
        let name = named.unwrap_or_else(|| format!("label_{number:02}"));
        // Few values a label, as zones, clusters and versions have.
        let value = self.hash(u64::from(target), 100 + u64::from(number)) % 16;
        let text = format!("{name}-{value:x}");
        (name, text)
    }

    /// Generation of a target's pod at an age of the run in ms. Targets are replaced one after
    /// the other, so that churn is even over time.
    pub(super) fn generation(&self, target: u32, age_ms: i64) -> u64 {
        let Some(lifetime) = self.lifetime_ms else { return 0 };
        let offset = (self.hash(u64::from(target), 2) % lifetime as u64) as i64;
        ((age_ms.max(0) + offset) / lifetime) as u64
    }

    /// Value of a series in a round.
    pub(super) fn value(&self, series: u32, round: u64) -> f64 {
        let own = self.hash(u64::from(series), 3);
        if own.is_multiple_of(GAUGE_EVERY) {
            let noise = self.hash(u64::from(series), 1000 + round) & 0xff;
            return (1000 + (own >> 8 & 0xfff) + noise) as f64 / 4.0;
        }
        let step = 1 + (own >> 8 & 0xf);
        ((own >> 16 & 0xffff) + round * step) as f64
    }

    /// splitmix64's finisher over seed, place and purpose.
    fn hash(&self, place: u64, purpose: u64) -> u64 {
        let mut z = self
            .seed
            .wrapping_add(place.wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .wrapping_add(purpose.wrapping_mul(0xd1b5_4a32_d192_ed03));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

fn instance(target: u32) -> String {
    let [_, a, b, c] = target.to_be_bytes();
    format!("10.{a}.{b}.{c}:9100")
}
