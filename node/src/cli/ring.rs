//! `granary ring ...`.

use std::fmt::Write;

use clap::ArgMatches;
use serde::Deserialize;

use super::CliError;
use super::admin::{Id, Question};
use super::grid::{Grid, printable};

/// Answer of `/api/v1/granary/ring`.
#[derive(Deserialize)]
struct Rings {
    hashrings: Vec<Hashring>,
}

#[derive(Deserialize)]
struct Hashring {
    name: String,
    epoch: u64,
    replication_factor: u32,
    tenants: Vec<String>,
    nodes: Vec<Node>,
    /// Ids of the owners of each shard, the primary first.
    shards: Vec<Vec<Id>>,
}

#[derive(Deserialize)]
struct Node {
    id: Id,
    address: String,
    state: String,
}

/// What `granary ring ...` prints.
pub(super) fn text_of((name, arguments): (&str, &ArgMatches)) -> Result<String, CliError> {
    match name {
        "show" => Question::get(arguments, &["ring"])?.ask(table),
        _ => Err(CliError::Failed(
            "granary ring drain is not supported yet: the node keeps its place in the ring. It can \
             be stopped (SIGTERM) and started again without losing it"
                .to_owned(),
        )),
    }
}

fn table(rings: &Rings) -> String {
    let texts: Vec<String> = rings.hashrings.iter().map(ring).collect();
    match texts.is_empty() {
        true => "no hashrings yet\n".to_owned(),
        false => texts.join("\n"),
    }
}

fn ring(ring: &Hashring) -> String {
    let tenants = match ring.tenants.is_empty() {
        true => "every tenant that is not routed elsewhere".to_owned(),
        false => ring.tenants.join(", "),
    };
    let mut text = String::new();
    writeln!(
        text,
        "hashring {}: epoch {}, replication factor {}, {} shards; tenants: {}",
        printable(&ring.name),
        ring.epoch,
        ring.replication_factor,
        ring.shards.len(),
        printable(&tenants)
    )
    .expect("writing to a text cannot fail");
    let mut grid = Grid::new(&["NODE", "ADDRESS", "STATE", "SHARDS", "PRIMARY"]);
    for node in &ring.nodes {
        let owned = ring.shards.iter().filter(|owners| owners.contains(&node.id)).count();
        let primary = ring.shards.iter().filter(|owners| owners.first() == Some(&node.id)).count();
        grid.row(vec![
            node.id.as_str().to_owned(),
            node.address.clone(),
            node.state.clone(),
            owned.to_string(),
            primary.to_string(),
        ]);
    }
    text + &grid.render()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_shows_who_owns_how_much() {
        let rings: Rings = serde_json::from_str(
            r#"{"hashrings":[{"name":"default","epoch":7,"replication_factor":2,"tenants":[],
            "nodes":[{"id":"n1","address":"a:1","state":"up"},
            {"id":"n2","address":"b:1","state":"down"}],
            "shards":[["n1","n2"],["n2","n1"],["n1","n2"]]},
            {"name":"h0","epoch":1,"replication_factor":1,"tenants":["a","b"],"nodes":[],
            "shards":[]}]}"#,
        )
        .expect("valid");
        assert_eq!(
            table(&rings),
            "hashring default: epoch 7, replication factor 2, 3 shards; tenants: every tenant that \
             is not routed elsewhere\n\
             NODE  ADDRESS  STATE  SHARDS  PRIMARY\n\
             n1    a:1      up     3       2\n\
             n2    b:1      down   3       1\n\
             \n\
             hashring h0: epoch 1, replication factor 1, 0 shards; tenants: a, b\n\
             NODE  ADDRESS  STATE  SHARDS  PRIMARY\n"
        );
        assert_eq!(table(&Rings { hashrings: Vec::new() }), "no hashrings yet\n");
    }
}
