//! The compaction actor: closes windows by cluster time and cuts their parts into blocks.

use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use storage::cut::{self, CutPolicy};

use super::root::Services;
use super::upload;

/// What the compaction actor is told.
#[derive(Debug)]
pub enum Message {
    /// Look whether something is to be cut.
    Tick,
}

/// Times of windows and blocks.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// When windows close and late parts are cut.
    pub cut: CutPolicy,
    /// How often the actor looks.
    pub tick: Duration,
}

/// How often the actor looks, for windows that are cut so long after their end.
pub fn tick(window_grace: Duration) -> Duration {
    (window_grace / 4).clamp(Duration::from_millis(500), Duration::from_secs(30))
}

/// What it works with.
pub struct Arguments {
    /// Head, blocks, cluster.
    pub services: Services,
    /// Whom to tell of new blocks.
    pub upload: Option<ActorRef<upload::Message>>,
}

/// The compaction actor.
pub struct CompactionActor;

impl Actor for CompactionActor {
    type Msg = Message;
    type State = Arguments;
    type Arguments = Arguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        arguments: Arguments,
    ) -> Result<Arguments, ActorProcessingErr> {
        myself.send_interval(arguments.services.times.tick, || Message::Tick);
        Ok(arguments)
    }

    async fn handle(
        &self,
        _myself: ActorRef<Message>,
        Message::Tick: Message,
        state: &mut Arguments,
    ) -> Result<(), ActorProcessingErr> {
        // Without a lease cluster time stands still, and nothing is cut.
        let Some(now_ms) = state.services.cluster.lease().cluster_time_ms() else { return Ok(()) };
        let cut = cut_due(&state.services, now_ms).await;
        if cut > 0 {
            tracing::info!(blocks = cut, "cut blocks out of the head");
            state.checkpoint().await;
            if let Some(upload) = &state.upload {
                // A dead actor is restarted and looks by itself.
                let _ = upload.cast(upload::Message::BlockCut);
            }
        }
        Ok(())
    }
}

/// Cuts everything that is due; the number of blocks written.
async fn cut_due(services: &Services, now_ms: i64) -> usize {
    let head = &services.head;
    let mut written = 0;
    head.observe_time(now_ms);
    for part in cut::plan(&head.parts(), now_ms, &services.times.cut) {
        match services.blocks.cut(head, part, now_ms).await {
            Ok(blocks) => written += blocks,
            // One part must not keep the others in memory.
            Err(error) => {
                tracing::error!(?part, %error, "a part could not be cut; it is tried again");
            }
        }
    }
    written
}

impl Arguments {
    /// Journals what is still live again, so that the frames of what was cut can go.
    async fn checkpoint(&self) {
        let head = &self.services.head;
        let result = match head.checkpoint().await {
            Ok(done) => head.finish_checkpoint(done),
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            tracing::error!(%error, "no checkpoint was made; the journal keeps growing until one is");
        }
    }
}
