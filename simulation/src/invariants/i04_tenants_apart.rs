//! I4: tenants stay apart.
//!
//! Samples of a hard tenant are only on nodes of its hashring, those of soft tenants only on nodes
//! of the default one; wherever samples of a tenant are (a disk, a block of the bucket), their
//! values are that tenant's. That no answer shows another tenant's samples, and that
//! `count (up) by (tenant_id)` has exactly the lines and values of the model, is judged by the
//! ledger and the model.

use std::collections::{BTreeMap, BTreeSet};

use super::{Contents, Violation};
use crate::traffic::{TenantPlan, value};

/// Name of the hashring of soft tenants.
pub const DEFAULT_RING: &str = "default";

/// Which tenants and hashrings there are.
#[derive(Clone, Copy, Debug)]
pub struct Placement<'a> {
    /// The tenants, in the order of their numbers.
    pub tenants: &'a [TenantPlan],
    /// The nodes of each hashring.
    pub rings: &'a BTreeMap<String, BTreeSet<String>>,
}

/// Checks what is on the disk of a node.
pub fn check_disk(placement: Placement<'_>, node: &str, disk: &Contents) -> Result<(), Violation> {
    for key in disk.keys() {
        let plan = placement.tenants.iter().find(|plan| plan.name == key.tenant);
        let ring = plan.and_then(|plan| plan.hard_ring.as_deref()).unwrap_or(DEFAULT_RING);
        let is_member = placement.rings.get(ring).is_some_and(|nodes| nodes.contains(node));
        if !is_member {
            let evidence = format!("{node} has {key}, which belongs to hashring {ring:?}");
            return Err(Violation::new("I4", evidence));
        }
    }
    check_values(placement.tenants, node, disk)
}

/// Checks that what is under a tenant was sent by it. `place` is a disk or the bucket.
pub fn check_values(
    tenants: &[TenantPlan],
    place: &str,
    contents: &Contents,
) -> Result<(), Violation> {
    for (key, samples) in contents {
        for (t, bits) in samples {
            let Some(origin) = value::origin_of(*bits) else { continue };
            let sender = tenants.get(origin.tenant).map(|plan| &plan.name);
            if sender != Some(&key.tenant) {
                let serial = origin.serial;
                let evidence = format!("{place} has sample {serial} of {sender:?} as {key} at {t}");
                return Err(Violation::new("I4", evidence));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fakes::{bits, contents, key};
    use super::*;
    use proto::{STALE_NAN_BITS, TenantName};

    fn plans(ring: Option<&str>) -> [TenantPlan; 2] {
        let plan = |name, ring: Option<&str>| TenantPlan {
            name: TenantName::new(name).unwrap(),
            hard_ring: ring.map(str::to_owned),
        };
        [plan("a", ring), plan("b", None)]
    }

    #[test]
    fn hard_tenants_are_on_their_ring_only() {
        let rings = [("default", "n1"), ("hard", "n2")];
        let rings = rings.map(|(ring, node)| (ring.to_owned(), [node.to_owned()].into())).into();
        let disk = contents(&[(5, bits(1))]);
        let check = |ring, node| {
            check_disk(Placement { tenants: &plans(ring), rings: &rings }, node, &disk)
        };
        check(None, "n1").unwrap();
        check(Some("hard"), "n2").unwrap();
        assert_eq!(check(None, "n2").unwrap_err().invariant, "I4");
        assert_eq!(check(Some("hard"), "n1").unwrap_err().invariant, "I4");
    }

    #[test]
    fn values_are_of_their_tenant() {
        let mut found = contents(&[(5, bits(1)), (6, STALE_NAN_BITS)]);
        check_values(&plans(None), "n1", &found).unwrap();
        found.insert(key("b"), [(5, bits(1))].into());
        let violation = check_values(&plans(None), "n1", &found).unwrap_err();
        assert!(violation.evidence.contains("b/m"), "{violation}");
    }
}
