//! Blocks on disks and in the bucket: each is whole (I9), and goes from a disk only when it is in
//! the bucket (I12) and old enough (I14).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::{FutureExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};
use proto::NodeId;
use storage::block::{BlockMeta, META_FILE, ReadOptions};

use crate::fleet::Fleet;
use crate::host::Host;
use crate::invariants::Violation;
use crate::invariants::i09_bucket_whole::{Bucket, read_bucket};
use crate::invariants::i12_local_after_bucket::{self, RemovedBlock};
use crate::invariants::i14_retention;
use crate::life::Stage;
use crate::life::durable::{BLOCKS, HeldBlock, read_block};
use crate::world::store::Store;

mod due;

/// Time between two looks at the local blocks, milliseconds.
const LOOK_MS: i64 = 250;
/// Time between two walks through the bucket, milliseconds.
const WALK_MS: i64 = 30_000;

/// Local blocks that were seen.
#[derive(Default)]
pub struct Shelf {
    options: Option<ReadOptions>,
    /// By host and ULID.
    blocks: BTreeMap<(usize, String), Arc<HeldBlock>>,
    /// ULIDs by host, and the version of its disk that has them.
    names: BTreeMap<usize, (u64, Vec<String>)>,
}

impl Shelf {
    /// The blocks that are durable on a host. One that was damaged since it was first seen is
    /// given as it was.
    pub fn blocks_of(&mut self, index: usize, host: &Host) -> Vec<Arc<HeldBlock>> {
        let names = self.names_of(index, host);
        names.into_iter().filter_map(|name| self.block(index, host, &name)).collect()
    }

    /// ULIDs of the blocks that are durable on a host.
    pub fn names_of(&mut self, index: usize, host: &Host) -> Vec<String> {
        if self.options.is_none() {
            self.options = host.running().map(|running| ReadOptions {
                tenant_label: host.config.receive.tenant_label.clone(),
                tenant_without_label: None,
                cluster_seed: running.cluster.state().cluster_seed.0,
            });
        }
        let version = host.disk.durable_version();
        if let Some((_, names)) = self.names.get(&index).filter(|(of, _)| *of == version) {
            return names.clone();
        }
        let mut names = host.disk.durable_names(Path::new(BLOCKS));
        names.retain(|name| !name.contains('.'));
        self.names.insert(index, (version, names.clone()));
        names
    }

    /// One of them, unless it cannot be read.
    pub fn block(&mut self, index: usize, host: &Host, ulid: &str) -> Option<Arc<HeldBlock>> {
        let key = (index, ulid.to_owned());
        if let Some(block) = self.blocks.get(&key) {
            return Some(block.clone());
        }
        let copy = host.disk.durable_below(&Path::new(BLOCKS).join(ulid));
        let block = Arc::new(read_block(&copy, ulid, self.options.as_ref()?).ok()?);
        self.blocks.insert(key, block.clone());
        Some(block)
    }

    /// Reads the whole bucket.
    pub fn bucket(&self, store: &Store) -> Result<Bucket, Violation> {
        let Some(options) = &self.options else { return Ok(Bucket::default()) };
        read_bucket(&objects(&store.truth(), None), options)
    }

    /// Reads the blocks of the bucket that these nodes wrote.
    pub fn bucket_of(&self, store: &Store, nodes: &BTreeSet<NodeId>) -> Result<Bucket, Violation> {
        let Some(options) = &self.options else { return Ok(Bucket::default()) };
        let mut objects = objects(&store.truth(), None);
        of_nodes(&mut objects, nodes);
        read_bucket(&objects, options)
    }
}

/// Leaves only the blocks that these nodes wrote.
fn of_nodes(objects: &mut BTreeMap<String, Bytes>, nodes: &BTreeSet<NodeId>) {
    let is_by = |(path, bytes): (&String, &Bytes)| {
        let (ulid, name) = path.split_once('/')?;
        let meta = BlockMeta::parse(META_FILE, bytes).ok().filter(|_| name == META_FILE)?;
        let writer = meta.extension()?.get("node")?.as_str()?.to_owned();
        nodes.iter().any(|node| node.to_string() == writer).then(|| ulid.to_owned())
    };
    let own: BTreeSet<String> = objects.iter().filter_map(is_by).collect();
    objects.retain(|path, _| path.split_once('/').is_some_and(|(ulid, _)| own.contains(ulid)));
}

/// See the module.
#[derive(Default)]
pub struct BlockWatch {
    looked_ms: i64,
    walked_ms: i64,
    /// ULIDs on each host at the last look.
    present: BTreeMap<usize, Vec<String>>,
    due: due::DueWatch,
    /// Furthest that cluster time can be ahead, milliseconds.
    ahead_ms: i64,
}

impl BlockWatch {
    /// Looks at what came and went, and now and then at the whole bucket.
    pub fn look(
        &mut self,
        fleet: &Fleet,
        stage: &mut Stage,
        shelf: &mut Shelf,
        store: &Store,
    ) -> Result<(), Violation> {
        self.ahead_ms = self.ahead_ms.max(ahead_ms(fleet));
        for ulid in store.take_new_blocks() {
            check_new(&ulid, stage, shelf, store)?;
        }
        let now_ms = fleet.now_ms();
        if now_ms < self.looked_ms + LOOK_MS {
            return Ok(());
        }
        let before_ms = std::mem::replace(&mut self.looked_ms, now_ms);
        self.check_times(fleet, stage)?;
        for (index, host) in fleet.hosts.iter().enumerate() {
            let names = shelf.names_of(index, host);
            let before = self.present.insert(index, names.clone()).unwrap_or_default();
            let robbed_ms = stage.health.hosts[index].damaged_ms;
            for ulid in &names {
                if !before.contains(ulid) {
                    let is_late = shelf.block(index, host, ulid).is_some_and(|block| block.is_late);
                    stage.sometimes(if is_late { "late part cut" } else { "window cut" });
                }
            }
            for ulid in before.iter().filter(|ulid| !names.contains(ulid)) {
                let block = shelf.blocks.remove(&(index, ulid.clone()));
                if robbed_ms.is_none_or(|robbed_ms| robbed_ms < before_ms)
                    && let Some(block) = block
                {
                    self.check_removed(host, ulid, &block, (fleet, store), shelf, stage)?;
                }
            }
        }
        if now_ms >= self.walked_ms + WALK_MS {
            self.walk(now_ms, stage, shelf, store)?;
        }
        self.due.look(fleet, stage, shelf)
    }

    /// Checks what nodes take for cluster time.
    fn check_times(&self, fleet: &Fleet, stage: &mut Stage) -> Result<(), Violation> {
        for host in &fleet.hosts {
            if let Some(running) = host.running() {
                i14_retention::check_time(&host.name, running.cluster_ahead_ms(), self.ahead_ms)?;
                stage.checked("I14");
            }
        }
        Ok(())
    }

    /// Reads the whole bucket.
    pub fn walk(
        &mut self,
        now_ms: i64,
        stage: &mut Stage,
        shelf: &Shelf,
        store: &Store,
    ) -> Result<(), Violation> {
        self.walked_ms = now_ms;
        let bucket = shelf.bucket(store)?;
        crate::invariants::i04_tenants_apart::check_values(
            stage.traffic.tenants(),
            "the bucket",
            &bucket.contents,
        )?;
        stage.checked("I9");
        Ok(())
    }

    fn check_removed(
        &self,
        host: &Host,
        ulid: &str,
        block: &HeldBlock,
        (fleet, store): (&Fleet, &Store),
        shelf: &Shelf,
        stage: &mut Stage,
    ) -> Result<(), Violation> {
        stage.sometimes("local block removed");
        let removed = RemovedBlock {
            node: host.name.clone(),
            ulid: ulid.to_owned(),
            at_ms: fleet.now_ms(),
            contents: block.contents.clone(),
            max_time_ms: block.max_time_ms,
        };
        let retention_ms = i64::try_from(host.config.tsdb.retention.as_millis()).unwrap_or(0);
        let cluster_ms_max = fleet.now_ms() + self.ahead_ms;
        i14_retention::check_removed(&removed, cluster_ms_max, retention_ms)?;
        stage.checked("I14");
        stage.checked("I12");
        let Some(options) = &shelf.options else { return Ok(()) };
        let own = objects(&store.truth(), Some(ulid));
        let own = read_bucket(&own, options)?;
        if i12_local_after_bucket::check(&removed, &own.contents).is_ok() {
            return Ok(());
        }
        i12_local_after_bucket::check(&removed, &shelf.bucket(store)?.contents)
    }
}

/// How far cluster time can be ahead of true time because of clocks that are so now. It is the
/// median, of two the lower, so that one clock alone does not count.
fn ahead_ms(fleet: &Fleet) -> i64 {
    let mut offsets: Vec<i64> = fleet.hosts.iter().map(|host| host.clock.offset_ms()).collect();
    offsets.sort_unstable_by(|a, b| b.cmp(a));
    offsets.get(1).copied().unwrap_or(0).max(0)
}

/// A block that was just finished in the bucket is whole at once.
fn check_new(ulid: &str, stage: &mut Stage, shelf: &Shelf, store: &Store) -> Result<(), Violation> {
    let Some(options) = &shelf.options else { return Ok(()) };
    read_bucket(&objects(&store.truth(), Some(ulid)), options)?;
    stage.checked("I9");
    Ok(())
}

/// Everything that is in the bucket now, or all of one block.
fn objects(store: &InMemory, ulid: Option<&str>) -> BTreeMap<String, Bytes> {
    let all = async {
        let prefix = ulid.map(object_store::path::Path::from);
        let listed: Vec<_> = store.list(prefix.as_ref()).try_collect().await?;
        let mut objects = BTreeMap::new();
        for meta in listed {
            let bytes = store.get(&meta.location).await?.bytes().await?;
            objects.insert(meta.location.to_string(), bytes);
        }
        Ok::<_, object_store::Error>(objects)
    };
    let all = all.now_or_never().expect("a store in memory never waits");
    all.expect("a store in memory never fails")
}
