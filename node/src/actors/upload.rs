//! The upload actor: brings local blocks to the bucket, oldest first, and remembers which are
//! there.

use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::root::Services;

/// What the upload actor is told.
#[derive(Debug)]
pub enum Message {
    /// There may be new blocks.
    BlockCut,
    /// Look anyway: a failed upload is tried again.
    Tick,
}

/// The upload actor.
pub struct UploadActor;

impl Actor for UploadActor {
    type Msg = Message;
    type State = Services;
    type Arguments = Services;

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        services: Services,
    ) -> Result<Services, ActorProcessingErr> {
        myself.cast(Message::BlockCut)?;
        myself.send_interval(services.sync_interval, || Message::Tick);
        Ok(services)
    }

    async fn handle(
        &self,
        _myself: ActorRef<Message>,
        _message: Message,
        services: &mut Services,
    ) -> Result<(), ActorProcessingErr> {
        services.blocks.ship(&services.metrics).await;
        Ok(())
    }
}
