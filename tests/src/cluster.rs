//! Clusters of granary nodes.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::Node;
use crate::node::granary;

/// What a cluster consists of.
pub struct ClusterPlan {
    rings: Vec<(String, usize)>,
    flags: Vec<String>,
    objstore: Option<String>,
}

/// Nodes with their data below one temporary directory.
pub struct Cluster {
    /// The nodes, ring by ring.
    pub nodes: Vec<Node>,
    // Dropped last: the nodes end before their files go.
    folder: TempDir,
}

impl ClusterPlan {
    /// `count` nodes in the ring `default`, sharing a bucket directory.
    pub fn of(count: usize) -> ClusterPlan {
        let rings = vec![("default".to_owned(), count)];
        ClusterPlan { rings, flags: Vec::new(), objstore: None }
    }

    /// Another ring.
    pub fn ring(mut self, name: &str, count: usize) -> ClusterPlan {
        self.rings.push((name.to_owned(), count));
        self
    }

    /// A flag for every node.
    pub fn flag(mut self, flag: &str) -> ClusterPlan {
        self.flags.push(flag.to_owned());
        self
    }

    /// Thanos' objstore YAML instead of the bucket directory.
    pub fn objstore(mut self, yaml: &str) -> ClusterPlan {
        self.objstore = Some(yaml.to_owned());
        self
    }

    /// Starts all nodes and waits until every one is ready.
    pub fn start(self) -> Cluster {
        let mut cluster = self.make();
        cluster.nodes.iter_mut().for_each(Node::start);
        cluster.wait_ready();
        cluster
    }

    /// The nodes, not started.
    pub fn make(self) -> Cluster {
        let folder = tempfile::Builder::new().prefix("granary-tests-").tempdir();
        let folder = folder.expect("a temporary directory");
        let yaml = self.objstore.clone().unwrap_or_else(|| bucket_yaml(&bucket_of(folder.path())));
        let mut flags = self.flags.clone();
        flags.push(format!("--objstore.config={yaml}"));
        let names = self.rings.iter().flat_map(|(ring, count)| (0..*count).map(move |n| (ring, n)));
        let mut nodes: Vec<Node> = names
            .map(|(ring, n)| Node::new(&format!("{ring}-{n}"), ring, folder.path(), flags.clone()))
            .collect();
        join(&mut nodes, self.rings[0].1);
        Cluster { nodes, folder }
    }
}

/// Gives nodes the flags that make one cluster of them. The first `founders` found it. One node
/// alone needs none.
fn join(nodes: &mut [Node], founders: usize) {
    if nodes.len() == 1 {
        return;
    }
    let seeds: Vec<String> = nodes[..founders].iter().map(|n| n.at.grpc.to_string()).collect();
    for (number, node) in nodes.iter_mut().enumerate() {
        node.flags.push(format!("--cluster.seeds={}", seeds.join(",")));
        if number < founders {
            node.flags.push(format!("--cluster.bootstrap-expect={founders}"));
        }
    }
}

/// Thanos' YAML of a bucket in a directory.
pub fn bucket_yaml(directory: &Path) -> String {
    format!("{{type: FILESYSTEM, config: {{directory: {directory:?}}}}}")
}

fn bucket_of(folder: &Path) -> PathBuf {
    folder.join("bucket")
}

impl Cluster {
    /// The bucket directory of clusters that have one.
    pub fn bucket(&self) -> PathBuf {
        bucket_of(self.folder.path())
    }

    /// Folder for further files of the test.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Waits until every node is ready.
    pub fn wait_ready(&mut self) {
        self.nodes.iter_mut().for_each(Node::wait_ready);
    }

    /// Routes a tenant through the first node.
    pub fn route(&self, tenant: &str, hashring: &str) {
        let node = format!("--node=http://{}", self.nodes[0].at.http);
        let output = granary().args(["tenant", "route", tenant, hashring, &node]).output();
        let output = output.expect("granary can be run");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tenant {tenant} cannot be routed: {error}");
    }
}
