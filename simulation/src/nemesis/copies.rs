//! Old copies of disks: when one is old enough that the cluster can tell it from the disk.
//!
//! A node advances its life number every ten seconds and says it in every call. A copy from before
//! that can be told from the disk once the others had the time to hear of it and to write it down.

use std::path::Path;

use cluster::identity::Identity;
use journal::files::memory::MemoryFiles;

use crate::host::Running;

/// How much a node's life number advances every ten seconds.
const LIFE_ADVANCE: u64 = 1 << 10;
/// How long a lease lasts from the answer that the leader heard, milliseconds.
const LEASE_MS: i64 = 10_000;
/// How long nodes take to write down what they heard, milliseconds.
const KEEP_MS: i64 = 1_000;

/// A copy of a disk, and what its node has come to since.
pub struct OldCopy {
    image: MemoryFiles,
    /// Node id and life on it.
    who: (u64, u64),
    advanced_ms: Option<i64>,
    heard_ms: Option<i64>,
}

impl OldCopy {
    /// What is durable on a disk now.
    pub fn of(image: MemoryFiles) -> OldCopy {
        let who = who_is(&image).unwrap_or_default();
        OldCopy { image, who, advanced_ms: None, heard_ms: None }
    }

    /// Looks how far the node is that runs on the disk.
    pub fn look(&mut self, running: &Running, now_ms: i64) {
        let ((node, life), header) = (self.who, running.cluster.header());
        if header.node_id != node || header.life < life + LIFE_ADVANCE {
            return;
        }
        let advanced_ms = *self.advanced_ms.get_or_insert(now_ms);
        // A lease from an answer that was given since then: the leader heard the answer, with the
        // life, and has told everybody with the same beats.
        if running.lease_until_ms() >= advanced_ms + LEASE_MS {
            self.heard_ms.get_or_insert(now_ms);
        }
    }

    /// The copy, if it can be told from the disk.
    pub fn distinct(self, now_ms: i64) -> Option<MemoryFiles> {
        let is_known = self.heard_ms.is_some_and(|heard_ms| now_ms >= heard_ms + KEEP_MS);
        is_known.then_some(self.image)
    }
}

/// Node id and life number on a disk.
fn who_is(disk: &MemoryFiles) -> Option<(u64, u64)> {
    let stored = Identity::stored(disk, Path::new("/data/cluster")).ok()?;
    stored.map(|(node, life)| (node.0, life.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_tells_whose_it_is() {
        let disk = MemoryFiles::default();
        assert_eq!(who_is(&disk), None);
        let files = std::sync::Arc::new(disk.clone());
        let identity = Identity::open(files, Path::new("/data/cluster"), || 7).unwrap();
        assert_eq!(who_is(&disk.durable()), Some((7, identity.life().0)));
    }
}
