//! The series id is a contract on wire and disk: the test vectors of its document hold.

use proto::ids::{tenant_seed, tenant_start};
use proto::{Labels, SeriesId, TenantName};
use tests::parts::repository;

/// Cluster seed, tenant, labels.
type Vector = (u64, &'static str, &'static [(&'static str, &'static str)]);

const VECTORS: [Vector; 6] = [
    (0, "a", &[("__name__", "up")]),
    (0, "b", &[("__name__", "up")]),
    (0x0123_4567_89ab_cdef, "a", &[("__name__", "up")]),
    (
        1,
        "default-tenant",
        &[("__name__", "up"), ("instance", "localhost:9090"), ("job", "prometheus")],
    ),
    (
        1,
        "team-a_1.prod",
        &[("__name__", "http_requests_total"), ("path", "/grüße"), ("code", "200")],
    ),
    (u64::MAX, "a", &[]),
];

/// The line of the document for a vector.
fn line((seed, tenant, pairs): &Vector) -> String {
    let tenant_name = TenantName::new(tenant).expect("a valid name");
    let labels = Labels::from_pairs(pairs.iter().copied()).expect("valid labels");
    let tenant_seed = tenant_seed(&tenant_name, *seed);
    let id = SeriesId::of(labels.as_bytes(), tenant_seed);
    let shard = id.shard(tenant_start(tenant_seed), 0, 256);
    format!("| `{seed:016x}` | `{tenant}` | `{labels}` | `{:032x}` | {shard} |", id.0)
}

#[test]
fn the_documents_test_vectors_hold() {
    let path = repository().join("docs/formats/series-id.md");
    let document = std::fs::read_to_string(path).expect("the document is there");
    let want: Vec<String> = VECTORS.iter().map(line).collect();
    let have: Vec<&str> = document.lines().filter(|line| line.starts_with("| `")).collect();
    let have: Vec<&str> = have.into_iter().filter(|line| line.matches('|').count() == 6).collect();
    assert_eq!(
        have,
        want,
        "the vectors of the document, the vectors of the code:\n{}",
        want.join("\n")
    );
}

#[test]
fn the_order_of_labels_does_not_matter() {
    let one = Labels::from_pairs([("b", "2"), ("a", "1")]).expect("valid");
    let other = Labels::from_pairs([("a", "1"), ("b", "2")]).expect("valid");
    assert_eq!(SeriesId::of(one.as_bytes(), 7), SeriesId::of(other.as_bytes(), 7));
    assert_ne!(SeriesId::of(one.as_bytes(), 7), SeriesId::of(one.as_bytes(), 8));
}
