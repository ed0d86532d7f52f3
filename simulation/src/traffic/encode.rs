//! Bodies of remote write 1.0, byte by byte: also those that no careful client would send.

use bytes::Bytes;
use proto::Labels;
use proto::varint::put_uvarint;

/// Label entries of a series, in the order of the wire.
pub type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// The label pairs of a set, in order.
pub fn pairs_of(labels: &Labels) -> Pairs {
    labels.iter().map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec())).collect()
}

/// Writes a `prometheus.WriteRequest`.
#[derive(Default)]
pub struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// Appends a series with its samples (timestamp in ms, bits of the value).
    pub fn series(&mut self, pairs: &Pairs, samples: &[(i64, u64)]) {
        let mut series = label_entries(pairs);
        for (t, bits) in samples {
            put_entry(&mut series, 0x12, &sample(*t, *bits));
        }
        put_entry(&mut self.out, 0x0a, &series);
    }

    /// Appends a series that has nothing but an exemplar.
    pub fn exemplar(&mut self, pairs: &Pairs, t: i64, bits: u64) {
        let mut exemplar = label_entries(&vec![(b"trace_id".to_vec(), b"x".to_vec())]);
        exemplar.push(0x11);
        exemplar.extend_from_slice(&bits.to_le_bytes());
        exemplar.push(0x18);
        put_uvarint(&mut exemplar, t.cast_unsigned());
        let mut series = label_entries(pairs);
        put_entry(&mut series, 0x1a, &exemplar);
        put_entry(&mut self.out, 0x0a, &series);
    }

    /// The body before compression.
    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }
}

/// Compresses in snappy's block format.
pub fn compress(body: &[u8]) -> Bytes {
    let compressed = snap::raw::Encoder::new().compress_vec(body);
    Bytes::from(compressed.expect("bodies are far below snappy's 4 GiB"))
}

/// What looks like a snappy body of so many decompressed bytes.
pub fn claim_length(bytes: u64) -> Bytes {
    let mut out = Vec::new();
    put_uvarint(&mut out, bytes);
    out.extend_from_slice(&[0; 16]);
    Bytes::from(out)
}

fn label_entries(pairs: &Pairs) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in pairs {
        let mut pair = Vec::new();
        put_entry(&mut pair, 0x0a, name);
        put_entry(&mut pair, 0x12, value);
        put_entry(&mut out, 0x0a, &pair);
    }
    out
}

fn sample(t: i64, bits: u64) -> Vec<u8> {
    let mut sample = vec![0x09];
    sample.extend_from_slice(&bits.to_le_bytes());
    sample.push(0x10);
    put_uvarint(&mut sample, t.cast_unsigned());
    sample
}

fn put_entry(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    put_uvarint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::remote_write::{Part, RequestWriter, Value, walk};

    #[test]
    fn sorted_labels_give_the_bytes_of_a_conforming_sender() {
        let labels = Labels::from_pairs([("__name__", "up"), ("job", "x")]).unwrap();
        let (mut ours, mut theirs) = (Writer::default(), RequestWriter::default());
        ours.series(&pairs_of(&labels), &[(5, 1.5f64.to_bits()), (-7, 2.0f64.to_bits())]);
        theirs.series(&labels, &[(5, 1.5), (-7, 2.0)]);
        assert_eq!(ours.into_bytes(), theirs.as_bytes());
    }

    #[test]
    fn exemplars_are_seen_as_such() {
        let mut writer = Writer::default();
        writer.exemplar(&vec![(b"a".to_vec(), b"1".to_vec())], 9, 0);
        let body = writer.into_bytes();
        let Some(Ok(Part::Series(series))) = walk(&body).next() else { panic!("{body:?}") };
        assert_eq!(series.values().collect::<Vec<_>>(), [Ok(Value::Exemplar)]);
    }
}
