//! The bucket of a life: one for all hosts, in memory, and with the faults of real ones.
//!
//! Each host has a handle of its own, so that it can be cut off alone; faults of the bucket itself
//! are for all. What a request costs in time is simulated time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result,
};
use parking_lot::Mutex;
use storage::block::META_FILE;

use crate::nemesis::BucketFault;
use crate::random::Random;
use crate::trace::SharedTrace;
use crate::world::clock::true_ms;

mod upload;

/// How long a request hangs that times out.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Slowest answer of a slow bucket, milliseconds.
const SLOW_MS_MAX: u64 = 3_000;
/// How long a lagging list lags, milliseconds.
const LAG_MS: i64 = 8_000;

#[derive(Debug)]
struct State {
    random: Random,
    faults: BTreeMap<BucketFault, u64>,
    counts: BTreeMap<&'static str, u64>,
    /// Objects that were made or removed lately: at what true time, and whether they were made.
    recent: BTreeMap<Path, (i64, bool)>,
    /// ULIDs of blocks whose meta was written since somebody looked.
    metas: BTreeSet<String>,
}

/// See the module. Clones are the same bucket.
#[derive(Clone, Debug)]
pub struct Store {
    memory: Arc<InMemory>,
    state: Arc<Mutex<State>>,
    trace: SharedTrace,
}

impl Store {
    /// An empty bucket. `seed` decides which requests fail while some do.
    pub fn new(seed: u64, trace: SharedTrace) -> Store {
        let state = State {
            random: Random::new(seed),
            faults: BTreeMap::new(),
            counts: BTreeMap::new(),
            recent: BTreeMap::new(),
            metas: BTreeSet::new(),
        };
        let memory = Arc::new(InMemory::new());
        Store { memory, state: Arc::new(Mutex::new(state)), trace }
    }

    /// Switches a fault on, for so many of a hundred requests.
    pub fn fail(&self, how: BucketFault, percent: u64) {
        self.state.lock().faults.insert(how, percent);
    }

    /// Switches a fault off.
    pub fn end(&self, how: BucketFault) {
        self.state.lock().faults.remove(&how);
    }

    /// Switches all faults off.
    pub fn heal(&self) {
        self.state.lock().faults.clear();
    }

    /// How often each fault fired.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.state.lock().counts.clone()
    }

    /// What is really in the bucket, for checks.
    pub fn truth(&self) -> Arc<InMemory> {
        self.memory.clone()
    }

    /// Blocks whose `meta.json` was written since this was asked last.
    pub fn take_new_blocks(&self) -> BTreeSet<String> {
        std::mem::take(&mut self.state.lock().metas)
    }

    /// Whether a fault strikes the request at hand.
    fn strikes(&self, how: BucketFault, name: &'static str) -> bool {
        let mut state = self.state.lock();
        let percent = state.faults.get(&how).copied().unwrap_or(0);
        let strikes = percent > 0 && state.random.percent(percent);
        if strikes {
            *state.counts.entry(name).or_default() += 1;
        }
        strikes
    }

    /// What happens to a request before it is carried out; true when the answer gets lost after.
    async fn before(&self, operation: &'static str, path: &Path) -> Result<bool> {
        self.trace.event(format!("bucket {operation} {path}"));
        if self.strikes(BucketFault::Slow, "bucket slow") {
            let ms = self.state.lock().random.below(SLOW_MS_MAX);
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
        if self.strikes(BucketFault::Unreachable, "bucket unreachable") {
            return Err(failure("no route to the bucket"));
        }
        if self.strikes(BucketFault::Forbidden, "bucket credentials") {
            let source = "403: the credentials are expired".into();
            return Err(Error::PermissionDenied { path: path.to_string(), source });
        }
        if self.strikes(BucketFault::Errors, "bucket errors") {
            return Err(failure("503: slow down"));
        }
        if self.strikes(BucketFault::Timeouts, "bucket timeouts") {
            if self.state.lock().random.percent(50) {
                return Ok(true);
            }
            tokio::time::sleep(TIMEOUT).await;
            return Err(failure("timed out"));
        }
        Ok(false)
    }

    /// The answer to a request that was carried out.
    async fn after<T>(&self, is_lost: bool, answer: Result<T>) -> Result<T> {
        if is_lost {
            tokio::time::sleep(TIMEOUT).await;
            return Err(failure("timed out"));
        }
        answer
    }

    fn note(&self, path: &Path, made: bool) {
        self.state.lock().recent.insert(path.clone(), (true_ms(), made));
    }

    /// Whether a list shows an object although it was removed, or leaves it out although it is
    /// there.
    fn lags(&self, path: &Path) -> bool {
        let mut state = self.state.lock();
        if !state.faults.contains_key(&BucketFault::LaggingLists) {
            return false;
        }
        let Some((at, made)) = state.recent.get(path).copied() else { return false };
        let lags = made && true_ms() < at + LAG_MS;
        if lags {
            *state.counts.entry("bucket lagging lists").or_default() += 1;
        }
        lags
    }

    /// A body that breaks off in the middle.
    fn broken(&self, mut result: GetResult) -> GetResult {
        let whole = match result.payload {
            GetResultPayload::Stream(stream) => stream,
            other => return GetResult { payload: other, ..result },
        };
        let half = (result.range.end - result.range.start) / 2;
        let cut = whole.map_ok(move |bytes| bytes.slice(..bytes.len().min(half as usize)));
        let reset = stream::once(async { Err(failure("connection reset")) });
        result.payload = GetResultPayload::Stream(cut.take(1).chain(reset).boxed());
        result
    }
}

fn failure(text: &'static str) -> Error {
    Error::Generic { store: "simulated bucket", source: text.into() }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("simulated bucket")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Store {
    async fn put_opts(
        &self,
        path: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let is_lost = self.before("put", path).await?;
        let is_new = self.memory.head(path).await.is_err();
        let done = self.memory.put_opts(path, payload, options).await;
        if let Some((ulid, META_FILE)) = path.as_ref().split_once('/') {
            self.state.lock().metas.insert(ulid.to_owned());
        }
        if is_new {
            self.note(path, true);
        }
        self.after(is_lost, done).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let is_lost = self.before("begin upload of", path).await?;
        let inner = self.memory.put_multipart_opts(path, options).await;
        let inner = self.after(is_lost, inner).await?;
        Ok(Box::new(upload::Upload::new(self.clone(), path.clone(), inner)))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let is_lost = self.before("get", path).await?;
        let done = self.memory.get_opts(path, options).await;
        let found = self.after(is_lost, done).await?;
        match self.strikes(BucketFault::ShortReads, "bucket short reads") {
            true => Ok(self.broken(found)),
            false => Ok(found),
        }
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let delete = move |path: Path| {
            let store = store.clone();
            async move {
                let is_lost = store.before("delete", &path).await?;
                let one = stream::once(std::future::ready(Ok(path.clone()))).boxed();
                let done = store.memory.delete_stream(one).try_collect::<Vec<_>>().await;
                store.note(&path, false);
                store.after(is_lost, done).await.map(|_| path)
            }
        };
        paths.and_then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (store, prefix) = (self.clone(), prefix.cloned());
        let listed = async move {
            let root = Path::default();
            let is_lost = store.before("list", prefix.as_ref().unwrap_or(&root)).await?;
            let all: Vec<ObjectMeta> = store.memory.list(prefix.as_ref()).try_collect().await?;
            let shown = all.into_iter().filter(|meta| !store.lags(&meta.location)).map(Ok);
            let shown: Vec<Result<ObjectMeta>> = shown.collect();
            store.after(is_lost, Ok(stream::iter(shown))).await
        };
        stream::once(listed).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let root = Path::default();
        let is_lost = self.before("list", prefix.unwrap_or(&root)).await?;
        let mut done = self.memory.list_with_delimiter(prefix).await?;
        done.objects.retain(|meta| !self.lags(&meta.location));
        self.after(is_lost, Ok(done)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let is_lost = self.before("copy", to).await?;
        let done = self.memory.copy_opts(from, to, options).await;
        self.note(to, true);
        self.after(is_lost, done).await
    }
}
