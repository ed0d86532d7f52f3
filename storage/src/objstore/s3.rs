//! S3 as Thanos configures it.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::{ClientOptions, ObjectStore, RetryConfig};

use super::keys::Section;
use super::{Secret, invalid};
use crate::StorageError;

/// Retries of one request when `max_retries` is not set.
const RETRIES: usize = 3;
/// Most retries of one request.
const RETRIES_MAX: u64 = 100;
/// After this time a request is not tried again.
const RETRY_TIMEOUT: Duration = Duration::from_secs(20);
/// Region of stores that have none.
const DEFAULT_REGION: &str = "us-east-1";

/// What we honour of Thanos' S3 keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct S3Config {
    /// Name of the bucket.
    pub bucket: String,
    /// `host:port`, without a scheme.
    pub endpoint: String,
    /// Region; empty for stores that have none.
    pub region: String,
    /// Key id; empty takes credentials from the environment.
    pub access_key: String,
    /// Key.
    pub secret_key: Secret,
    /// Token of temporary credentials.
    pub session_token: Secret,
    /// Plain HTTP.
    pub insecure: bool,
    /// Whether any certificate is accepted.
    pub insecure_skip_verify: bool,
    /// Whether the bucket's name is put in front of the host's rather than into the path.
    pub virtual_hosted: bool,
    /// Retries of one request.
    pub max_retries: Option<usize>,
}

impl S3Config {
    pub(super) fn parse(
        mut keys: Section<'_>,
        warnings: &mut Vec<String>,
    ) -> Result<S3Config, StorageError> {
        let mut config = S3Config {
            bucket: keys.required("bucket")?,
            endpoint: keys.required("endpoint")?,
            region: keys.text("region")?,
            access_key: keys.text("access_key")?,
            secret_key: keys.secret("secret_key")?,
            session_token: keys.secret("session_token")?,
            insecure: keys.flag("insecure")?,
            ..S3Config::default()
        };
        config.virtual_hosted = parse_lookup(&mut keys)?;
        config.max_retries = parse_retries(&mut keys)?;
        config.insecure_skip_verify = parse_http(keys.section("http_config")?, warnings)?;
        for key in ["signature_version2", "aws_sdk_auth", "sse_config", "sts_endpoint"] {
            keys.refuse(key)?;
        }
        let no_effect = [
            "part_size",
            "disable_multipart",
            "send_content_md5",
            "put_user_metadata",
            "disable_dualstack",
            "trace",
        ];
        no_effect.iter().for_each(|key| keys.ignore(key, warnings));
        match keys.text("list_objects_version")?.as_str() {
            "" | "v2" => {}
            other => {
                let message = format!("config.list_objects_version {other:?} is not supported");
                return Err(invalid(message));
            }
        }
        keys.finish()?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), StorageError> {
        if self.endpoint.contains("://") {
            let message = "config.endpoint is host:port without a scheme; \
                           insecure: true selects plain HTTP";
            return Err(invalid(message.to_owned()));
        }
        if self.access_key.is_empty() != self.secret_key.reveal().is_empty() {
            let message = "config.access_key and config.secret_key come together";
            return Err(invalid(message.to_owned()));
        }
        Ok(())
    }

    /// Kind, bucket and endpoint, for messages.
    pub(super) fn name(&self) -> String {
        format!("the S3 bucket {:?} at {}", self.bucket, self.url())
    }

    fn url(&self) -> String {
        let scheme = if self.insecure { "http" } else { "https" };
        format!("{scheme}://{}", self.endpoint)
    }

    pub(super) fn open(&self) -> Result<Arc<dyn ObjectStore>, StorageError> {
        // An error says that the process has a provider already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let region = if self.region.is_empty() { DEFAULT_REGION } else { &self.region };
        let retry = RetryConfig {
            max_retries: self.max_retries.unwrap_or(RETRIES),
            retry_timeout: RETRY_TIMEOUT,
            ..RetryConfig::default()
        };
        let client = ClientOptions::new()
            .with_allow_http(self.insecure)
            .with_allow_invalid_certificates(self.insecure_skip_verify);
        let builder = match self.access_key.as_str() {
            "" => AmazonS3Builder::from_env(),
            key => AmazonS3Builder::new()
                .with_access_key_id(key)
                .with_secret_access_key(self.secret_key.reveal()),
        };
        let builder = match self.session_token.reveal() {
            "" => builder,
            token => builder.with_token(token),
        };
        let store = builder
            .with_endpoint(self.endpoint_url())
            .with_region(region)
            .with_bucket_name(&self.bucket)
            .with_virtual_hosted_style_request(self.virtual_hosted)
            .with_disable_bulk_delete(true)
            .with_client_options(client)
            .with_retry(retry)
            .build()
            .map_err(|e| StorageError::bucket(format!("open {}", self.name()), e))?;
        Ok(Arc::new(store))
    }

    /// The endpoint as the client wants it: with the bucket's name in front if that is its style.
    fn endpoint_url(&self) -> String {
        match self.virtual_hosted {
            false => self.url(),
            true => self.url().replacen("://", &format!("://{}.", self.bucket), 1),
        }
    }
}

/// Path style works everywhere but is being withdrawn by AWS, whose hosts get the other one.
fn parse_lookup(keys: &mut Section<'_>) -> Result<bool, StorageError> {
    let endpoint = keys.text("endpoint")?;
    match keys.text("bucket_lookup_type")?.as_str() {
        "" | "auto" => Ok(endpoint.ends_with(".amazonaws.com")),
        "path" => Ok(false),
        "virtual-hosted" => Ok(true),
        other => {
            let known = "auto, path and virtual-hosted";
            Err(invalid(format!("config.bucket_lookup_type {other:?} is none of {known}")))
        }
    }
}

fn parse_retries(keys: &mut Section<'_>) -> Result<Option<usize>, StorageError> {
    match keys.number("max_retries")? {
        None | Some(0) => Ok(None),
        Some(retries) if retries <= RETRIES_MAX => Ok(Some(retries as usize)),
        Some(_) => Err(invalid(format!("config.max_retries is more than {RETRIES_MAX}"))),
    }
}

/// Reads `http_config`; gives whether any certificate is accepted.
fn parse_http(mut keys: Section<'_>, warnings: &mut Vec<String>) -> Result<bool, StorageError> {
    let mut skip_verify = keys.flag("insecure_skip_verify")?;
    let no_effect = [
        "idle_conn_timeout",
        "response_header_timeout",
        "tls_handshake_timeout",
        "expect_continue_timeout",
        "max_idle_conns",
        "max_idle_conns_per_host",
        "max_conns_per_host",
        "disable_compression",
    ];
    no_effect.iter().for_each(|key| keys.ignore(key, warnings));
    let mut tls = keys.section("tls_config")?;
    skip_verify |= tls.flag("insecure_skip_verify")?;
    for key in ["ca_file", "cert_file", "key_file", "server_name"] {
        tls.refuse(key)?;
    }
    tls.finish()?;
    keys.finish()?;
    Ok(skip_verify)
}
