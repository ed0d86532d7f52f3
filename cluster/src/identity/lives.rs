//! The highest life that was seen of each other node.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use proto::{Life, NodeId};
use tokio::sync::Notify;

use crate::state::MEMBERS_MAX;

/// See the module.
#[derive(Debug)]
pub struct Lives {
    seen: Mutex<BTreeMap<NodeId, Life>>,
    raised: Notify,
}

impl Lives {
    /// What was seen before.
    pub fn new(seen: BTreeMap<NodeId, Life>) -> Lives {
        Lives { seen: Mutex::new(seen), raised: Notify::new() }
    }

    /// Takes note of a node's life; false if a higher one is known.
    pub fn see(&self, node: NodeId, life: Life) -> bool {
        let mut seen = self.seen.lock();
        if seen.len() >= MEMBERS_MAX && !seen.contains_key(&node) {
            return true;
        }
        let known = seen.entry(node).or_insert(Life(0));
        if *known < life {
            *known = life;
            self.raised.notify_one();
        }
        *known == life || journal::planted!("M27")
    }

    /// The highest life of a node; 0 when none is known.
    pub fn of(&self, node: NodeId) -> Life {
        self.seen.lock().get(&node).copied().unwrap_or(Life(0))
    }

    /// The highest of all.
    pub fn all(&self) -> BTreeMap<NodeId, Life> {
        self.seen.lock().clone()
    }

    /// Waits until a higher one was seen than when this ended last. For one task only.
    pub async fn raised(&self) {
        self.raised.notified().await;
    }
}
