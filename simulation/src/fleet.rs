//! All hosts of a life and the network between them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use node::config::{BucketConfig, NodeConfig};
use turmoil::Sim;

use crate::error::SimulationError;
use crate::host::{GRPC_PORT, HTTP_PORT, Host, WRITE_PORT};
use crate::takeover;
use crate::world::clock::EPOCH_MS;

/// Longest life, safety and liveness phases together.
const DURATION_MAX: Duration = Duration::from_secs(60 * 60 * 24 * 60);

/// How the network behaves without faults.
#[derive(Clone, Copy, Debug)]
pub struct NetworkKnobs {
    /// Step of simulated time.
    pub tick: Duration,
    /// Shortest time of a message on its way.
    pub latency_min: Duration,
    /// Longest time of a message on its way.
    pub latency_max: Duration,
}

/// See the module.
pub struct Fleet {
    /// The network and the runtimes.
    pub sim: Sim<'static>,
    /// The hosts in order of their names.
    pub hosts: Vec<Arc<Host>>,
}

/// What every node is told; the rest is the life's.
pub fn base_config(name: &str, seeds: &[String], bootstrap_expect: usize) -> NodeConfig {
    let any = |port| SocketAddr::from(([0, 0, 0, 0], port));
    let mut config = NodeConfig {
        node_name: name.to_owned(),
        http_address: any(HTTP_PORT),
        grpc_address: any(GRPC_PORT),
        remote_write_address: any(WRITE_PORT),
        bucket: BucketConfig::Directory("/data/bucket".into()),
        ..NodeConfig::default()
    };
    config.tsdb.path = "/data".into();
    config.cluster.advertise_address = format!("{name}:{GRPC_PORT}");
    config.cluster.seeds = seeds.to_vec();
    config.cluster.bootstrap_expect = Some(bootstrap_expect);
    config.receive.replication_factor = 2;
    config
}

impl Fleet {
    /// A network without hosts.
    pub fn new(seed: u64, knobs: NetworkKnobs) -> Fleet {
        let mut builder = turmoil::Builder::new();
        builder
            .rng_seed(seed)
            .simulation_duration(DURATION_MAX)
            .tick_duration(knobs.tick)
            .min_message_latency(knobs.latency_min)
            .max_message_latency(knobs.latency_max)
            .tcp_capacity(1 << 14)
            .enable_random_order();
        Fleet { sim: builder.build(), hosts: Vec::new() }
    }

    /// Puts a host into the network and starts its node.
    pub fn add(&mut self, host: Arc<Host>) {
        let started = host.clone();
        self.sim.host(host.name.as_str(), move || {
            let host = started.clone();
            async move {
                host.run().await;
                Ok(())
            }
        });
        self.hosts.push(host);
    }

    /// True time in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        EPOCH_MS + self.elapsed_ms()
    }

    /// Simulated time since the start.
    pub fn elapsed_ms(&self) -> i64 {
        i64::try_from(self.sim.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// One tick of everything; whether all clients are done.
    pub fn step(&mut self) -> Result<bool, SimulationError> {
        takeover::set_wall_clock_ms(self.now_ms());
        self.sim.step().map_err(|error| SimulationError::Panicked(error.to_string()))
    }
}
