//! One node of the cluster as the others know it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use proto::Life;
use serde::{Deserialize, Serialize};

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Takes writes and holds samples.
    Receive,
    /// Serves the bucket.
    Store,
    /// Answers queries.
    Query,
    /// Compacts blocks in the bucket.
    Compact,
}

impl Role {
    /// Every role, which is what a node has that was not told otherwise.
    pub fn all() -> BTreeSet<Role> {
        BTreeSet::from([Role::Receive, Role::Store, Role::Query, Role::Compact])
    }

    /// Its name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Receive => "receive",
            Role::Store => "store",
            Role::Query => "query",
            Role::Compact => "compact",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Role, String> {
        let found = Role::all().into_iter().find(|r| r.as_str() == text);
        found
            .ok_or_else(|| format!("{text:?} is no role; known are receive, store, query, compact"))
    }
}

/// Where a member is in its life in the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemberState {
    /// Takes part.
    Active,
    /// Is being drained: still read, gets no new shards.
    Leaving,
}

impl MemberState {
    /// Its name in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            MemberState::Active => "active",
            MemberState::Leaving => "leaving",
        }
    }
}

/// A node of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Name its operator gave it.
    pub name: String,
    /// `host:port` of its gRPC edge.
    pub address: String,
    /// `host:port` of its HTTP admin and query edge, if it has one.
    pub http_address: Option<String>,
    /// Failure zone; `""` for none.
    pub zone: String,
    /// What it does.
    pub roles: BTreeSet<Role>,
    /// The one ring it receives for.
    pub hashring: String,
    /// Highest life number it registered with.
    pub life: Life,
    /// Whether it takes part or is on its way out.
    pub state: MemberState,
}
