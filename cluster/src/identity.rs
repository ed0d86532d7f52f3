//! Who this node is, on disk: node id, life number, cluster, promise and founding.
//!
//! The file `node` is a file of slots ([`journal::files::slots`]) that hold JSON. It is fsynced
//! before anything that depends on it is said to another node. A slot that is damaged leaves the
//! one before, which is what an old copy of the disk has, and is told as one.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;

use journal::files::Files;
use journal::files::slots::{SlotFile, SlotKind};
use parking_lot::Mutex;
use proto::rpc::Header;
use proto::{ClusterId, Life, NodeId};
use tokio::sync::watch;
use tonic::Status;

use crate::error::{ClusterError, Result};

mod hex;
mod lives;
mod record;

pub use hex::hex_cluster_id;
use lives::Lives;
use record::Record;
pub use record::{Founding, Promise};

/// Name of the file in the data directory.
const FILE_NAME: &str = "node";
/// Slots have space for the lives of more than a thousand other nodes.
const KIND: SlotKind = SlotKind { magic: b"GRND", slot_bytes: 1 << 16 };

/// In the refusal of a call from an earlier life: the latest one that is known.
const KNOWN_LIFE: &str = "x-granary-known-life";

/// In the same refusal: the node that refuses.
const REFUSING_NODE: &str = "x-granary-node";

/// How much the life number advances while a node runs: an old copy of the disk does not catch up
/// by the one that it advances at each start.
const ADVANCE: u64 = 1 << 10;

/// What a node says that must not go on.
const OUTDATED: &str =
    "this node runs on an old copy of its disk; replace this node by an empty one";

/// Opens the file and reads the record that was written last.
fn open_record(
    files: &dyn Files,
    data_dir: &std::path::Path,
) -> Result<(SlotFile, Option<Record>)> {
    let path = data_dir.join(FILE_NAME);
    let damaged = |why: String| ClusterError::Damaged(format!("{}: {why}", path.display()));
    let (file, json) = match SlotFile::open(files, &path, KIND) {
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            return Err(damaged(error.to_string()));
        }
        opened => opened?,
    };
    let record = json.map(|json| Record::decode(&json)).transpose();
    Ok((file, record.map_err(|error| damaged(error.to_string()))?))
}

/// The node's identity. Changes are on disk when a method returns.
#[derive(Debug)]
pub struct Identity {
    record: Mutex<Record>,
    /// Held while it is written to: readers of the record do not wait for the disk.
    file: Mutex<SlotFile>,
    /// The life that this process began with.
    born: Life,
    lives: Lives,
    outdated: watch::Sender<Option<String>>,
}

impl Identity {
    /// Reads the identity, or draws a new one with `draw`, and starts a new life.
    pub fn open(
        files: Arc<dyn Files>,
        data_dir: &std::path::Path,
        draw: impl FnOnce() -> u64,
    ) -> Result<Identity> {
        files.create_dir_durable(data_dir)?;
        let (mut file, record) = open_record(&*files, data_dir)?;
        let mut record = record.unwrap_or_else(|| Record::new(NodeId(draw().max(1))));
        if record.is_outdated {
            return Err(ClusterError::Damaged(OUTDATED.to_owned()));
        }
        record.life.0 += 1;
        file.write(&record.encode()?)?;
        let (born, lives) = (record.life, Lives::new(record.lives.clone()));
        let outdated = watch::Sender::new(None);
        Ok(Identity { record: record.into(), file: file.into(), born, lives, outdated })
    }

    /// The node that last ran on a data directory, and its life then; `None` if none ever did.
    pub fn stored(files: &dyn Files, data_dir: &std::path::Path) -> Result<Option<(NodeId, Life)>> {
        if !files.exists(&data_dir.join(FILE_NAME))? {
            return Ok(None);
        }
        let (_, record) = open_record(files, data_dir)?;
        Ok(record.map(|record| (record.node_id, record.life)))
    }

    /// Advances the life number, and keeps what was seen of others: a copy of the disk that is
    /// older than this is told from the disk.
    pub fn advance(&self) -> Result<()> {
        self.change(|r| {
            r.life.0 += ADVANCE;
            r.lives = self.lives.all();
        })
    }

    /// Waits until a higher life of another node was seen: it is to be kept. For one task only.
    pub async fn raised(&self) {
        self.lives.raised().await;
    }

    /// Keeps what was seen of others: when all nodes lose their memory at once, an old copy is
    /// told by what is on the disks of the others.
    pub fn keep_lives(&self) -> Result<()> {
        self.change(|r| r.lives = self.lives.all())
    }

    /// The highest life that was seen of each other node.
    pub fn lives(&self) -> BTreeMap<NodeId, Life> {
        self.lives.all()
    }

    /// Ends with the reason when this node turns out to run on an old copy of its disk: its
    /// promises of since then are forgotten, so that it must not go on.
    pub async fn outdated(&self) -> String {
        let mut outdated = self.outdated.subscribe();
        match outdated.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => std::future::pending().await,
        }
    }

    /// This node.
    pub fn node_id(&self) -> NodeId {
        self.record.lock().node_id
    }

    /// The life that this process began with: what it registers with.
    pub fn life(&self) -> Life {
        self.born
    }

    /// The cluster it belongs to.
    pub fn cluster_id(&self) -> Option<ClusterId> {
        self.record.lock().cluster_id
    }

    /// The promise it gave.
    pub fn promise(&self) -> Option<Promise> {
        self.record.lock().promise.clone()
    }

    /// The cluster it is making, or made.
    pub fn founding(&self) -> Option<Founding> {
        self.record.lock().founding.clone()
    }

    /// The nodes that founded its cluster, as far as it took part in that.
    pub fn founders(&self) -> Vec<NodeId> {
        let record = self.record.lock();
        match (&record.founding, &record.promise) {
            (Some(founding), _) => founding.founders.keys().copied().collect(),
            (None, Some(promise)) => promise.founders.clone(),
            (None, None) => Vec::new(),
        }
    }

    /// What goes into every call.
    pub fn header(&self) -> Header {
        let record = self.record.lock();
        Header {
            cluster_id: cluster_bytes(record.cluster_id),
            node_id: record.node_id.0,
            life: record.life.0,
            target: 0,
            target_life: 0,
        }
    }

    /// What goes into a call that is meant for one node: whoever has its address now refuses it
    /// if it is another, or an old copy.
    pub fn header_to(&self, node: NodeId) -> Header {
        Header { target: node.0, target_life: self.lives.of(node).0, ..self.header() }
    }

    /// Decides and changes the record under one lock: on disk first, then in memory.
    fn change<T>(&self, edit: impl FnOnce(&mut Record) -> T) -> Result<T> {
        let mut file = self.file.lock();
        let known = self.record.lock().clone();
        let mut next = known.clone();
        let decided = edit(&mut next);
        if next != known {
            file.write(&next.encode()?)?;
            *self.record.lock() = next;
        }
        Ok(decided)
    }

    /// Joins a cluster for good. Refused if the node belongs, or promised itself, to another.
    pub fn adopt(&self, cluster: ClusterId) -> Result<()> {
        let other = self.change(|r| {
            let bound = r.cluster_id.or(r.promise.as_ref().map(|p| p.cluster));
            let other = bound.filter(|c| *c != cluster);
            if other.is_none() {
                r.cluster_id = Some(cluster);
            }
            other
        })?;
        let Some(other) = other else { return Ok(()) };
        let text = format!("this node belongs to cluster {other}, not to {cluster}");
        Err(ClusterError::Refused(text))
    }

    /// Promises itself to a cluster that is being founded; true if it holds (again).
    pub fn promise_to(&self, promise: Promise) -> Result<bool> {
        self.change(|r| {
            if r.cluster_id.is_none() && r.promise.is_none() {
                r.promise = Some(promise.clone());
            }
            r.cluster_id.is_none() && r.promise.as_ref() == Some(&promise)
        })
    }

    /// Gives a promise back, which is safe once its candidate said that it gave up.
    pub fn release_promise(&self, promise: &Promise) -> Result<()> {
        self.change(|r| {
            if r.cluster_id.is_none() && r.promise.as_ref() == Some(promise) {
                r.promise = None;
            }
        })
    }

    /// Starts to found a cluster, and promises itself to it; false if it is bound already.
    pub fn begin_founding(&self, founding: Founding) -> Result<bool> {
        let promise = Promise {
            cluster: founding.cluster,
            candidate: self.node_id(),
            founders: founding.founders.keys().copied().collect(),
        };
        self.change(|r| {
            let is_free = r.cluster_id.is_none() && r.promise.is_none();
            if is_free {
                r.promise = Some(promise);
                r.founding = Some(founding);
            }
            is_free
        })
    }

    /// Gives up founding: nobody was made a member yet.
    pub fn abandon_founding(&self) -> Result<()> {
        self.change(|r| {
            if r.cluster_id.is_none() && r.founding.is_some() {
                r.promise = None;
                r.founding = None;
            }
        })
    }

    /// All founders have promised: the cluster exists from here on.
    pub fn finish_founding(&self) -> Result<()> {
        self.change(|r| r.cluster_id = r.founding.as_ref().map(|f| f.cluster).or(r.cluster_id))
    }

    /// Raft was initialised with the founders: it never is again.
    pub fn mark_initialised(&self) -> Result<()> {
        self.change(|r| {
            if let Some(founding) = r.founding.as_mut() {
                founding.initialised = true;
            }
        })
    }

    /// Takes note of another node's life; false if a higher one is known.
    pub fn see(&self, node: NodeId, life: Life) -> bool {
        self.lives.see(node, life)
    }

    /// Takes note of a life that a third node saw; false if it is a later one of this node than
    /// it ever lived.
    pub fn told(&self, node: NodeId, life: Life) -> bool {
        let (own, ours) = {
            let record = self.record.lock();
            (record.node_id, record.life)
        };
        let is_outdated = node == own && life > ours && !journal::planted!("M27");
        if is_outdated {
            self.note_outdated(ours, life.0);
        } else if node != own {
            self.see(node, life);
        }
        !is_outdated
    }

    /// Checks that a call comes from a living node of this cluster.
    pub fn check_header(&self, header: Option<&Header>) -> std::result::Result<NodeId, Status> {
        let header = header.ok_or(Status::invalid_argument("the call has no header"))?;
        let Some(ours) = self.cluster_id() else {
            return Err(Status::unavailable("this node is not in a cluster yet"));
        };
        let (own, life) = {
            let record = self.record.lock();
            (record.node_id, record.life)
        };
        if header.target != 0 && NodeId(header.target) != own {
            let text = format!("this is node {own}, the call is for {}", NodeId(header.target));
            return Err(Status::failed_precondition(text));
        }
        let theirs = cluster_of(header)?;
        if theirs != Some(ours) {
            let theirs = theirs.map_or("no cluster".to_owned(), |c| format!("cluster {c}"));
            let text = format!("this node belongs to cluster {ours}, the caller to {theirs}");
            return Err(Status::failed_precondition(text));
        }
        let is_ours = NodeId(header.target) == own;
        if is_ours && Life(header.target_life) > life && !journal::planted!("M27") {
            return Err(self.note_outdated(life, header.target_life));
        }
        self.check_life(header)
    }

    /// Looks at why `node`, which was called by its id, refused: it may know of a later life of
    /// this node than this node has ever lived. Whoever else has its address now is not believed.
    pub fn refused_by(&self, node: NodeId, status: &Status) {
        let number = |name| status.metadata().get(name)?.to_str().ok()?.parse::<u64>().ok();
        if number(REFUSING_NODE) != Some(node.0) {
            return;
        }
        let Some(known) = number(KNOWN_LIFE) else { return };
        let life = self.record.lock().life;
        if Life(known) > life {
            // Whoever waits for that is told; the caller has its own error already.
            let _ = self.note_outdated(life, known);
        }
    }

    fn note_outdated(&self, life: Life, seen: u64) -> Status {
        let text = format!("{OUTDATED} (it is at life {}, others saw life {seen})", life.0);
        // Starts advance the life number: without this mark it would catch up with what was seen.
        if let Err(error) = self.change(|r| r.is_outdated = true) {
            tracing::error!(%error, "the old copy could not be marked");
        }
        self.outdated.send_replace(Some(text.clone()));
        Status::permission_denied(text)
    }

    /// Checks that a node that need not be in the cluster yet is not an old disk. Once this node is
    /// in one, what others say of their lives is not kept: it would shut out the member whose id
    /// they use.
    pub fn check_stranger(&self, header: &Header) -> std::result::Result<NodeId, Status> {
        let theirs = cluster_of(header)?;
        if self.cluster_id().is_none_or(|ours| theirs == Some(ours)) {
            return self.check_life(header);
        }
        let node = NodeId(header.node_id);
        let known = self.lives.of(node);
        if known > Life(header.life) { Err(self.refusal(header, known)) } else { Ok(node) }
    }

    /// Checks only that the caller is not an old disk.
    fn check_life(&self, header: &Header) -> std::result::Result<NodeId, Status> {
        let node = NodeId(header.node_id);
        if self.see(node, Life(header.life)) {
            return Ok(node);
        }
        let known = self.lives.of(node);
        Err(self.refusal(header, known))
    }

    /// The refusal of a call from an earlier life than the known one.
    fn refusal(&self, header: &Header, known: Life) -> Status {
        let (node, life) = (NodeId(header.node_id), header.life);
        let mut refused = Status::permission_denied(format!(
            "node {node} has a later life than {life}: an old disk?"
        ));
        for (name, number) in [(KNOWN_LIFE, known.0), (REFUSING_NODE, self.node_id().0)] {
            if let Ok(number) = number.to_string().parse() {
                refused.metadata_mut().insert(name, number);
            }
        }
        refused
    }
}

fn cluster_bytes(cluster: Option<ClusterId>) -> bytes::Bytes {
    cluster.map_or_else(bytes::Bytes::new, |c| c.0.to_le_bytes().to_vec().into())
}

/// Cluster id of a header; `None` when the caller has none.
pub fn cluster_of(header: &Header) -> std::result::Result<Option<ClusterId>, Status> {
    if header.cluster_id.is_empty() {
        return Ok(None);
    }
    let bytes = <[u8; 16]>::try_from(header.cluster_id.as_ref());
    let bytes = bytes.map_err(|_| Status::invalid_argument("a cluster id has 16 bytes"))?;
    Ok(Some(ClusterId(u128::from_le_bytes(bytes))))
}

#[cfg(test)]
mod tests;
