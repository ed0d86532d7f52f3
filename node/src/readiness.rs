//! Whether a node may serve, and if not, why.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;

/// Phase of a node's life as `/-/ready` tells it.
#[derive(Debug)]
pub struct Readiness {
    reason: RwLock<Option<String>>,
    stopping: AtomicBool,
}

impl Readiness {
    /// Not ready, for this reason.
    pub fn starting(reason: &str) -> Readiness {
        let reason = RwLock::new(Some(reason.to_owned()));
        Readiness { reason, stopping: AtomicBool::new(false) }
    }

    /// From now on, and for good, not ready: the node is stopping.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.set_unready("the node is stopping");
    }

    /// Whether [`Readiness::stop`] was called.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// From now on ready.
    pub fn set_ready(&self) {
        *self.reason.write() = None;
    }

    /// From now on not ready, for this reason.
    pub fn set_unready(&self, reason: &str) {
        *self.reason.write() = Some(reason.to_owned());
    }

    /// `Err` with the reason while the node is not ready.
    pub fn check(&self) -> Result<(), String> {
        self.reason.read().clone().map_or(Ok(()), Err)
    }
}
