//! Settings that do not go together. Every message says what to do.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::error::ConfigError;
use super::value::{duration_text, size_text};
use super::{NodeConfig, TimeBound};
use crate::peer::service::DECODED_FACTOR;
use crate::write::BUDGET_UNIT_BYTES;

const DAY: Duration = Duration::from_secs(86_400);
/// Sizes of the parts of uploads: S3 wants the first, and a part is read by one blocking call.
const PART_BYTES_MIN: u64 = 5 << 20;
const PART_BYTES_MAX: u64 = 128 << 20;
/// Shortest window.
const WINDOW_MIN: Duration = Duration::from_secs(10);

/// Refuses what no node should run with.
pub(super) fn check(config: &NodeConfig) -> Result<(), ConfigError> {
    window(config)?;
    sizes(config)?;
    parts(config)?;
    fallback(config)?;
    bootstrap(config)?;
    advertised(config)?;
    listeners(config)?;
    times(config)?;
    tenant_label(config)
}

fn parts(config: &NodeConfig) -> Result<(), ConfigError> {
    let part = config.store.part_bytes;
    if (PART_BYTES_MIN..=PART_BYTES_MAX).contains(&part) {
        return Ok(());
    }
    refuse(format!(
        "--objstore.part-size={} does not fit: S3 takes parts from 5MiB on, and a part is held in \
         memory, read at once; take 5MiB to 128MiB, for example 16MiB",
        size_text(part)
    ))
}

fn refuse(message: String) -> Result<(), ConfigError> {
    Err(ConfigError::Contradiction(message))
}

fn window(config: &NodeConfig) -> Result<(), ConfigError> {
    let tsdb = &config.tsdb;
    let window = duration_text(tsdb.window);
    if tsdb.window < WINDOW_MIN || !DAY.as_millis().is_multiple_of(tsdb.window.as_millis()) {
        return refuse(format!(
            "--tsdb.min-block-duration={window} is no window: it has to divide a day and be at \
             least 10s; take for example 2h, 10m or 1m"
        ));
    }
    if tsdb.retention < tsdb.window {
        return refuse(format!(
            "--tsdb.retention={} is shorter than a block, which is {window} \
             (--tsdb.min-block-duration): raise it to {window} or more",
            duration_text(tsdb.retention)
        ));
    }
    if tsdb.late_part_interval.is_zero() {
        return refuse(
            "--tsdb.late-part-interval=0 would cut blocks without end: set it to 1s or more".into(),
        );
    }
    let segment = tsdb.wal_segment_bytes;
    if !(1 << 20..=1 << 30).contains(&segment) || !segment.is_multiple_of(512) {
        return refuse(format!(
            "--tsdb.wal-segment-size={} does not fit: take a multiple of 512 bytes from 1MiB to \
             1GiB, for example 128MiB",
            size_text(segment)
        ));
    }
    Ok(())
}

fn sizes(config: &NodeConfig) -> Result<(), ConfigError> {
    let receive = &config.receive;
    let decoded = size_text(receive.decoded_bytes_max);
    if receive.request_bytes_max > receive.decoded_bytes_max {
        return refuse(format!(
            "--receive.request-bytes-max={} is more than --receive.decoded-bytes-max={decoded}: a \
             request is larger when decompressed; raise the second one",
            size_text(receive.request_bytes_max)
        ));
    }
    room_for_one(config)
}

/// A budget must have room for the largest request, or that is refused for ever.
fn room_for_one(config: &NodeConfig) -> Result<(), ConfigError> {
    let receive = &config.receive;
    let (body, decoded) = (receive.request_bytes_max, receive.decoded_bytes_max);
    // A body is kept until it is decompressed; what a peer sends grows when it is decoded.
    let own = whole_units(body).saturating_add(whole_units(decoded));
    let peer = whole_units(decoded.saturating_mul(DECODED_FACTOR as u64));
    let requests = [
        ("--receive.inflight-bytes-max", receive.inflight_bytes_max, own),
        ("--receive.peer-bytes-max", receive.peer_bytes_max, peer),
    ];
    match requests.iter().find(|(_, budget, request)| budget < request) {
        None => Ok(()),
        Some((flag, budget, request)) => refuse(format!(
            "{flag}={} has no room for one request of --receive.request-bytes-max={} and \
             --receive.decoded-bytes-max={}: raise it to {} or more",
            size_text(*budget),
            size_text(body),
            size_text(decoded),
            size_text(*request)
        )),
    }
}

/// Bytes as budgets count them.
fn whole_units(bytes: u64) -> u64 {
    let unit = BUDGET_UNIT_BYTES as u64;
    bytes.div_ceil(unit).saturating_mul(unit)
}

fn fallback(config: &NodeConfig) -> Result<(), ConfigError> {
    let (fallback, deadline) = (config.receive.fallback_after, config.receive.request_timeout);
    if fallback < deadline {
        return Ok(());
    }
    refuse(format!(
        "--receive.fallback-after={} leaves no time before --receive.request-timeout={}: lower the \
         first one",
        duration_text(fallback),
        duration_text(deadline)
    ))
}

fn bootstrap(config: &NodeConfig) -> Result<(), ConfigError> {
    let seeds = &config.cluster.seeds;
    let distinct: BTreeSet<&String> = seeds.iter().collect();
    if distinct.len() < seeds.len() {
        return refuse("--cluster.seeds names an address twice: name every node once".into());
    }
    let Some(expect) = config.cluster.bootstrap_expect else {
        return Ok(());
    };
    if seeds.is_empty() {
        return refuse(format!(
            "--cluster.bootstrap-expect={expect} needs to know the nodes: set \
             --cluster.seeds=HOST:PORT,... to the gRPC addresses of all of them"
        ));
    }
    if expect <= seeds.len() / 2 {
        return refuse(format!(
            "--cluster.bootstrap-expect={expect} of {} seeds could found two clusters: set it to \
             {} or more, more than half of --cluster.seeds",
            seeds.len(),
            seeds.len() / 2 + 1
        ));
    }
    Ok(())
}

/// A node that others know by a loopback address cannot be in a cluster with another host.
fn advertised(config: &NodeConfig) -> Result<(), ConfigError> {
    let cluster = &config.cluster;
    let address = |text: &String| text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let elsewhere = |seed: &&String| address(seed).is_some_and(|ip: IpAddr| !ip.is_loopback());
    let own = address(&cluster.advertise_address);
    match cluster.seeds.iter().find(elsewhere) {
        Some(seed) if own.is_some_and(|ip| ip.is_loopback()) => refuse(format!(
            "the seed {seed} is on another host, where nobody can dial {}: set --grpc-address and \
             --cluster.advertise-address to an address of this host",
            cluster.advertise_address
        )),
        _ => Ok(()),
    }
}

fn listeners(config: &NodeConfig) -> Result<(), ConfigError> {
    let listeners = [
        ("--http-address", config.http_address),
        ("--grpc-address", config.grpc_address),
        ("--remote-write.address", config.remote_write_address),
    ];
    for (at, (flag, address)) in listeners.iter().enumerate() {
        let same = |(_, other): &&(&str, SocketAddr)| address.port() != 0 && other == address;
        if let Some((other, _)) = listeners[..at].iter().find(same) {
            return refuse(format!("{other} and {flag} are both {address}: give one another port"));
        }
    }
    Ok(())
}

fn times(config: &NodeConfig) -> Result<(), ConfigError> {
    let backwards = match (config.store.min_time, config.store.max_time) {
        (Some(TimeBound::At(min)), Some(TimeBound::At(max)))
        | (Some(TimeBound::FromNow(min)), Some(TimeBound::FromNow(max))) => min > max,
        _ => false,
    };
    match backwards {
        true => refuse("--min-time is after --max-time, so nothing is served: swap them".into()),
        false => Ok(()),
    }
}

fn tenant_label(config: &NodeConfig) -> Result<(), ConfigError> {
    let label = &config.receive.tenant_label;
    match config.external_labels.contains_key(label) {
        false => Ok(()),
        true => refuse(format!(
            "--label {label} would hide the tenant, which is shown by \
             --receive.tenant-label-name={label}: rename one of them"
        )),
    }
}

pub(super) fn block_durations_differ(window: Duration) -> ConfigError {
    let window = duration_text(window);
    ConfigError::Contradiction(format!(
        "--tsdb.max-block-duration differs from --tsdb.min-block-duration={window}: leave it out, \
         or set both to the same"
    ))
}

pub(super) fn nothing_to_advertise(grpc_address: SocketAddr) -> ConfigError {
    ConfigError::Contradiction(format!(
        "--grpc-address={grpc_address} is every interface, which other nodes cannot dial: set \
         --cluster.advertise-address=HOST:{} to the address of this host",
        grpc_address.port()
    ))
}

pub(super) fn two_buckets() -> ConfigError {
    ConfigError::Contradiction(
        "--objstore.config and --objstore.config-file are both set: leave one out".to_owned(),
    )
}

pub(super) fn label_twice(name: &str) -> ConfigError {
    ConfigError::Contradiction(format!("--label {name} is given twice: leave one out"))
}

pub(super) fn no_labels() -> ConfigError {
    ConfigError::Contradiction(
        "label is an empty list, but blocks need an external label: leave it out for \
         receive_replica=\"<node name>\""
            .to_owned(),
    )
}

pub(super) fn no_roles() -> ConfigError {
    ConfigError::Contradiction(
        "role is an empty list: leave it out for all that are built".to_owned(),
    )
}
