//! From encoded chunks to columns: copies of a sample count once.

use journal::planted;
use proto::greater_value;
use query::Columns;
use storage::ChunkView;
use storage::chunk::{ChunkError, decode_chunk_into};

/// Appends the samples of one series within `start_ms..=end_ms`, strictly ascending. Chunks come
/// in order of their first timestamp and may overlap; where copies of a sample differ,
/// [`greater_value`] decides.
pub fn read_copies<'c>(
    chunks: impl Iterator<Item = ChunkView<'c>>,
    (start_ms, end_ms): (i64, i64),
    columns: &mut Columns,
) -> Result<(), ChunkError> {
    let base = columns.len();
    for chunk in chunks.filter(|chunk| chunk.overlaps(start_ms, end_ms)) {
        let Columns { timestamps, values, .. } = columns;
        decode_chunk_into(chunk, start_ms, end_ms, timestamps, values)?;
    }
    if !columns.timestamps[base..].is_sorted_by(|a, b| a < b) {
        let choose = if planted!("G7") { |first, _| first } else { greater_value };
        merge_tail(columns, base, choose);
    }
    Ok(())
}

/// Appends the samples of several replicas of one series: all timestamps of all of them; of equal
/// ones the first replica's. It is what Thanos calls `chain`.
pub fn read_replicas(
    replicas: &[Vec<ChunkView<'_>>],
    times: (i64, i64),
    columns: &mut Columns,
) -> Result<(), ChunkError> {
    if let [only] = replicas {
        return read_copies(only.iter().copied(), times, columns);
    }
    let base = columns.len();
    let mut one = Columns::default();
    for replica in replicas {
        one.clear();
        read_copies(replica.iter().copied(), times, &mut one)?;
        columns.timestamps.extend_from_slice(&one.timestamps);
        columns.values.extend_from_slice(&one.values);
    }
    merge_tail(columns, base, |first, _| first);
    Ok(())
}

/// Sorts everything from `base` on by time. Of equal timestamps `choose` makes one, called with
/// values in order of appearance.
fn merge_tail(columns: &mut Columns, base: usize, choose: fn(f64, f64) -> f64) {
    let times = columns.timestamps.drain(base..);
    let mut samples: Vec<(i64, f64)> = times.zip(columns.values.drain(base..)).collect();
    // The sort is stable and takes sorted runs as they are.
    samples.sort_by_key(|(time, _)| *time);
    for (time, value) in samples {
        match columns.timestamps.last() {
            Some(last) if *last == time && columns.len() > base + usize::from(planted!("M23")) => {
                let kept = columns.values.last_mut().expect("both columns have equal lengths");
                *kept = choose(*kept, value);
            }
            _ => columns.push(time, value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proto::STALE_NAN_BITS;
    use std::collections::BTreeMap;
    use storage::Chunk;

    fn chunk(samples: &[(i64, f64)]) -> Chunk {
        storage::chunk::encode(samples.iter().copied()).unwrap().unwrap()
    }

    fn read(replicas: &[Vec<Chunk>], start_ms: i64, end_ms: i64) -> Vec<(i64, f64)> {
        let mut columns = Columns::default();
        let replicas: Vec<Vec<ChunkView<'_>>> =
            replicas.iter().map(|chunks| chunks.iter().map(Chunk::view).collect()).collect();
        read_replicas(&replicas, (start_ms, end_ms), &mut columns).unwrap();
        columns.timestamps.into_iter().zip(columns.values).collect()
    }

    #[test]
    fn copies_with_other_borders_count_once() {
        let a = [chunk(&[(1, 1.0), (2, 2.0)]), chunk(&[(3, 3.0), (4, 4.0)])];
        let b = [chunk(&[(1, 1.0)]), chunk(&[(2, 2.0), (3, 3.0), (4, 4.0), (5, 5.0)])];
        let mut all: Vec<Chunk> = a.into_iter().chain(b).collect();
        all.sort_by_key(|c| c.min_ms);
        let expected: Vec<_> = (2..=5).map(|t| (t, t as f64)).collect();
        assert_eq!(read(&[all], 2, 5), expected);
    }

    #[test]
    fn of_conflicting_copies_the_greater_wins_whatever_the_order() {
        let stale = f64::from_bits(STALE_NAN_BITS);
        let (a, b) = (chunk(&[(1, 7.0), (2, stale)]), chunk(&[(1, 3.0), (2, 1.0)]));
        assert_eq!(read(&[vec![a.clone(), b.clone()]], 0, 9), [(1, 7.0), (2, 1.0)]);
        assert_eq!(read(&[vec![b, a]], 0, 9), [(1, 7.0), (2, 1.0)]);
    }

    #[test]
    fn of_replicas_the_first_wins() {
        let (a, b) = (chunk(&[(1, 1.0), (5, 5.0)]), chunk(&[(1, 9.0), (3, 3.0)]));
        assert_eq!(read(&[vec![a], vec![b]], 0, 9), [(1, 1.0), (3, 3.0), (5, 5.0)]);
    }

    #[test]
    fn what_stands_in_the_columns_already_stays() {
        let mut columns = Columns::default();
        columns.push(9, 9.0);
        let one = chunk(&[(1, 1.0)]);
        read_replicas(&[vec![one.view(), one.view()]], (0, 9), &mut columns).unwrap();
        assert_eq!(columns.timestamps, [9, 1]);
    }

    #[test]
    fn a_chunk_that_lies_about_its_time_does_no_harm() {
        let mut late = chunk(&[(50, 1.0)]);
        (late.min_ms, late.max_ms) = (1, 1);
        assert_eq!(read(&[vec![late, chunk(&[(2, 2.0)])]], 0, 99), [(2, 2.0), (50, 1.0)]);
    }

    proptest! {
        #[test]
        fn any_copies_give_the_model(
            copies in prop::collection::vec(
                prop::collection::btree_map(0i64..60, 0u8..4, 1..40), 1..4),
            start in 0i64..60,
            length in 0i64..60,
        ) {
            let mut model: BTreeMap<i64, f64> = BTreeMap::new();
            let mut chunks = Vec::new();
            for copy in &copies {
                let samples: Vec<_> = copy.iter().map(|(t, v)| (*t, f64::from(*v))).collect();
                for (t, v) in &samples {
                    let kept = model.entry(*t).or_insert(*v);
                    *kept = greater_value(*kept, *v);
                }
                chunks.extend(samples.chunks(7).map(chunk));
            }
            chunks.sort_by_key(|c| c.min_ms);
            let expected: Vec<_> =
                model.into_iter().filter(|(t, _)| (start..=start + length).contains(t)).collect();
            prop_assert_eq!(read(&[chunks], start, start + length), expected);
        }
    }
}
