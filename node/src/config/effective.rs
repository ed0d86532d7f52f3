//! The configuration written back as settings, the way it would be given.

use super::table::SETTINGS;
use super::value::{duration_text, label_text, size_text};
use super::{BucketConfig, NodeConfig, Roles};

/// What stands where a secret would.
pub const MASK: &str = "<hidden>";

/// A setting and the values that it has.
pub type Effective = (&'static str, Vec<String>);

impl NodeConfig {
    /// Every setting that has a value, in the order of the table. The bucket's YAML is as it was
    /// given and may hold secrets.
    pub fn settings(&self) -> Vec<Effective> {
        let mut settings = self.node_settings();
        settings.extend(self.cluster_settings());
        settings.extend(self.receive_settings());
        settings.extend(self.storage_settings());
        settings.extend(self.query_settings());
        let place = |name: &str| SETTINGS.iter().position(|setting| setting.name == name);
        settings.sort_by_key(|(name, _)| place(name));
        settings
    }

    /// Like [`NodeConfig::settings`], safe to show: what the bucket's YAML says is masked.
    pub fn settings_to_show(&self) -> Vec<Effective> {
        let mask = |(name, values): Effective| match name {
            "objstore.config" => (name, vec![MASK.to_owned()]),
            _ => (name, values),
        };
        self.settings().into_iter().map(mask).collect()
    }

    fn node_settings(&self) -> Vec<Effective> {
        let labels = self.external_labels.iter().map(|(name, value)| label_text(name, value));
        vec![
            one("node.name", &self.node_name),
            one("node.zone", &self.node_zone),
            ("role", self.roles.names()),
            ("label", labels.collect()),
            one("hashring", &self.hashring),
            one("http-address", self.http_address),
            one("grpc-address", self.grpc_address),
            one("remote-write.address", self.remote_write_address),
            one("http-grace-period", duration_text(self.http_grace_period)),
            one("log.level", self.log.level.name()),
            one("log.format", self.log.format.name()),
        ]
    }

    fn cluster_settings(&self) -> Vec<Effective> {
        let cluster = &self.cluster;
        let mut settings = vec![one("cluster.advertise-address", &cluster.advertise_address)];
        if !cluster.seeds.is_empty() {
            settings.push(("cluster.seeds", cluster.seeds.clone()));
        }
        settings.extend(cluster.bootstrap_expect.map(|n| one("cluster.bootstrap-expect", n)));
        settings
    }

    fn receive_settings(&self) -> Vec<Effective> {
        let receive = &self.receive;
        vec![
            one("receive.tenant-header", &receive.tenant_header),
            one("receive.default-tenant-id", &receive.default_tenant),
            one("receive.tenant-label-name", &receive.tenant_label),
            one("receive.replication-factor", receive.replication_factor),
            one("receive.accept-age", duration_text(receive.accept_age)),
            one("receive.accept-ahead", duration_text(receive.accept_ahead)),
            one("receive.request-timeout", duration_text(receive.request_timeout)),
            one("receive.fallback-after", duration_text(receive.fallback_after)),
            one("receive.request-bytes-max", size_text(receive.request_bytes_max)),
            one("receive.decoded-bytes-max", size_text(receive.decoded_bytes_max)),
            one("receive.inflight-bytes-max", size_text(receive.inflight_bytes_max)),
            one("receive.peer-bytes-max", size_text(receive.peer_bytes_max)),
        ]
    }

    fn storage_settings(&self) -> Vec<Effective> {
        let tsdb = &self.tsdb;
        let mut settings = vec![
            one("tsdb.path", tsdb.path.display()),
            one("tsdb.retention", duration_text(tsdb.retention)),
            one("tsdb.min-block-duration", duration_text(tsdb.window)),
            one("tsdb.max-block-duration", duration_text(tsdb.window)),
            one("tsdb.window-grace", duration_text(tsdb.window_grace)),
            one("tsdb.late-part-interval", duration_text(tsdb.late_part_interval)),
            one("tsdb.wal-segment-size", size_text(tsdb.wal_segment_bytes)),
            one("head.partitions", self.head.partitions),
            one("head.series-max", self.head.series_max),
            one("objstore.part-size", size_text(self.store.part_bytes)),
            one("store.cache-bytes", size_text(self.store.cache_bytes)),
            one("sync-block-duration", duration_text(self.store.sync_interval)),
        ];
        if let BucketConfig::Objstore(yaml) = &self.bucket {
            settings.push(one("objstore.config", yaml));
        }
        settings.extend(self.store.min_time.map(|time| one("min-time", time)));
        settings.extend(self.store.max_time.map(|time| one("max-time", time)));
        settings
    }

    fn query_settings(&self) -> Vec<Effective> {
        let query = &self.query;
        vec![
            one("query.timeout", duration_text(query.timeout)),
            one("query.max-samples", query.samples_max),
            one("query.max-concurrent", query.concurrent_max),
            one("query.lookback-delta", duration_text(query.lookback)),
            ("query.replica-label", query.replica_labels.clone()),
            one("query.enforce-tenancy", query.enforce_tenancy),
            one("query.partial-response", query.partial_response),
        ]
    }
}

impl Roles {
    /// Names of the roles that are on.
    pub fn names(self) -> Vec<String> {
        let all = [
            ("receive", self.receive),
            ("store", self.store),
            ("query", self.query),
            ("compact", self.compact),
        ];
        all.iter().filter(|(_, on)| *on).map(|(name, _)| (*name).to_owned()).collect()
    }
}

fn one(name: &'static str, value: impl ToString) -> Effective {
    (name, vec![value.to_string()])
}
