//! Series of all sources, each once.

mod placing;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::Range;

use hashbrown::HashTable;
use query::{Columns, Interner, PairId, Workers};
use storage::chunk::ChunkError;
use storage::packed::PackedGroup;
use storage::{ChunkView, PackedSeries};

use self::placing::{ITEM_SERIES, Placed, Placing, hash_of};
use super::samples::{read_copies, read_replicas};

/// How the labels of an answer are made of a series' own.
#[derive(Clone, Debug)]
pub struct LabelRules {
    /// Label by which the tenant shows; it wins over a label of that name.
    pub tenant_label: String,
    /// Labels that are dropped.
    pub replica_labels: Vec<String>,
}

/// The series of an answer, each once, in the order in which they came.
#[derive(Default)]
pub struct Merged {
    parts: Vec<PackedSeries>,
    /// Labels of all series as pairs of the query's dictionary, in order of their names.
    pairs: Vec<PairId>,
    series: Vec<Series>,
    /// Second and further copies of series, those of one behind each other.
    further: Vec<Copy>,
}

/// A series: what of the pairs and of the further copies ends with it.
struct Series {
    pairs_end: usize,
    first: Copy,
    further: Range<u32>,
}

/// Where a source has a series.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Copy {
    /// Number of the labels that are not the answer's: equal ones make a replica.
    lost: u32,
    part: u32,
    group: u32,
    index: u32,
}

impl Merged {
    /// Empty, with room for all series of these parts, if those of a group have as many labels as
    /// its first one, and the tenant's.
    fn with_room(parts: &[PackedSeries]) -> Merged {
        let groups = parts.iter().flat_map(PackedSeries::groups).filter(|group| !group.is_empty());
        let pairs = groups.map(|group| group.len() * (group.numbers(0).len() + 1)).sum();
        let series = parts.iter().map(PackedSeries::len).sum();
        Merged {
            pairs: Vec::with_capacity(pairs),
            series: Vec::with_capacity(series),
            ..Merged::default()
        }
    }

    /// Number of series.
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Label pairs of series `index`, in order of their names.
    pub fn pairs(&self, index: usize) -> &[PairId] {
        let start = index.checked_sub(1).map_or(0, |before| self.series[before].pairs_end);
        &self.pairs[start..self.series[index].pairs_end]
    }

    /// Appends the samples of series `index` within a time; see [`read_replicas`].
    pub fn read(
        &self,
        index: usize,
        times: (i64, i64),
        columns: &mut Columns,
    ) -> Result<(), ChunkError> {
        let series = &self.series[index];
        if series.further.is_empty() {
            return read_copies(self.chunks(series.first), times, columns);
        }
        let further = &self.further[series.further.start as usize..series.further.end as usize];
        let mut replicas: Vec<Vec<ChunkView<'_>>> = vec![self.chunks(series.first).collect()];
        let mut lost = series.first.lost;
        for copy in further {
            if copy.lost != lost {
                lost = copy.lost;
                replicas.push(Vec::new());
            }
            let replica = replicas.last_mut().expect("there is the first one");
            replica.extend(self.chunks(*copy));
        }
        replicas.iter_mut().for_each(in_order);
        read_replicas(&replicas, times, columns)
    }

    fn chunks(&self, copy: Copy) -> impl Iterator<Item = ChunkView<'_>> {
        self.group(copy).chunks(copy.index as usize)
    }

    fn group(&self, copy: Copy) -> &PackedGroup {
        &self.parts[copy.part as usize].groups()[copy.group as usize]
    }

    /// Bytes that some of the series hold.
    pub fn bytes(&self, series: Range<usize>) -> usize {
        let chunks = |copy: Copy| self.chunks(copy).map(|chunk| chunk.data.len()).sum::<usize>();
        let of = |index: usize| {
            let Series { first, further, .. } = &self.series[index];
            let further = &self.further[further.start as usize..further.end as usize];
            let copies =
                further.iter().chain([first]).map(|copy| chunks(*copy) + size_of_val(copy));
            copies.sum::<usize>() + size_of_val(self.pairs(index)) + size_of::<Series>()
        };
        series.map(of).sum()
    }
}

/// Collects what all sources found under final labels. `names` is the query's dictionary. Labels
/// are worked out on several threads; the series are merged by this one, in order.
pub fn merge(
    parts: Vec<PackedSeries>,
    rules: &LabelRules,
    names: &mut Interner,
    workers: Workers,
) -> Merged {
    let series: usize = parts.iter().map(PackedSeries::len).sum();
    let workers = if series > ITEM_SERIES { workers } else { Workers::one() };
    let placing = Placing::of(&parts, rules, names);
    let mut merge = Merge {
        merged: Merged::with_room(&parts),
        by_pairs: HashTable::with_capacity(series),
        further: Vec::new(),
        lost: BTreeMap::from([(Vec::new(), 0)]),
    };
    let mut take = |placed| {
        merge.add(placed);
        Ok::<(), Infallible>(())
    };
    let Ok(()) = query::in_order(workers, placing.items(), &|item| placing.place(item), &mut take);
    let Merge { mut merged, further, lost, .. } = merge;
    let ranks = ranks(&lost, names);
    merged.put_further(further, &ranks);
    merged.parts = parts;
    merged
}

struct Merge {
    merged: Merged,
    /// Numbers of the series by their pairs.
    by_pairs: HashTable<u32>,
    /// Series and second or further copy.
    further: Vec<(u32, Copy)>,
    /// Numbers of sets of dropped pairs; that of the empty one is 0.
    lost: BTreeMap<Vec<PairId>, u32>,
}

impl Merge {
    fn add(&mut self, placed: Placed) {
        let Placed { part, group, first, pairs, series, dropped } = placed;
        let (mut start, mut dropped) = (0, dropped.into_iter().peekable());
        for (offset, (end, hash)) in series.into_iter().enumerate() {
            let dropped = dropped.next_if(|(of, _)| *of == offset);
            let lost = dropped.map_or(0, |(_, pairs)| self.lost_number(pairs));
            let index = (first + offset) as u32;
            self.insert(&pairs[start..end], hash, Copy { lost, part, group, index });
            start = end;
        }
    }

    fn lost_number(&mut self, dropped: Vec<PairId>) -> u32 {
        let number = self.lost.len() as u32;
        *self.lost.entry(dropped).or_insert(number)
    }

    /// Adds a copy of the series that has these pairs.
    fn insert(&mut self, pairs: &[PairId], hash: u64, copy: Copy) {
        let merged = &mut self.merged;
        let is_it = |number: &u32| merged.pairs(*number as usize) == pairs;
        if let Some(known) = self.by_pairs.find(hash, is_it) {
            self.further.push((*known, copy));
            return;
        }
        let number = merged.series.len() as u32;
        merged.pairs.extend_from_slice(pairs);
        let pairs_end = merged.pairs.len();
        merged.series.push(Series { pairs_end, first: copy, further: 0..0 });
        let rehash = |number: &u32| hash_of(merged.pairs(*number as usize));
        self.by_pairs.insert_unique(hash, number, rehash);
    }
}

impl Merged {
    /// Takes the further copies and puts those of each series in order of the labels they lost.
    fn put_further(&mut self, mut further: Vec<(u32, Copy)>, ranks: &[u32]) {
        for (number, copy) in &mut further {
            let series = &mut self.series[*number as usize];
            copy.lost = ranks[copy.lost as usize];
            // The first copy is ranked when the first further one is met.
            if series.further.is_empty() {
                series.first.lost = ranks[series.first.lost as usize];
                series.further = 0..1;
            }
            if copy.lost < series.first.lost {
                std::mem::swap(copy, &mut series.first);
            }
        }
        further.sort_unstable();
        for run in further.chunk_by(|a, b| a.0 == b.0) {
            let start = self.further.len() as u32;
            self.further.extend(run.iter().map(|(_, copy)| *copy));
            self.series[run[0].0 as usize].further = start..self.further.len() as u32;
        }
    }
}

/// Of each set of dropped labels its rank in order of their texts.
fn ranks(lost: &BTreeMap<Vec<PairId>, u32>, names: &Interner) -> Vec<u32> {
    let mut order: Vec<(&Vec<PairId>, u32)> = lost.iter().map(|(set, n)| (set, *n)).collect();
    let texts = |set: &[PairId]| set.iter().map(|pair| names.pair(*pair)).collect::<Vec<_>>();
    order.sort_by_cached_key(|(set, _)| {
        texts(set).into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect::<Vec<_>>()
    });
    let mut ranks = vec![0; order.len()];
    for (rank, (_, number)) in order.into_iter().enumerate() {
        ranks[number as usize] = rank as u32;
    }
    ranks
}

/// Orders chunks by time and drops those whose bytes are there twice.
fn in_order(chunks: &mut Vec<ChunkView<'_>>) {
    let key = |c: &ChunkView<'_>| (c.min_ms, c.max_ms, c.data.len());
    let order =
        |a: &ChunkView<'_>, b: &ChunkView<'_>| key(a).cmp(&key(b)).then_with(|| a.data.cmp(b.data));
    if !chunks.is_sorted_by(|a, b| order(a, b).is_le()) {
        chunks.sort_by(order);
    }
    chunks.dedup();
}

#[cfg(test)]
mod tests;
