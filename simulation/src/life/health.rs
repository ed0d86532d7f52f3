//! How each host has been lately: whether its process ran, and whether a fault was on it.

use std::collections::BTreeSet;
use std::sync::Arc;

use proto::NodeId;

use crate::host::Host;
use crate::nemesis::Nemesis;

/// How a host is, and since when. Times are true times in milliseconds.
#[derive(Clone, Debug, Default)]
pub struct HostHealth {
    /// Every node that ever ran on it.
    pub nodes: BTreeSet<NodeId>,
    /// Since when it has had no process.
    pub down_since_ms: Option<i64>,
    /// Since when no node has served on it.
    pub idle_since_ms: Option<i64>,
    /// Its blocks whose chunks were damaged.
    pub damaged_blocks: Vec<String>,
    /// Whether it has an old copy of its disk.
    pub has_old_disk: bool,
    /// Whether operations on its disk fail now.
    pub is_disk_failing: bool,
    /// Since when its node has served, and which start that is.
    pub running_since: Option<(i64, u64)>,
    /// Since when no fault has been on it.
    pub calm_since_ms: Option<i64>,
    /// When something durable was last taken from it.
    pub damaged_ms: Option<i64>,
    damages: usize,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// By host.
    pub hosts: Vec<HostHealth>,
    /// Since when no fault has been on the bucket.
    pub bucket_calm_since_ms: Option<i64>,
}

impl Health {
    /// Takes down how all hosts are now.
    pub fn note(&mut self, hosts: &[Arc<Host>], nemesis: &Nemesis, now_ms: i64) {
        let reach = nemesis.reach();
        let calm = !reach.bucket;
        self.bucket_calm_since_ms = calm.then(|| self.bucket_calm_since_ms.unwrap_or(now_ms));
        self.hosts.resize_with(hosts.len(), HostHealth::default);
        for (index, (host, health)) in hosts.iter().zip(&mut self.hosts).enumerate() {
            let calm = !reach.hosts.contains(&index);
            health.calm_since_ms = calm.then(|| health.calm_since_ms.unwrap_or(now_ms));
            let down = !host.has_process();
            health.down_since_ms = down.then(|| health.down_since_ms.unwrap_or(now_ms));
            health.has_old_disk = nemesis.has_old_disk(index);
            health.is_disk_failing = nemesis.has_failing_disk(index);
            health.note_running(host, now_ms);
            let damages = nemesis.damages_of(index);
            if damages > health.damages {
                health.damages = damages;
                health.damaged_ms = Some(now_ms);
                health.damaged_blocks = nemesis.damaged_blocks(index).cloned().collect();
            }
        }
    }
}

impl HostHealth {
    fn note_running(&mut self, host: &Host, now_ms: i64) {
        let Some(running) = host.running() else {
            self.running_since = None;
            self.idle_since_ms.get_or_insert(now_ms);
            return;
        };
        self.idle_since_ms = None;
        self.nodes.insert(running.cluster.node_id());
        let before = self.running_since.filter(|(_, start)| *start == running.start);
        self.running_since = Some(before.unwrap_or((now_ms, running.start)));
    }

    /// Whether its node has served, untouched and with all that it was told, since a time.
    pub fn is_well_since(&self, ms: i64) -> bool {
        self.damaged_ms.is_none()
            && self.running_since.is_some_and(|(since_ms, _)| since_ms <= ms)
            && self.calm_since_ms.is_some_and(|since_ms| since_ms <= ms)
    }
}
