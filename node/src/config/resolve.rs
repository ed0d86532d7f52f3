//! Makes the configuration out of what was given: reads every value and refuses what does not go
//! together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proto::TenantName;

use super::error::{ConfigError, Origin};
use super::layers::{Inputs, Layer};
use super::table::{DefaultValue, Setting, find};
use super::value::{self, Reason, within};
use super::{
    BucketConfig, ClusterConfig, HeadConfig, LogConfig, LogFormat, LogLevel, NodeConfig,
    QueryConfig, ReceiveConfig, Roles, StoreConfig, TsdbConfig, contradictions,
};

/// Most partitions of a head.
const PARTITIONS_MAX: usize = 256;
/// Most series of a head that can be asked for.
const SERIES_MAX: u64 = 4_000_000_000;
/// Most copies of a sample.
const COPIES_MAX: u32 = 9;
/// Most samples of a query that can be asked for.
const SAMPLES_MAX: u64 = 1_000_000_000_000;
/// Most queries at the same time that can be asked for.
const QUERIES_MAX: usize = 10_000;
/// Most nodes that a cluster can be founded with.
const NODES_MAX: usize = 1000;

/// Reads one value.
type Parse<T> = fn(&str) -> Result<T, Reason>;

/// What was given, with the table's defaults below it.
pub(super) struct Values<'a> {
    given: &'a Layer,
}

impl<'a> Values<'a> {
    /// The one value of a setting, given or default, and where it is from.
    fn text(&self, name: &str) -> Option<(&'static Setting, &'a Origin, &'a str)> {
        let setting = find(name).expect("the table has every name that is asked for here");
        if let Some(given) = self.given.get(name) {
            return given.values.last().map(|value| (setting, &given.origin, value.as_str()));
        }
        match setting.default {
            DefaultValue::Text(text) => Some((setting, &Origin::Default, text)),
            DefaultValue::Computed(_) | DefaultValue::Unset => None,
        }
    }

    fn optional<T>(&self, name: &str, parse: Parse<T>) -> Result<Option<T>, ConfigError> {
        match self.text(name) {
            None => Ok(None),
            Some((setting, origin, text)) => {
                parse(text).map(Some).map_err(|reason| invalid(setting, origin, text, reason))
            }
        }
    }

    fn required<T>(&self, name: &str, parse: Parse<T>) -> Result<T, ConfigError> {
        let value = self.optional(name, parse)?;
        Ok(value.expect("settings read this way have a default text in the table"))
    }

    /// All values of a list, given or default; empty if neither.
    fn list<T>(&self, name: &str, parse: Parse<Vec<T>>) -> Result<Vec<T>, ConfigError> {
        let Some(given) = self.given.get(name) else {
            return Ok(self.optional(name, parse)?.unwrap_or_default());
        };
        let setting = find(name).expect("what is given was looked up in the table");
        let mut list = Vec::new();
        for text in &given.values {
            let read = parse(text).map_err(|r| invalid(setting, &given.origin, text, r))?;
            list.extend(read);
        }
        Ok(list)
    }

    /// Whether somebody gave the setting.
    fn is_given(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }
}

fn invalid(setting: &Setting, origin: &Origin, value: &str, reason: Reason) -> ConfigError {
    let example = match origin {
        Origin::Environment => format!("{}={}", setting.env_name(), setting.example),
        Origin::File(_) => format!("{}: {}", setting.name, setting.example),
        Origin::Flag | Origin::Default => format!("--{}={}", setting.name, setting.example),
    };
    let value = value.to_owned();
    ConfigError::Invalid { setting: origin.spelling(setting), value, reason, example }
}

/// Resolves everything.
pub(super) fn resolve(given: &Layer, inputs: &Inputs<'_>) -> Result<NodeConfig, ConfigError> {
    let values = Values { given };
    let node_name = match values.optional("node.name", value::name)? {
        Some(name) => name,
        None => host_name(&inputs.host_name)?,
    };
    let grpc_address = values.required("grpc-address", value::listen)?;
    let tsdb = tsdb(&values)?;
    let config = NodeConfig {
        http_address: values.required("http-address", value::listen)?,
        grpc_address,
        remote_write_address: values.required("remote-write.address", value::listen)?,
        http_grace_period: values.required("http-grace-period", value::duration)?,
        roles: roles(&values)?,
        external_labels: external_labels(&values, &node_name)?,
        node_name,
        node_zone: values.required("node.zone", value::name_or_empty)?,
        hashring: values.required("hashring", value::name)?,
        receive: receive(&values)?,
        head: HeadConfig {
            partitions: values
                .required("head.partitions", |text| within(text, 0, PARTITIONS_MAX))?,
            series_max: values.required("head.series-max", |text| within(text, 1, SERIES_MAX))?,
        },
        store: StoreConfig {
            cache_bytes: values.required("store.cache-bytes", value::size)?,
            part_bytes: values.required("objstore.part-size", value::size)?,
            sync_interval: values.required("sync-block-duration", value::duration)?,
            min_time: values.optional("min-time", value::time_bound)?,
            max_time: values.optional("max-time", value::time_bound)?,
        },
        bucket: bucket(&values, &tsdb.path, inputs)?,
        tsdb,
        cluster: cluster(&values, grpc_address)?,
        query: query(&values)?,
        log: LogConfig {
            level: values.required("log.level", log_level)?,
            format: values.required("log.format", log_format)?,
        },
    };
    contradictions::check(&config)?;
    Ok(config)
}

fn host_name(text: &str) -> Result<String, ConfigError> {
    value::name(text).map_err(|reason| {
        ConfigError::Contradiction(format!(
            "the host name {text:?} {reason}, so it cannot name the node: set --node.name"
        ))
    })
}

fn tsdb(values: &Values<'_>) -> Result<TsdbConfig, ConfigError> {
    let window: Duration = values.required("tsdb.min-block-duration", value::duration)?;
    let longest = values.optional("tsdb.max-block-duration", value::duration)?;
    if longest.is_some_and(|longest| longest != window) {
        return Err(contradictions::block_durations_differ(window));
    }
    let grace = values.optional("tsdb.window-grace", value::duration)?;
    let late = values.optional("tsdb.late-part-interval", value::duration)?;
    Ok(TsdbConfig {
        path: values.required("tsdb.path", path)?,
        retention: values.required("tsdb.retention", value::duration)?,
        window,
        window_grace: grace.unwrap_or((window / 4).min(Duration::from_secs(30 * 60))),
        late_part_interval: late.unwrap_or((window / 8).min(Duration::from_secs(15 * 60))),
        wal_segment_bytes: values.required("tsdb.wal-segment-size", value::size)?,
    })
}

fn receive(values: &Values<'_>) -> Result<ReceiveConfig, ConfigError> {
    let in_cluster = values.given.keys().any(|name| name.starts_with("cluster."));
    let copies =
        values.optional("receive.replication-factor", |text| within(text, 1, COPIES_MAX))?;
    Ok(ReceiveConfig {
        tenant_header: values.required("receive.tenant-header", value::header_name)?,
        default_tenant: values.required("receive.default-tenant-id", tenant)?,
        tenant_label: values.required("receive.tenant-label-name", value::label_name)?,
        replication_factor: copies.unwrap_or(if in_cluster { 2 } else { 1 }),
        accept_age: values.required("receive.accept-age", value::duration)?,
        accept_ahead: values.required("receive.accept-ahead", value::duration)?,
        request_bytes_max: values.required("receive.request-bytes-max", value::size)?,
        decoded_bytes_max: values.required("receive.decoded-bytes-max", value::size)?,
        inflight_bytes_max: values.required("receive.inflight-bytes-max", value::size)?,
        peer_bytes_max: values.required("receive.peer-bytes-max", value::size)?,
        request_timeout: values.required("receive.request-timeout", value::lasting)?,
        fallback_after: values.required("receive.fallback-after", value::lasting)?,
    })
}

fn query(values: &Values<'_>) -> Result<QueryConfig, ConfigError> {
    Ok(QueryConfig {
        timeout: values.required("query.timeout", value::lasting)?,
        samples_max: values.required("query.max-samples", |text| within(text, 1, SAMPLES_MAX))?,
        lookback: values.required("query.lookback-delta", value::lasting)?,
        concurrent_max: values
            .required("query.max-concurrent", |text| within(text, 1, QUERIES_MAX))?,
        replica_labels: values.list("query.replica-label", value::label_names)?,
        enforce_tenancy: values.required("query.enforce-tenancy", value::switch)?,
        partial_response: values.required("query.partial-response", value::switch)?,
    })
}

fn cluster(
    values: &Values<'_>,
    grpc_address: std::net::SocketAddr,
) -> Result<ClusterConfig, ConfigError> {
    let advertised = values.optional("cluster.advertise-address", value::host_port)?;
    let advertise_address = match advertised {
        Some(address) => address,
        None if grpc_address.ip().is_unspecified() => {
            return Err(contradictions::nothing_to_advertise(grpc_address));
        }
        None => grpc_address.to_string(),
    };
    Ok(ClusterConfig {
        seeds: values.list("cluster.seeds", value::host_ports)?,
        bootstrap_expect: values
            .optional("cluster.bootstrap-expect", |text| within(text, 1, NODES_MAX))?,
        advertise_address,
        snapshot_entries: cluster::options::SNAPSHOT_ENTRIES,
    })
}

fn bucket(
    values: &Values<'_>,
    data: &Path,
    inputs: &Inputs<'_>,
) -> Result<BucketConfig, ConfigError> {
    let inline = values.optional("objstore.config", text)?;
    match (inline, values.optional("objstore.config-file", path)?) {
        (Some(_), Some(_)) => Err(contradictions::two_buckets()),
        (Some(yaml), None) => Ok(BucketConfig::Objstore(yaml)),
        (None, Some(path)) => match (inputs.read)(&path) {
            Ok(yaml) => Ok(BucketConfig::Objstore(yaml)),
            Err(error) => {
                Err(ConfigError::Read { flag: "--objstore.config-file".to_owned(), path, error })
            }
        },
        (None, None) => Ok(BucketConfig::Directory(data.join("bucket"))),
    }
}

fn external_labels(
    values: &Values<'_>,
    node_name: &str,
) -> Result<BTreeMap<String, String>, ConfigError> {
    if !values.is_given("label") {
        return Ok(BTreeMap::from([("receive_replica".to_owned(), node_name.to_owned())]));
    }
    let mut labels = BTreeMap::new();
    for (name, value) in values.list("label", value::labels)? {
        if labels.contains_key(&name) {
            return Err(contradictions::label_twice(&name));
        }
        labels.insert(name, value);
    }
    if labels.is_empty() {
        return Err(contradictions::no_labels());
    }
    Ok(labels)
}

fn roles(values: &Values<'_>) -> Result<Roles, ConfigError> {
    let mut roles = Roles { receive: false, store: false, query: false, compact: false };
    for role in values.list("role", role_names)? {
        match role {
            Role::Receive => roles.receive = true,
            Role::Store => roles.store = true,
            Role::Query => roles.query = true,
        }
    }
    match roles.receive || roles.store || roles.query {
        true => Ok(roles),
        false => Err(contradictions::no_roles()),
    }
}

/// The roles that are built.
enum Role {
    Receive,
    Store,
    Query,
}

fn role_names(text: &str) -> Result<Vec<Role>, Reason> {
    text.split(',').map(|name| role(name.trim())).collect()
}

fn role(name: &str) -> Result<Role, Reason> {
    match name {
        "receive" => Ok(Role::Receive),
        "store" => Ok(Role::Store),
        "query" => Ok(Role::Query),
        "compact" => Err("names the role compact, which is not built yet".to_owned()),
        _ => Err(format!("names the unknown role {name:?}; known are receive, store, query")),
    }
}

fn tenant(text: &str) -> Result<TenantName, Reason> {
    TenantName::new(text).map_err(|error| format!("is no tenant: {error}"))
}

fn log_level(text: &str) -> Result<LogLevel, Reason> {
    LogLevel::from_name(text).ok_or_else(|| "is none of error, warn, info, debug, trace".to_owned())
}

fn log_format(text: &str) -> Result<LogFormat, Reason> {
    LogFormat::from_name(text).ok_or_else(|| "is neither logfmt nor json".to_owned())
}

fn path(text: &str) -> Result<PathBuf, Reason> {
    match text.is_empty() {
        true => Err("is no path".to_owned()),
        false => Ok(PathBuf::from(text)),
    }
}

fn text(text: &str) -> Result<String, Reason> {
    match text.trim().is_empty() {
        true => Err("is empty".to_owned()),
        false => Ok(text.to_owned()),
    }
}
