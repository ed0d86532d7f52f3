//! Everything that differs from life to life, drawn from the seed before anything else happens.

use std::time::Duration;

use cluster::options::SNAPSHOT_ENTRIES;

use crate::arguments::Profile;
use crate::fleet::NetworkKnobs;
use crate::nemesis::{Fault, Planned, draw_faults};
use crate::random::Random;
use crate::traffic::Spans;

/// Name of the ring of soft tenants.
pub const DEFAULT_RING: &str = "default";
/// Name of the ring of hard tenants, where a life has one.
pub const HARD_RING: &str = "hashring-0";

/// A hashring of a life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingPlan {
    /// Its name.
    pub name: &'static str,
    /// Its hosts, as indexes of [`Plan::hosts`].
    pub hosts: Vec<usize>,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Kind of life.
    pub profile: Profile,
    /// Names of the hosts.
    pub hosts: Vec<String>,
    /// The rings; every host is in one.
    pub rings: Vec<RingPlan>,
    /// How the network behaves without faults.
    pub network: NetworkKnobs,
    /// How long faults last, milliseconds.
    pub faults_ms: i64,
    /// Length of a window.
    pub window: Duration,
    /// How long past its end a window stays open.
    pub window_grace: Duration,
    /// How often late parts are cut.
    pub late_part_interval: Duration,
    /// How long blocks stay on local disk.
    pub retention: Duration,
    /// How often the bucket is listed.
    pub sync_interval: Duration,
    /// Head partitions of a node.
    pub partitions: usize,
    /// Journal segments, bytes: small, so that many are given up.
    pub segment_bytes: u64,
    /// Mean pause between two changes of the cluster's state, milliseconds.
    pub route_every_ms: i64,
    /// Threads that a node believes to have.
    pub cores: usize,
    /// How long every turn of a disk takes without faults.
    pub disk: Duration,
    /// How long every turn takes at least while a process starts.
    pub cold_disk: Duration,
    /// Clients of each tenant.
    pub clients_per_tenant: usize,
    /// Series of each client.
    pub series_per_client: usize,
    /// Mean pause of a client between two pushes, milliseconds.
    pub push_every_ms: i64,
    /// Mean pause between two queries of everything, milliseconds.
    pub query_every_ms: i64,
    /// Entries of Raft's log between two snapshots.
    pub snapshot_entries: u64,
    /// Whether the bucket's lists lag.
    pub lists_lag: bool,
    /// The faults in order of time.
    pub faults: Vec<Planned>,
}

/// Entries between two snapshots in lives that look for races: a node makes a few in each.
const RACE_SNAPSHOT_ENTRIES: u64 = 12;
/// `--receive.accept-age` of every node: longer than a life of minutes.
pub const ACCEPT_AGE: Duration = Duration::from_secs(12 * 60 * 60);
/// `--receive.accept-ahead` of every node.
pub const ACCEPT_AHEAD: Duration = Duration::from_secs(10 * 60);
/// Furthest that a fault puts a clock off, milliseconds.
pub const SKEW_MS_MAX: i64 = 5 * 60 * 1000;
/// How much cluster time may differ from true time because of that, and for want of a lease.
const CLUSTER_TIME_SLACK_MS: i64 = SKEW_MS_MAX + 60 * 1000;

impl Plan {
    /// Draws the plan of a life.
    pub fn draw(random: &mut Random, profile: Profile, minutes: u64) -> Plan {
        let (hosts, rings) = draw_rings(random);
        let faults_ms = i64::try_from(minutes).unwrap_or(i64::MAX / 60_000) * 60_000;
        let mut plan = Plan {
            profile,
            network: draw_network(random, profile),
            faults_ms,
            window: Duration::from_secs(random.pick([20, 30, 60])),
            window_grace: Duration::from_secs(random.pick([5, 10, 20])),
            late_part_interval: Duration::from_secs(random.pick([10, 30])),
            retention: Duration::from_secs(random.pick([30, 60, 90, 3_600])),
            sync_interval: Duration::from_secs(random.pick([2, 4])),
            partitions: random.pick([1, 2, 4]),
            segment_bytes: random.pick([32 << 10, 64 << 10, 128 << 10]),
            route_every_ms: random.pick([80, 250, 3_000]),
            cores: random.pick([1, 2, 4]),
            disk: Duration::from_millis(random.pick([0, 0, 10, 40])),
            cold_disk: Duration::from_millis(random.pick([0, 100, 400])),
            clients_per_tenant: random.pick([1, 2, 3]),
            series_per_client: random.pick([3, 6, 12]),
            push_every_ms: random.pick([400, 800, 1_500]),
            query_every_ms: random.pick([700, 1_500, 3_000]),
            snapshot_entries: match profile {
                Profile::Race => RACE_SNAPSHOT_ENTRIES,
                _ => SNAPSHOT_ENTRIES,
            },
            lists_lag: random.percent(25),
            faults: Vec::new(),
            hosts,
            rings,
        };
        if profile == Profile::LongHaul {
            plan.stretch(random);
        }
        plan.faults = draw_faults(random, &plan);
        plan
    }

    /// Times of days instead of minutes.
    fn stretch(&mut self, random: &mut Random) {
        self.window = Duration::from_secs(2 * 60 * 60);
        self.window_grace = Duration::from_secs(30 * 60);
        self.late_part_interval = Duration::from_secs(15 * 60);
        self.retention = Duration::from_secs(24 * 60 * 60 * random.pick([1, 2, 15]));
        self.sync_interval = Duration::from_secs(5 * 60);
        self.push_every_ms = 10 * 60 * 1000;
        self.query_every_ms = 60 * 60 * 1000;
        self.clients_per_tenant = 1;
        self.series_per_client = 3;
    }

    /// The ring of a host.
    pub fn ring_of(&self, host: usize) -> &RingPlan {
        let of = |ring: &&RingPlan| ring.hosts.contains(&host);
        self.rings.iter().find(of).expect("every host was put into a ring")
    }

    /// Times as clients know them.
    pub fn spans(&self) -> Spans {
        let ms = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Spans {
            window_ms: ms(self.window),
            accept_age_ms: ms(ACCEPT_AGE),
            accept_ahead_ms: ms(ACCEPT_AHEAD),
            cluster_behind_ms_max: CLUSTER_TIME_SLACK_MS,
            cluster_ahead_ms_max: CLUSTER_TIME_SLACK_MS,
        }
    }

    /// The plan without some of its faults, by their numbers.
    pub fn without(mut self, numbers: &[usize]) -> Plan {
        let faults = std::mem::take(&mut self.faults).into_iter().enumerate();
        let kept = faults.filter(|(number, _)| !numbers.contains(number));
        self.faults = kept.map(|(_, planned)| planned).collect();
        self
    }

    /// Whether the plan has a fault of a kind.
    pub fn has(&self, is: impl Fn(&Fault) -> bool) -> bool {
        self.faults.iter().any(|planned| is(&planned.fault))
    }
}

fn draw_rings(random: &mut Random) -> (Vec<String>, Vec<RingPlan>) {
    let (default, hard) = random.weighted([(3, (3, 0)), (4, (5, 0)), (3, (3, 2)), (2, (3, 3))]);
    let names = (0..default + hard).map(|number| format!("node-{number}")).collect();
    let mut rings = vec![RingPlan { name: DEFAULT_RING, hosts: (0..default).collect() }];
    if hard > 0 {
        rings.push(RingPlan { name: HARD_RING, hosts: (default..default + hard).collect() });
    }
    (names, rings)
}

fn draw_network(random: &mut Random, profile: Profile) -> NetworkKnobs {
    let ms = Duration::from_millis;
    let latency_max = ms(random.pick([2, 5, 20]));
    let tick = match profile {
        Profile::Race => ms(1),
        Profile::LongHaul => ms(100),
        _ => ms(5),
    };
    NetworkKnobs { tick, latency_min: ms(0), latency_max }
}
