//! The root supervisor: starts the actors, restarts those that fail, and ends the node when that
//! does not help.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cluster::Cluster;
use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use storage::head::Head;
use tokio::sync::mpsc;

use super::{compaction, journal, membership, retention, upload};
use crate::blocks::Blocks;
use crate::env::Threads;
use crate::metrics::Metrics;
use crate::readiness::Readiness;

/// Restarts of actors in one life of the node; one more ends it.
const RESTARTS_MAX: u32 = 20;

/// What all actors work with.
#[derive(Clone)]
pub struct Services {
    /// The cluster.
    pub cluster: Cluster,
    /// The head.
    pub head: Arc<Head>,
    /// Local blocks and bucket.
    pub blocks: Arc<Blocks>,
    /// Threads and blocking work.
    pub threads: Arc<dyn Threads>,
    /// Readiness of the node.
    pub readiness: Arc<Readiness>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Whether this node takes writes, and for which ring.
    pub hashring: Option<String>,
    /// Times of windows and blocks.
    pub times: compaction::Times,
    /// How often the bucket is listed and uploads are tried again.
    pub sync_interval: Duration,
    /// How long blocks stay on local disk, in ms.
    pub retention_ms: i64,
    /// Where the end of the node is told.
    pub fatal: mpsc::UnboundedSender<String>,
}

/// The actors that the root starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Child {
    Journal,
    Membership,
    Upload,
    Compaction,
    Retention,
}

/// What the root remembers.
pub struct State {
    services: Services,
    children: BTreeMap<ActorId, (Child, ActorCell)>,
    upload: Option<ActorRef<upload::Message>>,
    restarts: u32,
}

/// The root supervisor. It has no messages of its own.
pub struct Root;

impl Actor for Root {
    type Msg = ();
    type State = State;
    type Arguments = Services;

    async fn pre_start(
        &self,
        myself: ActorRef<()>,
        services: Services,
    ) -> Result<State, ActorProcessingErr> {
        let children = BTreeMap::new();
        let mut state = State { services, children, upload: None, restarts: 0 };
        // Leaves first: whoever is told something starts before the one that tells.
        for child in
            [Child::Journal, Child::Membership, Child::Upload, Child::Compaction, Child::Retention]
        {
            state.start(child, &myself).await?;
        }
        Ok(state)
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<()>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(who, why) => {
                state.recover(who.get_id(), &why.to_string(), &myself).await
            }
            _ => Ok(()),
        }
    }
}

impl State {
    async fn start(&mut self, child: Child, me: &ActorRef<()>) -> Result<(), ActorProcessingErr> {
        let s = self.services.clone();
        let link = me.get_cell();
        let cell = match child {
            Child::Journal => {
                let arguments = journal::Arguments { head: s.head, threads: s.threads };
                Actor::spawn_linked(None, journal::JournalActor, arguments, link)
                    .await?
                    .0
                    .get_cell()
            }
            Child::Membership => {
                let arguments = membership::Arguments {
                    cluster: s.cluster,
                    readiness: s.readiness,
                    hashring: s.hashring,
                };
                let actor = membership::MembershipActor;
                Actor::spawn_linked(None, actor, arguments, link).await?.0.get_cell()
            }
            Child::Upload => {
                let (actor, _) = Actor::spawn_linked(None, upload::UploadActor, s, link).await?;
                self.upload = Some(actor.clone());
                actor.get_cell()
            }
            Child::Compaction => {
                let arguments = compaction::Arguments { services: s, upload: self.upload.clone() };
                let actor = compaction::CompactionActor;
                Actor::spawn_linked(None, actor, arguments, link).await?.0.get_cell()
            }
            Child::Retention => {
                let actor = retention::RetentionActor;
                Actor::spawn_linked(None, actor, s, link).await?.0.get_cell()
            }
        };
        self.children.insert(cell.get_id(), (child, cell));
        Ok(())
    }

    async fn recover(
        &mut self,
        who: ActorId,
        why: &str,
        me: &ActorRef<()>,
    ) -> Result<(), ActorProcessingErr> {
        let Some((child, _)) = self.children.remove(&who) else { return Ok(()) };
        self.restarts += 1;
        self.services.metrics.actor_restarts.inc();
        if child == Child::Journal || self.restarts > RESTARTS_MAX {
            let text = format!("the {child:?} actor failed: {why}");
            // Nobody listening means that the node is ending anyway.
            let _ = self.services.fatal.send(text.clone());
            return Err(text.into());
        }
        tracing::error!(actor = ?child, error = why, "actor failed; it is started again");
        let started = self.restart(child, me).await;
        if let Err(error) = &started {
            let text = format!("the {child:?} actor could not be started again: {error}");
            // As above.
            let _ = self.services.fatal.send(text);
        }
        started
    }

    async fn restart(&mut self, child: Child, me: &ActorRef<()>) -> Result<(), ActorProcessingErr> {
        self.start(child, me).await?;
        // Compaction holds the upload actor's reference: it gets the fresh one.
        if child == Child::Upload {
            let old = self.children.iter().find(|(_, (c, _))| *c == Child::Compaction);
            if let Some((id, cell)) = old.map(|(id, (_, cell))| (*id, cell.clone())) {
                self.children.remove(&id);
                cell.stop(None);
                self.start(Child::Compaction, me).await?;
            }
        }
        Ok(())
    }
}
