//! Precedence, defaults and every error of a configuration.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::table::{DefaultValue, SETTINGS, find};
use super::*;

/// What the tests give to a node.
#[derive(Default)]
struct Case {
    flags: Vec<(&'static str, &'static str)>,
    environment: Vec<(&'static str, &'static str)>,
    file: Option<&'static str>,
}

impl Case {
    fn load(&self) -> Result<NodeConfig, ConfigError> {
        let mut layer = Layer::new();
        for (name, value) in &self.flags {
            let name = find(name).expect("a test gives a setting that exists").name;
            let empty = Given { origin: Origin::Flag, values: Vec::new() };
            layer.entry(name).or_insert(empty).values.push((*value).to_owned());
        }
        let os = |text: &&str| OsString::from(*text);
        let mut environment: Vec<_> =
            self.environment.iter().map(|(name, value)| (os(name), os(value))).collect();
        if self.file.is_some() {
            environment.push((os(&"GRANARY_CONFIG_FILE"), os(&"granary.yml")));
        }
        let read = |path: &Path| match (path.to_str(), self.file) {
            (Some("granary.yml"), Some(text)) => Ok(text.to_owned()),
            (Some("bucket.yml"), _) => Ok("type: FILESYSTEM\n".to_owned()),
            _ => Err(ErrorKind::NotFound.into()),
        };
        let host_name = "host-7".to_owned();
        load(&Inputs { flags: layer, environment, host_name, read: &read })
    }
}

fn flags(flags: &[(&'static str, &'static str)]) -> Result<NodeConfig, ConfigError> {
    Case { flags: flags.to_vec(), ..Case::default() }.load()
}

fn environment(variables: &[(&'static str, &'static str)]) -> Result<NodeConfig, ConfigError> {
    Case { environment: variables.to_vec(), ..Case::default() }.load()
}

fn file(text: &'static str) -> Result<NodeConfig, ConfigError> {
    Case { file: Some(text), ..Case::default() }.load()
}

fn message(result: Result<NodeConfig, ConfigError>) -> String {
    result.expect_err("the configuration should have been refused").to_string()
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

#[test]
fn nothing_given_is_one_node_on_loopback() {
    let config = NodeConfig::default();
    assert_eq!(config.http_address, SocketAddr::from(([127, 0, 0, 1], 10902)));
    assert_eq!(config.grpc_address, SocketAddr::from(([127, 0, 0, 1], 10901)));
    assert_eq!(config.remote_write_address, SocketAddr::from(([127, 0, 0, 1], 19291)));
    assert_eq!(config.receive.replication_factor, 1);
    assert_eq!(config.cluster.seeds, Vec::<String>::new());
    assert_eq!(config.cluster.advertise_address, "127.0.0.1:10901");
    assert_eq!(config.tsdb.path, PathBuf::from("./data"));
    assert_eq!(config.tsdb.retention, Duration::from_secs(15 * 86_400));
    assert_eq!(config.tsdb.window, minutes(120));
    assert_eq!(
        (config.tsdb.window_grace, config.tsdb.late_part_interval),
        (minutes(30), minutes(15))
    );
    assert_eq!(config.bucket, BucketConfig::Directory(PathBuf::from("./data/bucket")));
    assert_eq!(config.receive.tenant_header, "THANOS-TENANT");
    assert_eq!(config.receive.default_tenant.as_str(), "default-tenant");
    assert_eq!(config.receive.request_bytes_max, 16 << 20);
    assert_eq!(config.query.samples_max, 50_000_000);
    assert_eq!(config.query.replica_labels, ["receive_replica", "prometheus_replica"]);
    assert_eq!(config.roles, Roles { receive: true, store: true, query: true, compact: false });
    assert!(config.query.partial_response && !config.query.enforce_tenancy);
}

#[test]
fn the_host_name_is_the_default_name() {
    let config = flags(&[]).expect("valid");
    assert_eq!(config.node_name, "host-7");
    assert_eq!(config.external_labels["receive_replica"], "host-7");
    let config = flags(&[("node.name", "n1"), ("label", "dc=\"eu\"")]).expect("valid");
    assert_eq!(config.external_labels.len(), 1);
    assert_eq!(config.external_labels["dc"], "eu");
}

#[test]
fn flag_beats_environment_beats_file() {
    let mut given = Case {
        flags: vec![("tsdb.retention", "3d")],
        environment: vec![("GRANARY_TSDB_RETENTION", "2d"), ("GRANARY_NODE_ZONE", "env")],
        file: Some("tsdb.retention: 1d\nnode.zone: file\nhashring: h0\n"),
    };
    let config = given.load().expect("valid");
    let days = |config: &NodeConfig| config.tsdb.retention.as_secs() / 86_400;
    assert_eq!((days(&config), config.node_zone.as_str()), (3, "env"));
    assert_eq!(config.hashring, "h0");
    given.flags.clear();
    assert_eq!(days(&given.load().expect("valid")), 2);
    given.environment.clear();
    assert_eq!(days(&given.load().expect("valid")), 1);
}

#[test]
fn a_list_given_higher_up_replaces_the_lower_one() {
    let given = Case {
        flags: vec![("cluster.seeds", "a:1"), ("cluster.seeds", "b:2,c:3")],
        file: Some("cluster.seeds: [x:1, y:2]\nquery.replica-label: one\nrole:\n  - query\n"),
        ..Case::default()
    };
    let config = given.load().expect("valid");
    assert_eq!(config.cluster.seeds, ["a:1", "b:2", "c:3"]);
    assert_eq!(config.query.replica_labels, ["one"]);
    assert_eq!(config.roles.names(), ["query"]);
}

#[test]
fn the_file_takes_numbers_and_switches_as_they_are_written() {
    let config = file(
        "query.max-samples: 1000\nquery.enforce-tenancy: true\nnode.name: 0123\n\
         objstore.config: |\n  type: S3\n  config: {bucket: b}\n",
    )
    .expect("valid");
    assert_eq!((config.query.samples_max, config.query.enforce_tenancy), (1000, true));
    assert_eq!(config.node_name, "0123");
    let yaml = "type: S3\nconfig: {bucket: b}\n".to_owned();
    assert_eq!(config.bucket, BucketConfig::Objstore(yaml));
    assert_eq!(file("# nothing\n\n").expect("valid"), flags(&[]).expect("valid"));
}

#[test]
fn what_the_file_may_not_hold_is_refused() {
    for (text, parts) in [
        ("tsdb.retnetion: 1d", ["unknown key tsdb.retnetion", "did you mean tsdb.retention?"]),
        ("config.file: other.yml", ["granary.yml", "unknown key config.file"]),
        ("tsdb: {path: x}", ["unknown key tsdb", "did you mean tsdb.path?"]),
        ("tsdb.path:", ["granary.yml", "null"]),
        ("tsdb.path: {a: b}", ["granary.yml", "line 1"]),
        ("- a\n- b", ["granary.yml", "`name: value`, one a line"]),
        ("tsdb.path: a\ntsdb.path: b", ["granary.yml", "tsdb.path"]),
        ("tsdb.path: [", ["granary.yml", "line"]),
        ("role: []", ["role is an empty list", "leave it out"]),
        ("label: []", ["label is an empty list", "leave it out"]),
    ] {
        let message = message(file(text));
        assert!(parts.iter().all(|part| message.contains(part)), "{text}: {message}");
        assert!(!message.contains('\n'), "{text}: {message}");
    }
}

#[test]
fn an_unknown_variable_is_refused_unless_kubernetes_sets_it() {
    let message = message(environment(&[("GRANARY_TSDB_RETENTON", "1d")]));
    assert!(message.contains("unknown variable GRANARY_TSDB_RETENTON"), "{message}");
    assert!(message.contains("did you mean GRANARY_TSDB_RETENTION?"), "{message}");
    let links = [
        ("GRANARY_SERVICE_HOST", "10.0.0.1"),
        ("GRANARY_SERVICE_PORT_HTTP", "10902"),
        ("GRANARY_PORT", "tcp://10.0.0.1:10902"),
        ("GRANARY_PORT_10902_TCP_ADDR", "10.0.0.1"),
        ("GRANARY_HEADLESS_PORT_10901_TCP", "tcp://10.0.0.1:10901"),
        ("PATH", "/bin"),
    ];
    assert_eq!(environment(&links).expect("valid"), flags(&[]).expect("valid"));
    assert!(environment(&[("GRANARY_PORTS", "1")]).is_err());
}

#[test]
fn a_value_that_cannot_be_read_names_place_value_and_example() {
    let flag = message(flags(&[("tsdb.retention", "15x")]));
    assert!(flag.starts_with("--tsdb.retention: \"15x\" has the unknown unit \"x\""), "{flag}");
    assert!(flag.ends_with("write it like --tsdb.retention=30d"), "{flag}");
    let variable = message(environment(&[("GRANARY_TSDB_RETENTION", "15x")]));
    assert!(variable.starts_with("GRANARY_TSDB_RETENTION (flag --tsdb.retention)"), "{variable}");
    assert!(variable.ends_with("write it like GRANARY_TSDB_RETENTION=30d"), "{variable}");
    let key = message(file("tsdb.retention: 15x"));
    assert!(key.starts_with("granary.yml: tsdb.retention (flag --tsdb.retention)"), "{key}");
    assert!(key.ends_with("write it like tsdb.retention: 30d"), "{key}");
}

#[test]
fn every_kind_of_value_is_checked() {
    for (name, value, part) in [
        ("http-address", "nowhere", "has no port"),
        ("grpc-address", "example.com:1", "no IP address"),
        ("cluster.seeds", "granary-0", "has no port"),
        ("cluster.bootstrap-expect", "0", "from 1 to 1000"),
        ("cluster.advertise-address", "0.0.0.0:1", "can be dialed"),
        ("receive.tenant-header", "a b", "HTTP header"),
        ("receive.default-tenant-id", "a/b", "is no tenant"),
        ("receive.tenant-label-name", "a-b", "label name"),
        ("receive.replication-factor", "10", "from 1 to 9"),
        ("receive.request-bytes-max", "16 parsecs", "unknown unit"),
        ("receive.request-timeout", "0s", "longer than nothing"),
        ("query.enforce-tenancy", "maybe", "neither true nor false"),
        ("query.max-concurrent", "many", "no whole number"),
        ("query.replica-label", "a,,b", "label name"),
        ("label", "a", "name="),
        ("role", "receive,compact", "compact, which is not built yet"),
        ("role", "reader", "unknown role \"reader\""),
        ("min-time", "soon", "a number is missing"),
        ("node.name", "a b", "character ' '"),
        ("hashring", "", "is empty"),
        ("head.partitions", "1000", "from 0 to 256"),
        ("tsdb.path", "", "is no path"),
        ("objstore.config", " ", "is empty"),
        ("log.level", "loud", "none of error, warn"),
        ("log.format", "xml", "neither logfmt nor json"),
    ] {
        let message = message(flags(&[(name, value)]));
        assert!(message.contains(part), "{name}={value}: {message}");
        assert!(message.starts_with(&format!("--{name}: ")), "{message}");
        assert!(message.contains("write it like --"), "{message}");
    }
}

#[test]
fn contradictions_say_what_to_do() {
    for (given, part) in [
        (&[("cluster.bootstrap-expect", "3")][..], "set --cluster.seeds"),
        (&[("cluster.bootstrap-expect", "2"), ("cluster.seeds", "a:1,b:1,c:1,d:1")], "set it to 3"),
        (&[("cluster.seeds", "a:1,a:1")], "name every node once"),
        (&[("cluster.seeds", "10.0.0.9:1")], "is on another host"),
        (&[("grpc-address", "0.0.0.0:10901")], "set --cluster.advertise-address=HOST:10901"),
        (&[("tsdb.min-block-duration", "7h")], "has to divide a day"),
        (&[("tsdb.min-block-duration", "5s")], "at least 10s"),
        (&[("tsdb.min-block-duration", "0")], "at least 10s"),
        (&[("tsdb.min-block-duration", "2d")], "has to divide a day"),
        (&[("tsdb.max-block-duration", "4h")], "set both to the same"),
        (&[("tsdb.retention", "1h")], "raise it to 2h"),
        (&[("tsdb.late-part-interval", "0")], "set it to 1s or more"),
        (&[("objstore.config", "a"), ("objstore.config-file", "b")], "leave one out"),
        (&[("objstore.part-size", "1MiB")], "S3 takes parts from 5MiB on"),
        (&[("receive.decoded-bytes-max", "1MiB")], "raise the second one"),
        (&[("objstore.part-size", "129MiB")], "take 5MiB to 128MiB"),
        (&[("receive.inflight-bytes-max", "1MiB")], "raise it to 80MiB"),
        (&[("receive.inflight-bytes-max", "79MiB")], "raise it to 80MiB"),
        (&[("receive.peer-bytes-max", "255MiB")], "raise it to 256MiB"),
        (&[("receive.fallback-after", "10s")], "lower the first one"),
        (&[("http-address", "127.0.0.1:10901")], "give one another port"),
        (&[("min-time", "-1w"), ("max-time", "-2w")], "swap them"),
        (&[("label", "tenant_id=x")], "rename one of them"),
        (&[("label", "a=x"), ("label", "a=y")], "given twice"),
    ] {
        let message = message(flags(given));
        assert!(message.contains(part), "{given:?}: {message}");
        assert!(message.contains("--"), "{message}");
    }
}

#[test]
fn the_smallest_budgets_have_room_for_one_request() {
    // A body of 1 byte and one of 1025 bytes take one and two units of 1 KiB.
    let with = |inflight: &'static str| {
        flags(&[
            ("receive.request-bytes-max", "1"),
            ("receive.decoded-bytes-max", "1025"),
            ("receive.inflight-bytes-max", inflight),
        ])
    };
    assert!(with("3KiB").is_ok());
    assert!(message(with("3071")).contains("raise it to 3KiB or more"));
    assert!(flags(&[("objstore.part-size", "128MiB")]).is_ok());
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_its_flag() {
    for flag in ["config.file", "objstore.config-file"] {
        let message = message(flags(&[(flag, "/none.yml")]));
        assert!(message.starts_with(&format!("--{flag}: cannot read /none.yml: ")), "{message}");
    }
    let config = flags(&[("objstore.config-file", "bucket.yml")]).expect("valid");
    assert_eq!(config.bucket, BucketConfig::Objstore("type: FILESYSTEM\n".to_owned()));
}

#[test]
fn a_small_window_scales_what_depends_on_it() {
    let config = flags(&[("tsdb.min-block-duration", "1m")]).expect("valid");
    assert_eq!(config.tsdb.window_grace, Duration::from_secs(15));
    assert_eq!(config.tsdb.late_part_interval, Duration::from_millis(7500));
    let config = flags(&[("tsdb.min-block-duration", "1m"), ("tsdb.window-grace", "1s")]);
    assert_eq!(config.expect("valid").tsdb.window_grace, Duration::from_secs(1));
    let both = [("tsdb.min-block-duration", "1h"), ("tsdb.max-block-duration", "60m")];
    assert_eq!(flags(&both).expect("valid").tsdb.window, minutes(60));
}

#[test]
fn a_cluster_keeps_two_copies_unless_told_otherwise() {
    let copies = |given: &[_]| flags(given).expect("valid").receive.replication_factor;
    assert_eq!(copies(&[("cluster.seeds", "a:1")]), 2);
    assert_eq!(copies(&[("cluster.seeds", "a:1"), ("receive.replication-factor", "3")]), 3);
    assert_eq!(copies(&[]), 1);
}

#[test]
fn what_is_written_back_resolves_to_the_same() {
    let given = [
        ("cluster.seeds", "a:1,b:1,c:1"),
        ("cluster.bootstrap-expect", "2"),
        ("label", "a=\"x,\\\"y\\\"\""),
        ("min-time", "-6w"),
        ("max-time", "2026-01-31T00:00:00.5Z"),
        ("objstore.config", "type: S3\nconfig: {secret_key: s3cret}\n"),
        ("role", "query,store"),
        ("tsdb.min-block-duration", "10m"),
        ("log.format", "json"),
    ];
    let config = flags(&given).expect("valid");
    let origin = Origin::Flag;
    let layer: Layer = config
        .settings()
        .into_iter()
        .map(|(name, values)| (name, Given { origin: origin.clone(), values }))
        .collect();
    let read = |_: &Path| Err(ErrorKind::NotFound.into());
    let inputs =
        Inputs { flags: layer, environment: Vec::new(), host_name: "other".into(), read: &read };
    assert_eq!(load(&inputs).expect("valid"), config);
    assert!(!format!("{:?}", config.settings_to_show()).contains("s3cret"));
}

#[test]
fn every_setting_with_a_default_is_written_back() {
    let written: Vec<&str> = NodeConfig::default().settings().iter().map(|(n, _)| *n).collect();
    for setting in SETTINGS {
        let expected = match setting.default {
            DefaultValue::Text(_) => true,
            DefaultValue::Computed(_) => setting.name != "objstore.config",
            DefaultValue::Unset => false,
        };
        assert_eq!(written.contains(&setting.name), expected, "{}", setting.name);
    }
}

#[test]
fn every_example_is_accepted() {
    for setting in SETTINGS {
        if matches!(setting.name, "config.file" | "objstore.config-file") {
            continue;
        }
        let result = flags(&[
            (setting.name, setting.example),
            ("cluster.seeds", "a:1,b:1,c:1"),
            ("cluster.advertise-address", "a:1"),
        ]);
        let together = matches!(&result, Err(ConfigError::Contradiction(_)));
        assert!(result.is_ok() || together, "{}: {result:?}", setting.name);
    }
}
