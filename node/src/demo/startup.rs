//! From six started processes to a system that takes writes: every node ready, both rings whole,
//! the hard tenants routed, and every node knowing it.

use std::time::Duration;

use reqwest::Client;
use serde::Deserialize;
use tokio::time::Instant;

use super::fleet::Fleet;
use super::plan::{DEFAULT_RING, HARD_RING, HARD_TENANTS, NodePlan, Plan};
use super::{DemoError, process, progress};
use crate::client::{ClientError, describe, read_body, read_error_text};

/// Pause between two looks at a node.
const POLL: Duration = Duration::from_millis(200);
/// Longest ring description that is read.
const RING_BYTES_MAX: usize = 8 << 20;
/// Nodes of each ring.
const RING_NODES: usize = 3;

/// `GET /api/v1/granary/ring`, as far as it is needed here.
#[derive(Deserialize)]
struct Rings {
    hashrings: Vec<Ring>,
}

#[derive(Deserialize)]
struct Ring {
    name: String,
    #[serde(default)]
    tenants: Vec<String>,
    #[serde(default)]
    nodes: Vec<serde::de::IgnoredAny>,
    #[serde(default)]
    shards: Vec<Vec<serde::de::IgnoredAny>>,
}

impl Rings {
    fn get(&self, name: &str) -> Option<&Ring> {
        self.hashrings.iter().find(|ring| ring.name == name)
    }

    /// Both rings have all nodes, and owners for every shard.
    fn whole(&self) -> bool {
        [DEFAULT_RING, HARD_RING].iter().all(|name| {
            self.get(name).is_some_and(|ring| {
                let owned = ring.shards.iter().all(|owners| !owners.is_empty());
                ring.nodes.len() == RING_NODES && !ring.shards.is_empty() && owned
            })
        })
    }

    fn routed(&self, tenant: &str) -> bool {
        self.get(HARD_RING).is_some_and(|ring| ring.tenants.iter().any(|t| t == tenant))
    }
}

/// Waits until writes can start. `limit` bounds all of it.
pub(super) async fn bring_up(
    plan: &Plan,
    fleet: &mut Fleet,
    http: &Client,
    limit: Duration,
) -> Result<(), DemoError> {
    let mut wait = Wait { fleet, deadline: Instant::now() + limit, limit };
    wait.ready(plan, http).await?;
    wait.rings(plan, http, "both rings to be whole", Rings::whole).await?;
    for tenant in HARD_TENANTS {
        wait.route(&plan.nodes, http, tenant).await?;
        progress(&format!("tenant {tenant} is routed to {HARD_RING}"));
    }
    let known = |rings: &Rings| HARD_TENANTS.iter().all(|tenant| rings.routed(tenant));
    wait.rings(plan, http, "every node to know the routes", known).await
}

/// The nodes that are waited for, and how long.
struct Wait<'a> {
    fleet: &'a mut Fleet,
    deadline: Instant,
    limit: Duration,
}

impl Wait<'_> {
    async fn ready(&mut self, plan: &Plan, http: &Client) -> Result<(), DemoError> {
        let mut waiting: Vec<_> = plan.nodes.iter().collect();
        let mut told = None;
        loop {
            let probes = waiting.iter().map(|node| is_ready(http, node));
            let mut ready = futures::future::join_all(probes).await.into_iter();
            waiting.retain(|_| !ready.next().unwrap_or(false));
            let count = plan.nodes.len() - waiting.len();
            if told != Some(count) {
                progress(&format!("nodes ready {count}/{}", plan.nodes.len()));
                told = Some(count);
            }
            let Some(&node) = waiting.first() else { return Ok(()) };
            let names: Vec<_> = waiting.iter().map(|n| n.name.as_str()).collect();
            self.pause(node, || format!("{} to be ready", names.join(", "))).await?;
        }
    }

    /// Waits until every node says that its rings are as wanted.
    async fn rings(
        &mut self,
        plan: &Plan,
        http: &Client,
        what: &str,
        wanted: impl Fn(&Rings) -> bool,
    ) -> Result<(), DemoError> {
        for node in &plan.nodes {
            loop {
                let missing = match rings(http, node).await {
                    Ok(rings) if wanted(&rings) => break,
                    Ok(_) => format!("{what} (asked {})", node.name),
                    Err(error) => format!("{what} (asked {}: {error})", node.name),
                };
                self.pause(node, || missing).await?;
            }
        }
        Ok(())
    }

    /// Routes a tenant, unless a data directory of an earlier run has it routed.
    async fn route(
        &mut self,
        nodes: &[NodePlan],
        http: &Client,
        tenant: &str,
    ) -> Result<(), DemoError> {
        let Some(node) = nodes.first() else { return Ok(()) };
        loop {
            let routed = rings(http, node).await.is_ok_and(|rings| rings.routed(tenant));
            if routed {
                return Ok(());
            }
            let error = match post_route(http, node, tenant).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if let ClientError::Refused { .. } = error {
                return Err(DemoError::Route {
                    tenant: tenant.to_owned(),
                    hashring: HARD_RING.to_owned(),
                    error: error.to_string(),
                });
            }
            self.pause(node, || format!("the route of tenant {tenant}: {error}")).await?;
        }
    }

    /// A short pause; an error when a node ended or the time is up.
    async fn pause(
        &mut self,
        node: &NodePlan,
        missing: impl FnOnce() -> String,
    ) -> Result<(), DemoError> {
        if let Some(ended) = self.fleet.newly_ended().into_iter().next() {
            let log = process::log_tail(&ended.plan.log);
            return Err(DemoError::NodeEnded { node: ended.plan.name, status: ended.status, log });
        }
        if Instant::now() >= self.deadline {
            return Err(DemoError::NotUp {
                seconds: self.limit.as_secs(),
                missing: missing(),
                node: node.name.clone(),
                log: process::log_tail(&node.log),
            });
        }
        tokio::time::sleep(POLL).await;
        Ok(())
    }
}

async fn is_ready(http: &Client, node: &NodePlan) -> bool {
    let answer = http.get(format!("{}/-/ready", node.http_base())).send().await;
    answer.is_ok_and(|response| response.status().as_u16() == 200)
}

async fn rings(http: &Client, node: &NodePlan) -> Result<Rings, ClientError> {
    let url = format!("{}/api/v1/granary/ring", node.http_base());
    let response = success(http.get(url).send().await).await?;
    let body = read_body(response, RING_BYTES_MAX).await?;
    serde_json::from_slice(&body).map_err(|error| ClientError::Answer(error.to_string()))
}

async fn post_route(http: &Client, node: &NodePlan, tenant: &str) -> Result<(), ClientError> {
    let base = node.http_base();
    let url = format!("{base}/api/v1/granary/tenants/{tenant}/route?hashring={HARD_RING}");
    success(http.post(url).send().await).await.map(|_| ())
}

/// A 2xx as it is; a 4xx is final, everything else may pass.
async fn success(
    answer: reqwest::Result<reqwest::Response>,
) -> Result<reqwest::Response, ClientError> {
    let unavailable = |last| ClientError::Unavailable { attempts: 1, last };
    let response = answer.map_err(|error| unavailable(describe(&error)))?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body = read_error_text(response).await;
    if status.is_client_error() && status.as_u16() != 429 {
        return Err(ClientError::Refused { status: status.as_u16(), body });
    }
    Err(unavailable(format!("status {status}: {body}")))
}

#[cfg(test)]
mod tests;
