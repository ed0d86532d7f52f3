//! Bounded lanes from the edges to this node's head partitions.
//!
//! A lane is a queue with one reader, which is the only writer of its partitions. A job carries
//! all batches of one request for that lane, so that a request takes one hop per lane, whatever
//! its number of samples.

use std::sync::Arc;

use proto::SampleBatch;
use storage::StorageError;
use storage::head::{Appended, Head};
use tokio::sync::{mpsc, oneshot};

/// Jobs that may wait in one lane. Bytes are bounded by the budgets of the edges.
pub const LANE_JOBS_MAX: usize = 1024;

/// One request's work for one lane.
pub struct Job {
    parts: Vec<(usize, SampleBatch)>,
    reply: oneshot::Sender<Answers>,
}

/// What became of each batch of a job.
type Answers = Vec<Result<Appended, StorageError>>;
/// A job that is under way, and for each of its batches where its series are in the request.
type Outstanding = (oneshot::Receiver<Answers>, Vec<Vec<u32>>);

/// The reading end of a lane.
pub type LaneReader = mpsc::Receiver<Job>;

/// The sending ends of all lanes of a node.
#[derive(Clone)]
pub struct Lanes {
    head: Arc<Head>,
    senders: Vec<mpsc::Sender<Job>>,
}

/// What appending a batch to this node's head came to. Everything not named is durable.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct LocalOutcome {
    /// Indexes of series that the head does not know.
    pub unknown: Vec<u32>,
    /// Indexes of new series that were refused because the head is full.
    pub over_limit: Vec<u32>,
    /// Samples that differ from what is stored: (index of the series, timestamp).
    pub conflicts: Vec<(u32, i64)>,
}

/// Why a batch could not be made durable here.
#[derive(Debug, thiserror::Error)]
pub enum LaneError {
    /// The lane is full or closed.
    #[error("the lane of a head partition is {0}")]
    Lane(&'static str),
    /// The head or its journal refused.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Lanes {
    /// Makes `lanes` lanes over a head; each reader must be run by [`run_lane`].
    pub fn new(head: Arc<Head>, lanes: usize) -> (Lanes, Vec<LaneReader>) {
        let (senders, readers) = (0..lanes.max(1)).map(|_| mpsc::channel(LANE_JOBS_MAX)).unzip();
        (Lanes { head, senders }, readers)
    }

    /// Appends a batch and waits until it is durable.
    pub async fn append(&self, batch: &SampleBatch) -> Result<LocalOutcome, LaneError> {
        let mut jobs: Vec<Vec<(usize, SampleBatch)>> = vec![Vec::new(); self.senders.len()];
        let mut origins = vec![Vec::new(); self.senders.len()];
        for (partition, piece, origin) in self.head.scatter(batch) {
            let lane = partition % self.senders.len();
            origins[lane].push(origin);
            jobs[lane].push((partition, piece));
        }
        let mut replies = Vec::with_capacity(jobs.len());
        for ((sender, parts), origin) in self.senders.iter().zip(jobs).zip(origins) {
            if parts.is_empty() {
                continue;
            }
            let (reply, answer) = oneshot::channel();
            sender.try_send(Job { parts, reply }).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => LaneError::Lane("full"),
                mpsc::error::TrySendError::Closed(_) => LaneError::Lane("closed"),
            })?;
            replies.push((answer, origin));
        }
        self.gather(replies).await
    }

    async fn gather(&self, replies: Vec<Outstanding>) -> Result<LocalOutcome, LaneError> {
        let mut outcome = LocalOutcome::default();
        let mut position = None;
        for (answer, origins) in replies {
            let answers = answer.await.map_err(|_| LaneError::Lane("closed"))?;
            for (appended, origin) in answers.into_iter().zip(origins) {
                let appended = appended?;
                position = position.max(Some(appended.position));
                outcome.unknown.extend(appended.unknown.iter().map(|i| origin[*i as usize]));
                let over_limit = appended.over_limit.iter();
                outcome.over_limit.extend(over_limit.map(|i| origin[*i as usize]));
                let conflicts = appended.conflicts.iter();
                outcome.conflicts.extend(conflicts.map(|(i, t)| (origin[*i as usize], *t)));
            }
        }
        if let Some(position) = position.filter(|_| !journal::planted!("M3")) {
            self.head.journal().wait_durable(position).await.map_err(StorageError::from)?;
        }
        outcome.unknown.sort_unstable();
        Ok(outcome)
    }
}

/// Serves a lane until every sender is gone. Blocks for each job: runs on a thread of its own.
pub async fn run_lane(head: &Head, reader: &mut LaneReader) {
    while let Some(job) = reader.recv().await {
        serve(head, job);
    }
}

fn serve(head: &Head, job: Job) {
    let append = |(partition, batch): &(usize, SampleBatch)| head.append(*partition, batch);
    let answers = job.parts.iter().map(append).collect();
    // The requester may have given up; what was appended is a copy nobody counts.
    let _ = job.reply.send(answers);
}
