//! What the head writes into the journal: one byte of kind, then the body. Layout, byte by byte:
//! docs/formats/head-frames.md.
//!
//! Numbers are varints of `proto::varint` unless said otherwise. Every byte read is checked; a
//! frame that makes no sense is an error, never a panic.

use bytes::Bytes;
use proto::varint::{put_uvarint, put_varint, take_bytes, take_uvarint, take_varint};
use proto::{Labels, SeriesId, TenantName};

use super::parts::PartId;
use crate::StorageError;

/// A [`proto::record`] follows.
pub const KIND_RECORD: u8 = 1;
const KIND_CLOSE: u8 = 2;
const KIND_DROP: u8 = 3;
const KIND_GONE: u8 = 4;
const KIND_CHECKPOINT: u8 = 5;
const KIND_CHECKPOINT_SERIES: u8 = 6;
const KIND_CHECKPOINT_END: u8 = 7;

/// Which numbers the windows of a partition go on with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WindowTable {
    /// See `Parts::closed_windows`.
    pub floor: (i64, u32),
    /// Window start and next part number.
    pub windows: Vec<(i64, u32)>,
}

/// A chunk in a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedChunk {
    /// Its part.
    pub part: PartId,
    /// Whether that part is open.
    pub part_open: bool,
    /// Whether it is the series' open chunk.
    pub is_tail: bool,
    /// First timestamp.
    pub min_ms: i64,
    /// Last timestamp.
    pub max_ms: i64,
    /// Encoded samples.
    pub data: Bytes,
}

/// A series in a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedSeries {
    /// Whose series.
    pub tenant: TenantName,
    /// Its id.
    pub id: SeriesId,
    /// Its labels.
    pub labels: Labels,
    /// Its chunks, oldest first.
    pub chunks: Vec<SavedChunk>,
}

/// A frame of a partition.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame<'a> {
    /// Samples or metadata.
    Record(&'a [u8]),
    /// The parts of a window up to this one are closed.
    Close(PartId),
    /// The data of a closed part is in durable blocks and leaves the head.
    Drop(PartId),
    /// Series without samples that left the head.
    Gone(Vec<(TenantName, SeriesId)>),
    /// A checkpoint of the partition begins.
    Checkpoint(WindowTable),
    /// Some of its series.
    CheckpointSeries(Vec<SavedSeries>),
    /// The checkpoint of the partition is whole.
    CheckpointEnd(WindowTable),
}

impl Frame<'_> {
    /// Appends the frame's payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Frame::Record(record) => {
                out.push(KIND_RECORD);
                out.extend_from_slice(record);
            }
            Frame::Close(part) => put_part(out, KIND_CLOSE, *part),
            Frame::Drop(part) => put_part(out, KIND_DROP, *part),
            Frame::Gone(series) => {
                out.push(KIND_GONE);
                put_list(out, series, |out, (tenant, id)| put_name(out, tenant, *id));
            }
            Frame::Checkpoint(table) => put_table(out, KIND_CHECKPOINT, table),
            Frame::CheckpointSeries(series) => {
                out.push(KIND_CHECKPOINT_SERIES);
                put_list(out, series, put_saved);
            }
            Frame::CheckpointEnd(table) => put_table(out, KIND_CHECKPOINT_END, table),
        }
    }

    /// Reads a payload.
    pub fn decode(payload: &[u8]) -> Result<Frame<'_>, StorageError> {
        let malformed = || StorageError::corrupt("a head frame", "its body makes no sense");
        let (kind, mut rest) = payload.split_first().ok_or_else(malformed)?;
        let rest = &mut rest;
        let frame = match *kind {
            KIND_RECORD => return Ok(Frame::Record(rest)),
            KIND_CLOSE => take_part(rest).map(Frame::Close),
            KIND_DROP => take_part(rest).map(Frame::Drop),
            KIND_GONE => take_list(rest, take_name).map(Frame::Gone),
            KIND_CHECKPOINT => take_table(rest).map(Frame::Checkpoint),
            KIND_CHECKPOINT_SERIES => take_list(rest, take_saved).map(Frame::CheckpointSeries),
            KIND_CHECKPOINT_END => take_table(rest).map(Frame::CheckpointEnd),
            _ => None,
        };
        frame.filter(|_| rest.is_empty()).ok_or_else(malformed)
    }
}

fn put_part(out: &mut Vec<u8>, kind: u8, part: PartId) {
    out.push(kind);
    put_varint(out, part.window_start_ms);
    put_uvarint(out, u64::from(part.number));
}

fn take_part(rest: &mut &[u8]) -> Option<PartId> {
    Some(PartId { window_start_ms: take_varint(rest)?, number: take_u32(rest)? })
}

fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    u32::try_from(take_uvarint(rest)?).ok()
}

fn put_list<T>(out: &mut Vec<u8>, items: &[T], put: impl Fn(&mut Vec<u8>, &T)) {
    put_uvarint(out, items.len() as u64);
    items.iter().for_each(|item| put(out, item));
}

fn take_list<T>(rest: &mut &[u8], take: impl Fn(&mut &[u8]) -> Option<T>) -> Option<Vec<T>> {
    let count = usize::try_from(take_uvarint(rest)?).ok()?;
    // Every item has at least one byte, so that a damaged count asks for no memory.
    if count > rest.len() {
        return None;
    }
    (0..count).map(|_| take(rest)).collect()
}

fn put_slice(out: &mut Vec<u8>, bytes: &[u8]) {
    put_uvarint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_name(out: &mut Vec<u8>, tenant: &TenantName, id: SeriesId) {
    put_slice(out, tenant.as_str().as_bytes());
    out.extend_from_slice(&id.to_bytes());
}

fn take_name(rest: &mut &[u8]) -> Option<(TenantName, SeriesId)> {
    let name = std::str::from_utf8(take_bytes(rest)?).ok()?;
    let (id, after) = rest.split_first_chunk::<16>()?;
    *rest = after;
    Some((TenantName::new(name).ok()?, SeriesId::from_bytes(*id)))
}

fn put_window(out: &mut Vec<u8>, (start, number): (i64, u32)) {
    put_varint(out, start);
    put_uvarint(out, u64::from(number));
}

fn take_window(rest: &mut &[u8]) -> Option<(i64, u32)> {
    Some((take_varint(rest)?, take_u32(rest)?))
}

fn put_table(out: &mut Vec<u8>, kind: u8, table: &WindowTable) {
    out.push(kind);
    put_window(out, table.floor);
    put_list(out, &table.windows, |out, window| put_window(out, *window));
}

fn take_table(rest: &mut &[u8]) -> Option<WindowTable> {
    Some(WindowTable { floor: take_window(rest)?, windows: take_list(rest, take_window)? })
}

fn put_saved(out: &mut Vec<u8>, series: &SavedSeries) {
    put_name(out, &series.tenant, series.id);
    put_slice(out, series.labels.as_bytes());
    put_list(out, &series.chunks, |out, chunk| {
        out.push(u8::from(chunk.part_open) | u8::from(chunk.is_tail) << 1);
        put_window(out, (chunk.part.window_start_ms, chunk.part.number));
        put_varint(out, chunk.min_ms);
        put_varint(out, chunk.max_ms);
        put_slice(out, &chunk.data);
    });
}

fn take_saved(rest: &mut &[u8]) -> Option<SavedSeries> {
    let (tenant, id) = take_name(rest)?;
    let labels = Bytes::copy_from_slice(take_bytes(rest)?);
    let labels = Labels::from_canonical(labels).ok()?;
    Some(SavedSeries { tenant, id, labels, chunks: take_list(rest, take_chunk)? })
}

fn take_chunk(rest: &mut &[u8]) -> Option<SavedChunk> {
    let (flags, after) = rest.split_first()?;
    *rest = after;
    let part = take_part(rest)?;
    Some(SavedChunk {
        part,
        part_open: flags & 1 != 0,
        is_tail: flags & 2 != 0,
        min_ms: take_varint(rest)?,
        max_ms: take_varint(rest)?,
        data: Bytes::copy_from_slice(take_bytes(rest)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frames() -> Vec<Frame<'static>> {
        let part = PartId { window_start_ms: -7_200_000, number: 3 };
        let table = WindowTable { floor: (i64::MIN, 2), windows: vec![(0, 1), (7_200_000, 4)] };
        let tenant = TenantName::new("a").unwrap();
        let chunk = SavedChunk {
            part,
            part_open: true,
            is_tail: false,
            min_ms: -5,
            max_ms: 9,
            data: Bytes::from_static(b"xyz"),
        };
        let labels = Labels::from_pairs([("a", "b")]).unwrap();
        let id = SeriesId(77);
        let saved = SavedSeries { tenant: tenant.clone(), id, labels, chunks: vec![chunk] };
        vec![
            Frame::Record(b"abc"),
            Frame::Close(part),
            Frame::Drop(part),
            Frame::Gone(vec![(tenant, id)]),
            Frame::Checkpoint(table.clone()),
            Frame::CheckpointSeries(vec![saved]),
            Frame::CheckpointEnd(table),
        ]
    }

    #[test]
    fn frames_round_trip_and_short_ones_are_errors() {
        for frame in frames() {
            let mut bytes = vec![];
            frame.encode(&mut bytes);
            assert_eq!(Frame::decode(&bytes).unwrap(), frame);
            if !matches!(frame, Frame::Record(_)) {
                assert!(Frame::decode(&bytes[..bytes.len() - 1]).is_err(), "{frame:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>, kind in 0u8..9) {
            let mut payload = vec![kind];
            payload.extend(bytes);
            let _ = Frame::decode(&payload);
        }
    }
}
