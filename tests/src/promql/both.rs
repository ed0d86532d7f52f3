//! A node and a Prometheus that hold the same random data.

use std::net::SocketAddr;

use proto::Labels;
use tempfile::TempDir;

use super::data::{TENANT, TENANT_LABEL};
use super::run::Run;
use crate::clock::now_ms;
use crate::parts::program;
use crate::prometheus::Prometheus;
use crate::samples::Written;
use crate::{Cluster, ClusterPlan, write};

const HOUR_MS: i64 = 3_600_000;

/// The two servers.
pub struct Both {
    /// What was written, and the questions about it.
    pub run: Run,
    /// One node.
    pub cluster: Cluster,
    /// One Prometheus; its series have the label that a node shows the tenant by.
    pub prometheus: Prometheus,
    // Dropped last: the servers end before their files go.
    _folder: TempDir,
}

impl Both {
    /// Starts both and writes the data of the last whole hour; `None` without a Prometheus.
    pub fn start(test: &'static str, questions: u64) -> Option<Both> {
        let prometheus = program("prometheus")?;
        let folder = tempfile::tempdir().expect("a temporary directory");
        let prometheus = Prometheus::receiver(&prometheus, folder.path());
        let cluster = ClusterPlan::of(1).flag("--receive.accept-age=4h").start();
        let run = Run::new(test, (now_ms() / HOUR_MS - 1) * HOUR_MS, questions);
        let series = run.series();
        prometheus.write(&series);
        let own: Vec<Written> = series.iter().map(without_tenant).collect();
        let response = write::write(cluster.nodes[0].at.write, Some(TENANT), &own);
        let response = response.expect("an answer");
        assert!(response.is_success(), "the node refuses the data: {response:?}");
        Some(Both { run, cluster, prometheus, _folder: folder })
    }

    /// Where the node answers.
    pub fn node(&self) -> SocketAddr {
        self.cluster.nodes[0].at.http
    }
}

fn without_tenant((labels, samples): &Written) -> Written {
    let own = labels.iter().filter(|(name, _)| *name != TENANT_LABEL);
    (Labels::from_pairs(own).expect("a part of a label set is one"), samples.clone())
}
