//! Chunks of one series put into the order that a block wants: one after the other.

use std::collections::BTreeMap;

use proto::greater_value;

use crate::StorageError;
use crate::chunk::{self, ChunkIter};
use crate::series::Chunk;

/// Samples of a chunk that is made anew.
const MERGED_CHUNK_SAMPLES: usize = 120;

/// Sorts chunks by time and merges those that overlap, taking the greater value where two copies
/// of a sample differ. Chunks that overlap nothing are kept byte for byte.
pub(super) fn in_order(mut chunks: Vec<Chunk>) -> Result<Vec<Chunk>, StorageError> {
    chunks.sort_by_key(|chunk| (chunk.min_ms, chunk.max_ms));
    let overlap = |two: &[Chunk]| two[1].min_ms <= two[0].max_ms;
    if !chunks.windows(2).any(overlap) {
        return Ok(chunks);
    }
    let mut ordered = Vec::with_capacity(chunks.len());
    let mut run: Vec<Chunk> = Vec::new();
    let mut run_max_ms = i64::MIN;
    for chunk in chunks {
        if !run.is_empty() && chunk.min_ms > run_max_ms {
            merge_into(&mut ordered, std::mem::take(&mut run))?;
        }
        run_max_ms = if run.is_empty() { chunk.max_ms } else { run_max_ms.max(chunk.max_ms) };
        run.push(chunk);
    }
    merge_into(&mut ordered, run)?;
    Ok(ordered)
}

/// Appends a run of overlapping chunks as chunks that do not.
fn merge_into(ordered: &mut Vec<Chunk>, mut run: Vec<Chunk>) -> Result<(), StorageError> {
    if run.len() == 1 {
        ordered.append(&mut run);
        return Ok(());
    }
    let mut samples: BTreeMap<i64, f64> = BTreeMap::new();
    for chunk in &run {
        for sample in ChunkIter::new(chunk.encoding, &chunk.data)? {
            let (timestamp_ms, value) = sample?;
            let kept = samples.entry(timestamp_ms).or_insert(value);
            *kept = greater_value(*kept, value);
        }
    }
    let samples: Vec<(i64, f64)> = samples.into_iter().collect();
    for piece in samples.chunks(MERGED_CHUNK_SAMPLES) {
        let chunk = chunk::encode(piece.iter().copied()).expect("a chunk holds 120 samples");
        ordered.extend(chunk);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(samples: &[(i64, f64)]) -> Chunk {
        chunk::encode(samples.iter().copied()).unwrap().unwrap()
    }

    fn samples(chunks: &[Chunk]) -> Vec<(i64, f64)> {
        let all = |c: &Chunk| -> Vec<_> { ChunkIter::new(1, &c.data).unwrap().collect() };
        chunks.iter().flat_map(all).map(Result::unwrap).collect()
    }

    #[test]
    fn chunks_apart_are_kept_and_sorted() {
        let (a, b) = (chunk(&[(1, 1.0), (2, 2.0)]), chunk(&[(3, 3.0)]));
        assert_eq!(in_order(vec![b.clone(), a.clone()]).unwrap(), vec![a, b]);
    }

    #[test]
    fn overlapping_chunks_are_merged_once() {
        let long: Vec<_> = (0..200).map(|i| (i * 10, i as f64)).collect();
        let late = chunk(&[(5, 0.5), (10, 9.0), (20, 0.25)]);
        let after = chunk(&[(5000, 1.0)]);
        let ordered = in_order(vec![after.clone(), chunk(&long), late]).unwrap();
        assert_eq!(ordered.last(), Some(&after));
        assert!(ordered.windows(2).all(|two| two[0].max_ms < two[1].min_ms));
        let got = samples(&ordered);
        assert_eq!(got.len(), 202);
        assert_eq!(&got[..4], &[(0, 0.0), (5, 0.5), (10, 9.0), (20, 2.0)]);
    }

    #[test]
    fn overlapping_chunks_that_cannot_be_decoded_are_an_error() {
        let mut odd = chunk(&[(1, 1.0), (9, 1.0)]);
        odd.encoding = 2;
        assert!(in_order(vec![odd, chunk(&[(5, 1.0)])]).is_err());
    }
}
