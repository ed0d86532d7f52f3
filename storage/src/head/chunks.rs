//! The chunks of a series: one open, a list of closed ones, and samples beside them that came out
//! of order. All bytes are in the partition's slab (memory) in this version.

use super::lines::{FLAG_FORGOTTEN, FLAG_NEW, FLAG_OVERLAID, FLAG_STAGGERED, Hot};
use super::options::{CHUNK_SAMPLES_MAX, SIDE_SAMPLES_MAX};
use super::partition::Partition;
use super::parts::{NO_PART, PartIndex};
use super::slab::NONE;
use crate::chunk::{ChunkIter, XOR_SAMPLE_BYTES_MAX, XorState};
use crate::series::ENCODING_XOR;
use proto::greater_value;

/// Bytes that hold any chunk of [`CHUNK_SAMPLES_MAX`] samples.
pub const CHUNK_BYTES: usize = 2304;

/// Where and how long one closed chunk is; 32 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Closed {
    /// First timestamp.
    pub min_ms: i64,
    /// Last timestamp less the first; a chunk lies in one window.
    pub span_ms: u32,
    /// Next chunk of the series, whose last timestamp is not greater; or next free line.
    pub next: u32,
    /// Part that the chunk belongs to.
    pub part: PartIndex,
    /// Bytes in the slab.
    pub data: u32,
    /// Length of the bytes.
    pub bytes: u16,
    /// Samples.
    pub samples: u16,
}

impl Closed {
    /// Last timestamp.
    pub fn max_ms(&self) -> i64 {
        self.min_ms + i64::from(self.span_ms)
    }
}

/// Samples that the open chunk takes: the first one of a part ends early, so that not all series
/// close a chunk in the same second.
#[inline]
fn samples_max(hot: &Hot) -> u8 {
    if hot.flags & FLAG_STAGGERED == 0 {
        return CHUNK_SAMPLES_MAX;
    }
    let half = CHUNK_SAMPLES_MAX / 2;
    half + ((hot.id_low >> 40) % u64::from(half + 1)) as u8
}

/// Cluster time and journal position of what is being applied.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// Position of the frame.
    pub position: journal::Position,
    /// Cluster time as known.
    pub now_ms: i64,
}

impl Partition {
    /// Applies one sample of a journaled frame.
    #[inline]
    pub(super) fn apply(&mut self, slot: u32, t: i64, bits: u64, origin: Origin) {
        let hot = self.hot.at(slot);
        if t > hot.last_ms || hot.flags & FLAG_NEW != 0 {
            self.append_newest(slot, t, bits, origin);
        } else {
            let part = self.parts.open_for(t, origin.now_ms, origin.position);
            self.counters.out_of_order += 1;
            self.put_aside(slot, part, t, bits);
        }
    }

    #[inline]
    fn append_newest(&mut self, slot: u32, t: i64, bits: u64, origin: Origin) {
        let hot = self.hot.at(slot);
        let fits = hot.tail != NONE && hot.samples < samples_max(hot);
        if !fits || !self.parts.takes(hot.part, t) {
            self.close_tail(slot);
            self.open_tail(slot, t, origin);
        }
        let hot = self.hot.at_mut(slot);
        hot.flags &= !FLAG_OVERLAID;
        let used = hot.tail_bytes();
        if self.slab.get(hot.tail).len() < used + XOR_SAMPLE_BYTES_MAX {
            hot.tail = self.slab.resize(hot.tail, used, used + XOR_SAMPLE_BYTES_MAX);
        }
        let mut state = hot.xor_state();
        let appended = state.append(self.slab.get_mut(hot.tail), t, f64::from_bits(bits));
        debug_assert!(appended.is_ok(), "the block was made long enough");
        hot.set_xor_state(&state);
        self.parts.at_mut(hot.part).samples += 1;
        self.scratch.applied += 1;
    }

    /// Starts an empty chunk in the open part for `t`.
    fn open_tail(&mut self, slot: u32, t: i64, origin: Origin) {
        let part = self.parts.open_for(t, origin.now_ms, origin.position);
        let tail = self.slab.alloc(2 * XOR_SAMPLE_BYTES_MAX);
        self.cold.at_mut(slot).min_ms = t;
        let hot = self.hot.at_mut(slot);
        hot.flags &= !(FLAG_NEW | FLAG_STAGGERED | FLAG_FORGOTTEN);
        if hot.part != part {
            hot.flags |= FLAG_STAGGERED;
        }
        (hot.tail, hot.part) = (tail, part);
        hot.set_xor_state(&XorState::default());
    }

    /// Moves the open chunk, if there is one, to the closed ones.
    pub(super) fn close_tail(&mut self, slot: u32) {
        let hot = self.hot.at_mut(slot);
        if hot.tail == NONE {
            return;
        }
        let bytes = hot.tail_bytes();
        let tail = self.slab.resize(hot.tail, bytes, bytes);
        let (part, samples) = (hot.part, u16::from(hot.samples));
        (hot.tail, hot.samples) = (NONE, 0);
        let (min_ms, max_ms) = (self.cold.at(slot).min_ms, hot.last_ms);
        let span_ms = max_ms.abs_diff(min_ms) as u32;
        let line =
            Closed { min_ms, span_ms, next: NONE, part, data: tail, bytes: bytes as u16, samples };
        self.link_closed(slot, line);
    }

    /// Adds a closed chunk to a series, behind those that end later. A chunk that was the open one
    /// ends last, as a rule, and is placed at once.
    pub(super) fn link_closed(&mut self, slot: u32, mut line: Closed) {
        let at = if self.closed_free == NONE {
            self.closed.push()
        } else {
            let free = self.closed_free;
            self.closed_free = self.closed.at(free).next;
            free
        };
        let (mut later, mut next) = (NONE, self.cold.at(slot).closed);
        while next != NONE && self.closed.at(next).max_ms() > line.max_ms() {
            later = next;
            next = self.closed.at(next).next;
        }
        line.next = next;
        *self.closed.at_mut(at) = line;
        self.link_after(slot, later, at);
        self.closed_chunks += 1;
        let hot = self.hot.at_mut(slot);
        hot.closed_chunks = hot.closed_chunks.saturating_add(1);
    }

    /// Makes a line the one after `before`, or the first of the series.
    fn link_after(&mut self, slot: u32, before: u32, line: u32) {
        match before {
            NONE => self.cold.at_mut(slot).closed = line,
            before => self.closed.at_mut(before).next = line,
        }
    }

    /// The closed chunks of a series, those that end last first.
    pub(super) fn closed_of(&self, slot: u32) -> impl Iterator<Item = &Closed> {
        let mut next = self.cold.at(slot).closed;
        std::iter::from_fn(move || {
            if next == NONE {
                return None;
            }
            let line = self.closed.at(next);
            next = line.next;
            Some(line)
        })
    }

    /// Keeps an out-of-order sample (or the winner of a conflict) beside the chunks.
    pub(super) fn put_aside(&mut self, slot: u32, part: PartIndex, t: i64, bits: u64) {
        let mut fresh = false;
        let kept = self.side.entry((slot, part, t)).or_insert_with(|| {
            fresh = true;
            bits
        });
        *kept = greater_value(f64::from_bits(*kept), f64::from_bits(bits)).to_bits();
        if !fresh {
            return;
        }
        self.parts.at_mut(part).samples += 1;
        self.scratch.applied += 1;
        let hot = self.hot.at_mut(slot);
        hot.side += 1;
        if t == hot.last_ms {
            hot.flags |= FLAG_OVERLAID;
        }
        if hot.side >= u16::from(CHUNK_SAMPLES_MAX) {
            self.encode_side(slot);
        } else if self.side.len() >= SIDE_SAMPLES_MAX {
            self.encode_all_sides();
        }
    }

    fn encode_all_sides(&mut self) {
        let mut slots: Vec<u32> = self.side.keys().map(|(slot, ..)| *slot).collect();
        slots.dedup();
        slots.into_iter().for_each(|slot| self.encode_side(slot));
    }

    /// Makes closed chunks, one a part, of the samples beside a series' chunks.
    pub(super) fn encode_side(&mut self, slot: u32) {
        let samples: Vec<(PartIndex, i64, u64)> = self.side_of(slot).collect();
        for run in samples.chunk_by(|a, b| a.0 == b.0) {
            let mut bytes = [0u8; CHUNK_BYTES];
            let (length, min_ms, max_ms) = encode_run(run, &mut bytes);
            let line = Closed {
                min_ms,
                span_ms: max_ms.abs_diff(min_ms) as u32,
                next: NONE,
                part: run[0].0,
                data: self.slab.store(&bytes[..length]),
                bytes: length as u16,
                samples: run.len() as u16,
            };
            self.link_closed(slot, line);
        }
        for (part, t, _) in &samples {
            self.side.remove(&(slot, *part, *t));
        }
        self.hot.at_mut(slot).side = 0;
    }

    /// Samples beside a series' chunks as (part, timestamp, bits), in this order.
    pub(super) fn side_of(&self, slot: u32) -> impl Iterator<Item = (PartIndex, i64, u64)> {
        let none = self.hot.at(slot).side == 0;
        let range = (slot, 0, i64::MIN)..=(slot, if none { 0 } else { NO_PART }, i64::MAX);
        let found = (!none).then(|| self.side.range(range));
        found.into_iter().flatten().map(|((_, part, t), bits)| (*part, *t, *bits))
    }

    /// The value stored for a timestamp of a series, the greatest if there are several. Chunks are
    /// decoded: this is the slow path of re-sent and out-of-order samples.
    pub(super) fn stored(&self, slot: u32, t: i64) -> Option<u64> {
        let hot = self.hot.at(slot);
        let mut best: Option<u64> = None;
        let mut offer = |bits: u64| {
            let value = f64::from_bits(bits);
            let won = best.map_or(value, |b| greater_value(f64::from_bits(b), value));
            best = Some(won.to_bits());
        };
        if t == hot.last_ms && hot.knows_last() {
            offer(hot.last_bits);
        } else if hot.tail != NONE && t >= self.cold.at(slot).min_ms && t < hot.last_ms {
            self.scan(hot.tail, hot.tail_bytes(), t, &mut offer);
        }
        let ends_later = self.closed_of(slot).take_while(|line| line.max_ms() >= t);
        for line in ends_later.filter(|line| line.min_ms <= t) {
            self.scan(line.data, usize::from(line.bytes), t, &mut offer);
        }
        self.side_of(slot).filter(|(_, at, _)| *at == t).for_each(|(.., bits)| offer(bits));
        best
    }

    fn scan(&self, block: u32, bytes: usize, t: i64, offer: &mut impl FnMut(u64)) {
        let data = &self.slab.get(block)[..bytes];
        let Ok(samples) = ChunkIter::new(ENCODING_XOR, data) else { return };
        for (at, value) in samples.flatten().take_while(|(at, _)| *at <= t) {
            if at == t {
                offer(value.to_bits());
            }
        }
    }

    /// Frees what a series has in dropped parts.
    pub(super) fn sweep(&mut self, slot: u32) {
        let hot = *self.hot.at(slot);
        if hot.tail != NONE && self.parts.at(hot.part).dropped {
            self.count_swept(hot.tenant, u64::from(hot.samples));
            self.slab.free(hot.tail);
            let line = self.hot.at_mut(slot);
            (line.tail, line.samples, line.part) = (NONE, 0, NO_PART);
            line.flags |= FLAG_FORGOTTEN;
        }
        self.sweep_closed(slot, hot.tenant);
        let gone: Vec<_> =
            self.side_of(slot).filter(|(part, ..)| self.parts.at(*part).dropped).collect();
        self.count_swept(hot.tenant, gone.len() as u64);
        self.hot.at_mut(slot).side -= gone.len() as u16;
        for (part, t, _) in &gone {
            self.side.remove(&(slot, *part, *t));
        }
    }

    fn count_swept(&mut self, tenant: u32, samples: u64) {
        let tenant = self.tenant_mut(tenant);
        tenant.samples = tenant.samples.saturating_sub(samples);
    }

    fn sweep_closed(&mut self, slot: u32, tenant: u32) {
        let (mut at, mut kept, mut count) = (self.cold.at(slot).closed, NONE, 0u16);
        while at != NONE {
            let line = *self.closed.at(at);
            if self.parts.at(line.part).dropped {
                self.slab.free(line.data);
                self.count_swept(tenant, u64::from(line.samples));
                self.closed_chunks -= 1;
                let hot = self.hot.at_mut(slot);
                if hot.tail == NONE && line.max_ms() == hot.last_ms {
                    hot.flags |= FLAG_FORGOTTEN;
                }
                self.link_after(slot, kept, line.next);
                self.closed.at_mut(at).next = self.closed_free;
                self.closed_free = at;
            } else {
                kept = at;
                count = count.saturating_add(1);
            }
            at = line.next;
        }
        self.hot.at_mut(slot).closed_chunks = count;
    }
}

/// Encodes an ascending run into one XOR chunk; answers its length and first and last timestamp.
pub fn encode_run(run: &[(PartIndex, i64, u64)], out: &mut [u8]) -> (usize, i64, i64) {
    let mut state = XorState::default();
    for (_, t, bits) in run {
        let appended = state.append(out, *t, f64::from_bits(*bits));
        debug_assert!(appended.is_ok(), "a run has at most {CHUNK_SAMPLES_MAX} samples");
    }
    (state.len_bytes(), run[0].1, run[run.len() - 1].1)
}
