//! Configurations as users of Thanos have them, and the mistakes in them.

use super::*;

/// The template of Thanos' documentation, all keys.
const S3: &str = r#"
type: S3
config:
  bucket: "metrics"
  endpoint: "s3.example.com:9000"
  region: ""
  disable_dualstack: false
  aws_sdk_auth: false
  access_key: "key"
  insecure: true
  signature_version2: false
  secret_key: "hush"
  session_token: ""
  put_user_metadata: {}
  http_config:
    idle_conn_timeout: 1m30s
    response_header_timeout: 2m
    insecure_skip_verify: false
    tls_handshake_timeout: 10s
    expect_continue_timeout: 1s
    max_idle_conns: 100
    max_idle_conns_per_host: 100
    max_conns_per_host: 0
    tls_config:
      ca_file: ""
      cert_file: ""
      key_file: ""
      server_name: ""
      insecure_skip_verify: false
    disable_compression: false
  trace:
    enable: false
  list_objects_version: ""
  bucket_lookup_type: auto
  send_content_md5: true
  disable_multipart: false
  part_size: 67108864
  sse_config:
    type: ""
    kms_key_id: ""
    kms_encryption_context: {}
    encryption_key: ""
  sts_endpoint: ""
  max_retries: 0
prefix: "a/b/"
"#;

fn message(yaml: &str) -> String {
    ObjstoreConfig::parse(yaml).unwrap_err().to_string()
}

#[test]
fn the_template_of_thanos_is_accepted() {
    let config = ObjstoreConfig::parse(S3).unwrap();
    let Provider::S3(s3) = &config.provider else { panic!("{config:?}") };
    assert_eq!((s3.bucket.as_str(), s3.insecure, s3.virtual_hosted), ("metrics", true, false));
    assert_eq!(config.prefix, "a/b");
    assert!(config.warnings().iter().any(|w| w.contains("config.part_size")));
    assert!(!config.warnings().iter().any(|w| w.contains("trace")));
}

#[test]
fn secrets_are_not_printed() {
    let config = ObjstoreConfig::parse(S3).unwrap();
    assert!(!format!("{config:?}").contains("hush"));
    let bucket = config.open().unwrap();
    assert!(!format!("{bucket:?}").contains("hush"));
    assert_eq!(bucket.name(), "the S3 bucket \"metrics\" at http://s3.example.com:9000");
}

#[test]
fn unknown_keys_are_errors_with_a_suggestion() {
    let wrong = S3.replace("secret_key:", "secretkey:");
    assert!(message(&wrong).contains("unknown key config.secretkey; did you mean \"secret_key\"?"));
    let wrong = S3.replace("ca_file", "cafile");
    assert!(message(&wrong).contains("config.http_config.tls_config.cafile; did you mean"));
    assert!(message("type: S4\nconfig: {}").contains("did you mean \"S3\"?"));
    assert!(message("typ: S3").contains("unknown key typ; did you mean \"type\"?"));
    assert!(!message("type: FILESYSTEM\nconfig: {directory: x, zzzzzzzzz: 1}").contains("mean"));
}

#[test]
fn what_cannot_be_honoured_is_refused_by_name() {
    for (from, to, key) in [
        ("signature_version2: false", "signature_version2: true", "config.signature_version2"),
        ("aws_sdk_auth: false", "aws_sdk_auth: true", "config.aws_sdk_auth"),
        ("    type: \"\"", "    type: SSE-S3", "config.sse_config"),
        ("sts_endpoint: \"\"", "sts_endpoint: http://x", "config.sts_endpoint"),
        ("ca_file: \"\"", "ca_file: /x", "config.http_config.tls_config.ca_file"),
        ("list_objects_version: \"\"", "list_objects_version: v1", "list_objects_version"),
        ("bucket_lookup_type: auto", "bucket_lookup_type: odd", "bucket_lookup_type"),
        ("secret_key: \"hush\"", "secret_key: \"\"", "config.secret_key"),
        ("s3.example.com:9000", "http://s3.example.com:9000", "config.endpoint"),
        ("bucket: \"metrics\"", "bucket: \"\"", "config.bucket"),
        ("insecure: true", "insecure: maybe", "config.insecure"),
    ] {
        let yaml = S3.replace(from, to);
        assert_ne!(yaml, S3, "{from}");
        let message = message(&yaml);
        assert!(message.contains(key) && !message.contains("hush"), "{message}");
    }
}

#[test]
fn other_types() {
    let gcs = ObjstoreConfig::parse("type: GCS\nconfig: {bucket: b, service_account: x}").unwrap();
    assert!(gcs.open().unwrap_err().to_string().contains("GCS is parsed but not built"));
    let azure = "type: AZURE\nconfig: {container: c, storage_account_key: hush}";
    let azure = ObjstoreConfig::parse(azure).unwrap();
    assert!(azure.open().unwrap_err().to_string().contains("AZURE is parsed but not built"));
    assert!(!format!("{azure:?}").contains("hush"));
    assert!(message("").contains("type is missing"));
    assert!(message("type: S3\n---\ntype: S3\n").contains("not one valid YAML document"));
    assert!(message("- a").contains("no mapping"));
}

#[tokio::test]
async fn a_missing_directory_is_created() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x/bucket");
    let yaml = format!("type: FILESYSTEM\nconfig:\n  directory: {}\n", path.display());
    let bucket = ObjstoreConfig::parse(&yaml).unwrap().open().unwrap();
    bucket.check().await.unwrap();
    assert!(path.is_dir());
}
