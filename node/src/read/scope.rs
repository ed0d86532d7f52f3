//! Whose data a request may see.

use proto::{MatchOp, Matcher, TenantName};

/// Applied outermost to every read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TenantScope {
    /// All tenants; matchers on the tenant label narrow it.
    All,
    /// One tenant only, whatever the matchers say.
    Only(TenantName),
}

impl TenantScope {
    /// Splits matchers into those on the tenant's name, this scope's among them, and those on
    /// labels of series.
    pub fn split(&self, tenant_label: &str, matchers: &[Matcher]) -> (Vec<Matcher>, Vec<Matcher>) {
        let all = matchers.iter().cloned();
        let (mut tenants, labels): (Vec<_>, Vec<_>) = all.partition(|m| m.name() == tenant_label);
        if let TenantScope::Only(tenant) = self {
            tenants.push(Matcher::equal(tenant_label, tenant.as_str()));
        }
        (tenants, labels)
    }
}

/// Number of a matcher's operator between nodes.
pub(super) fn op_number(op: MatchOp) -> u32 {
    match op {
        MatchOp::Equal => 0,
        MatchOp::NotEqual => 1,
        MatchOp::Regex => 2,
        MatchOp::NotRegex => 3,
    }
}

/// The operator of a number between nodes.
pub(super) fn op_of(number: u32) -> Option<MatchOp> {
    [MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex]
        .get(usize::try_from(number).ok()?)
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_matcher_widens_the_scope() {
        let scope = TenantScope::Only(TenantName::new("a").unwrap());
        let all = Matcher::new("tenant_id", MatchOp::Regex, ".*").unwrap();
        let (tenants, labels) = scope.split("tenant_id", &[all, Matcher::equal("job", "x")]);
        let takes = |name: &str| tenants.iter().all(|matcher| matcher.matches(name));
        assert!(takes("a") && !takes("b"));
        assert_eq!(labels, [Matcher::equal("job", "x")]);
    }

    #[test]
    fn operators_travel_as_numbers() {
        for number in 0..4 {
            assert_eq!(op_of(number).map(op_number), Some(number));
        }
        assert_eq!(op_of(4), None);
    }
}
