//! `meta.json` of a block: Prometheus' fields and the section that Thanos adds.

use std::collections::BTreeMap;

use proto::TenantName;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ulid::Ulid;

use crate::StorageError;

/// Name of the file.
pub const META_FILE: &str = "meta.json";
/// Largest `meta.json` that is read.
pub const META_BYTES_MAX: u64 = 16 << 20;
/// Key of our section under `thanos.extensions`.
pub const EXTENSION: &str = "granary";
/// Key, beside our section, of the checksum of what we rely on; see [`BlockMeta::seal`].
pub const EXTENSION_CRC: &str = "granary_crc32c";

/// What `meta.json` says. Fields that we do not know are not kept: blocks are never rewritten.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockMeta {
    /// The block's identity and the name of its directory.
    #[serde(with = "ulid_text")]
    pub ulid: Ulid,
    /// First timestamp, milliseconds since the Unix epoch.
    pub min_time: i64,
    /// Behind the last timestamp (exclusive).
    pub max_time: i64,
    /// What the block holds.
    #[serde(default)]
    pub stats: BlockStats,
    /// Which blocks it was made of.
    #[serde(default)]
    pub compaction: Compaction,
    /// Version of the format: 1.
    pub version: u32,
    /// Thanos' section; absent in blocks of a plain Prometheus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thanos: Option<ThanosMeta>,
}

/// Counts of what a block holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BlockStats {
    /// Samples of all kinds.
    pub num_samples: u64,
    /// Float samples.
    pub num_float_samples: u64,
    /// Histogram samples.
    #[serde(skip_serializing_if = "is_zero")]
    pub num_histogram_samples: u64,
    /// Series.
    pub num_series: u64,
    /// Chunks.
    pub num_chunks: u64,
    /// Tombstones.
    #[serde(skip_serializing_if = "is_zero")]
    pub num_tombstones: u64,
}

/// How a block came to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Compaction {
    /// 1 for a block that was cut from a head.
    pub level: u32,
    /// Identities of the level 1 blocks it is made of.
    pub sources: Vec<String>,
}

/// Thanos' section.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ThanosMeta {
    /// Version of the section: 1.
    #[serde(default)]
    pub version: u32,
    /// External labels: tenant, replica and whatever the operator adds.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Resolution of the samples.
    #[serde(default)]
    pub downsample: Downsample,
    /// What made the block: "receive" for ours.
    #[serde(default)]
    pub source: String,
    /// Names in `chunks/`; old readers want them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segment_files: Vec<String>,
    /// All files with their sizes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<BlockFile>,
    /// Extremes that help readers to size their requests.
    #[serde(default, skip_serializing_if = "IndexStats::is_empty")]
    pub index_stats: IndexStats,
    /// Sections of others; ours is [`EXTENSION`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extensions: Option<Value>,
}

/// Resolution of a block's samples.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Downsample {
    /// Milliseconds between samples; 0 for raw ones.
    pub resolution: i64,
}

/// A file of a block.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockFile {
    /// Path below the block's directory, with `/`.
    pub rel_path: String,
    /// Size; absent for `meta.json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
}

/// Extremes of the index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IndexStats {
    /// Longest series entry, bytes.
    #[serde(skip_serializing_if = "is_zero")]
    pub series_max_size: u64,
    /// Longest chunk entry, bytes.
    #[serde(skip_serializing_if = "is_zero")]
    pub chunk_max_size: u64,
}

impl IndexStats {
    fn is_empty(&self) -> bool {
        *self == IndexStats::default()
    }
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

impl BlockMeta {
    /// Reads a `meta.json`; `what` names it in the error.
    pub fn parse(what: &str, bytes: &[u8]) -> Result<BlockMeta, StorageError> {
        let meta: BlockMeta = serde_json::from_slice(bytes)
            .map_err(|error| StorageError::corrupt(what, error.to_string()))?;
        if meta.version != 1 {
            let reason = format!("version {} of meta.json is not supported", meta.version);
            return Err(StorageError::corrupt(what, reason));
        }
        if meta.min_time > meta.max_time {
            return Err(StorageError::corrupt(what, "minTime is greater than maxTime"));
        }
        meta.check_seal(what)?;
        Ok(meta)
    }

    /// The file's bytes: JSON, indented with tabs, as Prometheus and Thanos write it.
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(b"\t");
        let mut serializer = serde_json::Serializer::with_formatter(&mut out, formatter);
        self.serialize(&mut serializer).expect("writing plain fields to memory cannot fail");
        out.push(b'\n');
        out
    }

    /// Whether the block may hold samples of `start_ms..=end_ms`.
    pub fn overlaps(&self, start_ms: i64, end_ms: i64) -> bool {
        self.min_time <= end_ms && self.max_time > start_ms
    }

    /// The value of an external label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.thanos.as_ref()?.labels.get(name).map(String::as_str)
    }

    /// The tenant that the external label `tenant_label` names; `without_label` when the block
    /// has no such label.
    pub fn tenant(
        &self,
        tenant_label: &str,
        without_label: Option<&TenantName>,
    ) -> Result<TenantName, StorageError> {
        let what = || format!("{}/{META_FILE}", self.ulid);
        match (self.label(tenant_label), without_label) {
            (Some(name), _) => TenantName::new(name)
                .map_err(|error| StorageError::corrupt(what(), error.to_string())),
            (None, Some(tenant)) => Ok(tenant.clone()),
            (None, None) => {
                let reason = format!("the external label {tenant_label:?} is not there");
                Err(StorageError::corrupt(what(), reason))
            }
        }
    }

    /// Our section, if the block is ours.
    pub fn extension(&self) -> Option<&Value> {
        self.thanos.as_ref()?.extensions.as_ref()?.get(EXTENSION)
    }

    /// Puts a checksum of what we rely on (identity, time, samples, labels and our section) beside
    /// our section: JSON has none of its own. Other tools may change the rest.
    pub fn seal(&mut self) {
        let crc = self.crc();
        let thanos = self.thanos.get_or_insert_default();
        let extensions = thanos.extensions.get_or_insert_with(|| serde_json::json!({}));
        if let Some(sections) = extensions.as_object_mut() {
            sections.insert(EXTENSION_CRC.to_owned(), crc.into());
        }
    }

    fn check_seal(&self, what: &str) -> Result<(), StorageError> {
        let extensions = self.thanos.as_ref().and_then(|thanos| thanos.extensions.as_ref());
        match extensions.and_then(|sections| sections.get(EXTENSION_CRC)) {
            Some(crc) if crc.as_u64() != Some(self.crc().into()) => {
                Err(StorageError::corrupt(what, format!("wrong checksum {EXTENSION_CRC}")))
            }
            _ => Ok(()),
        }
    }

    fn crc(&self) -> u32 {
        let labels = self.thanos.as_ref().map(|thanos| &thanos.labels);
        let stats = (self.stats.num_samples, self.stats.num_series);
        let relied = (
            self.ulid.to_string(),
            (self.min_time, self.max_time),
            stats,
            labels,
            self.extension().map(with_sorted_keys),
        );
        let bytes = serde_json::to_vec(&relied).expect("plain fields can be written");
        crc32c::crc32c(&bytes)
    }

    /// Sizes of the block's files as the meta tells them, without `meta.json`.
    pub fn file_bytes(&self) -> BTreeMap<&str, u64> {
        let files = self.thanos.iter().flat_map(|thanos| &thanos.files);
        files.filter_map(|f| Some((f.rel_path.as_str(), f.size_bytes?))).collect()
    }
}

/// The value with the keys of every object in order, however the file had them.
fn with_sorted_keys(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<&String, &Value> = fields.iter().collect();
            fields.into_iter().map(|(k, v)| (k.clone(), with_sorted_keys(v))).collect()
        }
        Value::Array(items) => items.iter().map(with_sorted_keys).collect(),
        plain => plain.clone(),
    }
}

/// Serde of a ULID as its 26 characters.
pub(crate) mod ulid_text {
    use serde::{Deserialize, Deserializer, Serializer};
    use ulid::Ulid;

    pub(crate) fn serialize<S: Serializer>(ulid: &Ulid, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(ulid)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Ulid, D::Error> {
        let text = String::deserialize(from)?;
        Ulid::from_string(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THANOS: &str = r#"{"ulid":"01HZ0000000000000000000000","minTime":0,"maxTime":7200000,
        "stats":{"numSamples":3,"numSeries":1,"numChunks":1},
        "compaction":{"level":1,"sources":["01HZ0000000000000000000000"]},"version":1,
        "thanos":{"version":1,"labels":{"tenant_id":"a","receive_replica":"0"},
        "downsample":{"resolution":0},"source":"receive","segment_files":["000001"],
        "files":[{"rel_path":"chunks/000001","size_bytes":99},{"rel_path":"meta.json"}],
        "index_stats":{"series_max_size":20},"upload_time":"0001-01-01T00:00:00Z"}}"#;

    #[test]
    fn metas_of_thanos_are_read() {
        let meta = BlockMeta::parse("m", THANOS.as_bytes()).unwrap();
        let fallback = TenantName::new("x").unwrap();
        assert_eq!(meta.tenant("tenant_id", None).unwrap().as_str(), "a");
        assert_eq!(meta.tenant("other", Some(&fallback)).unwrap(), fallback);
        assert!(meta.tenant("other", None).is_err());
        assert_eq!(meta.file_bytes(), BTreeMap::from([("chunks/000001", 99)]));
        assert!(meta.overlaps(7_199_999, 9_000_000) && !meta.overlaps(7_200_000, 9_000_000));
        assert_eq!(BlockMeta::parse("m", &meta.to_json()).unwrap(), meta);
    }

    #[test]
    fn json_is_indented_with_tabs_and_leaves_out_what_is_empty() {
        let meta = BlockMeta { version: 1, ..BlockMeta::default() };
        let text = String::from_utf8(meta.to_json()).unwrap();
        assert!(text.starts_with("{\n\t\"ulid\": \"00000000000000000000000000\",\n\t\"minTime\""));
        assert!(!text.contains("thanos") && !text.contains("numTombstones"));
    }

    #[test]
    fn a_sealed_meta_is_checked() {
        let mut meta = BlockMeta::parse("m", THANOS.as_bytes()).unwrap();
        meta.seal();
        let text = String::from_utf8(meta.to_json()).unwrap();
        assert_eq!(BlockMeta::parse("m", text.as_bytes()).unwrap(), meta);
        let other_tenant = text.replace("\"tenant_id\": \"a\"", "\"tenant_id\": \"b\"");
        assert_ne!(other_tenant, text);
        assert!(BlockMeta::parse("m", other_tenant.as_bytes()).is_err());
    }

    #[test]
    fn other_versions_and_nonsense_are_refused() {
        let other =
            THANOS.replace("\"version\":1,\n        \"thanos\"", "\"version\":2,\"thanos\"");
        assert!(BlockMeta::parse("m", other.as_bytes()).unwrap_err().to_string().contains("2"));
        assert!(BlockMeta::parse("m", b"{").is_err());
        assert!(BlockMeta::parse("m", b"{}").is_err());
    }
}
