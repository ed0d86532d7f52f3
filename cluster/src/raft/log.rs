//! Raft's log and vote in a journal of their own.
//!
//! Everything is held in memory as well: snapshots keep the log short. A vote is durable before
//! `save_vote` returns, entries before their callback is called. After a purge the log is written
//! as one image and older segments are released.
//!
//! What was acknowledged is marked beside the journal before anybody hears of it. A log that does
//! not reach to its mark after a start was damaged: it *owes* entries until a leader has sent them
//! again. Until then its node gives its vote only to those that have what was lost, and asks for
//! none: so it counts in elections exactly as if it still had the entries.

use std::fmt::Debug;
use std::io;
use std::ops::RangeBounds;
use std::path::Path;
use std::sync::Arc;

use futures::channel::oneshot;
use journal::files::Files;
use journal::{Journal, Options, Position};
use openraft::entry::RaftEntry;
use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};
use openraft::{OptionalSend, RaftTypeConfig};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::frames::{self, LogImage, Replay, Replayed, STREAM};
use super::mark::{Mark, MarkFile};
use super::types::{LogId, TypeConfig, Vote};
use crate::error::Result;
use crate::options::Blocking;

/// Unused segments that are kept ready.
const SPARE_SEGMENTS_MAX: usize = 1;

/// The file of the mark, beside the journal's directory.
const MARK_NAME: &str = "acknowledged";

/// Sizes of the log's files.
#[derive(Clone, Copy, Debug)]
pub struct LogSizes {
    /// A segment file; an image of the log must fit into half of it.
    pub segment_bytes: u64,
    /// A file that is given up when the disk is full, so that the control plane goes on.
    pub ballast_bytes: u64,
}

impl Default for LogSizes {
    fn default() -> Self {
        LogSizes { segment_bytes: 4 << 20, ballast_bytes: 4 << 20 }
    }
}

/// The log. Clones share it.
#[derive(Clone, Debug)]
pub struct RaftLog {
    shared: Arc<Shared>,
}

struct Shared {
    journal: Arc<Journal>,
    image: Mutex<LogImage>,
    mark: MarkFile,
    owed: Mutex<Option<LogId>>,
    blocking: Blocking,
    fatal: watch::Sender<Option<String>>,
    image_bytes_max: u64,
}

impl Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("last", &self.image.lock().last()).finish_non_exhaustive()
    }
}

impl RaftLog {
    /// Opens the journal in `dir` and replays it. A failing disk is told through `fatal`.
    pub fn open(
        files: Arc<dyn Files>,
        dir: &Path,
        (sizes, salt_seed): (LogSizes, u64),
        blocking: Blocking,
        fatal: watch::Sender<Option<String>>,
    ) -> Result<RaftLog> {
        let options = Options {
            segment_bytes: sizes.segment_bytes,
            ballast_bytes: sizes.ballast_bytes,
            spare_segments_max: SPARE_SEGMENTS_MAX,
            salt_seed,
            ..Options::default()
        };
        let mut replay = Replay::default();
        let take = &mut |at, frame: journal::FrameRef<'_>| replay.take(at, frame.payload);
        let marks = files.clone();
        let (journal, recovery) = Journal::open(files, dir, options, take)?;
        let mark = MarkFile::open(&*marks, &dir.with_file_name(MARK_NAME))?;
        let Replayed { log: image, owed, must_rewrite } =
            replay.finish(&recovery, mark.read().as_ref())?;
        let shared = Shared {
            journal: Arc::new(journal),
            image: Mutex::new(image),
            mark,
            owed: Mutex::new(owed),
            blocking,
            fatal,
            image_bytes_max: sizes.segment_bytes / 2,
        };
        let log = RaftLog { shared: Arc::new(shared) };
        if must_rewrite {
            log.write_anew()?;
        }
        log.shared.mark.write(&log.reached())?;
        Ok(log)
    }

    /// Writes what could be read as one image: nothing before it matters any more.
    fn write_anew(&self) -> Result<()> {
        match self.owed() {
            None => tracing::warn!("the end of the Raft log was torn; it is written anew"),
            Some(owed) => tracing::error!(
                last = ?self.shared.image.lock().last(), ?owed,
                "the Raft log is damaged and lost entries; a leader has to send them again"
            ),
        }
        let at = self.stage(&frames::image(&self.shared.image.lock())?)?;
        commit_through(&self.shared.journal, at)?;
        self.shared.journal.release(at)?;
        Ok(())
    }

    /// The last entry that this log acknowledged and lost; `None` when it has all of them.
    pub fn owed(&self) -> Option<LogId> {
        *self.shared.owed.lock()
    }

    /// What is acknowledged once the image is durable. What is owed stays so.
    fn reached(&self) -> Mark {
        let image = self.shared.image.lock();
        let vote = match journal::planted!("G31") {
            true => self.shared.mark.read().and_then(|mark| mark.vote),
            false => image.vote,
        };
        Mark { vote, last: image.last().max(self.owed()) }
    }

    /// Looks whether what was lost is there again.
    fn settle(&self) {
        let last = self.shared.image.lock().last();
        let settled = self.shared.owed.lock().take_if(|owed| last >= Some(*owed));
        if let Some(owed) = settled {
            tracing::info!(?owed, "the Raft log has again what it had lost");
        }
    }

    /// Whether exactly this entry is in the log or was the last to be purged.
    pub fn contains(&self, id: &LogId) -> bool {
        self.shared.image.lock().contains(id)
    }

    /// Whether nothing was ever written.
    pub fn is_pristine(&self) -> bool {
        *self.shared.image.lock() == LogImage::default()
    }

    /// Has a look at what is held in memory.
    pub(super) fn with_image<T>(&self, look: impl FnOnce(&LogImage) -> T) -> T {
        look(&self.shared.image.lock())
    }

    fn stage(&self, payload: &[u8]) -> io::Result<Position> {
        self.shared.journal.stage(STREAM, 0, payload).map_err(|e| self.failed(&e))
    }

    fn failed(&self, error: &dyn std::error::Error) -> io::Error {
        let text = format!("the Raft log failed: {error}");
        self.shared.fatal.send_replace(Some(text.clone()));
        io::Error::other(text)
    }

    /// Waits until everything up to `end` and then the mark are on the disk.
    async fn commit(&self, end: Position, mark: Mark) -> io::Result<()> {
        let shared = self.shared.clone();
        self.block(move || {
            commit_through(&shared.journal, end).map_err(io::Error::other)?;
            shared.mark.write(&mark)
        })
        .await
    }

    /// Does work that waits for the disk. Its failure is fatal.
    async fn block<F>(&self, work: F) -> io::Result<()>
    where
        F: FnOnce() -> io::Result<()> + Send + 'static,
    {
        let (done, result) = oneshot::channel();
        let work = Box::new(move || {
            // The receiver is gone only when Raft is being shut down.
            done.send(work()).ok();
        });
        (self.shared.blocking)(work).await;
        match result.await {
            Ok(done) => done.map_err(|e| self.failed(&e)),
            Err(_) => Err(self.failed(&io::Error::other("the blocking work was dropped"))),
        }
    }
}

fn commit_through(journal: &Journal, end: Position) -> journal::Result<()> {
    while journal.commit()? < end {}
    Ok(())
}

impl RaftLogReader<TypeConfig> for RaftLog {
    async fn try_get_log_entries<RB>(
        &mut self,
        range: RB,
    ) -> io::Result<Vec<<TypeConfig as RaftTypeConfig>::Entry>>
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let image = self.shared.image.lock();
        Ok(image.entries.range(range).map(|(_, entry)| entry.clone()).collect())
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(self.shared.image.lock().vote)
    }
}

impl RaftLogStorage<TypeConfig> for RaftLog {
    type LogReader = RaftLog;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        let image = self.shared.image.lock();
        Ok(LogState { last_purged_log_id: image.purged, last_log_id: image.last() })
    }

    async fn get_log_reader(&mut self) -> RaftLog {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        if !journal::planted!("G31") {
            let at = self.stage(&frames::vote(vote)?)?;
            self.commit(at, Mark { vote: Some(*vote), ..self.reached() }).await?;
        }
        self.shared.image.lock().vote = Some(*vote);
        Ok(())
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        // Not synced by itself: the next entry or vote takes it along, and a lost one only means
        // that the node applies a little later after a restart.
        self.stage(&frames::committed(&committed)?)?;
        self.shared.image.lock().committed = committed;
        Ok(())
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        Ok(self.shared.image.lock().committed)
    }

    async fn append<I>(&mut self, entries: I, done: IOFlushed<TypeConfig>) -> io::Result<()>
    where
        I: IntoIterator<Item = <TypeConfig as RaftTypeConfig>::Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut end = Position::ZERO;
        for entry in entries {
            end = self.stage(&frames::entry(&entry)?)?;
            self.shared.image.lock().entries.insert(entry.log_id().index, entry);
        }
        let written =
            if journal::planted!("G32") { Ok(()) } else { self.commit(end, self.reached()).await };
        if written.is_ok() {
            self.settle();
        }
        done.io_completed(written);
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        let from = last.map_or(0, |id| id.index + 1);
        let at = self.stage(&frames::truncate(from)?)?;
        self.shared.image.lock().truncate_from(from);
        let (shared, mark) = (self.shared.clone(), self.reached());
        // The mark first: it must never say that more was acknowledged than there has to be.
        self.block(move || {
            shared.mark.write(&mark)?;
            commit_through(&shared.journal, at).map_err(io::Error::other)
        })
        .await
    }

    async fn purge(&mut self, id: LogId) -> io::Result<()> {
        let bytes = {
            let mut image = self.shared.image.lock();
            let all = image.last().filter(|_| journal::planted!("G34"));
            image.purge(all.unwrap_or(id));
            frames::image(&image)?
        };
        if bytes.len() as u64 > self.shared.image_bytes_max {
            // Nothing is lost: after a restart the purged entries are there once more.
            let (has, limit) = (bytes.len(), self.shared.image_bytes_max);
            tracing::warn!(has, limit, "the Raft log is too large to be written as one image");
            return Ok(());
        }
        let at = self.stage(&bytes)?;
        self.commit(at, self.reached()).await?;
        self.settle();
        if let Err(error) = self.shared.journal.release(at) {
            tracing::warn!(%error, "old segments of the Raft log stay for now");
        }
        Ok(())
    }
}
