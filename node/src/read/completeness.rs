//! Whether an answer is complete: one pure function.
//!
//! A sample was acknowledged when W nodes of its ring had it durably, so fewer than W holders
//! without a full answer cannot hide it. All time is treated as unsealed: that the bucket alone
//! vouches for a time comes with seals.

use std::collections::BTreeMap;

use proto::NodeId;

use super::sources::{ReadView, RingHolders};

/// What came of asking a holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HolderAnswer {
    /// Everything it was told.
    Full,
    /// An answer that may lack something, or none; and why.
    Lacking(String),
}

/// What came of asking the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BucketAnswer {
    /// It was asked and answered, or there is none.
    Full,
    /// It could not be read, and why. Samples that left the disks may be missing.
    Lacking(String),
}

/// The reasons why an answer may lack acknowledged samples; none if it is complete.
///
/// `view` is the one after the answers came in: a holder that joined meanwhile was not asked.
pub fn judge(
    view: &ReadView,
    answers: &BTreeMap<NodeId, HolderAnswer>,
    bucket: &BucketAnswer,
) -> Vec<String> {
    let mut reasons = Vec::new();
    if !view.is_lease_valid {
        reasons.push(
            "the answer may be incomplete: this node has no contact with a majority of the \
             cluster and cannot know what it misses; check the network and the other nodes"
                .to_owned(),
        );
    }
    reasons.extend(view.rings.iter().filter_map(|ring| judge_ring(view, ring, answers)));
    if let BucketAnswer::Lacking(why) = bucket {
        reasons.push(format!(
            "the answer may be incomplete: the bucket could not be read ({why}); samples that are \
             only there are missing"
        ));
    }
    reasons
}

fn judge_ring(
    view: &ReadView,
    ring: &RingHolders,
    answers: &BTreeMap<NodeId, HolderAnswer>,
) -> Option<String> {
    let mut lacking = Vec::new();
    for node in &ring.nodes {
        match answers.get(node) {
            Some(HolderAnswer::Full) => {}
            Some(HolderAnswer::Lacking(why)) => {
                lacking.push(format!("{} ({why})", view.name_of(*node)));
            }
            None => lacking.push(format!("{} (it was not asked)", view.name_of(*node))),
        }
    }
    if lacking.len() < ring.ack_copies.max(1) {
        return None;
    }
    Some(format!(
        "the answer may be incomplete: hashring {:?} acknowledges with {} of its {} nodes, and {} \
         did not answer in full: {}; bring them back",
        ring.name,
        ring.ack_copies,
        ring.nodes.len(),
        lacking.len(),
        lacking.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn view(own: u64, is_lease_valid: bool, ack_copies: usize, nodes: &[u64]) -> ReadView {
        let nodes: BTreeSet<NodeId> = nodes.iter().map(|n| NodeId(*n)).collect();
        let ring = RingHolders { name: "default".into(), ack_copies, nodes };
        ReadView {
            own: NodeId(own),
            is_lease_valid,
            rings: vec![ring],
            live: BTreeSet::new(),
            names: BTreeMap::from([(NodeId(2), "b".to_owned())]),
        }
    }

    /// `full`, `lacking` and all others: not asked.
    fn answers(full: &[u64], lacking: &[u64]) -> BTreeMap<NodeId, HolderAnswer> {
        let full = full.iter().map(|n| (NodeId(*n), HolderAnswer::Full));
        let lacking = lacking.iter().map(|n| (NodeId(*n), HolderAnswer::Lacking("down".into())));
        full.chain(lacking).collect()
    }

    #[test]
    fn fewer_than_w_holders_may_be_missing() {
        // (W, holders, full, lacking, complete)
        type Row<'a> = (usize, &'a [u64], &'a [u64], &'a [u64], bool);
        let table: [Row; 11] = [
            (1, &[1], &[1], &[], true),
            (1, &[1], &[], &[1], false),
            (1, &[1, 2], &[1], &[2], false),
            (2, &[1, 2], &[1], &[2], true),
            (2, &[1, 2, 3], &[1, 3], &[2], true),
            (2, &[1, 2, 3], &[1], &[2, 3], false),
            (2, &[1, 2, 3], &[1], &[3], false),
            (2, &[1, 2, 3, 4, 5], &[1, 2, 3], &[4, 5], false),
            (3, &[1, 2, 3, 4, 5], &[1, 2, 3], &[4, 5], true),
            (0, &[1, 2], &[1], &[2], false),
            (2, &[], &[], &[], true),
        ];
        for (w, nodes, full, lacking, complete) in table {
            let found =
                judge(&view(1, true, w, nodes), &answers(full, lacking), &BucketAnswer::Full);
            assert_eq!(found.is_empty(), complete, "W {w} nodes {nodes:?} full {full:?}");
        }
    }

    #[test]
    fn without_a_lease_nothing_is_complete() {
        let found = judge(&view(1, false, 1, &[1]), &answers(&[1], &[]), &BucketAnswer::Full);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("majority"), "{found:?}");
    }

    #[test]
    fn a_bucket_that_fails_is_named() {
        let bucket = BucketAnswer::Lacking("timed out".into());
        let found = judge(&view(1, true, 1, &[1]), &answers(&[1], &[]), &bucket);
        assert!(found[0].contains("bucket") && found[0].contains("timed out"), "{found:?}");
    }

    #[test]
    fn texts_name_ring_and_nodes_and_each_ring_counts_alone() {
        let mut view = view(1, true, 1, &[1, 2]);
        let hard = RingHolders { name: "hard".into(), ack_copies: 1, nodes: [NodeId(1)].into() };
        view.rings.push(hard);
        let found = judge(&view, &answers(&[1], &[2]), &BucketAnswer::Full);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("\"default\"") && found[0].contains("b (down)"), "{found:?}");
    }
}
