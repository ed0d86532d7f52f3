//! One question to all sources at once, and what the answers are worth together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use journal::planted;
use proto::NodeId;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout};

use super::completeness::{BucketAnswer, HolderAnswer, judge};
use super::sources::{Authority, BucketHolder, LocalHolder, ReadView, RemoteHolders, Views};
use super::{Budget, ReadError, TenantScope, run_on};

/// How long a node may take that the cluster believes to be down.
const DOWN_NODE_DEADLINE: Duration = Duration::from_secs(2);

/// All sources of a node.
#[derive(Clone)]
pub struct Sources {
    /// This node.
    pub local: Arc<dyn LocalHolder>,
    /// Its peers.
    pub remote: Arc<dyn RemoteHolders>,
    /// The bucket, if this node reads it.
    pub bucket: Option<Arc<dyn BucketHolder>>,
    /// Who must be asked.
    pub views: Arc<dyn Views>,
}

/// One reader's access to all sources: whose data, how long, how much.
#[derive(Clone)]
pub struct Fanout {
    /// The sources.
    pub sources: Sources,
    /// Whose data the reader may see.
    pub scope: TenantScope,
    /// Label by which the tenant shows.
    pub tenant_label: String,
    /// Labels that only tell replicas apart and are dropped; empty keeps all apart.
    pub replica_labels: Vec<String>,
    /// Whether an incomplete answer is better than none.
    pub partial_response: bool,
    /// When the reader gives up.
    pub deadline: Instant,
    /// What the reader may gather.
    pub budget: Arc<Budget>,
    /// The reader's place among those that read, held by whatever still works for it.
    pub place: Option<Arc<OwnedSemaphorePermit>>,
}

/// Parts of an answer, one per source that gave one.
#[derive(Debug)]
pub struct Answer<T> {
    /// The parts, in order of the sources.
    pub parts: Vec<T>,
    /// Why it may be incomplete; empty if it is complete.
    pub warnings: Vec<String>,
}

type Reply<T> = Result<(T, Authority), ReadError>;

/// Who was asked.
#[derive(Clone, Copy)]
enum Source {
    Node(NodeId),
    Bucket,
}

impl Fanout {
    /// Asks this node, every other holder and the bucket.
    ///
    /// # Errors
    /// `Limit`, whoever hit it; `Unavailable` if the answer is incomplete and must not be.
    pub(super) async fn ask<'a, T: Send + 'static>(
        &'a self,
        local: impl FnOnce(&dyn LocalHolder) -> Result<T, ReadError> + Send + 'static,
        remote: impl Fn(NodeId) -> BoxFuture<'a, Reply<T>>,
        bucket: Option<BoxFuture<'a, Reply<T>>>,
    ) -> Result<Answer<T>, ReadError> {
        let view = self.sources.views.view();
        let until = self.deadline;
        let mut asked: Vec<BoxFuture<'a, (Source, Reply<T>)>> = Vec::new();
        let own = self.local(local);
        asked.push(within(Source::Node(view.own), until, Box::pin(own)));
        for node in view.remote_holders() {
            let until = self.deadline_of(&view, node);
            asked.push(within(Source::Node(node), until, remote(node)));
        }
        // A bucket that hangs is flagged; it must not take the time of the answer.
        let until = self.half_of_the_time();
        let bucket = bucket.filter(|_| !planted!("G18"));
        asked.extend(bucket.map(|asked| within(Source::Bucket, until, asked)));
        self.conclude(join_all(asked).await)
    }

    async fn local<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn LocalHolder) -> Result<T, ReadError> + Send + 'static,
    ) -> Reply<T> {
        let holder = self.sources.local.clone();
        let blocking = holder.blocking();
        let place = self.place.clone();
        let asked = run_on(&blocking, move || {
            let _place = place;
            let before = holder.authority();
            let found = work(&*holder)?;
            Ok((found, before.and(holder.authority())))
        });
        let found = asked.await;
        found.unwrap_or_else(|| Err(gone()))
    }

    /// Half of the time that is left, so that the rest can still be answered; a moment only for
    /// nodes that are known to be down.
    fn deadline_of(&self, view: &ReadView, node: NodeId) -> Instant {
        let half = self.half_of_the_time();
        let is_down = view.is_lease_valid && !view.live.contains(&node);
        if is_down { half.min(Instant::now() + DOWN_NODE_DEADLINE) } else { half }
    }

    fn half_of_the_time(&self) -> Instant {
        let now = Instant::now();
        now + self.deadline.saturating_duration_since(now) / 2
    }

    fn conclude<T>(&self, replies: Vec<(Source, Reply<T>)>) -> Result<Answer<T>, ReadError> {
        let mut parts = Vec::new();
        let mut holders = BTreeMap::new();
        let mut bucket = BucketAnswer::Full;
        for (source, reply) in replies {
            let lacking = match reply {
                Ok((part, authority)) => {
                    parts.push(part);
                    (!authority.complete).then_some(authority.reason)
                }
                Err(ReadError::Limit(text)) => return Err(ReadError::Limit(text)),
                Err(_) if planted!("M28") => None,
                Err(error) => Some(error.to_string()),
            };
            match (source, lacking) {
                (Source::Bucket, None) => {}
                (Source::Bucket, Some(why)) => bucket = BucketAnswer::Lacking(why),
                (Source::Node(node), lacking) => {
                    let answer = lacking.map_or(HolderAnswer::Full, HolderAnswer::Lacking);
                    holders.insert(node, answer);
                }
            }
        }
        let warnings = judge(&self.sources.views.view(), &holders, &bucket);
        if !warnings.is_empty() && !self.partial_response {
            return Err(ReadError::Unavailable(warnings.join("; ")));
        }
        Ok(Answer { parts, warnings })
    }
}

fn gone() -> ReadError {
    ReadError::Damaged("the local read ended without an answer".to_owned())
}

fn within<'a, T: Send + 'static>(
    source: Source,
    until: Instant,
    asked: BoxFuture<'a, Reply<T>>,
) -> BoxFuture<'a, (Source, Reply<T>)> {
    Box::pin(async move {
        let time = until.saturating_duration_since(Instant::now());
        let late = || Err(ReadError::Unavailable(format!("no answer within {time:.1?}")));
        (source, timeout(time, asked).await.unwrap_or_else(|_| late()))
    })
}
