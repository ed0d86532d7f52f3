//! Series of all sources, each once.

use proto::Labels;
use query::hashing::QueryMap;
use query::{Interner, PairId};
use storage::{Chunk, SeriesChunks};

/// How the labels of an answer are made of a series' own.
#[derive(Clone, Copy)]
pub struct LabelRules<'a> {
    /// Label by which the tenant shows; it wins over a label of that name.
    pub tenant_label: &'a str,
    /// Labels that are dropped.
    pub replica_labels: &'a [String],
}

/// One series of the answer.
#[derive(Default)]
pub struct MergedSeries {
    /// Its labels as pairs of the query's dictionary, in order of their names.
    pub pairs: Vec<PairId>,
    /// Chunks of each replica, in order of their first timestamp, without doubles. Replicas are in
    /// order of their labels.
    pub replicas: Vec<Vec<Chunk>>,
}

/// A stored series with its copies from all sources.
struct Copies {
    labels: Labels,
    chunks: Vec<Chunk>,
}

/// Collects series under their final labels.
#[derive(Default)]
pub struct Merge {
    found: QueryMap<Box<[PairId]>, Vec<Copies>>,
    /// Pairs of the series that is added, and of the one before.
    pairs: Vec<PairId>,
    before: Vec<PairId>,
}

impl Merge {
    /// Adds a source's series. `names` is the query's dictionary.
    pub fn add(&mut self, series: SeriesChunks, rules: LabelRules<'_>, names: &mut Interner) {
        std::mem::swap(&mut self.pairs, &mut self.before);
        self.pairs.clear();
        intern_final(&series, rules, (names, &self.before), &mut self.pairs);
        let chunks = series.chunks;
        let Some(replicas) = self.found.get_mut(self.pairs.as_slice()) else {
            let copies = Copies { labels: series.labels, chunks };
            self.found.insert(self.pairs.as_slice().into(), vec![copies]);
            return;
        };
        match replicas.iter_mut().find(|copies| copies.labels == series.labels) {
            Some(copies) => copies.chunks.extend(chunks),
            None => replicas.push(Copies { labels: series.labels, chunks }),
        }
    }

    /// The merged series, in no particular order.
    pub fn finish(self) -> impl Iterator<Item = MergedSeries> {
        self.found.into_iter().map(|(pairs, mut replicas)| {
            replicas.sort_by(|a, b| a.labels.cmp(&b.labels));
            let replicas = replicas.into_iter().map(|copies| in_order(copies.chunks)).collect();
            MergedSeries { pairs: pairs.into_vec(), replicas }
        })
    }
}

/// The labels of the answer: the series' own without replica labels, and the tenant's. Those of
/// the series `before` are tried first: neighbours share most labels.
fn intern_final(
    series: &SeriesChunks,
    rules: LabelRules<'_>,
    (names, before): (&mut Interner, &[PairId]),
    out: &mut Vec<PairId>,
) {
    let mut push = |name: &str, value: &str| {
        let pair = intern_near(names, before.get(out.len()).copied(), name, value);
        out.push(pair);
    };
    let tenant = (rules.tenant_label, series.tenant.as_str());
    let mut tenant = Some(tenant);
    for (name, value) in &series.labels {
        if let Some((label, tenant)) = tenant.take_if(|(label, _)| *label <= name) {
            push(label, tenant);
        }
        let is_replica = rules.replica_labels.iter().any(|label| label == name);
        if name != rules.tenant_label && !is_replica {
            push(name, value);
        }
    }
    if let Some((label, tenant)) = tenant {
        push(label, tenant);
    }
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
fn in_order(mut chunks: Vec<Chunk>) -> Vec<Chunk> {
    let order = |a: &Chunk, b: &Chunk| {
        let key = |c: &Chunk| (c.min_ms, c.max_ms, c.data.len());
        key(a).cmp(&key(b)).then_with(|| a.data.cmp(&b.data))
    };
    if !chunks.is_sorted_by(|a, b| order(a, b).is_le()) {
        chunks.sort_by(order);
    }
    chunks.dedup();
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proto::{SeriesId, TenantName};

    fn chunk(min_ms: i64, data: &'static [u8]) -> Chunk {
        Chunk { min_ms, max_ms: min_ms + 1, encoding: 1, data: Bytes::from_static(data) }
    }

    fn series(tenant: &str, labels: &[(&str, &str)], chunks: Vec<Chunk>) -> SeriesChunks {
        SeriesChunks {
            tenant: TenantName::new(tenant).unwrap(),
            id: SeriesId(0),
            labels: Labels::from_pairs(labels.iter().copied()).unwrap(),
            chunks,
        }
    }

    /// Labels and chunks per replica of the merged series.
    fn merged(all: Vec<SeriesChunks>, replica_labels: &[&str]) -> Vec<(String, Vec<usize>)> {
        let replica_labels: Vec<String> = replica_labels.iter().map(|l| (*l).to_owned()).collect();
        let rules = LabelRules { tenant_label: "tenant_id", replica_labels: &replica_labels };
        let (mut merge, mut names) = (Merge::default(), Interner::default());
        all.into_iter().for_each(|series| merge.add(series, rules, &mut names));
        let shown = |series: MergedSeries| {
            let labels = names.labels(&series.pairs).unwrap().to_string();
            let in_order = series.pairs.iter().map(|p| names.pair(*p).0).is_sorted_by(|a, b| a < b);
            assert!(in_order, "{labels}");
            (labels, series.replicas.iter().map(Vec::len).collect())
        };
        let mut found: Vec<_> = merge.finish().map(shown).collect();
        found.sort();
        found
    }

    #[test]
    fn equal_chunks_of_two_sources_are_kept_once() {
        let labels = [("__name__", "up"), ("z", "1")];
        let here = series("a", &labels, vec![chunk(1, b"x"), chunk(5, b"y")]);
        let there = series("a", &labels, vec![chunk(5, b"y"), chunk(9, b"z")]);
        let found = merged(vec![here, there], &[]);
        assert_eq!(found, [("up{tenant_id=\"a\", z=\"1\"}".to_owned(), vec![3])]);
    }

    #[test]
    fn tenants_stay_apart_and_the_tenant_label_wins() {
        let a = series("a", &[("__name__", "up"), ("tenant_id", "b")], vec![]);
        let b = series("b", &[("__name__", "up")], vec![]);
        let found = merged(vec![a, b], &["tenant_id"]);
        let labels: Vec<&str> = found.iter().map(|(labels, _)| labels.as_str()).collect();
        assert_eq!(labels, ["up{tenant_id=\"a\"}", "up{tenant_id=\"b\"}"]);
    }

    #[test]
    fn replicas_fall_together_only_without_their_label() {
        let one = series("a", &[("prometheus_replica", "0")], vec![chunk(1, b"x")]);
        let two = series("a", &[("prometheus_replica", "1")], vec![chunk(1, b"x")]);
        let both = vec![one, two];
        assert_eq!(merged(both.clone(), &[]).len(), 2);
        let found = merged(both, &["prometheus_replica"]);
        assert_eq!(found, [("{tenant_id=\"a\"}".to_owned(), vec![1, 1])]);
    }
}
