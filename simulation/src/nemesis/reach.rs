//! Whom a fault touches while it is on.

use std::collections::BTreeSet;

use super::Fault;
use crate::plan::Plan;

/// What faults touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Hosts.
    pub hosts: BTreeSet<usize>,
    /// Whether the bucket.
    pub bucket: bool,
}

impl Reach {
    /// Adds what a fault touches.
    pub fn add(&mut self, fault: &Fault, plan: &Plan, hosts: usize) {
        match fault {
            // Every host is on one of its sides.
            Fault::Partition { .. } => self.hosts.extend(0..hosts),
            Fault::PartitionOneWay { from, to } => self.hosts.extend([*from, *to]),
            Fault::Latency { a, b, .. } | Fault::Loss { a, b, .. } => self.hosts.extend([*a, *b]),
            Fault::CrashRing { ring, .. } => self.hosts.extend(&plan.rings[*ring].hosts),
            Fault::CrashTwo { pair, .. } => self.hosts.extend(pair),
            Fault::CutClients { host }
            | Fault::Hold { host }
            | Fault::Duplicate { host, .. }
            | Fault::Crash { host, .. }
            | Fault::CrashLoop { host, .. }
            | Fault::CrashAt { host, .. }
            | Fault::Restart { host }
            | Fault::Skew { host, .. }
            | Fault::SlowDisk { host, .. }
            | Fault::FailingDisk { host, .. }
            | Fault::FailingSync { host }
            | Fault::FullDisk { host, .. }
            | Fault::Damage { host, .. }
            | Fault::LoseDisk { host }
            | Fault::OldDisk { host } => {
                self.hosts.insert(*host);
            }
            Fault::Bucket { .. } => self.bucket = true,
            Fault::RollingRestart | Fault::Join { .. } => {}
        }
    }
}
