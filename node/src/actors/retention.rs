//! The retention actor: removes local blocks that are old enough and safely in the bucket.

use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::compaction;
use super::root::Services;
use crate::blocks;
use crate::config::NodeConfig;

/// How often the actor looks at least.
const LOOK_EVERY_MAX: Duration = Duration::from_secs(60);

/// How often the actor looks, if the compaction actor does every `tick`.
fn look_every(tick: Duration) -> Duration {
    LOOK_EVERY_MAX.min(tick * 10)
}

/// For how long at most a block stays on local disk after it may go, counted from when the node
/// started, got its lease back, or the bucket failed last: until a look finds it in the bucket,
/// until no node's list of the bucket may be older than that, and until the next look.
pub fn removal_delay_max(config: &NodeConfig) -> Duration {
    look_every(compaction::tick(config.tsdb.window_grace)) * 2 + blocks::list_age_max(config)
}

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
        myself.send_interval(look_every(services.times.tick), || Message::Tick);
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
