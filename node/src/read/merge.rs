//! Series of all sources, each once.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::ops::Range;

use hashbrown::HashTable;
use query::hashing::QueryHasher;
use query::{Columns, Interner, PairId};
use storage::chunk::ChunkError;
use storage::packed::PackedGroup;
use storage::{ChunkView, PackedSeries};

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

/// Collects what all sources found under final labels. `names` is the query's dictionary.
pub fn merge(parts: Vec<PackedSeries>, rules: LabelRules, names: &mut Interner) -> Merged {
    let mut merge = Merge {
        rules,
        names,
        merged: Merged::default(),
        by_pairs: HashTable::with_capacity(parts.iter().map(PackedSeries::len).sum()),
        further: Vec::new(),
        lost: BTreeMap::new(),
        pairs: Vec::new(),
        dropped: Vec::new(),
    };
    merge.lost_number();
    for (number, part) in parts.iter().enumerate() {
        merge.add(number as u32, part);
    }
    let Merge { mut merged, further, lost, .. } = merge;
    let ranks = ranks(&lost, names);
    merged.put_further(further, &ranks);
    merged.parts = parts;
    merged
}

struct Merge<'n> {
    rules: LabelRules,
    names: &'n mut Interner,
    merged: Merged,
    /// Numbers of the series by their pairs.
    by_pairs: HashTable<u32>,
    /// Series and second or further copy.
    further: Vec<(u32, Copy)>,
    /// Numbers of sets of dropped pairs; that of the empty one is 0.
    lost: BTreeMap<Vec<PairId>, u32>,
    /// Final and dropped pairs of the series that is added.
    pairs: Vec<PairId>,
    dropped: Vec<PairId>,
}

/// What becomes of a packed pair.
#[derive(Clone, Copy)]
struct Translated {
    pair: PairId,
    role: Role,
}

#[derive(Clone, Copy)]
enum Role {
    BeforeTenant,
    AfterTenant,
    Dropped,
}

impl Merge<'_> {
    fn add(&mut self, part: u32, packed: &PackedSeries) {
        let translated = self.translate(packed);
        for (number, group) in packed.groups().iter().enumerate() {
            let tenant = self.names.intern(&self.rules.tenant_label, group.tenant().as_str());
            for index in 0..group.len() {
                self.place(group.numbers(index), &translated, tenant);
                let lost = if self.dropped.is_empty() { 0 } else { self.lost_number() };
                self.insert(Copy { lost, part, group: number as u32, index: index as u32 });
            }
        }
    }

    fn translate(&mut self, packed: &PackedSeries) -> Vec<Translated> {
        let mut translated = Vec::with_capacity(packed.pairs().len());
        for number in 0..packed.pairs().len() as u32 {
            let labels = packed.pairs().pair(number);
            let (name, value) = labels.iter().next().expect("a pair is a label set of one");
            let tenant_label = self.rules.tenant_label.as_str();
            let is_dropped =
                name == tenant_label || self.rules.replica_labels.iter().any(|l| l == name);
            let role = match is_dropped {
                true => Role::Dropped,
                false if name < tenant_label => Role::BeforeTenant,
                false => Role::AfterTenant,
            };
            translated.push(Translated { pair: self.names.intern(name, value), role });
        }
        translated
    }

    /// Sorts the pairs of a series into final and dropped ones; the tenant's has its place by name.
    fn place(&mut self, numbers: &[u32], translated: &[Translated], tenant: PairId) {
        self.pairs.clear();
        self.dropped.clear();
        let mut tenant = Some(tenant);
        for number in numbers {
            let Translated { pair, role } = translated[*number as usize];
            match role {
                Role::Dropped => {
                    self.dropped.push(pair);
                    continue;
                }
                Role::BeforeTenant => {}
                Role::AfterTenant => self.pairs.extend(tenant.take()),
            }
            self.pairs.push(pair);
        }
        self.pairs.extend(tenant);
    }

    fn lost_number(&mut self) -> u32 {
        if let Some(known) = self.lost.get(&self.dropped) {
            return *known;
        }
        let number = self.lost.len() as u32;
        self.lost.insert(self.dropped.clone(), number);
        number
    }

    /// Adds a copy of the series that has the pairs at hand.
    fn insert(&mut self, copy: Copy) {
        let hash = hash_of(&self.pairs);
        let (merged, pairs) = (&mut self.merged, &self.pairs);
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

fn hash_of(pairs: &[PairId]) -> u64 {
    let mut hasher = QueryHasher::default();
    pairs.iter().for_each(|pair| hasher.write_u32(*pair));
    hasher.finish()
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
