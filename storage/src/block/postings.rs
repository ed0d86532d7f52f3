//! Sets of series as sorted lists of ids.

/// Ids that are in both lists.
pub(super) fn intersect(a: &[u32], b: &[u32]) -> Vec<u32> {
    let (few, many) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let mut both = Vec::with_capacity(few.len());
    let mut rest = many;
    for id in few {
        rest = skip_less(rest, *id);
        match rest.first() {
            Some(found) if found == id => both.push(*id),
            Some(_) => {}
            None => break,
        }
    }
    both
}

/// Ids of `a` that are not in `b`.
pub(super) fn subtract(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut rest = b;
    let mut kept = Vec::with_capacity(a.len());
    for id in a {
        rest = skip_less(rest, *id);
        if rest.first() != Some(id) {
            kept.push(*id);
        }
    }
    kept
}

/// Ids that are in any of the lists, which are given behind each other.
pub(super) fn union(mut lists: Vec<u32>) -> Vec<u32> {
    lists.sort_unstable();
    lists.dedup();
    lists
}

/// Drops ids less than `id`, galloping.
fn skip_less(list: &[u32], id: u32) -> &[u32] {
    let mut step = 1;
    while step < list.len() && list[step] < id {
        step *= 2;
    }
    let (from, to) = (step / 2, (step + 1).min(list.len()));
    &list[from.min(list.len()) + list[from.min(list.len())..to].partition_point(|x| *x < id)..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn lists_behave_as_sets(
            a in prop::collection::btree_set(0u32..300, 0..200),
            b in prop::collection::btree_set(0u32..300, 0..20),
        ) {
            let list = |s: &BTreeSet<u32>| s.iter().copied().collect::<Vec<_>>();
            let (la, lb) = (list(&a), list(&b));
            prop_assert_eq!(intersect(&la, &lb), list(&(&a & &b)));
            prop_assert_eq!(subtract(&la, &lb), list(&(&a - &b)));
            prop_assert_eq!(subtract(&lb, &la), list(&(&b - &a)));
            prop_assert_eq!(union([lb, la].concat()), list(&(&a | &b)));
        }
    }
}
