//! What clients send that has to be refused: as a whole, or in part.

use bytes::Bytes;
use proto::Labels;

use super::Traffic;
use super::encode::{Pairs, Writer, claim_length, compress, pairs_of};
use super::push::{Expect, Fate, Push, SentSample, SeriesKey};

/// What is wrong with a push.
#[derive(Clone, Copy)]
enum Defect {
    TooOld,
    TooNew,
    Snappy,
    Protobuf,
    TenantHeader,
    ContentType,
    Length,
    Labels,
    Exemplar,
}

impl Traffic {
    pub(super) fn refused(&mut self, client: usize, now_ms: i64) -> Push {
        let (kind, defect) = self.random.weighted([
            (30, ("too old", Defect::TooOld)),
            (10, ("too new", Defect::TooNew)),
            (10, ("broken snappy", Defect::Snappy)),
            (10, ("broken protobuf", Defect::Protobuf)),
            (8, ("bad tenant header", Defect::TenantHeader)),
            (5, ("bad content type", Defect::ContentType)),
            (5, ("oversize", Defect::Length)),
            (15, ("invalid labels", Defect::Labels)),
            (7, ("exemplar", Defect::Exemplar)),
        ]);
        match defect {
            Defect::TooOld | Defect::TooNew => self.out_of_time(client, now_ms, kind, defect),
            Defect::Labels | Defect::Exemplar => self.with_extra(client, now_ms, kind, defect),
            _ => self.unreadable(client, now_ms, kind, defect),
        }
    }

    /// A scrape, and samples of times that are never, or perhaps not, accepted.
    fn out_of_time(
        &mut self,
        client: usize,
        now_ms: i64,
        kind: &'static str,
        defect: Defect,
    ) -> Push {
        let spans = self.options.spans;
        let (before, after) = spans.surely_refused(now_ms);
        let (first, last) = match (defect, self.random.percent(25)) {
            (Defect::TooOld, false) => (before - 4 * spans.window_ms, before - 1),
            (Defect::TooOld, true) => (before - 5, spans.surely_accepted(now_ms).0),
            (_, false) => (after + 1, after + 4 * spans.window_ms),
            (_, true) => (spans.surely_accepted(now_ms).1, after + 5),
        };
        let mut draft = self.scrape(client, now_ms);
        draft.truncate(2);
        for (index, samples) in &mut draft {
            let t = self.random.between(first.min(last), first.max(last));
            let sample = self.fresh((client, *index), t);
            // A run of timestamps in order when it is old, as a client that catches up sends it.
            samples.insert(if sample.0 < now_ms { 0 } else { samples.len() }, sample);
        }
        self.seal(client, now_ms, kind, draft)
    }

    /// A scrape with a series that can never be stored beside it.
    fn with_extra(
        &mut self,
        client: usize,
        now_ms: i64,
        kind: &'static str,
        defect: Defect,
    ) -> Push {
        let mut draft = self.scrape(client, now_ms);
        draft.truncate(3);
        let mut push = self.seal(client, now_ms, kind, draft);
        let mut writer = Writer::default();
        let (t, bits) = (now_ms, self.draw_bits(client, false));
        let key = self.clients[client].series[0].clone();
        match defect {
            Defect::Exemplar => writer.exemplar(&pairs_of(&key.labels), t, bits),
            _ => {
                writer.series(&self.invalid_labels(&key.labels), &[(t, bits)]);
                push.samples.push(never(key, t, bits));
            }
        }
        // Messages of protobuf may be put one behind the other.
        let mut body = snap_decoded(&push.body);
        body.extend_from_slice(&writer.into_bytes());
        push.body = compress(&body);
        push.has_extra = true;
        push.expect = Expect::Partly;
        push
    }

    fn invalid_labels(&mut self, labels: &Labels) -> Pairs {
        let mut pairs = pairs_of(labels);
        match self.random.below(4) {
            0 => pairs.retain(|(name, _)| name != b"__name__"),
            1 => pairs.push(pairs[0].clone()),
            2 => pairs.push((Vec::new(), b"nameless".to_vec())),
            _ => pairs.push((b"zone".to_vec(), vec![0xff, 0xfe])),
        }
        pairs
    }

    /// A scrape that nobody can read, or may.
    fn unreadable(
        &mut self,
        client: usize,
        now_ms: i64,
        kind: &'static str,
        defect: Defect,
    ) -> Push {
        let draft = self.scrape(client, now_ms);
        let mut push = self.seal(client, now_ms, kind, draft);
        for sample in &mut push.samples {
            *sample = never(sample.series.clone(), sample.t, sample.bits);
        }
        push.expect = Expect::Refused(400);
        match defect {
            Defect::Snappy => push.body = cut_short(&push.body),
            Defect::Protobuf => push.body = compress(&cut_short(&snap_decoded(&push.body))),
            Defect::TenantHeader => push.tenant_header = Some("no/such tenant".to_owned()),
            Defect::ContentType => {
                push.content_type = "application/json";
                push.expect = Expect::Refused(415);
            }
            _ => {
                push.body = claim_length(self.options.decoded_bytes_max + 1);
                push.expect = Expect::Refused(413);
            }
        }
        push
    }
}

fn never(series: SeriesKey, t: i64, bits: u64) -> SentSample {
    SentSample { series, t, bits, fate: Fate::Never, is_wellformed: false }
}

fn cut_short(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(&bytes[..bytes.len() - 1])
}

fn snap_decoded(body: &[u8]) -> Vec<u8> {
    snap::raw::Decoder::new().decompress_vec(body).expect("it was compressed here")
}
