//! SeaweedFS as a real S3 server.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::clock::wait_for;
use crate::http::{self, Framing, Request};
use crate::ports;
use crate::process::Process;

/// Longest wait for the server to take requests.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// The key that may do everything.
const ACCESS_KEY: &str = "granary-tests";
/// Its secret.
pub const SECRET_KEY: &str = "the-right-secret";
/// The bucket that is there.
pub const BUCKET: &str = "metrics";

/// A running S3 server with an empty bucket.
pub struct Seaweed {
    /// Where it speaks S3.
    pub s3: SocketAddr,
    filer: SocketAddr,
    /// The process.
    pub process: Process,
}

impl Seaweed {
    /// Starts `weed` with its files below `folder` and makes the bucket.
    pub fn start(weed: &Path, folder: &Path) -> Seaweed {
        let home = folder.join("seaweed");
        std::fs::create_dir_all(home.join("data")).expect("room for a bucket");
        let identities = home.join("s3.json");
        std::fs::write(&identities, identities_json()).expect("room for a configuration");
        let (s3, filer) = (ports::free(), ports::free());
        let mut command = Command::new(weed);
        command.current_dir(&home).args(["server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]);
        command.arg("-dir=data").args(["-filer", "-s3", "-volume.max=20"]);
        command.arg("-master.volumeSizeLimitMB=256");
        command.arg(format!("-s3.config={}", identities.display()));
        command.arg(format!("-s3.port={}", s3.port()));
        command.arg(format!("-filer.port={}", filer.port()));
        for flag in ["master.port", "volume.port"] {
            command.arg(format!("-{flag}={}", ports::free().port()));
        }
        for flag in ["master.port.grpc", "volume.port.grpc", "filer.port.grpc", "s3.port.grpc"] {
            command.arg(format!("-{flag}={}", ports::free().port()));
        }
        let process = Process::start("seaweed", &mut command, &home.join("log"));
        Seaweed { s3, filer, process }
    }

    /// Waits until it takes requests, and makes the bucket.
    pub fn wait_ready(&mut self) {
        let path = format!("/buckets/{BUCKET}/");
        let filer = self.filer;
        wait_for("the bucket to be made", READY_LIMIT, || {
            self.process.assert_runs();
            let request = Request {
                method: "POST",
                path: &path,
                headers: &[],
                body: &[],
                framing: Framing::Length,
            };
            let response = http::send(filer, &request)?;
            if response.is_success() { Ok(()) } else { Err(response.body) }
        });
        let s3 = self.s3;
        // Any answer means that it listens; without a signature it refuses.
        wait_for("the S3 server to answer", READY_LIMIT, || http::get(s3, "/").map(|_| ()));
    }

    /// Thanos' objstore YAML of the bucket with a secret that may be wrong.
    pub fn yaml(&self, secret: &str) -> String {
        format!(
            "{{type: S3, config: {{bucket: {BUCKET}, endpoint: \"{}\", region: us-east-1, \
             access_key: {ACCESS_KEY}, secret_key: {secret}, insecure: true}}}}",
            self.s3
        )
    }

    /// Names below a folder of the bucket, as the file server lists them.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let path = format!("/buckets/{BUCKET}/{folder}?limit=10000");
        let headers = [("Accept", "application/json")];
        let request = Request {
            method: "GET",
            path: &path,
            headers: &headers,
            body: &[],
            framing: Framing::Length,
        };
        let Ok(response) = http::send(self.filer, &request) else { return Vec::new() };
        let value: serde_json::Value = serde_json::from_str(&response.body).unwrap_or_default();
        let entries = value["Entries"].as_array().cloned().unwrap_or_default();
        let name = |entry: &serde_json::Value| {
            entry["FullPath"].as_str()?.rsplit('/').next().map(str::to_owned)
        };
        entries.iter().filter_map(name).collect()
    }
}

fn identities_json() -> String {
    format!(
        r#"{{"identities":[{{"name":"granary","credentials":[{{"accessKey":"{ACCESS_KEY}",
        "secretKey":"{SECRET_KEY}"}}],"actions":["Admin","Read","Write","List","Tagging"]}}]}}"#
    )
}
