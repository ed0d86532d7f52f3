//! The labels of an answer, made of those of the sources: integer work that any thread can do.

use std::hash::Hasher;
use std::ops::Range;

use query::hashing::QueryHasher;
use query::{Interner, PairId};
use storage::PackedSeries;

use super::LabelRules;

/// Most series of an item of work.
pub(super) const ITEM_SERIES: usize = 1024;

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

/// All series, and what is known of their labels.
pub(super) struct Placing<'p> {
    parts: &'p [PackedSeries],
    /// Pairs of each part by their numbers.
    translated: Vec<Vec<Translated>>,
    items: Vec<Item>,
}

/// Some series of one group.
struct Item {
    part: usize,
    group: usize,
    tenant: PairId,
    series: Range<usize>,
}

/// Final labels of some series of one group.
pub(super) struct Placed {
    pub part: u32,
    pub group: u32,
    /// Index of the first series.
    pub first: usize,
    /// Pairs of all series, one behind the other, in order of their names.
    pub pairs: Vec<PairId>,
    /// Where the pairs of each series end, and their hash.
    pub series: Vec<(usize, u64)>,
    /// Dropped pairs of those series, counted from the first one, that lost some.
    pub dropped: Vec<(usize, Vec<PairId>)>,
}

impl<'p> Placing<'p> {
    pub(super) fn of(
        parts: &'p [PackedSeries],
        rules: &LabelRules,
        names: &mut Interner,
    ) -> Placing<'p> {
        let translated = parts.iter().map(|part| translate(part, rules, names)).collect();
        let mut items = Vec::new();
        for (part, packed) in parts.iter().enumerate() {
            for (group, of) in packed.groups().iter().enumerate() {
                let tenant = names.intern(&rules.tenant_label, of.tenant().as_str());
                let item = |start: usize| {
                    let series = start..(start + ITEM_SERIES).min(of.len());
                    Item { part, group, tenant, series }
                };
                items.extend((0..of.len()).step_by(ITEM_SERIES).map(item));
            }
        }
        Placing { parts, translated, items }
    }

    /// Number of items.
    pub(super) fn items(&self) -> usize {
        self.items.len()
    }

    /// The labels of an item's series.
    pub(super) fn place(&self, item: usize) -> Placed {
        let Item { part, group, tenant, ref series } = self.items[item];
        let (of, translated) = (&self.parts[part].groups()[group], &self.translated[part]);
        let room = series.len() * (of.numbers(series.start).len() + 1);
        let mut placed = Placed {
            part: part as u32,
            group: group as u32,
            first: series.start,
            pairs: Vec::with_capacity(room),
            series: Vec::with_capacity(series.len()),
            dropped: Vec::new(),
        };
        series.clone().for_each(|index| placed.add(of.numbers(index), translated, tenant));
        placed
    }
}

impl Placed {
    /// Sorts the pairs of a series into final and dropped ones; the tenant's has its place by name.
    fn add(&mut self, numbers: &[u32], translated: &[Translated], tenant: PairId) {
        let start = self.pairs.len();
        let (mut tenant, mut dropped) = (Some(tenant), Vec::new());
        for number in numbers {
            let Translated { pair, role } = translated[*number as usize];
            match role {
                Role::Dropped => {
                    dropped.push(pair);
                    continue;
                }
                Role::BeforeTenant => {}
                Role::AfterTenant => self.pairs.extend(tenant.take()),
            }
            self.pairs.push(pair);
        }
        self.pairs.extend(tenant);
        if !dropped.is_empty() {
            self.dropped.push((self.series.len(), dropped));
        }
        self.series.push((self.pairs.len(), hash_of(&self.pairs[start..])));
    }
}

fn translate(packed: &PackedSeries, rules: &LabelRules, names: &mut Interner) -> Vec<Translated> {
    let tenant_label = rules.tenant_label.as_str();
    let mut translated = Vec::with_capacity(packed.pairs().len());
    for number in 0..packed.pairs().len() as u32 {
        let labels = packed.pairs().pair(number);
        let (name, value) = labels.iter().next().expect("a pair is a label set of one");
        let is_dropped = name == tenant_label || rules.replica_labels.iter().any(|l| l == name);
        let role = match is_dropped {
            true => Role::Dropped,
            false if name < tenant_label => Role::BeforeTenant,
            false => Role::AfterTenant,
        };
        translated.push(Translated { pair: names.intern(name, value), role });
    }
    translated
}

/// Hash of a series' pairs.
pub(super) fn hash_of(pairs: &[PairId]) -> u64 {
    let mut hasher = QueryHasher::default();
    pairs.iter().for_each(|pair| hasher.write_u32(*pair));
    hasher.finish()
}
