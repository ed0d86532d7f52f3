//! One remote-write request with everything that is known of it.

use std::cmp::Ordering;
use std::fmt;

use bytes::Bytes;
use proto::{Labels, TenantName};

/// A series of a tenant. Keys are ordered by their bytes, which takes a fraction of the time of
/// Prometheus' order of label sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesKey {
    /// Whose it is.
    pub tenant: TenantName,
    /// Its labels, without the tenant's.
    pub labels: Labels,
}

impl SeriesKey {
    fn bytes(&self) -> (&[u8], &str) {
        (self.labels.as_bytes(), self.tenant.as_str())
    }
}

impl Ord for SeriesKey {
    fn cmp(&self, other: &SeriesKey) -> Ordering {
        self.bytes().cmp(&other.bytes())
    }
}

impl PartialOrd for SeriesKey {
    fn partial_cmp(&self, other: &SeriesKey) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for SeriesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.labels)
    }
}

/// What must become of a sample when its request is answered with 2xx or 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is kept.
    Kept,
    /// It can never be accepted, whenever it is sent again.
    Never,
    /// A 2xx says that it is kept, a 400 leaves it open: its timestamp is where only cluster time
    /// decides.
    Open,
}

/// How a request has to be answered by a node that can serve. One that cannot answers 429 or 5xx.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// 2xx; 400 only if a sample is [`Fate::Open`] or meets another value.
    Taken,
    /// 400, and everything that is [`Fate::Kept`] is durable.
    Partly,
    /// This status, and nothing of it is stored.
    Refused(u16),
}

/// A sample of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentSample {
    /// Its series.
    pub series: SeriesKey,
    /// Milliseconds since the Unix epoch.
    pub t: i64,
    /// Bits of its value.
    pub bits: u64,
    /// What must become of it.
    pub fate: Fate,
    /// Whether only its timestamp decides on its fate.
    pub is_wellformed: bool,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered.
    Status(u16),
    /// It was not: no connection, a broken one, no time left. It may have been done.
    Unknown,
}

impl Outcome {
    /// Whether everything that is not rejected for good is promised to be durable.
    pub fn is_ack(self) -> bool {
        matches!(self, Outcome::Status(200..=299))
    }

    /// Whether trying again may help: then nothing is promised.
    pub fn may_pass(self) -> bool {
        matches!(self, Outcome::Unknown | Outcome::Status(429 | 500..=599))
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Push {
    /// Number of this attempt among all of the life, from 1.
    pub number: u64,
    /// Number of the attempt that these bytes were first sent with.
    pub first: u64,
    /// Which client sends it.
    pub client: usize,
    /// Its name, for evidence and user agents.
    pub client_name: String,
    /// Value of the tenant header; `None` sends none.
    pub tenant_header: Option<String>,
    /// Value of `Content-Type`.
    pub content_type: &'static str,
    /// The body: protobuf in snappy's block format (unless it is broken on purpose).
    pub body: Bytes,
    /// Every sample that is in the body.
    pub samples: Vec<SentSample>,
    /// How it has to be answered.
    pub expect: Expect,
    /// Whether it carries more than samples that must be rejected (an exemplar).
    pub has_extra: bool,
    /// What it is, in a word.
    pub kind: &'static str,
}
