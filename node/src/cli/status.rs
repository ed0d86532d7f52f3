//! `granary status`.

use clap::ArgMatches;
use serde::Deserialize;

use super::CliError;
use super::admin::{Id, Question};
use super::grid::{Grid, printable};
use crate::config::TimeBound;

/// Answer of `/api/v1/granary/status`.
#[derive(Deserialize)]
struct Status {
    node: Node,
    cluster: Cluster,
    head: Head,
    blocks: Blocks,
}

#[derive(Deserialize)]
struct Node {
    id: Id,
    name: String,
    version: String,
    ready: bool,
    phase: String,
    hashring: String,
}

#[derive(Deserialize)]
struct Cluster {
    id: Id,
    leader: Option<Id>,
    term: u64,
    applied: Option<u64>,
    lease_valid: bool,
    cluster_time_ms: Option<i64>,
    members: Vec<Member>,
}

#[derive(Deserialize)]
struct Member {
    id: Id,
    name: String,
    address: String,
    hashring: String,
    state: String,
    live: bool,
}

#[derive(Deserialize)]
struct Head {
    series: u64,
    samples_appended: u64,
}

#[derive(Deserialize)]
struct Blocks {
    local: u64,
    unshipped: u64,
}

/// What `granary status` prints.
pub(super) fn show(arguments: &ArgMatches) -> Result<String, CliError> {
    Question::get(arguments, &["status"])?.ask(table)
}

fn table(status: &Status) -> String {
    format!("{}\n{}", facts(status), members(&status.cluster))
}

fn facts(Status { node, cluster, head, blocks }: &Status) -> String {
    let leader = cluster.leader.as_ref().map_or("none", Id::as_str);
    let lease = if cluster.lease_valid { "valid" } else { "not valid: writes are refused" };
    let ready = if node.ready { "ready" } else { "not ready" };
    let applied = cluster.applied.map_or("none".to_owned(), |index| index.to_string());
    let time =
        cluster.cluster_time_ms.map_or("none".to_owned(), |ms| TimeBound::At(ms).to_string());
    let facts = [
        ("node", format!("{} ({}), granary {}", node.name, node.id.as_str(), node.version)),
        ("state", format!("{ready}, {}", node.phase)),
        ("hashring", node.hashring.clone()),
        ("cluster", cluster.id.as_str().to_owned()),
        ("leader", format!("{leader}, term {}, applied {applied}", cluster.term)),
        ("lease", lease.to_owned()),
        ("cluster time", time),
        ("head", format!("{} series, {} samples appended", head.series, head.samples_appended)),
        ("blocks", format!("{} local, {} not in the bucket yet", blocks.local, blocks.unshipped)),
    ];
    let line = |(name, value): &(&str, String)| format!("{name:14}{}\n", printable(value));
    facts.iter().map(line).collect()
}

fn members(cluster: &Cluster) -> String {
    let mut grid = Grid::new(&["NODE", "NAME", "ADDRESS", "HASHRING", "STATE", "LIVE"]);
    for member in &cluster.members {
        grid.row(vec![
            member.id.as_str().to_owned(),
            member.name.clone(),
            member.address.clone(),
            member.hashring.clone(),
            member.state.clone(),
            if member.live { "yes" } else { "no" }.to_owned(),
        ]);
    }
    grid.render()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_shows_the_node_and_its_cluster() {
        let status: Status = serde_json::from_str(
            r#"{"node":{"id":"n1","name":"granary-0","version":"0.1.0","ready":true,
            "phase":"serving","hashring":"default"},
            "cluster":{"id":"c1","leader":null,"term":3,"applied":41,"lease_valid":false,
            "cluster_time_ms":1769862615250,"members":[{"id":"n1","name":"granary-0",
            "address":"a:1","hashring":"default","state":"voter","live":true}]},
            "head":{"series":12,"samples_appended":345},"blocks":{"local":2,"unshipped":1}}"#,
        )
        .expect("valid");
        assert_eq!(
            table(&status),
            "node          granary-0 (n1), granary 0.1.0\n\
             state         ready, serving\n\
             hashring      default\n\
             cluster       c1\n\
             leader        none, term 3, applied 41\n\
             lease         not valid: writes are refused\n\
             cluster time  2026-01-31T12:30:15.250Z\n\
             head          12 series, 345 samples appended\n\
             blocks        2 local, 1 not in the bucket yet\n\
             \n\
             NODE  NAME       ADDRESS  HASHRING  STATE  LIVE\n\
             n1    granary-0  a:1      default   voter  yes\n"
        );
    }
}
