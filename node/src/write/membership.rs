//! The router's window on the cluster: ring tables, liveness, lease and cluster time.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use cluster::{Answer, Cluster, Hashring};
use parking_lot::Mutex;
use proto::ids::tenant_seed;
use proto::{Epoch, TenantName};

use tokio::time::{Duration, timeout};

use super::request::AcceptedTime;
use super::router::{Routing, View};
use super::split::RingView;
use super::verdict::Unavailable;

/// The first write into a ring waits at most this long for the cluster to note it.
const MARK_DEADLINE: Duration = Duration::from_secs(5);

/// [`Routing`] over the node's cluster handle.
pub struct ClusterRouting {
    cluster: Cluster,
    accept_age_ms: i64,
    accept_ahead_ms: i64,
    rings: Mutex<BTreeMap<String, Arc<RingView>>>,
}

impl ClusterRouting {
    /// A window on `cluster`; ages are those of `--receive.accept-age` and `-ahead`.
    pub fn new(cluster: Cluster, accept_age_ms: i64, accept_ahead_ms: i64) -> ClusterRouting {
        let rings = Mutex::new(BTreeMap::new());
        ClusterRouting { cluster, accept_age_ms, accept_ahead_ms, rings }
    }

    /// Seed of a tenant's series ids.
    pub fn seed(&self, tenant: &TenantName) -> u64 {
        tenant_seed(tenant, self.cluster.state().cluster_seed.0)
    }

    /// The time in which samples are accepted now; needs a lease.
    pub fn accepted(&self) -> Result<AcceptedTime, Unavailable> {
        let now_ms = self.cluster.lease().cluster_time_ms().ok_or(Unavailable::NoLease)?;
        Ok(AcceptedTime {
            from_ms: now_ms.saturating_sub(self.accept_age_ms),
            to_ms: now_ms.saturating_add(self.accept_ahead_ms),
        })
    }

    /// The folded table of a ring, made once per epoch.
    fn ring_view(&self, ring: &Hashring) -> Arc<RingView> {
        let mut rings = self.rings.lock();
        if let Some(view) = rings.get(&ring.name)
            && view.epoch == ring.epoch
            && view.ack_copies == ring.ack_copies as usize
            && view.nodes == ring.nodes
        {
            return view.clone();
        }
        let copies = ring.ack_copies as usize;
        let view =
            Arc::new(RingView::new(&ring.name, ring.epoch, copies, &ring.shards, &ring.nodes));
        rings.insert(ring.name.clone(), view.clone());
        view
    }
}

#[async_trait]
impl Routing for ClusterRouting {
    async fn view(&self, tenant: &TenantName) -> Result<View, Unavailable> {
        let lease = self.cluster.lease();
        if !lease.valid() {
            return Err(Unavailable::NoLease);
        }
        let mut state = self.cluster.state();
        let name = state.ring_name_of(tenant).to_owned();
        let no_table = || Unavailable::NotReady(format!("hashring {name:?} has no table yet"));
        let ring = state.hashrings.get(&name).filter(|r| r.has_table()).ok_or_else(no_table)?;
        if !ring.used {
            mark_used(&self.cluster, &name).await?;
            state = self.cluster.state();
        }
        let ring = state.hashrings.get(&name).filter(|r| r.has_table()).ok_or_else(no_table)?;
        if !ring.used {
            let text = format!("hashring {name:?} is not marked as used here yet");
            return Err(Unavailable::NotReady(text));
        }
        let live = lease.live();
        let alive = ring.nodes.iter().filter(|node| live.contains(node)).count();
        let needed = ring.ack_copies as usize;
        if alive < needed {
            return Err(Unavailable::TooFewNodes { ring: name, live: alive, needed });
        }
        let seed = tenant_seed(tenant, state.cluster_seed.0);
        let width = ring.width_of(tenant);
        Ok(View { ring: self.ring_view(ring), live, seed, width })
    }

    fn may_acknowledge(&self) -> bool {
        self.cluster.lease().valid()
    }

    async fn wait_epoch(&self, ring: &str, epoch: Epoch) {
        wait_epoch(&self.cluster, ring, epoch).await;
    }
}

/// Tells the cluster that the ring is about to hold acknowledged samples: its table is not
/// rebuilt from scratch any more.
async fn mark_used(cluster: &Cluster, ring: &str) -> Result<(), Unavailable> {
    let not_ready = |text: String| Unavailable::NotReady(format!("hashring {ring:?}: {text}"));
    match timeout(MARK_DEADLINE, cluster.mark_ring_used(ring)).await {
        Ok(Ok(Answer::Done)) => Ok(()),
        Ok(Ok(Answer::Refused(text))) => Err(not_ready(text)),
        Ok(Err(error)) => Err(not_ready(error.to_string())),
        Err(_) => Err(not_ready("the cluster did not agree in time to use it".to_owned())),
    }
}

/// Waits until this node has applied at least this epoch of a ring.
pub async fn wait_epoch(cluster: &Cluster, ring: &str, epoch: Epoch) {
    let mut states = cluster.watch();
    let reached = |state: &Arc<cluster::ClusterState>| {
        state.hashrings.get(ring).is_some_and(|r| r.epoch >= epoch)
    };
    // An error means that the cluster handle is gone; the caller's deadline decides then.
    let _ = states.wait_for(reached).await;
}
