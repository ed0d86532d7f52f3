//! Series of all sources, each once.

use std::hash::Hasher;

use hashbrown::HashTable;
use proto::{Labels, TenantName};
use query::hashing::QueryHasher;
use query::{Columns, Interner, PairId};
use storage::chunk::ChunkError;
use storage::{Chunk, PackedSeries, SeriesChunks};

use super::samples::{read_copies, read_replicas};
use super::sources::FoundSeries;

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
    packed: Vec<PackedSeries>,
    /// Labels of all series as pairs of the query's dictionary, in order of their names.
    pairs: Vec<PairId>,
    series: Vec<Entry>,
}

/// A series: what of the pairs ends with it, and where its samples are.
struct Entry {
    pairs_end: usize,
    samples: Samples,
}

enum Samples {
    /// Only in one group of one packed part.
    Packed { part: u32, group: u32, index: u32 },
    /// The replicas, ordered by the labels that they have beside the series' own.
    Replicas(Vec<Replica>),
}

/// A stored series with its copies from all sources.
struct Replica {
    /// Its labels, if some of them are not the answer's.
    labels: Option<Labels>,
    /// In order of their first timestamps, without doubles.
    chunks: Vec<Chunk>,
}

impl AsRef<[Chunk]> for Replica {
    fn as_ref(&self) -> &[Chunk] {
        &self.chunks
    }
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
        (start_ms, end_ms): (i64, i64),
        columns: &mut Columns,
    ) -> Result<(), ChunkError> {
        match &self.series[index].samples {
            Samples::Packed { part, group, index } => {
                let group = &self.packed[*part as usize].groups()[*group as usize];
                read_copies(group.chunks(*index as usize), (start_ms, end_ms), columns)
            }
            Samples::Replicas(replicas) => read_replicas(replicas, (start_ms, end_ms), columns),
        }
    }

    /// Bytes that some of the series hold.
    pub fn bytes(&self, series: std::ops::Range<usize>) -> usize {
        let of = |index: usize| match &self.series[index].samples {
            Samples::Packed { part, group, index } => {
                let group = &self.packed[*part as usize].groups()[*group as usize];
                group.chunks(*index as usize).map(|chunk| chunk.data.len()).sum::<usize>()
            }
            Samples::Replicas(replicas) => {
                let chunks = replicas.iter().flat_map(|replica| &replica.chunks);
                chunks.map(|chunk| chunk.data.len() + size_of_val(chunk)).sum()
            }
        };
        series.map(|index| of(index) + size_of_val(self.pairs(index)) + size_of::<Entry>()).sum()
    }
}

/// Collects series under their final labels.
pub struct Merge {
    rules: LabelRules,
    merged: Merged,
    /// Numbers of the series by their pairs.
    by_pairs: HashTable<u32>,
    /// Pairs of the series that is added, and of the one before.
    pairs: Vec<PairId>,
    before: Vec<PairId>,
}

/// What becomes of a packed pair.
#[derive(Clone, Copy)]
struct Translated {
    pair: PairId,
    role: Role,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    BeforeTenant,
    AfterTenant,
    Dropped,
}

impl Merge {
    /// Nothing yet.
    pub fn new(rules: LabelRules) -> Merge {
        Merge {
            rules,
            merged: Merged::default(),
            by_pairs: HashTable::new(),
            pairs: Vec::new(),
            before: Vec::new(),
        }
    }

    /// Adds what a source found. `names` is the query's dictionary.
    pub fn add(&mut self, found: FoundSeries, names: &mut Interner) {
        for packed in found.packed {
            self.add_packed(packed, names);
        }
        for series in found.series {
            self.add_series(series, names);
        }
    }

    fn add_packed(&mut self, packed: PackedSeries, names: &mut Interner) {
        let translated = self.translate(&packed, names);
        let part = self.merged.packed.len();
        self.by_pairs.reserve(packed.len(), |n| hash_of(self.merged.pairs(*n as usize)));
        self.merged.packed.push(packed);
        for group in 0..self.merged.packed[part].groups().len() {
            let tenant = self.merged.packed[part].groups()[group].tenant();
            let tenant = names.intern(&self.rules.tenant_label, tenant.as_str());
            for index in 0..self.merged.packed[part].groups()[group].len() {
                let numbers = self.merged.packed[part].groups()[group].numbers(index);
                place(numbers, &translated, tenant, &mut self.pairs);
                let (part, group, index) = (part as u32, group as u32, index as u32);
                self.insert_packed((part, group, index), &translated);
            }
        }
    }

    fn translate(&self, packed: &PackedSeries, names: &mut Interner) -> Vec<Translated> {
        let translated = |number: u32| {
            let labels = packed.pairs().pair(number);
            let (name, value) = labels.iter().next().expect("a pair is a label set of one");
            let role = match name.cmp(self.rules.tenant_label.as_str()) {
                _ if self.is_dropped(name) => Role::Dropped,
                std::cmp::Ordering::Less => Role::BeforeTenant,
                _ => Role::AfterTenant,
            };
            Translated { pair: names.intern(name, value), role }
        };
        (0..packed.pairs().len() as u32).map(translated).collect()
    }

    fn is_dropped(&self, name: &str) -> bool {
        name == self.rules.tenant_label || self.rules.replica_labels.iter().any(|l| l == name)
    }

    fn insert_packed(&mut self, place: (u32, u32, u32), translated: &[Translated]) {
        let (part, group, index) = place;
        let Some(known) = self.known() else {
            return self.push(Samples::Packed { part, group, index });
        };
        let replica = self.unpacked(place, Some(translated));
        self.add_replica(known, replica);
    }

    /// A series with its labels and chunks, out of a packed part.
    fn unpacked(
        &self,
        (part, group, index): (u32, u32, u32),
        translated: Option<&[Translated]>,
    ) -> Replica {
        let packed = &self.merged.packed[part as usize];
        let (group, index) = (&packed.groups()[group as usize], index as usize);
        let is_dropped = |number: &u32| match translated {
            Some(translated) => translated[*number as usize].role == Role::Dropped,
            None => packed.pairs().pair(*number).iter().any(|(name, _)| self.is_dropped(name)),
        };
        let loses = group.numbers(index).iter().any(is_dropped);
        let labels = loses.then(|| group.series_chunks(index, packed.pairs()).labels);
        Replica { labels, chunks: group.shared_chunks(index) }
    }

    fn add_series(&mut self, series: SeriesChunks, names: &mut Interner) {
        std::mem::swap(&mut self.pairs, &mut self.before);
        let loses = self.intern_final(&series.tenant, &series.labels, names);
        let labels = loses.then_some(series.labels);
        let replica = Replica { labels, chunks: series.chunks };
        match self.known() {
            Some(known) => self.add_replica(known, replica),
            None => self.push(Samples::Replicas(vec![replica])),
        }
    }

    /// The series that has the pairs at hand.
    fn known(&self) -> Option<usize> {
        let is_it = |number: &u32| self.merged.pairs(*number as usize) == self.pairs;
        let found = self.by_pairs.find(hash_of(&self.pairs), is_it);
        found.map(|number| *number as usize)
    }

    /// Adds a series with the pairs at hand.
    fn push(&mut self, samples: Samples) {
        let merged = &mut self.merged;
        let number = merged.series.len() as u32;
        merged.pairs.extend_from_slice(&self.pairs);
        merged.series.push(Entry { pairs_end: merged.pairs.len(), samples });
        let rehash = |number: &u32| hash_of(merged.pairs(*number as usize));
        self.by_pairs.insert_unique(hash_of(&self.pairs), number, rehash);
    }

    fn add_replica(&mut self, known: usize, replica: Replica) {
        if let Samples::Packed { part, group, index } = self.merged.series[known].samples {
            let first = self.unpacked((part, group, index), None);
            self.merged.series[known].samples = Samples::Replicas(vec![first]);
        }
        let Samples::Replicas(replicas) = &mut self.merged.series[known].samples else { return };
        match replicas.iter_mut().find(|known| known.labels == replica.labels) {
            Some(known) => known.chunks.extend(replica.chunks),
            None => replicas.push(replica),
        }
    }

    /// Makes `pairs` the labels of the answer: the series' own without those that are dropped, and
    /// the tenant's. Whether some were dropped. Those of the series `before` are tried first:
    /// neighbours share most labels.
    fn intern_final(&mut self, tenant: &TenantName, labels: &Labels, names: &mut Interner) -> bool {
        let Merge { rules, pairs, before, .. } = self;
        pairs.clear();
        let mut push = |name: &str, value: &str| {
            let pair = intern_near(names, before.get(pairs.len()).copied(), name, value);
            pairs.push(pair);
        };
        let (label, mut tenant, mut loses) = (&rules.tenant_label, Some(tenant), false);
        for (name, value) in labels {
            if let Some(tenant) = tenant.take_if(|_| label.as_str() <= name) {
                push(label, tenant.as_str());
            }
            match name == label || rules.replica_labels.iter().any(|l| l == name) {
                true => loses = true,
                false => push(name, value),
            }
        }
        if let Some(tenant) = tenant {
            push(label, tenant.as_str());
        }
        loses
    }

    /// The merged series.
    pub fn finish(mut self) -> Merged {
        for entry in &mut self.merged.series {
            if let Samples::Replicas(replicas) = &mut entry.samples {
                replicas.sort_by(|a, b| a.labels.cmp(&b.labels));
                replicas.iter_mut().for_each(|replica| in_order(&mut replica.chunks));
            }
        }
        self.merged
    }
}

fn hash_of(pairs: &[PairId]) -> u64 {
    let mut hasher = QueryHasher::default();
    pairs.iter().for_each(|pair| hasher.write_u32(*pair));
    hasher.finish()
}

/// Makes `out` the final labels of a packed series.
fn place(numbers: &[u32], translated: &[Translated], tenant: PairId, out: &mut Vec<PairId>) {
    out.clear();
    let mut tenant = Some(tenant);
    for number in numbers {
        let Translated { pair, role } = translated[*number as usize];
        match role {
            Role::Dropped => continue,
            Role::BeforeTenant => {}
            Role::AfterTenant => out.extend(tenant.take()),
        }
        out.push(pair);
    }
    out.extend(tenant);
}

/// Id of a pair that may be `near`, or have its name: comparing is cheaper than looking up.
fn intern_near(names: &mut Interner, near: Option<PairId>, name: &str, value: &str) -> PairId {
    let Some(near) = near.filter(|near| names.pair(*near).0 == name) else {
        return names.intern(name, value);
    };
    if names.value(near) == value {
        return near;
    }
    names.intern_value(names.name_of(near), value)
}

/// Orders chunks by time and drops those whose bytes are there twice.
fn in_order(chunks: &mut Vec<Chunk>) {
    let order = |a: &Chunk, b: &Chunk| {
        let key = |c: &Chunk| (c.min_ms, c.max_ms, c.data.len());
        key(a).cmp(&key(b)).then_with(|| a.data.cmp(&b.data))
    };
    if !chunks.is_sorted_by(|a, b| order(a, b).is_le()) {
        chunks.sort_by(order);
    }
    chunks.dedup();
}

#[cfg(test)]
mod tests;
