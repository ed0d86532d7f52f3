//! Properties of the shard tables.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn nodes(count: usize, zones: usize) -> Vec<Candidate> {
    let zone = |n: usize| if zones == 0 { String::new() } else { format!("z{}", n % zones) };
    (0..count).map(|n| Candidate { id: NodeId(mix(n as u64)), zone: zone(n) }).collect()
}

fn mix(n: u64) -> u64 {
    xxh3_64_with_seed(&n.to_le_bytes(), 7)
}

fn loads(table: &[Vec<NodeId>]) -> BTreeMap<NodeId, usize> {
    let mut loads = BTreeMap::new();
    table.iter().flatten().for_each(|id| *loads.entry(*id).or_insert(0) += 1);
    loads
}

fn spread(loads: &BTreeMap<NodeId, usize>) -> usize {
    loads.values().max().unwrap_or(&0) - loads.values().min().unwrap_or(&0)
}

/// Owners that are in `new` and not in `old`: copies that would have to be made.
fn moved(old: &[Vec<NodeId>], new: &[Vec<NodeId>]) -> usize {
    let fresh =
        |(o, n): (&Vec<NodeId>, &Vec<NodeId>)| n.iter().filter(|id| !o.contains(id)).count();
    old.iter().zip(new).map(fresh).sum()
}

fn assert_distinct(table: &[Vec<NodeId>], copies: usize) {
    for row in table {
        let distinct: BTreeSet<_> = row.iter().collect();
        assert_eq!(distinct.len(), copies, "owners of a shard are distinct: {row:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_shard_has_distinct_owners_and_loads_are_even(count in 1usize..24, copies in 1usize..4) {
        let all = nodes(count, 0);
        let table = table(&[], &all, copies, 256);
        if count < copies {
            prop_assert!(table.is_empty());
            return Ok(());
        }
        prop_assert_eq!(table.len(), 256);
        assert_distinct(&table, copies);
        prop_assert!(spread(&loads(&table)) <= 1, "{:?}", loads(&table));
    }

    #[test]
    fn a_node_more_moves_no_more_than_its_share(count in 2usize..20, copies in 1usize..4) {
        prop_assume!(count >= copies);
        let (few, more) = (nodes(count, 0), nodes(count + 1, 0));
        let before = table(&[], &few, copies, 256);
        let after = table(&before, &more, copies, 256);
        assert_distinct(&after, copies);
        prop_assert!(spread(&loads(&after)) <= 1);
        let share = (256 * copies).div_ceil(count + 1);
        prop_assert!(moved(&before, &after) <= share, "{} > {share}", moved(&before, &after));
    }

    #[test]
    fn a_node_less_moves_only_what_it_held(count in 3usize..20, copies in 1usize..3, gone in 0usize..20) {
        let all = nodes(count, 0);
        let before = table(&[], &all, copies, 256);
        let mut rest = all.clone();
        let gone = rest.remove(gone % count).id;
        let after = table(&before, &rest, copies, 256);
        assert_distinct(&after, copies);
        prop_assert!(spread(&loads(&after)) <= 1);
        let held = loads(&before)[&gone];
        prop_assert!(moved(&before, &after) <= held + count, "{} moved", moved(&before, &after));
    }

    #[test]
    fn owners_are_in_distinct_zones(each in 1usize..5, zones in 2usize..5, copies in 1usize..4) {
        prop_assume!(copies <= zones);
        let all = nodes(each * zones, zones);
        let table = table(&[], &all, copies, 256);
        let zone = |id: &NodeId| all.iter().find(|c| c.id == *id).map(|c| c.zone.clone());
        for row in &table {
            let distinct: BTreeSet<_> = row.iter().map(zone).collect();
            prop_assert_eq!(distinct.len(), copies);
        }
        prop_assert!(spread(&loads(&table)) <= 2, "{:?}", loads(&table));
    }

    #[test]
    fn primaries_are_even(count in 2usize..12, copies in 2usize..4) {
        prop_assume!(count >= copies);
        let table = table(&[], &nodes(count, 0), copies, 256);
        let primaries: Vec<Vec<NodeId>> = table.iter().map(|row| vec![row[0]]).collect();
        prop_assert!(spread(&loads(&primaries)) <= 2, "{:?}", loads(&primaries));
    }
}

#[test]
fn a_new_zone_gets_a_copy_of_every_shard() {
    let mut all = nodes(2, 1);
    let before = table(&[], &all, 2, 64);
    all.push(Candidate { id: NodeId(99), zone: "elsewhere".to_owned() });
    let after = table(&before, &all, 2, 64);
    assert!(after.iter().all(|row| row.contains(&NodeId(99))));
}

#[test]
fn the_same_table_is_stable() {
    let all = nodes(5, 0);
    let before = table(&[], &all, 2, 256);
    assert_eq!(table(&before, &all, 2, 256), before);
}

#[test]
fn voters_are_an_odd_number_over_zones_and_nobody_is_demoted() {
    let pick = |now: usize, all: usize| {
        let all = nodes(all, 3);
        voters(&all[..now], &all[now..], 5).len()
    };
    assert_eq!(pick(1, 2), 1, "two voters would survive no failure");
    assert_eq!(pick(1, 3), 3);
    assert_eq!(pick(3, 4), 3);
    assert_eq!(pick(2, 2), 2, "founders stay");
    assert_eq!(pick(3, 9), 5);
    let all = nodes(6, 3);
    let chosen = voters(&all[..1], &all[1..], 3);
    let zones: BTreeSet<_> =
        all.iter().filter(|c| chosen.contains(&c.id)).map(|c| c.zone.clone()).collect();
    assert_eq!(zones.len(), 3);
}
