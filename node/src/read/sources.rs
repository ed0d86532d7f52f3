//! Where data can be: this node, its peers, the bucket. And who must be asked.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use proto::{Matcher, MetadataEntry, NodeId, TenantName};
use query::Workers;
use storage::head::TenantStats;
use storage::{PackedSeries, Selection, StorageError};
use ulid::Ulid;

use super::{Blocking, Budget, ReadError};

/// Whether a holder's answer can count towards completeness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Whether everything that this holder was told durably is in its answer.
    pub complete: bool,
    /// Why not; "" if it is.
    pub reason: String,
}

impl Authority {
    /// Of a holder that has everything.
    pub fn complete() -> Authority {
        Authority { complete: true, reason: String::new() }
    }

    /// Of both: complete only if both are.
    pub fn and(self, other: Authority) -> Authority {
        if self.complete { other } else { self }
    }

    /// Of a holder that may lack something.
    pub fn partial(reason: impl Into<String>) -> Authority {
        Authority { complete: false, reason: reason.into() }
    }
}

/// Metadata of one metric family of one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FamilyMetadata {
    /// The tenant.
    pub tenant: TenantName,
    /// Family and what is known of it.
    pub entry: MetadataEntry,
}

/// What a local holder found.
#[derive(Clone, Debug, Default)]
pub struct LocalSeries {
    /// Series in any order; one may occur more than once.
    pub series: Vec<PackedSeries>,
    /// Blocks that were read for it.
    pub blocks: BTreeSet<Ulid>,
}

/// What this node holds itself: head and local blocks. Calls may block on the disk; they are made
/// on [`LocalHolder::blocking`].
pub trait LocalHolder: Send + Sync {
    /// Selected series, within the selection's budget.
    fn select(&self, selection: &Selection) -> Result<LocalSeries, StorageError>;
    /// Blocks of the selection that this holder has now.
    fn blocks(&self, selection: &Selection) -> BTreeSet<Ulid>;
    /// Label names of the selected series, sorted.
    fn label_names(&self, selection: &Selection) -> Result<BTreeSet<String>, StorageError>;
    /// Values of one label of the selected series, sorted.
    fn label_values(
        &self,
        name: &str,
        selection: &Selection,
    ) -> Result<BTreeSet<String>, StorageError>;
    /// Metadata of the tenants that fulfil all matchers.
    fn metadata(&self, tenants: &[Matcher]) -> Result<Vec<FamilyMetadata>, StorageError>;
    /// Series and samples of each tenant.
    fn tenant_stats(&self) -> Result<Vec<TenantStats>, StorageError>;
    /// Whether the answers count. Asked before the data is, and again after: damage may be found
    /// while reading.
    fn authority(&self) -> Authority;
    /// Where the calls above are made.
    fn blocking(&self) -> Blocking;
    /// Threads that they, and what is made of their answers, may take.
    fn workers(&self) -> Workers;
}

/// The other holders. Deadlines are the caller's: it drops the future.
#[async_trait]
pub trait RemoteHolders: Send + Sync {
    /// Selected series of a node; what comes in is taken out of the selection's budget.
    async fn select(
        &self,
        node: NodeId,
        selection: &Selection,
    ) -> Result<(Vec<PackedSeries>, Authority), ReadError>;
    /// Values of a label, or the label names where `name` is "".
    async fn labels(
        &self,
        node: NodeId,
        name: &str,
        selection: &Selection,
        budget: &Budget,
    ) -> Result<(BTreeSet<String>, Authority), ReadError>;
    /// Metadata of the tenants that fulfil all matchers.
    async fn metadata(
        &self,
        node: NodeId,
        tenants: &[Matcher],
    ) -> Result<(Vec<FamilyMetadata>, Authority), ReadError>;
}

/// The bucket's blocks.
#[async_trait]
pub trait BucketHolder: Send + Sync {
    /// Selected series of all blocks but `except`, whose samples the asker has.
    async fn select(
        &self,
        selection: &Selection,
        except: &BTreeSet<Ulid>,
    ) -> Result<(Vec<PackedSeries>, Authority), ReadError>;
    /// Selected series of some blocks, if the bucket has them.
    async fn select_only(
        &self,
        selection: &Selection,
        blocks: &BTreeSet<Ulid>,
    ) -> Result<(Vec<PackedSeries>, Authority), ReadError>;
    /// Values of a label, or the label names where `name` is "".
    async fn labels(
        &self,
        name: &str,
        selection: &Selection,
    ) -> Result<(BTreeSet<String>, Authority), ReadError>;
}

/// One hashring as a reader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingHolders {
    /// Its name.
    pub name: String,
    /// Copies that an ack needed (W).
    pub ack_copies: usize,
    /// Every node that may hold samples of it.
    pub nodes: BTreeSet<NodeId>,
}

/// What a reader must know of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadView {
    /// This node.
    pub own: NodeId,
    /// Whether this node may call an answer complete.
    pub is_lease_valid: bool,
    /// All rings.
    pub rings: Vec<RingHolders>,
    /// The nodes that are alive as far as the leader knows.
    pub live: BTreeSet<NodeId>,
    /// Names of the members, for texts.
    pub names: BTreeMap<NodeId, String>,
}

impl ReadView {
    /// All nodes but this one that may hold something.
    pub fn remote_holders(&self) -> BTreeSet<NodeId> {
        let all = self.rings.iter().flat_map(|ring| ring.nodes.iter().copied());
        all.filter(|node| *node != self.own).collect()
    }

    /// What a person calls the node.
    pub fn name_of(&self, node: NodeId) -> String {
        self.names.get(&node).cloned().unwrap_or_else(|| node.to_string())
    }
}

/// Gives the current view; asked before and after a fan-out.
pub trait Views: Send + Sync {
    /// The view now.
    fn view(&self) -> ReadView;
}

/// [`Views`] of a real cluster.
pub struct ClusterViews(pub cluster::Cluster);

impl Views for ClusterViews {
    fn view(&self) -> ReadView {
        let (state, lease) = (self.0.state(), self.0.lease());
        let ring = |ring: &cluster::Hashring| RingHolders {
            name: ring.name.clone(),
            ack_copies: ring.ack_copies as usize,
            nodes: state.holders(&ring.name).collect(),
        };
        ReadView {
            own: self.0.node_id(),
            is_lease_valid: lease.valid(),
            rings: state.hashrings.values().map(ring).collect(),
            live: lease.live().as_ref().clone(),
            names: state.members.iter().map(|(id, m)| (*id, m.name.clone())).collect(),
        }
    }
}
