//! The node's blocks: cut out of the head, shipped to the bucket, retired from the local disk.

use std::collections::BTreeMap;
use std::sync::Arc;

use cluster::Cluster;
use journal::files::Files;
use parking_lot::Mutex;
use proto::Epoch;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use storage::StorageError;
use storage::block::{LocalBlocks, ReadOptions};
use storage::bucket::{BucketIndex, LocalBlock, deletable, is_shipped, upload};
use storage::cut::{CutTarget, cut_part};
use storage::head::{Head, PartId};
use storage::objstore::{Bucket, ObjstoreConfig};
use tokio::time::{Duration, Instant};
use ulid::Ulid;

use crate::config::{BucketConfig, NodeConfig};
use crate::env::{Env, Threads, run_blocking};
use crate::error::NodeError;
use crate::metrics::{Metrics, ResultLabels};

/// A list of the bucket that is older than so many times the interval at which it is listed
/// vouches for nothing.
const LIST_AGE_INTERVALS_MAX: u32 = 10;
/// Folder of the local blocks within the data directory.
const BLOCKS_DIRECTORY: &str = "blocks";

/// A list of the bucket that is older vouches for nothing.
pub fn list_age_max(config: &NodeConfig) -> Duration {
    config.store.sync_interval * LIST_AGE_INTERVALS_MAX
}

/// Local blocks and bucket of a node.
pub struct Blocks {
    files: Arc<dyn Files>,
    threads: Arc<dyn Threads>,
    cluster: Cluster,
    local: Arc<LocalBlocks>,
    bucket: Arc<BucketIndex>,
    labels: BTreeMap<String, String>,
    tenant_label: String,
    hashring: String,
    random: Mutex<StdRng>,
    /// Blocks known to be whole in the bucket, and since when this process knows it.
    shipped: Mutex<BTreeMap<Ulid, Instant>>,
    /// Blocks past their retention that cannot be read from the bucket, and why.
    kept: Mutex<BTreeMap<Ulid, String>>,
    /// Why the list of the bucket's blocks may lack something.
    doubt: Mutex<Option<String>>,
    /// When the bucket was last listed.
    listed: Mutex<Instant>,
    /// A list that is older than this vouches for nothing; on every node.
    list_age_max: Duration,
    /// Larger files go to the bucket in parts of this size.
    part_bytes: u64,
}

impl Blocks {
    /// Opens the local blocks and the bucket. A bucket that does not answer is reported, and
    /// tried again later: it keeps no node from taking writes.
    pub async fn open(
        config: &NodeConfig,
        env: &Env,
        cluster: &Cluster,
    ) -> Result<Arc<Blocks>, NodeError> {
        let read = ReadOptions {
            tenant_label: config.receive.tenant_label.clone(),
            tenant_without_label: None,
            cluster_seed: cluster.state().cluster_seed.0,
        };
        let bucket = open_bucket(config, env)?;
        if let Err(error) = bucket.check().await {
            tracing::error!(%error, "the bucket cannot be used now; blocks stay on local disk");
        }
        let (files, dir) = (env.files.clone(), config.tsdb.path.join(BLOCKS_DIRECTORY));
        let options = read.clone();
        let open = move || LocalBlocks::open(files, &dir, options);
        let local = run_blocking(&*env.threads, open).await??;
        let cache_bytes = usize::try_from(config.store.cache_bytes).unwrap_or(usize::MAX);
        let blocks = Arc::new(Blocks {
            files: env.files.clone(),
            threads: env.threads.clone(),
            cluster: cluster.clone(),
            local: Arc::new(local),
            bucket: Arc::new(BucketIndex::new(bucket, read, cache_bytes)),
            labels: config.external_labels.clone(),
            tenant_label: config.receive.tenant_label.clone(),
            hashring: config.hashring.clone(),
            random: Mutex::new(StdRng::seed_from_u64(env.seed ^ 0x756c_6964)),
            shipped: Mutex::default(),
            kept: Mutex::default(),
            doubt: Mutex::new(Some("it was not listed yet".to_owned())),
            listed: Mutex::new(Instant::now()),
            part_bytes: config.store.part_bytes,
            list_age_max: list_age_max(config),
        });
        blocks.refresh().await;
        Ok(blocks)
    }

    /// The blocks on local disk.
    pub fn local(&self) -> &Arc<LocalBlocks> {
        &self.local
    }

    /// The blocks in the bucket.
    pub fn bucket(&self) -> &Arc<BucketIndex> {
        &self.bucket
    }

    /// Cuts a part of the head into local blocks and drops it from the head. A part is cut only
    /// once its closing is durable, else a crash could open it again. Answers how many blocks the
    /// part has.
    pub async fn cut(
        self: &Arc<Self>,
        head: &Arc<Head>,
        part: PartId,
        now_ms: i64,
    ) -> Result<usize, NodeError> {
        let closing = head.clone();
        let closed = run_blocking(&*self.threads, move || closing.close_part(part)).await??;
        head.journal().wait_durable(closed).await.map_err(StorageError::from)?;
        let (blocks, head) = (self.clone(), head.clone());
        let cut = move || blocks.cut_closed(&head, part, now_ms);
        Ok(run_blocking(&*self.threads, cut).await??)
    }

    fn cut_closed(&self, head: &Head, part: PartId, now_ms: i64) -> Result<usize, StorageError> {
        let state = self.cluster.state();
        let epoch = state.hashrings.get(&self.hashring).map_or(Epoch(0), |ring| ring.epoch);
        let mut draw_ulid = || self.draw_ulid(now_ms);
        let mut target = CutTarget {
            files: self.files.clone(),
            blocks: &self.local,
            node: self.cluster.node_id(),
            epoch,
            labels: self.labels.clone(),
            tenant_label: &self.tenant_label,
            draw_ulid: &mut draw_ulid,
        };
        let metas = cut_part(head, part, &mut target);
        let metas = if journal::planted!("G15") { metas.unwrap_or_default() } else { metas? };
        head.drop_part(part)?;
        Ok(metas.len())
    }

    fn draw_ulid(&self, now_ms: i64) -> Ulid {
        let random: u128 = self.random.lock().random();
        Ulid::from_parts(u64::try_from(now_ms).unwrap_or(0), random)
    }

    /// Uploads what is not in the bucket yet, oldest first. A block that fails does not keep the
    /// later ones from being shipped; it is tried again at the next call.
    pub async fn ship(&self, metrics: &Metrics) {
        let blocks = self.local.list();
        let mut waiting = 0;
        for meta in &blocks {
            if self.shipped.lock().contains_key(&meta.ulid) || self.bucket.contains(meta.ulid) {
                continue;
            }
            match self.ship_one(meta.ulid).await {
                Ok(()) => count_upload(metrics, "success"),
                Err(error) => {
                    waiting += 1;
                    count_upload(metrics, "failure");
                    tracing::error!(block = %meta.ulid, %error, "a block could not be uploaded");
                }
            }
        }
        let now_ms = self.cluster.lease().cluster_time_ms();
        if let Some(now_ms) = now_ms.filter(|_| waiting == 0) {
            metrics.upload_last_success_seconds.set(now_ms / 1000);
        }
        metrics.blocks_unshipped.set(waiting);
        metrics.blocks_local.set(blocks.len() as i64);
        self.refresh().await;
    }

    async fn ship_one(&self, ulid: Ulid) -> Result<(), StorageError> {
        let store = self.bucket.bucket().store();
        let (files, dir) = (self.files.as_ref(), self.local.path(ulid));
        let done = upload(store.as_ref(), files, &dir, self.part_bytes).await?;
        if !is_shipped(store.as_ref(), ulid).await? {
            return Err(StorageError::corrupt(ulid.to_string(), "it is not whole in the bucket"));
        }
        self.note_shipped(ulid);
        tracing::info!(block = %ulid, objects = done.objects, bytes = done.bytes, "block uploaded");
        Ok(())
    }

    /// Takes down that a block is whole in the bucket, and answers for how long that is known.
    fn note_shipped(&self, ulid: Ulid) -> Duration {
        self.shipped.lock().entry(ulid).or_insert_with(Instant::now).elapsed()
    }

    async fn refresh(&self) {
        let began = Instant::now();
        let doubt = match self.bucket.refresh().await {
            Ok(report) => {
                *self.listed.lock() = began;
                if report.added + report.removed > 0 {
                    tracing::info!(blocks = report.blocks, added = report.added, "bucket listed");
                }
                None
            }
            Err(error) => {
                tracing::error!(%error, "the bucket could not be listed");
                Some(format!("it could not be listed: {error}"))
            }
        };
        *self.doubt.lock() = doubt;
    }

    /// Why the list of the bucket's blocks may lack something, if it may.
    pub fn doubt(&self) -> Option<String> {
        let age = self.listed.lock().elapsed();
        let old = || format!("it was last listed {} s ago", age.as_secs());
        self.doubt.lock().clone().or_else(|| (age > self.list_age_max).then(old))
    }

    /// Removes local blocks that are older than the retention, whole in the bucket, and served
    /// from there by every node: each has listed the bucket since the block was there, or says
    /// that its list is too old to vouch for anything.
    pub async fn retire(&self, now_ms: i64, retention_ms: i64, metrics: &Metrics) {
        let (mut candidates, mut kept) = (Vec::new(), BTreeMap::new());
        for meta in self.local.list() {
            if meta.max_time > now_ms.saturating_sub(retention_ms) {
                continue;
            }
            let served_from_bucket = self.bucket.contains(meta.ulid);
            kept.extend(self.bucket.why_unreadable(meta.ulid).map(|why| (meta.ulid, why)));
            let store = self.bucket.bucket().store();
            let in_bucket = match is_shipped(store.as_ref(), meta.ulid).await {
                Ok(whole) => whole,
                Err(error) => {
                    tracing::warn!(block = %meta.ulid, %error, "the bucket was asked for a block");
                    false
                }
            };
            if !in_bucket {
                self.shipped.lock().remove(&meta.ulid);
            }
            let in_bucket = in_bucket && self.note_shipped(meta.ulid) > self.list_age_max;
            let (ulid, max_time) = (meta.ulid, meta.max_time);
            candidates.push(LocalBlock { ulid, max_time, in_bucket, served_from_bucket });
        }
        metrics.blocks_unreadable.set(kept.len() as i64);
        self.note_kept(kept);
        let gone = deletable(&candidates, now_ms, retention_ms);
        for ulid in gone.into_iter().filter(|_| !journal::planted!("G37")) {
            match self.local.delete(ulid) {
                Ok(()) => {
                    self.shipped.lock().remove(&ulid);
                    tracing::info!(block = %ulid, "local block is past its retention and removed");
                }
                Err(error) => tracing::error!(block = %ulid, %error, "could not be removed"),
            }
        }
    }

    /// Tells once of each block that stays because nobody could read it from the bucket.
    fn note_kept(&self, kept: BTreeMap<Ulid, String>) {
        let mut known = self.kept.lock();
        for (block, why) in kept.iter().filter(|(block, _)| !known.contains_key(block)) {
            tracing::warn!(
                %block,
                why,
                "a block past its retention stays on this node: it cannot be read from the bucket"
            );
        }
        *known = kept;
    }
}

fn count_upload(metrics: &Metrics, result: &'static str) {
    metrics.uploads.get_or_create(&ResultLabels { result }).inc();
}

/// The bucket of the configuration; a directory in the data directory when none is given.
fn open_bucket(config: &NodeConfig, env: &Env) -> Result<Bucket, NodeError> {
    if let Some(store) = &env.bucket {
        return Ok(Bucket::from_store(store.clone(), "the bucket of this process"));
    }
    let parsed = match &config.bucket {
        BucketConfig::Objstore(yaml) => ObjstoreConfig::parse(yaml)
            .map_err(|error| NodeError::Config(format!("--objstore.config: {error}")))?,
        BucketConfig::Directory(directory) => ObjstoreConfig::filesystem(directory),
    };
    for warning in parsed.warnings() {
        tracing::warn!(warning, "--objstore.config");
    }
    Ok(parsed.open()?)
}
