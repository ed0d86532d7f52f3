//! What clients send that a healthy cluster takes.

use super::encode::{Writer, compress, pairs_of};
use super::push::{Expect, Fate, Push, SentSample};
use super::value::{Origin, bits_of};
use super::{History, Traffic};
use proto::STALE_NAN_BITS;

/// Most samples of a run that catches up.
const RUN_SAMPLES_MAX: i64 = 200;
/// Most series of a push that is no scrape.
const SERIES_MAX: u64 = 4;

/// Samples (timestamp, bits) of some series of a client, by the series' number.
pub type Draft = Vec<(usize, Vec<(i64, u64)>)>;

/// What a push is like.
#[derive(Clone, Copy)]
enum Shape {
    Scrape,
    Run,
    Scattered,
    Same,
    Conflict,
    Stale,
}

impl Traffic {
    pub(super) fn ordinary(&mut self, client: usize, now_ms: i64) -> Push {
        let (name, shape) = self.random.weighted([
            (50, ("scrape", Shape::Scrape)),
            (8, ("run", Shape::Run)),
            (16, ("scattered", Shape::Scattered)),
            (10, ("same", Shape::Same)),
            (10, ("conflict", Shape::Conflict)),
            (6, ("stale", Shape::Stale)),
        ]);
        let draft = match shape {
            Shape::Scrape => self.scrape(client, now_ms),
            Shape::Run => self.some_series(client, |traffic, at| traffic.run(at, now_ms)),
            Shape::Scattered => {
                self.some_series(client, |traffic, at| traffic.scattered(at, now_ms))
            }
            Shape::Same => self.some_series(client, |traffic, at| traffic.same(at, now_ms)),
            Shape::Conflict => {
                self.some_series(client, |traffic, at| traffic.conflicting(at, now_ms))
            }
            Shape::Stale => self.stale(client, now_ms),
        };
        if draft.is_empty() {
            let draft = self.scrape(client, now_ms);
            return self.seal(client, now_ms, "scrape", draft);
        }
        self.seal(client, now_ms, name, draft)
    }

    /// One sample of each series at this time.
    pub(super) fn scrape(&mut self, client: usize, now_ms: i64) -> Draft {
        let series = 0..self.clients[client].series.len();
        series.map(|index| (index, vec![self.fresh((client, index), now_ms)])).collect()
    }

    fn stale(&mut self, client: usize, now_ms: i64) -> Draft {
        let marker = |traffic: &mut Traffic, at| {
            vec![(traffic.history(at).free_from(now_ms), STALE_NAN_BITS)]
        };
        self.some_series(client, marker)
    }

    /// Draws samples for a few series of a client; series without any are left out.
    pub(super) fn some_series(
        &mut self,
        client: usize,
        mut draw: impl FnMut(&mut Traffic, (usize, usize)) -> Vec<(i64, u64)>,
    ) -> Draft {
        let count = 1 + self.random.below(SERIES_MAX);
        let mut draft = Draft::new();
        for _ in 0..count {
            let index = self.random.index(self.clients[client].series.len());
            let samples = draw(self, (client, index));
            if !samples.is_empty() {
                draft.push((index, samples));
            }
        }
        draft
    }

    /// A long run in order, up to now: a client that catches up.
    fn run(&mut self, at: (usize, usize), now_ms: i64) -> Vec<(i64, u64)> {
        let (from_ms, _) = self.reach(now_ms);
        let first = self.random.between(from_ms, now_ms);
        let count = self.random.between(20, RUN_SAMPLES_MAX);
        let step_ms = ((now_ms - first) / count).max(1);
        let mut t = first;
        let mut samples = Vec::new();
        while t <= now_ms && (samples.len() as i64) < count {
            let sample = self.fresh(at, t);
            t = sample.0 + step_ms;
            samples.push(sample);
        }
        samples
    }

    /// Some samples in any order of time.
    fn scattered(&mut self, at: (usize, usize), now_ms: i64) -> Vec<(i64, u64)> {
        let (from_ms, to_ms) = self.reach(now_ms);
        let count = 1 + self.random.below(8);
        let mut samples = std::collections::BTreeMap::new();
        for _ in 0..count {
            let t = self.random.between(from_ms, to_ms);
            let (t, bits) = self.fresh(at, t);
            samples.entry(t).or_insert(bits);
        }
        let mut samples: Vec<_> = samples.into_iter().collect();
        let turn = self.random.index(samples.len());
        samples.rotate_left(turn);
        samples
    }

    /// Samples that were sent before, bit for bit.
    fn same(&mut self, at: (usize, usize), now_ms: i64) -> Vec<(i64, u64)> {
        let (from_ms, to_ms) = self.reach(now_ms);
        let count = 1 + self.random.below(6);
        let key = &self.clients[at.0].series[at.1];
        let Some(history) = self.histories.get(key) else { return Vec::new() };
        let random = &mut self.random;
        (0..count).filter_map(|_| history.pick(from_ms, to_ms, random)).collect()
    }

    /// Other values for timestamps that were sent before, sometimes two of them at once.
    fn conflicting(&mut self, at: (usize, usize), now_ms: i64) -> Vec<(i64, u64)> {
        let taken = self.same(at, now_ms);
        let mut samples: Vec<_> =
            taken.iter().map(|(t, _)| (*t, self.draw_bits(at.0, true))).collect();
        if self.random.percent(20) {
            let twins: Vec<_> =
                samples.iter().map(|(t, _)| (*t, self.draw_bits(at.0, true))).collect();
            samples.extend(twins);
        }
        samples
    }

    /// Timestamps that are surely accepted now and not longer ago than three windows; just now
    /// where there are none.
    pub(super) fn reach(&self, now_ms: i64) -> (i64, i64) {
        let spans = &self.options.spans;
        let (first, last) = spans.surely_accepted(now_ms);
        let first = first.max(now_ms - 3 * spans.window_ms).min(now_ms);
        (first, last.min(now_ms + spans.window_ms / 4).max(now_ms))
    }

    /// A sample with a value of its own at the first free timestamp from `t` on.
    pub(super) fn fresh(&mut self, at: (usize, usize), t: i64) -> (i64, u64) {
        (self.history(at).free_from(t), self.draw_bits(at.0, false))
    }

    fn history(&mut self, (client, series): (usize, usize)) -> &History {
        self.histories.entry(self.clients[client].series[series].clone()).or_default()
    }

    /// A value that no other sample has.
    pub(super) fn draw_bits(&mut self, client: usize, may_be_negative: bool) -> u64 {
        self.serials += 1;
        let origin = Origin { tenant: self.clients[client].tenant, serial: self.serials };
        bits_of(origin, may_be_negative && self.random.percent(30))
    }

    /// Makes the push of a draft, and remembers it.
    pub(super) fn seal(
        &mut self,
        client: usize,
        now_ms: i64,
        kind: &'static str,
        draft: Draft,
    ) -> Push {
        // Some senders do not sort labels; it is the same series.
        let is_reversed = self.random.percent(4);
        let (mut writer, mut sent) = (Writer::default(), Vec::new());
        for (index, samples) in draft {
            let key = self.clients[client].series[index].clone();
            let mut pairs = pairs_of(&key.labels);
            if is_reversed {
                pairs.reverse();
            }
            writer.series(&pairs, &samples);
            let history = self.histories.entry(key.clone()).or_default();
            for (t, bits) in samples {
                history.note(t, bits);
                let fate = self.options.spans.fate(t, now_ms);
                sent.push(SentSample { series: key.clone(), t, bits, fate, is_wellformed: true });
            }
        }
        let is_partly = sent.iter().any(|sample| sample.fate == Fate::Never);
        let mut push = self.empty_push(client, kind);
        push.body = compress(&writer.into_bytes());
        push.samples = sent;
        push.expect = if is_partly { Expect::Partly } else { Expect::Taken };
        push
    }

    /// A push of a client without content.
    pub(super) fn empty_push(&mut self, client: usize, kind: &'static str) -> Push {
        self.pushes += 1;
        let from = &self.clients[client];
        Push {
            number: self.pushes,
            first: self.pushes,
            client,
            client_name: from.name.clone(),
            tenant_header: from.tenant_header.clone(),
            content_type: "application/x-protobuf",
            body: bytes::Bytes::new(),
            samples: Vec::new(),
            expect: Expect::Taken,
            has_extra: false,
            kind,
        }
    }
}
