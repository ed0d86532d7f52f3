//! The state machine: applies commands, publishes the state, caches it, makes snapshots.

use std::io;
use std::sync::Arc;

use futures::{Stream, TryStreamExt};
use openraft::storage::{EntryResponder, RaftSnapshotBuilder, RaftStateMachine};
use openraft::{EntryPayload, OptionalSend};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::log::RaftLog;
use super::snapshot::{Applied, SnapshotFile};
use super::types::{
    Entry, LogId, Snapshot, SnapshotData, SnapshotMeta, StoredMembership, TypeConfig,
};
use crate::kv::KeyValue;
use crate::options::Blocking;
use crate::state::{Answer, ClusterState};

/// Key of the cached image.
const CACHE_KEY: &[u8] = b"raft/applied";

/// The applied state and where it is kept.
pub struct Machine {
    applied: Mutex<Applied>,
    published: watch::Sender<Arc<ClusterState>>,
    index: watch::Sender<u64>,
    kv: Arc<dyn KeyValue>,
    file: SnapshotFile,
    blocking: Blocking,
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine").field("applied", &self.applied.lock().log_id).finish()
    }
}

impl Machine {
    /// Takes the cached state if it fits to the log or the snapshot; else Raft installs the
    /// snapshot and applies the log again.
    pub fn open(
        kv: Arc<dyn KeyValue>,
        file: SnapshotFile,
        log: &RaftLog,
        blocking: Blocking,
    ) -> io::Result<Machine> {
        let snapshot = file.read().unwrap_or_else(|error| {
            tracing::error!(%error, "the Raft snapshot is unreadable");
            None
        });
        let snapshot_id = snapshot.and_then(|s| s.log_id);
        let fits =
            |a: &Applied| a.log_id.is_some_and(|id| log.contains(&id) || snapshot_id == Some(id));
        let applied = cached(&*kv).filter(fits).unwrap_or_default();
        let published = watch::Sender::new(applied.state.clone());
        let index = watch::Sender::new(index_of(&applied.log_id));
        Ok(Machine { applied: Mutex::new(applied), published, index, kv, file, blocking })
    }

    /// The state now.
    pub fn state(&self) -> Arc<ClusterState> {
        self.published.borrow().clone()
    }

    /// The state whenever it changes.
    pub fn watch(&self) -> watch::Receiver<Arc<ClusterState>> {
        self.published.subscribe()
    }

    /// Index of the last applied entry whenever it changes; 0 before the first.
    pub fn watch_index(&self) -> watch::Receiver<u64> {
        self.index.subscribe()
    }

    /// The membership of the last entry that set one.
    pub fn membership(&self) -> StoredMembership {
        self.applied.lock().membership.clone()
    }

    /// Makes the cache durable.
    pub fn flush(&self) -> io::Result<()> {
        self.kv.flush()
    }

    /// Takes over, tells readers, caches.
    fn publish(&self, next: Applied) {
        match next.encode().and_then(|bytes| self.kv.put(CACHE_KEY, &bytes)) {
            Ok(()) => {}
            Err(error) => tracing::warn!(%error, "the applied state is not cached"),
        }
        let index = index_of(&next.log_id);
        let state = next.state.clone();
        *self.applied.lock() = next;
        self.published.send_if_modified(|old| {
            let changed = **old != *state;
            *old = state;
            changed
        });
        self.index.send_replace(index);
    }

    async fn write_snapshot(&self, applied: Applied) -> io::Result<()> {
        let (done, result) = futures::channel::oneshot::channel();
        let file = self.file.clone();
        (self.blocking)(Box::new(move || {
            // The receiver is gone only when Raft is being shut down.
            done.send(file.write(&applied)).ok();
        }))
        .await;
        result.await.unwrap_or_else(|_| Err(io::Error::other("the blocking work was dropped")))
    }
}

fn index_of(id: &Option<LogId>) -> u64 {
    id.map_or(0, |id| id.index)
}

fn cached(kv: &dyn KeyValue) -> Option<Applied> {
    let read = kv.get(CACHE_KEY).and_then(|bytes| bytes.map(|b| Applied::decode(&b)).transpose());
    read.unwrap_or_else(|error| {
        tracing::warn!(%error, "the cached cluster state is rebuilt");
        None
    })
}

/// Applies one entry to a draft of the next state.
fn apply_entry(next: &mut Applied, entry: &Entry) -> Answer {
    next.log_id = Some(entry.log_id);
    match &entry.payload {
        EntryPayload::Blank => Answer::Done,
        EntryPayload::Normal(command) => Arc::make_mut(&mut next.state).apply(command),
        EntryPayload::Membership(membership) => {
            next.membership = StoredMembership::new(Some(entry.log_id), membership.clone());
            Answer::Done
        }
    }
}

impl RaftStateMachine<TypeConfig> for Arc<Machine> {
    type SnapshotData = SnapshotData;
    type SnapshotBuilder = Arc<Machine>;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        let applied = self.applied.lock();
        let log_id = applied.log_id.filter(|_| !journal::planted!("G36"));
        Ok((log_id, applied.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<TypeConfig>>> + Unpin + OptionalSend,
    {
        while let Some((entry, responder)) = entries.try_next().await? {
            let mut next = self.applied.lock().clone();
            let answer = apply_entry(&mut next, &entry);
            self.publish(next);
            if let Some(responder) = responder {
                responder.send(answer);
            }
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Arc<Machine> {
        self.clone()
    }

    async fn install_snapshot(&mut self, _: &SnapshotMeta, data: SnapshotData) -> io::Result<()> {
        let applied = Applied::decode(data.get_ref())?;
        self.write_snapshot(applied.clone()).await?;
        self.publish(applied);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        match self.file.read() {
            Ok(applied) => applied.map(|a| a.snapshot()).transpose(),
            Err(error) => {
                tracing::error!(%error, "the Raft snapshot is unreadable and is made anew");
                Ok(None)
            }
        }
    }
}

impl RaftSnapshotBuilder<TypeConfig> for Arc<Machine> {
    type SnapshotData = SnapshotData;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        let applied = self.applied.lock().clone();
        let snapshot = applied.snapshot()?;
        self.write_snapshot(applied).await?;
        if let Err(error) = self.flush() {
            tracing::warn!(%error, "the cache of the applied state is not flushed");
        }
        Ok(snapshot)
    }
}
