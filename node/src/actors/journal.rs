//! The journal actor: owns the thread that writes and fsyncs what the partitions staged.
//!
//! A journal that failed acknowledges nothing more, so its failure ends the node: recovery at the
//! next start decides what is on the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use journal::JournalError;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use storage::head::Head;

use crate::env::Threads;

/// What the journal actor is told.
#[derive(Debug)]
pub enum Message {
    /// The thread ended; the text says why.
    Ended(String),
}

/// What it works with.
pub struct Arguments {
    /// The head whose journal it drives.
    pub head: Arc<Head>,
    /// Where its thread comes from.
    pub threads: Arc<dyn Threads>,
}

/// The journal actor.
pub struct JournalActor;

impl Actor for JournalActor {
    type Msg = Message;
    type State = ();
    type Arguments = Arguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        arguments: Arguments,
    ) -> Result<(), ActorProcessingErr> {
        let Arguments { head, threads } = arguments;
        let driver = Driver { head, threads: threads.clone(), preparing: Arc::default() };
        let work = async move {
            if let Some(reason) = driver.run().await {
                // Nobody to tell means that the node is stopping.
                let _ = myself.cast(Message::Ended(reason));
            }
        };
        threads.spawn("journal", Box::pin(work))?;
        Ok(())
    }

    async fn handle(
        &self,
        _myself: ActorRef<Message>,
        message: Message,
        _state: &mut (),
    ) -> Result<(), ActorProcessingErr> {
        let Message::Ended(reason) = message;
        Err(reason.into())
    }
}

/// While the disk is full it is tried again this often.
const FULL_DISK_RETRY: Duration = Duration::from_millis(200);

/// Commits whatever is staged, as soon as it is there.
struct Driver {
    head: Arc<Head>,
    threads: Arc<dyn Threads>,
    preparing: Arc<AtomicBool>,
}

impl Driver {
    /// Runs until the journal is closed (`None`) or failed (why).
    async fn run(&self) -> Option<String> {
        let journal = self.head.journal();
        while journal.wait_staged().await {
            match journal.commit() {
                Ok(_) => self.prepare(),
                Err(JournalError::NoSpace(cause)) => {
                    tracing::error!(%cause, "the disk is full: writes are refused until it is not");
                    tokio::time::sleep(FULL_DISK_RETRY).await;
                }
                Err(error) => return Some(error.to_string()),
            }
        }
        None
    }

    /// Has the next segment pre-written beside the commits.
    fn prepare(&self) {
        let journal = self.head.journal();
        if journal.stats().spare_segments > 0 || self.preparing.swap(true, Ordering::SeqCst) {
            return;
        }
        let (journal, preparing) = (journal.clone(), self.preparing.clone());
        self.threads.block(Box::new(move || {
            if let Err(error) = journal.prepare_next() {
                tracing::warn!(%error, "the next journal segment could not be prepared");
            }
            preparing.store(false, Ordering::SeqCst);
        }));
    }
}
