//! The retention actor: removes local blocks that are old enough and safely in the bucket.

use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::root::Services;

/// How often the actor looks.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// What the retention actor is told.
#[derive(Debug)]
pub enum Message {
    /// Look whether something may go.
    Tick,
}

/// The retention actor.
pub struct RetentionActor;

impl Actor for RetentionActor {
    type Msg = Message;
    type State = Services;
    type Arguments = Services;

    async fn pre_start(
        &self,
        myself: ActorRef<Message>,
        services: Services,
    ) -> Result<Services, ActorProcessingErr> {
        let every = LOOK_EVERY.min(services.times.tick * 10);
        myself.send_interval(every, || Message::Tick);
        Ok(services)
    }

    async fn handle(
        &self,
        _myself: ActorRef<Message>,
        Message::Tick: Message,
        services: &mut Services,
    ) -> Result<(), ActorProcessingErr> {
        // Without a lease nothing is deleted.
        let lease = services.cluster.lease();
        if let Some(now_ms) = lease.cluster_time_ms().filter(|_| lease.valid()) {
            let retention_ms = services.retention_ms;
            services.blocks.retire(now_ms, retention_ms, &services.metrics).await;
        }
        Ok(())
    }
}
