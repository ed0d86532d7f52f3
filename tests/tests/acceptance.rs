//! The acceptance picture with real parts: three Prometheus servers, two of them behind the shipped
//! nginx proxies, write to six nodes in two hashrings; the acceptance query answers 1, 1, 17.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tests::clock::wait_for;
use tests::exporter::Exporter;
use tests::nginx::{Nginx, Upstream};
use tests::prometheus::{Prometheus, PrometheusPlan};
use tests::query::{Answer, ask, ask_by_get};
use tests::{Cluster, ClusterPlan, parts, ports};

/// Longest wait for every target to be scraped, written and seen.
const SEEN_LIMIT: Duration = Duration::from_secs(60);
const TARGETS: usize = 17;

fn cluster() -> Cluster {
    let plan = ClusterPlan::of(3).ring("hashring-0", 3);
    plan.flag("--receive.default-tenant-id=cluster").flag("--receive.replication-factor=2").start()
}

/// The acceptance query by both methods, on nodes that took no write.
fn count_up(cluster: &Cluster, query: &str) -> Result<[Answer; 2], String> {
    let form = [("query", query.to_owned())];
    let path = "/api/v1/query";
    let by_get = ask_by_get(cluster.nodes[1].at.http, path, &form, &[])?.complete()?;
    let by_post = ask(cluster.nodes[5].at.http, path, &form, &[])?.complete()?;
    Ok([by_get, by_post])
}

fn wait_for_table(cluster: &Cluster, query: &str) {
    let want = [("a", "1"), ("b", "1"), ("cluster", "17")];
    let want: BTreeMap<String, String> =
        want.iter().map(|(tenant, count)| ((*tenant).to_owned(), (*count).to_owned())).collect();
    wait_for(query, SEEN_LIMIT, || {
        for answer in count_up(cluster, query)? {
            let table = answer.by_label("tenant_id");
            if table != want || answer.series().iter().any(|s| s.labels.len() != 1) {
                return Err(answer.data.to_string());
            }
        }
        Ok(())
    });
}

/// Ids of the nodes of each ring, after a look at the shape of `granary ring show -o json`.
fn ring_nodes(cluster: &Cluster) -> BTreeMap<String, BTreeSet<String>> {
    let shown = cluster.nodes[0].ask_json(&["ring", "show"]);
    let mut rings = BTreeMap::new();
    for ring in shown["hashrings"].as_array().expect("hashrings") {
        assert!(ring["epoch"].is_u64() && ring["replication_factor"] == 2, "{ring}");
        let nodes = ring["nodes"].as_array().expect("nodes");
        let shape = |node: &Value| ["id", "address", "state"].iter().all(|k| node[*k].is_string());
        assert!(nodes.iter().all(shape), "{ring}");
        let ids: BTreeSet<String> = nodes.iter().map(|node| text(&node["id"])).collect();
        for owners in ring["shards"].as_array().expect("shards") {
            let owners: Vec<String> = owners.as_array().expect("owners").iter().map(text).collect();
            let distinct: BTreeSet<&String> = owners.iter().collect();
            assert_eq!((owners.len(), distinct.len()), (2, 2), "{ring}");
            assert!(owners.iter().all(|owner| ids.contains(owner)), "{ring}");
        }
        let tenants: Vec<String> =
            ring["tenants"].as_array().expect("list").iter().map(text).collect();
        let hard = if text(&ring["name"]) == "hashring-0" { vec!["a", "b"] } else { Vec::new() };
        assert_eq!(tenants, hard);
        rings.insert(text(&ring["name"]), ids);
    }
    rings
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The nodes that hold samples of each tenant, from `granary tenant ls -o json`.
fn holders(cluster: &Cluster) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut found = BTreeMap::new();
    for row in cluster.nodes[2].ask_json(&["tenant", "ls"]).as_array().expect("rows") {
        let nodes = row["nodes"].as_array().expect("nodes");
        assert!(nodes.iter().all(|n| n["series"].is_u64() && n["samples"].is_u64()), "{row}");
        let with_samples = nodes.iter().filter(|node| node["samples"] != 0);
        let ids = with_samples.map(|node| text(&node["id"])).collect();
        found.insert(text(&row["tenant"]), (text(&row["hashring"]), ids));
    }
    found
}

#[test]
fn three_prometheus_servers_and_two_rings_answer_1_1_17() {
    let (Some(prometheus), Some(nginx)) = (parts::program("prometheus"), parts::program("nginx"))
    else {
        return;
    };
    let cluster = cluster();
    let folder = cluster.folder();
    cluster.route("a", "hashring-0");
    cluster.route("b", "hashring-0");
    // Any node takes any tenant: a's proxy writes to a node of the other ring.
    let write = |node: usize| cluster.nodes[node].at.write;
    let proxy_a = Nginx::start(&nginx, folder, "a", write(0), Upstream::Http11);
    let proxy_b = Nginx::start(&nginx, folder, "b", write(3), Upstream::Http10);

    let servers = [ports::free(), ports::free(), ports::free()];
    let nodes = cluster.nodes.iter().map(|node| node.at.http);
    let mut targets: Vec<SocketAddr> = nodes.chain(servers).collect();
    let exporters: Vec<Exporter> = (targets.len()..TARGETS).map(|_| Exporter::start()).collect();
    targets.extend(exporters.iter().map(|exporter| exporter.address));

    let url = |address: SocketAddr| format!("http://{address}/api/v1/receive");
    let plans = [
        ("a", servers[0], vec![servers[0]], url(proxy_a.address)),
        ("b", servers[1], vec![servers[1]], url(proxy_b.address)),
        ("cluster", servers[2], targets, url(write(2))),
    ];
    let mut running: Vec<Prometheus> = plans
        .iter()
        .map(|(name, address, targets, write_url)| {
            let plan = PrometheusPlan { name, address: *address, targets, write_url };
            Prometheus::start(&prometheus, folder, &plan)
        })
        .collect();
    running.iter_mut().for_each(Prometheus::wait_ready);

    wait_for_table(&cluster, "count(up)by(tenant_id)");
    // Every target is up, granary's own pages among them.
    wait_for_table(&cluster, "sum(up) by (tenant_id)");

    let rings = ring_nodes(&cluster);
    assert_eq!(rings.keys().collect::<Vec<_>>(), ["default", "hashring-0"]);
    // The first samples may be read before their second copy is there.
    wait_for("two holders of each tenant", SEEN_LIMIT, || {
        let holders = holders(&cluster);
        for (tenant, ring) in [("a", "hashring-0"), ("b", "hashring-0"), ("cluster", "default")] {
            let (hashring, ids) = &holders[tenant];
            assert_eq!(hashring, ring, "{tenant}");
            assert!(ids.is_subset(&rings[ring]), "{tenant}: {ids:?} of {rings:?}");
            if ids.len() < 2 {
                return Err(format!("{tenant}: {ids:?}"));
            }
        }
        Ok(())
    });
}
