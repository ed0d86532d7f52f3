//! The running nodes.

use std::path::Path;
use std::time::Duration;

use tokio::process::Child;

use super::plan::{NodePlan, Plan};
use super::process::{self, Signals};
use super::{DemoError, progress};

/// How often their end is looked for.
const POLL: Duration = Duration::from_millis(50);

/// A node that was started.
pub(super) struct Running {
    /// What it was started with.
    pub(super) plan: NodePlan,
    /// Its process.
    pub(super) pid: u32,
    child: Child,
    ended: bool,
}

/// A node that ended by itself.
#[derive(Debug)]
pub(super) struct Ended {
    /// Its name.
    pub(super) plan: NodePlan,
    /// Its process, while it was there.
    pub(super) pid: u32,
    /// `exit status: 1`, `signal: 9 (SIGKILL)`.
    pub(super) status: String,
}

/// All nodes that were started.
#[derive(Default)]
pub(super) struct Fleet {
    nodes: Vec<Running>,
}

impl Fleet {
    /// Starts every node of the plan as a process of `executable`. Those started stay in the fleet
    /// when one fails, so that `stop` finds them.
    pub(super) fn start(&mut self, executable: &Path, plan: &Plan) -> Result<(), DemoError> {
        for node in &plan.nodes {
            let child = process::spawn(executable, node)?;
            let pid = child.id().unwrap_or_default();
            self.nodes.push(Running { plan: node.clone(), pid, child, ended: false });
        }
        Ok(())
    }

    /// The nodes that have not been seen to end.
    pub(super) fn live(&self) -> impl Iterator<Item = &Running> {
        self.nodes.iter().filter(|node| !node.ended)
    }

    /// The nodes that ended since the last call.
    pub(super) fn newly_ended(&mut self) -> Vec<Ended> {
        self.nodes.iter_mut().filter_map(Running::look).collect()
    }

    /// Ends every node: SIGTERM, and SIGKILL for those still there after `grace` or a further
    /// Ctrl-C. Returns when no process is left.
    pub(super) async fn stop(&mut self, signals: &mut Signals, grace: Duration) {
        self.live().for_each(|node| process::terminate(&node.child));
        tokio::select! {
            () = self.all_ended() => return,
            () = tokio::time::sleep(grace) => {}
            () = signals.next() => {}
        }
        for node in self.nodes.iter_mut().filter(|node| !node.ended) {
            progress(&format!("{} does not stop: killed", node.plan.name));
            // An error means that it ended in between.
            node.child.start_kill().ok();
        }
        self.all_ended().await;
    }

    async fn all_ended(&mut self) {
        loop {
            self.newly_ended();
            if self.live().next().is_none() {
                return;
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

impl Running {
    fn look(&mut self) -> Option<Ended> {
        if self.ended {
            return None;
        }
        let status = match self.child.try_wait() {
            Ok(None) => return None,
            Ok(Some(status)) => status.to_string(),
            // No such child: whoever waited for it, it is gone.
            Err(error) => error.to_string(),
        };
        self.ended = true;
        Some(Ended { plan: self.plan.clone(), pid: self.pid, status })
    }
}

#[cfg(test)]
mod tests;
