//! The journal: stage, commit, wait, release.

use std::collections::VecDeque;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tracing::error;

use crate::Position;
use crate::error::{JournalError, Result};
use crate::files::Files;
use crate::frame::{FrameHeader, FrameRef};
use crate::options::Options;
use crate::recovery::Recovery;
use crate::shelf::Shelf;
use crate::staging::{Group, Staging};
use crate::writer::{Live, Writer};

mod open;

/// What waiters look at.
#[derive(Debug, Clone, Default)]
struct Status {
    durable: Position,
    /// A commit found no space while this was the last staged position.
    starved: Option<(Position, Arc<str>)>,
    failed: Option<Arc<str>>,
}

/// Sizes for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Segment files that hold frames.
    pub segments: usize,
    /// Segment files ready for use.
    pub spare_segments: usize,
    /// Bytes that wait for a commit.
    pub staged_bytes: u64,
    /// Last durable position.
    pub durable: Position,
    /// Last staged position.
    pub last_staged: Position,
}

/// One directory of segments. Share it behind an `Arc`: every method takes `&self`.
///
/// Locks are taken in the order writer, shelf, live segments; staging is taken alone.
#[derive(Debug)]
pub struct Journal {
    staging: Mutex<Staging>,
    staged: Notify,
    status: watch::Sender<Status>,
    writer: Mutex<Writer>,
    shelf: Arc<Mutex<Shelf>>,
    live: Arc<Mutex<VecDeque<Live>>>,
    frame_bytes_max: u64,
    dir: PathBuf,
}

impl Journal {
    /// Reads what is there, handing every readable frame to `replay` in order of position, and
    /// makes the journal ready for new frames. All frames handed over are durable on return.
    /// Damage is no error: it is in the [`Recovery`]. An error of `replay` stops at once.
    pub fn open<E>(
        files: Arc<dyn Files>,
        dir: &Path,
        options: Options,
        replay: &mut dyn FnMut(Position, FrameRef<'_>) -> std::result::Result<(), E>,
    ) -> Result<(Self, Recovery)>
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        open::open(files, dir, options, &mut |position, frame| {
            replay(position, frame).map_err(|error| JournalError::Replay(error.into().into()))
        })
    }

    /// Copies a frame into the staging buffer and numbers it. It is durable when
    /// [`Journal::durable`] reaches the answer.
    ///
    /// # Errors
    /// `Full`, `NoSpace`: retry later. `FrameTooLarge`: reject. `Failed`, `Closed`: for good.
    pub fn stage(&self, stream: u32, epoch: u64, payload: &[u8]) -> Result<Position> {
        let bytes = payload.len() as u64;
        if bytes > self.frame_bytes_max {
            return Err(JournalError::FrameTooLarge { bytes, limit: self.frame_bytes_max });
        }
        let header = FrameHeader {
            payload_bytes: bytes as u32,
            stream,
            position: Position::ZERO,
            epoch,
            synced: Position::ZERO,
            payload_crc: crc32c::crc32c(payload),
        };
        let position = self.staging.lock().push(header, payload)?;
        self.staged.notify_one();
        Ok(position)
    }

    /// Writes the oldest group of staged frames (at most `group_bytes_max`) with one sync and
    /// answers what is durable then. Does nothing when nothing is staged. Blocks on the disk;
    /// callers queue up, but one driver is enough.
    ///
    /// # Errors
    /// `NoSpace`: the frames stay staged, `stage` refuses new ones; call again in a while.
    /// `Failed`: nothing staged will be durable; restart.
    pub fn commit(&self) -> Result<Position> {
        let mut writer = self.writer.lock();
        let durable = self.durable();
        let Some(mut group) = self.staging.lock().take()? else { return Ok(durable) };
        match writer.write(&mut group, durable) {
            Ok(()) => Ok(self.committed(group)),
            Err(JournalError::NoSpace(_)) if crate::planted!("M20") => Ok(self.committed(group)),
            Err(JournalError::NoSpace(cause)) => Err(self.starved(group, cause)),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn committed(&self, group: Group) -> Position {
        let durable = group.last;
        self.staging.lock().written(group);
        self.status.send_modify(|status| {
            status.durable = durable;
            status.starved = None;
        });
        durable
    }

    fn starved(&self, group: Group, cause: Arc<str>) -> JournalError {
        let last = {
            let mut staging = self.staging.lock();
            staging.put_back(group, cause.clone());
            staging.last()
        };
        self.status.send_modify(|status| status.starved = Some((last, cause.clone())));
        JournalError::NoSpace(cause)
    }

    fn failed(&self, error: &JournalError) -> JournalError {
        let cause: Arc<str> = match error {
            JournalError::Failed(cause) => cause.clone(),
            other => other.to_string().into(),
        };
        error!(dir = %self.dir.display(), %cause, "journal failed");
        self.staging.lock().fail(cause.clone());
        self.status.send_modify(|status| status.failed = Some(cause.clone()));
        self.staged.notify_one();
        JournalError::Failed(cause)
    }

    /// Every position up to this one survives a crash.
    pub fn durable(&self) -> Position {
        self.status.borrow().durable
    }

    /// The position that was handed out last.
    pub fn last_staged(&self) -> Position {
        self.staging.lock().last()
    }

    /// Returns when `position` is durable. Dropping the future is harmless.
    ///
    /// # Errors
    /// `NoSpace`, `Failed`: the frame is not known to be durable, now or (after `NoSpace`, or
    /// after a restart) later. Never acknowledge it.
    pub async fn wait_durable(&self, position: Position) -> Result<()> {
        let mut status = self.status.subscribe();
        loop {
            if let Some(outcome) = status.borrow_and_update().outcome(position) {
                return outcome;
            }
            if status.changed().await.is_err() {
                return Err(JournalError::Closed);
            }
        }
    }

    /// Returns `true` when something waits for a commit, `false` when nothing ever will (closed
    /// and all written, or failed). For the one driver.
    pub async fn wait_staged(&self) -> bool {
        loop {
            let notified = self.staged.notified();
            {
                let staging = self.staging.lock();
                if !staging.is_empty() {
                    return true;
                }
                if staging.is_closed() || staging.is_failed() {
                    return false;
                }
            }
            notified.await;
        }
    }

    /// Refuses new frames from now on. What is staged can still be committed.
    pub fn close(&self) {
        self.staging.lock().close();
        self.staged.notify_one();
    }

    /// Pre-writes the next segment if none is ready, and answers whether one is now. The driver
    /// calls it, on a thread that may block, after commits; else the commit that fills a segment
    /// does that work.
    ///
    /// # Errors
    /// `NoSpace`, `Io`: nothing is harmed; call again in a while.
    pub fn prepare_next(&self) -> Result<()> {
        self.shelf.lock().prepare()
    }

    /// Gives up frames before `before`: segments in which every frame is older are recycled.
    /// Answers how many were. The newest segment always stays.
    ///
    /// # Errors
    /// `Io`: nothing is harmed; a later call continues.
    pub fn release(&self, before: Position) -> Result<usize> {
        let mut shelf = self.shelf.lock();
        let mut released = 0;
        loop {
            let oldest = {
                let live = self.live.lock();
                match (live.front(), live.get(1)) {
                    (Some(oldest), Some(next)) if next.first <= before => *oldest,
                    (Some(oldest), Some(_)) if crate::planted!("G11") && oldest.first < before => {
                        *oldest
                    }
                    _ => return Ok(released),
                }
            };
            shelf.recycle(oldest.sequence)?;
            self.live.lock().pop_front();
            released += 1;
        }
    }

    /// Sizes now.
    pub fn stats(&self) -> Stats {
        let spare_segments = self.shelf.lock().spares();
        let segments = self.live.lock().len();
        let durable = self.durable();
        let staging = self.staging.lock();
        Stats {
            segments,
            spare_segments,
            staged_bytes: staging.bytes(),
            durable,
            last_staged: staging.last(),
        }
    }
}

impl Status {
    fn outcome(&self, position: Position) -> Option<Result<()>> {
        if position <= self.durable {
            return Some(Ok(()));
        }
        if let Some(cause) = &self.failed {
            return Some(Err(JournalError::Failed(cause.clone())));
        }
        match &self.starved {
            Some((last, cause)) if position <= *last => {
                Some(Err(JournalError::NoSpace(cause.clone())))
            }
            _ => None,
        }
    }
}
