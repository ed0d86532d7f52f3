//! A store in memory that answers remote write as a cluster has to, or with one flaw.

use std::collections::BTreeSet;

use proto::remote_write::{Part, Value, walk};
use proto::{Labels, TenantName};
use simulation::invariants::{Contents, add_sample};
use simulation::ledger::greater_bits;
use simulation::random::Random;
use simulation::traffic::{Outcome, Push, SeriesKey, TrafficOptions};

/// A way to be wrong. Each shows now and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// An acknowledged sample is not stored.
    Loses,
    /// Of two values the lesser stays.
    KeepsLesser,
    /// A sample is stored under another tenant.
    MixesTenants,
    /// Samples of any age are taken.
    TakesAnyAge,
    /// Nothing is stored of what is answered with 400.
    DropsRestOfPartly,
    /// What was not acknowledged vanishes after it was shown.
    ForgetsUnacked,
    /// A value changes on its way.
    InventsValues,
}

/// See the module.
pub struct Store {
    options: TrafficOptions,
    flaw: Option<Flaw>,
    /// What is stored.
    pub contents: Contents,
    unacked: BTreeSet<(SeriesKey, i64)>,
}

type Sample = (SeriesKey, i64, u64);

impl Store {
    pub fn new(options: TrafficOptions, flaw: Option<Flaw>) -> Store {
        Store { options, flaw, contents: Contents::new(), unacked: BTreeSet::new() }
    }

    /// Takes a push at this cluster time.
    pub fn deliver(&mut self, push: &Push, cluster_ms: i64, random: &mut Random) -> Outcome {
        if self.flaw == Some(Flaw::ForgetsUnacked) && random.percent(10) {
            self.forget();
        }
        let (samples, is_partly) = match self.read(push, cluster_ms) {
            Ok(read) => read,
            Err(status) => return Outcome::Status(status),
        };
        // Some requests are done in part, or not, or done and not answered.
        if random.percent(12) {
            let done: Vec<_> = samples.into_iter().filter(|_| random.percent(50)).collect();
            let is_new = |(key, t, _): &&Sample| {
                !self.contents.get(key).is_some_and(|samples| samples.contains_key(t))
            };
            let new: Vec<_> = done.iter().filter(is_new).map(|s| (s.0.clone(), s.1)).collect();
            self.unacked.extend(new);
            self.store(done, random);
            return random.pick([Outcome::Unknown, Outcome::Status(503), Outcome::Status(429)]);
        }
        if is_partly && self.flaw == Some(Flaw::DropsRestOfPartly) {
            return Outcome::Status(400);
        }
        for (key, t, _) in &samples {
            self.unacked.remove(&(key.clone(), *t));
        }
        let has_conflict = self.store(samples, random);
        Outcome::Status(if is_partly || has_conflict { 400 } else { 200 })
    }

    /// The samples that can be accepted, and whether there are others.
    fn read(&self, push: &Push, cluster_ms: i64) -> Result<(Vec<Sample>, bool), u16> {
        if push.content_type != "application/x-protobuf" {
            return Err(415);
        }
        let default = self.options.default_tenant.as_ref().unwrap().as_str();
        let tenant = push.tenant_header.as_deref().unwrap_or(default);
        let tenant = TenantName::new(tenant).map_err(|_| 400u16)?;
        let length = snap::raw::decompress_len(&push.body).map_err(|_| 400u16)?;
        if length as u64 > self.options.decoded_bytes_max {
            return Err(413);
        }
        let body = snap::raw::Decoder::new().decompress_vec(&push.body).map_err(|_| 400u16)?;
        let spans = &self.options.spans;
        let (from, to) = (cluster_ms - spans.accept_age_ms, cluster_ms + spans.accept_ahead_ms);
        let (mut samples, mut is_partly) = (Vec::new(), false);
        for part in walk(&body) {
            let Part::Series(series) = part.map_err(|_| 400u16)? else { continue };
            let labels = series.parse_labels().ok();
            let labels = labels.filter(|labels: &Labels| labels.get("__name__").is_some());
            for value in series.values() {
                let in_time =
                    |t: i64| (from..=to).contains(&t) || self.flaw == Some(Flaw::TakesAnyAge);
                match (value.map_err(|_| 400u16)?, &labels) {
                    (Value::Sample(t, value), Some(labels)) if in_time(t) => {
                        let key = SeriesKey { tenant: tenant.clone(), labels: labels.clone() };
                        samples.push((key, t, value.to_bits()));
                    }
                    _ => is_partly = true,
                }
            }
        }
        Ok((samples, is_partly))
    }

    /// Stores samples; answers whether one met another value.
    fn store(&mut self, samples: Vec<Sample>, random: &mut Random) -> bool {
        let mut has_conflict = false;
        for (mut key, t, mut bits) in samples {
            match self.flaw.filter(|_| random.percent(2)) {
                Some(Flaw::Loses) => continue,
                Some(Flaw::MixesTenants) => {
                    key.tenant = self.options.tenants[0].name.clone();
                }
                Some(Flaw::InventsValues) => bits ^= 1 << 30,
                _ => {}
            }
            let before = self.contents.get(&key).and_then(|samples| samples.get(&t)).copied();
            has_conflict |= before.is_some_and(|before| before != bits);
            let is_lesser = before.is_some_and(|before| greater_bits(before, bits) == bits);
            if self.flaw != Some(Flaw::KeepsLesser) || !is_lesser {
                add_sample(&mut self.contents, &key, t, bits);
            }
        }
        has_conflict
    }

    fn forget(&mut self) {
        for (key, t) in std::mem::take(&mut self.unacked) {
            self.contents.get_mut(&key).and_then(|samples| samples.remove(&t));
        }
    }
}
