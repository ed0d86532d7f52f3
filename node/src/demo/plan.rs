//! Which nodes the demo starts and with which flags. Pure, but for looking for free ports.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::options::DemoOptions;
use super::{DemoError, ports};

/// The rings and how many nodes each has.
const RINGS: [(&str, usize); 2] = [(DEFAULT_RING, 3), (HARD_RING, 3)];
/// The ring of soft tenants.
pub(super) const DEFAULT_RING: &str = "default";
/// The ring of the hard tenants.
pub(super) const HARD_RING: &str = "hashring-0";
/// The tenants that [`HARD_RING`] is for.
pub(super) const HARD_TENANTS: [&str; 2] = ["a", "b"];
/// The tenant of writes without a header.
pub(super) const SOFT_TENANT: &str = "cluster";

/// Six nodes on one disk: small journal segments start faster.
const WAL_SEGMENT: &str = "8MiB";

/// Flags whose value differs from node to node: nobody can give one for all.
const FLAGS_PER_NODE: [&str; 9] = [
    "--node.name",
    "--hashring",
    "--tsdb.path",
    "--http-address",
    "--grpc-address",
    "--remote-write.address",
    "--cluster.seeds",
    "--cluster.bootstrap-expect",
    "--cluster.advertise-address",
];

/// One node to start.
#[derive(Clone, Debug)]
pub(super) struct NodePlan {
    /// `<ring>-<number>`.
    pub(super) name: String,
    /// Its number in the ring.
    pub(super) number: usize,
    /// Where it listens.
    pub(super) listen: Addresses,
    /// Arguments of `granary`.
    pub(super) args: Vec<String>,
    /// File for its output.
    pub(super) log: PathBuf,
}

/// The three addresses of a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addresses {
    /// Query and admin.
    pub(super) http: SocketAddr,
    /// Peers.
    pub(super) grpc: SocketAddr,
    /// Remote write.
    pub(super) write: SocketAddr,
}

/// All nodes; the first is the one with the default ports.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// The nodes, ring by ring.
    pub(super) nodes: Vec<NodePlan>,
}

impl NodePlan {
    /// `http://host:port` of the query and admin API.
    pub(super) fn http_base(&self) -> String {
        format!("http://{}", reachable(self.listen.http))
    }

    /// Where to send remote write.
    pub(super) fn write_url(&self) -> String {
        format!("http://{}/api/v1/receive", reachable(self.listen.write))
    }

    /// The middle node of each ring never gets a write: queries go there.
    pub(super) fn only_answers(&self) -> bool {
        self.number == 1
    }
}

impl Plan {
    /// Names, addresses and flags of all nodes with their data under `data`.
    pub(super) fn make(options: &DemoOptions, data: &Path) -> Result<Plan, DemoError> {
        if let Some(flag) = options.node_flags.iter().map(|f| flag_name(f)).find(per_node) {
            return Err(DemoError::FlagOfTheDemo(flag.to_owned()));
        }
        let addresses = addresses(options)?;
        let seeds: Vec<_> =
            addresses.iter().take(RINGS[0].1).map(|a| reachable(a.grpc).to_string()).collect();
        let names = RINGS.iter().flat_map(|&(ring, count)| (0..count).map(move |n| (ring, n)));
        let logs = options.log_dir.clone().unwrap_or_else(|| data.join("logs"));
        let nodes = names
            .zip(addresses)
            .map(|((ring, number), listen)| {
                let name = format!("{ring}-{number}");
                let log = logs.join(format!("{name}.log"));
                let args = arguments(&name, ring, listen, &seeds, data, &options.node_flags);
                NodePlan { name, number, listen, args, log }
            })
            .collect();
        Ok(Plan { nodes })
    }

    /// The nodes that get writes.
    pub(super) fn writers(&self) -> Vec<&NodePlan> {
        self.nodes.iter().filter(|node| !node.only_answers()).collect()
    }
}

fn flag_name(flag: &str) -> &str {
    flag.split('=').next().unwrap_or_default()
}

fn per_node(flag: &&str) -> bool {
    FLAGS_PER_NODE.contains(flag)
}

/// The first node's addresses as asked for, checked; free ones for the others.
fn addresses(options: &DemoOptions) -> Result<Vec<Addresses>, DemoError> {
    let default = |port| (!options.once).then(|| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let first = [
        (options.http_address.or(default(10902)), "--http-address"),
        (options.grpc_address.or(default(10901)), "--grpc-address"),
        (options.remote_write_address.or(default(19291)), "--remote-write.address"),
    ];
    let mut taken = Vec::new();
    for (address, flag) in first {
        let Some(address) = address.filter(|a| a.port() != 0) else { continue };
        ports::check(address, flag)?;
        if taken.contains(&address) {
            return Err(DemoError::PortTaken { address, flag });
        }
        taken.push(address);
    }
    let nodes: usize = RINGS.iter().map(|(_, count)| count).sum();
    let mut free = ports::free(nodes * 3, &taken)?.into_iter();
    let mut list = Vec::with_capacity(nodes);
    for _ in 0..nodes {
        let [Some(http), Some(grpc), Some(write)] = [free.next(), free.next(), free.next()] else {
            return Err(DemoError::NoPorts(nodes * 3));
        };
        list.push(Addresses { http, grpc, write });
    }
    let asked = |address: Option<SocketAddr>, free: SocketAddr| match address {
        Some(address) if address.port() == 0 => SocketAddr::new(address.ip(), free.port()),
        Some(address) => address,
        None => free,
    };
    if let Some(node) = list.first_mut() {
        node.http = asked(first[0].0, node.http);
        node.grpc = asked(first[1].0, node.grpc);
        node.write = asked(first[2].0, node.write);
    }
    Ok(list)
}

/// An address that a client can use: loopback where a node listens everywhere.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn arguments(
    name: &str,
    ring: &str,
    listen: Addresses,
    seeds: &[String],
    data: &Path,
    node_flags: &[String],
) -> Vec<String> {
    let mut flags = vec![
        format!("--node.name={name}"),
        format!("--hashring={ring}"),
        format!("--tsdb.path={}", data.join("nodes").join(name).display()),
        format!("--http-address={}", listen.http),
        format!("--grpc-address={}", listen.grpc),
        format!("--remote-write.address={}", listen.write),
        format!("--cluster.seeds={}", seeds.join(",")),
        "--receive.replication-factor=2".to_owned(),
        format!("--tsdb.wal-segment-size={WAL_SEGMENT}"),
        format!("--receive.default-tenant-id={SOFT_TENANT}"),
        format!("--objstore.config={}", bucket(&data.join("bucket"))),
    ];
    if listen.grpc != reachable(listen.grpc) {
        flags.push(format!("--cluster.advertise-address={}", reachable(listen.grpc)));
    }
    if ring == DEFAULT_RING {
        // The seeds found the cluster; a node that is no seed joins it.
        flags.push(format!("--cluster.bootstrap-expect={}", seeds.len()));
    }
    let given: Vec<_> = node_flags.iter().map(|flag| flag_name(flag)).collect();
    flags.retain(|flag| !given.contains(&flag_name(flag)));
    let command = std::iter::once("node".to_owned());
    command.chain(flags).chain(node_flags.iter().cloned()).collect()
}

/// Thanos' YAML for a bucket in a directory. JSON's quoting is YAML's too, whatever the path has
/// in it.
fn bucket(directory: &Path) -> String {
    let directory = serde_json::Value::from(directory.display().to_string());
    format!("{{type: FILESYSTEM, config: {{directory: {directory}}}}}")
}

#[cfg(test)]
mod tests;
