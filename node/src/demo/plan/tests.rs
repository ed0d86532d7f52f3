//! The plan: names, rings, ports and flags.

use super::super::options::{Parsed, parse};
use super::*;

fn plan(args: &[&str]) -> Result<Plan, DemoError> {
    match parse(args.iter().map(|a| (*a).to_owned())) {
        Parsed::Run(options) => Plan::make(&options, Path::new("/data")),
        Parsed::Say(error) => panic!("{error}"),
    }
}

fn flag<'a>(node: &'a NodePlan, name: &str) -> Option<&'a str> {
    let prefix = format!("{name}=");
    node.args.iter().find_map(|arg| arg.strip_prefix(&prefix))
}

#[test]
fn six_nodes_in_two_rings_with_the_same_three_seeds() {
    let plan = plan(&["--once"]).unwrap();
    let names: Vec<_> = plan.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names[..3], ["default-0", "default-1", "default-2"]);
    assert_eq!(names[3..], ["hashring-0-0", "hashring-0-1", "hashring-0-2"]);
    let seeds: Vec<_> = plan.nodes[..3].iter().map(|n| n.listen.grpc.to_string()).collect();
    for (i, node) in plan.nodes.iter().enumerate() {
        assert_eq!(node.args[0], "node");
        assert_eq!(flag(node, "--cluster.seeds"), Some(seeds.join(",").as_str()));
        assert_eq!(flag(node, "--cluster.bootstrap-expect"), (i < 3).then_some("3"));
        assert_eq!(flag(node, "--receive.replication-factor"), Some("2"));
        assert_eq!(
            flag(node, "--objstore.config"),
            Some("{type: FILESYSTEM, config: {directory: \"/data/bucket\"}}")
        );
    }
    assert_eq!(flag(&plan.nodes[4], "--hashring"), Some("hashring-0"));
    assert_eq!(flag(&plan.nodes[4], "--tsdb.path"), Some("/data/nodes/hashring-0-1"));
    assert_eq!(plan.nodes[4].log, Path::new("/data/logs/hashring-0-1.log"));
}

#[test]
fn no_address_is_used_twice_and_none_is_a_default_with_once() {
    let plan = plan(&["--once"]).unwrap();
    let all: std::collections::BTreeSet<_> = plan
        .nodes
        .iter()
        .flat_map(|n| [n.listen.http, n.listen.grpc, n.listen.write].map(|a| a.port()))
        .collect();
    assert_eq!(all.len(), 18);
    assert!([10901, 10902, 19291].iter().all(|port| !all.contains(port)));
}

#[test]
fn a_node_either_takes_writes_or_answers() {
    let plan = plan(&["--once"]).unwrap();
    let writers: Vec<_> = plan.writers().iter().map(|n| n.name.as_str()).collect();
    assert_eq!(writers, ["default-0", "default-2", "hashring-0-0", "hashring-0-2"]);
}

#[test]
fn the_nodes_flags_replace_the_demos_but_not_what_differs_by_node() {
    let plan = plan(&["--once", "--receive.replication-factor=3", "--log.level", "debug"]);
    let node = &plan.unwrap().nodes[0];
    let factors: Vec<_> =
        node.args.iter().filter(|a| a.starts_with("--receive.replication-factor")).collect();
    assert_eq!(factors, ["--receive.replication-factor=3"]);
    assert_eq!(node.args[node.args.len() - 2..], ["--log.level", "debug"]);
    let error = self::plan(&["--once", "--hashring=x"]).unwrap_err();
    assert!(matches!(error, DemoError::FlagOfTheDemo(flag) if flag == "--hashring"));
}

#[test]
fn an_address_that_is_taken_is_an_error_that_names_its_flag() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap();
    let error = plan(&["--once", &format!("--grpc-address={taken}")]).unwrap_err();
    assert!(matches!(error, DemoError::PortTaken { address, flag: "--grpc-address" }
        if address == taken));
}

#[test]
fn a_node_that_listens_everywhere_is_reached_over_loopback() {
    let plan = plan(&["--once", "--grpc-address=0.0.0.0:0", "--http-address=0.0.0.0:0"]).unwrap();
    let first = &plan.nodes[0];
    assert!(first.listen.grpc.ip().is_unspecified());
    assert!(first.http_base().starts_with("http://127.0.0.1:"));
    let advertised = flag(first, "--cluster.advertise-address").unwrap();
    assert!(advertised.starts_with("127.0.0.1:"));
    assert!(flag(first, "--cluster.seeds").unwrap().starts_with(advertised));
}
