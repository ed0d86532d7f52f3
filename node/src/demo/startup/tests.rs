//! When a ring counts as whole, as each node tells it.

use super::*;

fn rings(json: serde_json::Value) -> Rings {
    serde_json::from_value(json).unwrap()
}

fn ring(name: &str, nodes: usize, owners: &[&str], tenants: &[&str]) -> serde_json::Value {
    let nodes: Vec<_> = (0..nodes)
        .map(|n| serde_json::json!({"id": n.to_string(), "address": "x:1", "state": "active"}))
        .collect();
    serde_json::json!({"name": name, "epoch": 3, "replication_factor": 2, "tenants": tenants,
        "nodes": nodes, "shards": [owners, owners]})
}

#[test]
fn rings_are_whole_with_all_nodes_and_owners() {
    let answer = |hard| {
        rings(serde_json::json!({"hashrings": [
        ring("default", 3, &["1", "2"], &[]), hard]}))
    };
    assert!(answer(ring("hashring-0", 3, &["4", "5"], &[])).whole());
    assert!(!answer(ring("hashring-0", 2, &["4", "5"], &[])).whole());
    assert!(!answer(ring("hashring-0", 3, &[], &[])).whole());
    assert!(!answer(ring("other", 3, &["4", "5"], &[])).whole());
}

#[test]
fn a_tenant_is_routed_when_the_hard_ring_lists_it() {
    let rings = rings(serde_json::json!({"hashrings": [
        ring("default", 3, &["1"], &["b"]), ring("hashring-0", 3, &["4"], &["a"])]}));
    assert!(rings.routed("a"));
    assert!(!rings.routed("b"));
}
