//! A query and what a node answered, as the ledger sees it.

use std::collections::BTreeSet;

use proto::{Labels, Matcher, TenantName};

use crate::traffic::SeriesKey;

/// What was asked, where and when.
#[derive(Clone, Debug)]
pub struct Question {
    /// The node that was asked.
    pub node: String,
    /// The tenants that the query selects; `None` for all.
    pub tenants: Option<BTreeSet<TenantName>>,
    /// Matchers on the labels; all must hold.
    pub matchers: Vec<Matcher>,
    /// First timestamp of the data, inclusive.
    pub from_ms: i64,
    /// Last timestamp of the data, inclusive.
    pub to_ms: i64,
    /// Simulated time at which the query was sent.
    pub started_ms: i64,
    /// Samples before this may be gone.
    pub expired_before_ms: i64,
    /// Since when every node has been up, connected and without faults on its disk; `None` while
    /// one is not. What was shown since then may not vanish.
    pub calm_since_ms: Option<i64>,
    /// Whether stale markers show. PromQL hides them.
    pub shows_stale: bool,
}

impl Question {
    /// What `{matchers}[range]`, evaluated at `at_ms`, asks of a node: the range is open to the
    /// left. Of all tenants, without expiry or calm; set what differs.
    pub fn range(node: &str, matchers: Vec<Matcher>, at_ms: i64, range_ms: i64) -> Question {
        Question {
            node: node.to_owned(),
            tenants: None,
            matchers,
            from_ms: at_ms - range_ms + 1,
            to_ms: at_ms,
            started_ms: at_ms,
            expired_before_ms: i64::MIN,
            calm_since_ms: None,
            shows_stale: false,
        }
    }

    /// Whether the query selects a series.
    pub fn takes(&self, key: &SeriesKey) -> bool {
        self.takes_tenant(&key.tenant) && self.takes_labels(&key.labels)
    }

    pub(super) fn takes_tenant(&self, tenant: &TenantName) -> bool {
        self.tenants.as_ref().is_none_or(|tenants| tenants.contains(tenant))
    }

    fn takes_labels(&self, labels: &Labels) -> bool {
        let value = |matcher: &Matcher| labels.get(matcher.name()).unwrap_or("");
        self.matchers.iter().all(|matcher| matcher.matches(value(matcher)))
    }
}

/// A series of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadSeries {
    /// Whose, and its labels without the tenant's.
    pub key: SeriesKey,
    /// Timestamps and bits of values, in the order of the answer.
    pub samples: Vec<(i64, u64)>,
}

/// What was answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Simulated time at which the answer was there.
    pub ended_ms: i64,
    /// Whether the answer had no warning that it may lack something.
    pub is_complete: bool,
    /// Its series.
    pub series: Vec<ReadSeries>,
}
