//! I5: answers are complete while fewer than W holders are missing, and say so when they are not.
//!
//! An answer calls itself complete if, and only if, fewer than W holders of every hashring that it
//! needs could not answer with authority, the node that was asked holds its lease, and the bucket
//! could be read. What changed during the query leaves it open.

use std::collections::BTreeSet;

use super::Violation;

/// What a hashring's holders were like during a query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RingDuring {
    /// Its name.
    pub name: String,
    /// Copies that an ack needs (W).
    pub copies_needed: usize,
    /// Every node that may hold its samples.
    pub holders: BTreeSet<String>,
    /// Those that could answer all the time: up, replayed, whole, connected to the node asked.
    pub surely_able: BTreeSet<String>,
    /// Those that could not at any time.
    pub surely_unable: BTreeSet<String>,
}

/// What there was to be known during a query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueryConditions {
    /// Who was asked and what, for the evidence.
    pub about: String,
    /// The hashrings of the tenants asked for.
    pub rings: Vec<RingDuring>,
    /// Whether the node had its lease all the time.
    pub had_lease: bool,
    /// Whether it could not have it at any time.
    pub had_no_lease: bool,
    /// Whether the bucket worked all the time.
    pub had_bucket: bool,
}

/// Checks whether an answer was right to call itself complete, or not.
pub fn check(conditions: &QueryConditions, is_complete: bool) -> Result<(), Violation> {
    let broken = |text: String| Err(Violation::new("I5", format!("{}: {text}", conditions.about)));
    if is_complete && conditions.had_no_lease {
        return broken("complete without a lease".to_owned());
    }
    for ring in &conditions.rings {
        let RingDuring { name, copies_needed, .. } = ring;
        let able = ring.holders.intersection(&ring.surely_able).count();
        let unable = ring.holders.intersection(&ring.surely_unable).count();
        if is_complete && unable >= (*copies_needed).max(1) {
            let text = format!("complete, but {:?} of {name:?} were away", ring.surely_unable);
            return broken(text);
        }
        if ring.holders.len() - able >= (*copies_needed).max(1) {
            return Ok(());
        }
    }
    if !is_complete && conditions.had_lease && conditions.had_bucket {
        return broken("incomplete, although too few holders were away to matter".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn conditions(able: &[&str], unable: &[&str], lease: Option<bool>) -> QueryConditions {
        let ring = RingDuring {
            name: "default".to_owned(),
            copies_needed: 2,
            holders: set(&["a", "b", "c"]),
            surely_able: set(able),
            surely_unable: set(unable),
        };
        QueryConditions {
            about: "a query".to_owned(),
            rings: vec![ring],
            had_lease: lease == Some(true),
            had_no_lease: lease == Some(false),
            had_bucket: true,
        }
    }

    #[test]
    fn only_what_is_certain_binds() {
        // Able all the time, away all the time, lease; may be complete, may be incomplete.
        type Row<'a> = (&'a [&'a str], &'a [&'a str], Option<bool>, bool, bool);
        let table: [Row; 6] = [
            (&["a", "b", "c"], &[], Some(true), true, false),
            (&["a", "b"], &["c"], Some(true), true, false),
            (&["a"], &["b", "c"], Some(true), false, true),
            (&["a"], &["b"], Some(true), true, true),
            (&["a", "b", "c"], &[], None, true, true),
            (&["a", "b", "c"], &[], Some(false), false, true),
        ];
        for (able, unable, lease, complete, incomplete) in table {
            let conditions = conditions(able, unable, lease);
            assert_eq!(check(&conditions, true).is_ok(), complete, "{conditions:?}");
            assert_eq!(check(&conditions, false).is_ok(), incomplete, "{conditions:?}");
        }
    }

    #[test]
    fn a_bucket_that_failed_may_leave_an_answer_incomplete() {
        let failed =
            QueryConditions { had_bucket: false, ..conditions(&["a", "b", "c"], &[], Some(true)) };
        check(&failed, false).unwrap();
    }
}
