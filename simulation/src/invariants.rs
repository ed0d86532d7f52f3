//! What must always hold, one file a property: its prose, and a pure function that judges
//! observations. The numbers are those of `docs/simulation.md`.

use std::fmt;

/// Something that must always hold does not: a bug in the product, or in the oracle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Number of the invariant: "I1".
    pub invariant: &'static str,
    /// Which sample, block, node or entry breaks it, and all that is known of it.
    pub evidence: String,
}

impl Violation {
    /// A violation.
    pub fn new(invariant: &'static str, evidence: impl Into<String>) -> Violation {
        Violation { invariant, evidence: evidence.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.evidence)
    }
}
