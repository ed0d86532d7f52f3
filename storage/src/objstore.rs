//! The bucket's configuration: Thanos' objstore YAML as it is, and the store that it describes.
//!
//! ```yaml
//! type: S3
//! config:
//!   bucket: metrics
//!   endpoint: 127.0.0.1:8333
//!   insecure: true
//!   access_key: ...
//!   secret_key: ...
//! prefix: granary
//! ```
//!
//! Types are S3, GCS, AZURE and FILESYSTEM. Keys that do not exist are errors; keys that exist and
//! cannot be honoured are refused when ignoring them could cost data or secrecy, else they are
//! named in [`ObjstoreConfig::warnings`].

mod keys;
mod s3;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use futures::StreamExt;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::prefix::PrefixStore;
use serde_json::Value;

use crate::StorageError;
use keys::Section;

pub use s3::S3Config;

/// Longest configuration that is read, bytes.
pub const OBJSTORE_YAML_BYTES_MAX: usize = 64 << 10;

/// A text that is never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "<none>" } else { "<secret>" })
    }
}

/// Where blocks are kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Provider {
    /// S3 and what speaks its protocol.
    S3(S3Config),
    /// A directory.
    Filesystem {
        /// Its path; created if missing.
        directory: PathBuf,
    },
    /// Google Cloud Storage: its keys are checked, it cannot be opened.
    Gcs {
        /// Name of the bucket.
        bucket: String,
    },
    /// Azure Blob Storage: its keys are checked, it cannot be opened.
    Azure {
        /// Name of the container.
        container: String,
    },
}

/// A checked configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjstoreConfig {
    /// Where blocks are kept.
    pub provider: Provider,
    /// Path within the bucket below which everything lies; may be empty.
    pub prefix: String,
    warnings: Vec<String>,
}

/// An open bucket.
#[derive(Clone, Debug)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    name: String,
    secret_key_name: &'static str,
}

impl ObjstoreConfig {
    /// Reads Thanos' YAML. Messages name the key, never a secret.
    pub fn parse(yaml: &str) -> Result<ObjstoreConfig, StorageError> {
        if yaml.len() > OBJSTORE_YAML_BYTES_MAX {
            return Err(invalid(format!(
                "the configuration has {} bytes; at most {OBJSTORE_YAML_BYTES_MAX} are read",
                yaml.len()
            )));
        }
        let root: Value = serde_saphyr::from_str(yaml)
            .map_err(|_| invalid("it is not one valid YAML document".to_owned()))?;
        let mut warnings = Vec::new();
        let mut root = Section::open("", &root)?;
        let kind = root.text("type")?;
        let prefix = root.text("prefix")?;
        root.ignore("hedging_config", &mut warnings);
        let config = root.raw("config");
        root.finish()?;
        let config = Section::open("config.", config.as_ref().unwrap_or(&Value::Null))?;
        let provider = parse_provider(&kind, config, &mut warnings)?;
        Ok(ObjstoreConfig { provider, prefix: prefix.trim_matches('/').to_owned(), warnings })
    }

    /// A directory as the bucket.
    pub fn filesystem(directory: impl Into<PathBuf>) -> ObjstoreConfig {
        let provider = Provider::Filesystem { directory: directory.into() };
        ObjstoreConfig { provider, prefix: String::new(), warnings: Vec::new() }
    }

    /// Keys that were accepted and have no effect here, one sentence each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Opens the store; nothing is asked of it yet, see [`Bucket::check`].
    pub fn open(&self) -> Result<Bucket, StorageError> {
        let (store, name, secret_key_name): (Arc<dyn ObjectStore>, _, _) = match &self.provider {
            Provider::S3(s3) => (s3.open()?, s3.name(), "access_key and secret_key"),
            Provider::Filesystem { directory } => {
                let name = format!("the directory {}", directory.display());
                (open_directory(directory)?, name, "directory")
            }
            Provider::Gcs { .. } => return Err(not_built("GCS")),
            Provider::Azure { .. } => return Err(not_built("AZURE")),
        };
        let store = match self.prefix.as_str() {
            "" => store,
            prefix => Arc::new(PrefixStore::new(store, prefix)),
        };
        Ok(Bucket { store, name, secret_key_name })
    }
}

impl Bucket {
    /// Takes a store that was made elsewhere, under a name for messages.
    pub fn from_store(store: Arc<dyn ObjectStore>, name: impl Into<String>) -> Bucket {
        Bucket { store, name: name.into(), secret_key_name: "access_key and secret_key" }
    }

    /// The store; paths start below the configured prefix.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// What the bucket is called in messages: kind, bucket and endpoint.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Asks the bucket for one page of its list. An error names bucket, endpoint and the keys to
    /// check.
    pub async fn check(&self) -> Result<(), StorageError> {
        match self.store.list(None).next().await {
            None | Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(self.explain(error)),
        }
    }

    fn explain(&self, error: object_store::Error) -> StorageError {
        use object_store::Error;
        let name = &self.name;
        let text = error.to_string();
        let denied = ["AccessDenied", "SignatureDoesNotMatch", "InvalidAccessKeyId", "403", "401"];
        let is_denied =
            matches!(error, Error::PermissionDenied { .. } | Error::Unauthenticated { .. })
                || denied.iter().any(|code| text.contains(code));
        if is_denied {
            let keys = self.secret_key_name;
            return StorageError::Invalid(format!(
                "{name} refuses the credentials: check {keys} of the objstore configuration"
            ));
        }
        if matches!(error, Error::NotFound { .. }) || text.contains("NoSuchBucket") {
            return StorageError::Invalid(format!(
                "{name} does not exist: check bucket and endpoint of the objstore configuration"
            ));
        }
        StorageError::bucket(format!("{name} cannot be listed"), error)
    }
}

fn invalid(message: String) -> StorageError {
    StorageError::Invalid(format!("objstore configuration: {message}"))
}

fn not_built(kind: &str) -> StorageError {
    invalid(format!("type {kind} is parsed but not built into this binary and untried"))
}

fn open_directory(directory: &PathBuf) -> Result<Arc<dyn ObjectStore>, StorageError> {
    std::fs::create_dir_all(directory)
        .map_err(|e| StorageError::io(format!("create the bucket {}", directory.display()), e))?;
    let store = LocalFileSystem::new_with_prefix(directory)
        .map_err(|e| StorageError::bucket(format!("open the bucket {}", directory.display()), e))?;
    Ok(Arc::new(store.with_fsync(true)))
}

fn parse_provider(
    kind: &str,
    mut config: Section<'_>,
    warnings: &mut Vec<String>,
) -> Result<Provider, StorageError> {
    let provider = match kind.to_ascii_uppercase().as_str() {
        "S3" => return Ok(Provider::S3(S3Config::parse(config, warnings)?)),
        "FILESYSTEM" => Provider::Filesystem { directory: config.required("directory")?.into() },
        "GCS" => {
            let keys = [
                "service_account",
                "use_grpc",
                "grpc_conn_pool_size",
                "http_config",
                "chunk_size_bytes",
                "max_retries",
            ];
            keys.iter().for_each(|key| config.skip(key));
            Provider::Gcs { bucket: config.required("bucket")? }
        }
        "AZURE" => {
            let keys = [
                "storage_account",
                "storage_account_key",
                "storage_connection_string",
                "storage_create_container",
                "endpoint",
                "user_assigned_id",
                "max_retries",
                "reader_config",
                "pipeline_config",
                "http_config",
                "msi_resource",
                "az_tenant_id",
                "client_id",
                "client_secret",
            ];
            keys.iter().for_each(|key| config.skip(key));
            Provider::Azure { container: config.required("container")? }
        }
        "" => return Err(invalid("the key type is missing".to_owned())),
        _ => {
            let known = ["S3", "GCS", "AZURE", "FILESYSTEM"];
            let hint = keys::suggestion(kind, &known);
            return Err(invalid(format!("type {kind:?} is not supported{hint}")));
        }
    };
    config.finish()?;
    Ok(provider)
}

#[cfg(test)]
mod tests;
