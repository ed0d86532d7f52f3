//! Small observations for the tests of the checks.

use bytes::Bytes;
use proto::{Labels, TenantName};

use super::Contents;
use super::i12_local_after_bucket::RemovedBlock;
use crate::ledger::Ledger;
use crate::traffic::value::{Origin, bits_of};
use crate::traffic::{Expect, Fate, Outcome, Push, SentSample, SeriesKey};

/// The series of a tenant.
pub fn key(tenant: &str) -> SeriesKey {
    let labels = Labels::from_pairs([("__name__", "m")]).unwrap();
    SeriesKey { tenant: TenantName::new(tenant).unwrap(), labels }
}

/// The value of a sample of tenant "a".
pub fn bits(serial: u64) -> u64 {
    bits_of(Origin { tenant: 0, serial }, false)
}

/// Samples of tenant "a".
pub fn contents(samples: &[(i64, u64)]) -> Contents {
    Contents::from([(key("a"), samples.iter().copied().collect())])
}

/// A ledger in which a push with these timestamps and serials of tenant "a", sent at 0, was
/// acknowledged at 1.
pub fn acked(samples: &[(i64, u64)]) -> (Ledger, Push) {
    let sample = |(t, serial): &(i64, u64)| SentSample {
        series: key("a"),
        t: *t,
        bits: bits(*serial),
        fate: Fate::Kept,
        is_wellformed: true,
    };
    let push = Push {
        number: 1,
        first: 1,
        client: 0,
        client_name: "a-prometheus-0".to_owned(),
        tenant_header: None,
        content_type: "",
        body: Bytes::new(),
        samples: samples.iter().map(sample).collect(),
        expect: Expect::Taken,
        has_extra: false,
        kind: "scrape",
    };
    let mut ledger = Ledger::default();
    ledger.sent(&push, "n1", 0);
    ledger.settled(&push, Outcome::Status(200), 1).unwrap();
    (ledger, push)
}

/// A block of tenant "a" that was removed.
pub fn removed(samples: &[(i64, u64)], max_time_ms: i64) -> RemovedBlock {
    RemovedBlock {
        node: "n1".to_owned(),
        ulid: "u".to_owned(),
        at_ms: 1_000,
        contents: contents(samples),
        max_time_ms,
    }
}
